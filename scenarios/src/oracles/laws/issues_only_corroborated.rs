//! `ca.issues-only-corroborated`: enough of the CA's remote perspectives have been shown the proof of control as well.
//!
//! How many perspectives a CA has is the scenario's to say; all but one have to agree, or all but two of six and more
//! (Baseline Requirements §3.2.2.9). Counted are hosts other than the CA's that were shown a proof: for `http-01` that
//! of the authorization's own token, for the other challenges any for the name. What they make of CAA is not judged.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{self, Law, Seen, Settings, Verdict},
    proofs::Proofs,
    reader::{
        http::Moment,
        identifier::Identifier,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// A name, and the token of `http-01`.
type Proved = (Identifier, Option<String>);

/// The law.
#[derive(Debug)]
pub(crate) struct IssuesOnlyCorroborated {
    agreeing_min: usize,
    proofs: Proofs,
    shown_to: Recent<Proved, BTreeSet<Arc<str>>>,
    /// The name of each authorization, and its tokens.
    authorizations: Recent<Place, (Identifier, Vec<String>)>,
    /// The authorizations of each order.
    orders: Recent<Place, Vec<Place>>,
}

impl IssuesOnlyCorroborated {
    pub(crate) fn new(settings: Settings) -> Self {
        let perspectives = settings.perspectives.unwrap_or_default();
        let may_disagree = match perspectives {
            0 | 1 => 0,
            2..=5 => 1,
            6.. => 2,
        };
        Self {
            agreeing_min: usize::try_from(perspectives - may_disagree).unwrap_or(usize::MAX),
            proofs: Proofs::default(),
            shown_to: Recent::new(KEPT_MAX),
            authorizations: Recent::new(KEPT_MAX),
            orders: Recent::new(KEPT_MAX),
        }
    }
}

impl Law for IssuesOnlyCorroborated {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(proof) = self.proofs.observe(seen)
            && let Some(host) = proof.host
        {
            self.shown_to.get_or_insert_with((proof.name, proof.token), BTreeSet::new).insert(host);
        }
        if let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered && step.is_success()) {
            self.learn(step);
            self.judge(step, seen.moment, verdict);
        }
    }
}

impl IssuesOnlyCorroborated {
    fn learn(&mut self, step: &Step) {
        let list = |object: &Value, member: &str| object.get(member).and_then(Value::as_array).cloned();
        if let Some((place, order)) = step.order_shown() {
            let authorizations = list(order, "authorizations").unwrap_or_default();
            let places = authorizations.iter().filter_map(|url| Place::of_url(url.as_str()?));
            self.orders.insert(place, places.collect());
        } else if let (Resource::Authorization, Some(body)) = (&step.resource, step.body()) {
            let Some(name) = body.get("identifier").and_then(Identifier::of_json) else { return };
            let tokens = list(body, "challenges").unwrap_or_default().into_iter().filter_map(|challenge| {
                let token = challenge.get("token")?.as_str()?;
                Some(token.to_owned())
            });
            // Once there is a verdict, only one challenge may be shown.
            let (_, known) = self.authorizations.get_or_insert_with(step.place.clone(), || (name, Vec::new()));
            for token in tokens {
                if !known.contains(&token) {
                    known.push(token);
                }
            }
        }
    }

    fn judge(&mut self, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let (Some(certificate), Some(order), Some(ca)) = (downloaded(step), step.order(), &step.server) else { return };
        let known = self.orders.get(&order).into_iter().flatten().filter_map(|place| self.authorizations.get(place));
        let mut is_judged = false;
        for (name, tokens) in known {
            is_judged = true;
            let tokens = tokens.iter().map(|token| Some(token.clone())).chain([None]);
            let shown = tokens.filter_map(|token| self.shown_to.get(&(name.clone(), token))).flatten();
            let agreeing: BTreeSet<_> = shown.filter(|host| *host != ca).collect();
            if agreeing.len() < self.agreeing_min {
                let (min, serial, agreeing) = (self.agreeing_min, &certificate.serial, agreeing.len());
                verdict.find(
                    moment,
                    format!("{min} remote perspectives should see the proof for {name} before {serial} is issued, but {agreeing} did"),
                );
            }
        }
        if is_judged {
            verdict.exercise(moment);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::{Settings, testing::Story};

    const LAW: &str = "ca.issues-only-corroborated";

    /// How many findings there are if so many of four perspectives were shown the proof.
    fn findings(agreeing: usize) -> u64 {
        let mut story = Story::new();
        for host in ["asia", "eu", "us"].into_iter().take(agreeing) {
            story.fetch_http01_from(host, "a.test", "token1");
        }
        story.fetch_http01_from("africa", "a.test", "another");
        story.issuance(&["a.test"], 90);
        let verdict = story.verdict_with(LAW, Settings { perspectives: Some(4), ..Settings::default() });
        assert_eq!(verdict.exercised().total(), 1);
        verdict.findings_total()
    }

    #[test]
    fn all_but_one_of_four_perspectives_have_to_see_this_very_proof() {
        assert_eq!((findings(3), findings(2), findings(0)), (0, 1, 1));
    }

    #[test]
    fn a_certificate_is_issued_though_nobody_got_it() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.lose_answer();
        let verdict = story.verdict_with(LAW, Settings { perspectives: Some(2), ..Settings::default() });
        assert_eq!((verdict.exercised().total(), verdict.findings_total()), (1, 1));
    }
}
