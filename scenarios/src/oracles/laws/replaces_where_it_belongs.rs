//! `manager.replaces-where-it-belongs` (M11): an order says that it replaces a certificate only to the CA that issued
//! it, to the account that it was issued to, and no more once that CA has refused it (RFC 9773 §5).
//!
//! A refusal is an answer that `replaces` may be the cause of: 404, 409, `alreadyReplaced`, `malformed` or
//! `unauthorized`. What a crash made a client forget is excused. An order that the CA's limits refused may be made again.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{self, Law, Seen, Verdict},
    reader::{
        http::Moment,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct ReplacesWhereItBelongs {
    /// By authority: whether its directory offers renewal information.
    offers: Recent<String, bool>,
    /// By authority and serial number: the account that the certificate was issued to, by its URL.
    issued: Recent<(String, String), Option<String>>,
    /// Client, authority, and what was refused.
    refused: Recent<(Option<Arc<str>>, String, String), ()>,
}

impl Default for ReplacesWhereItBelongs {
    fn default() -> Self {
        Self { offers: Recent::new(KEPT_MAX), issued: Recent::new(KEPT_MAX), refused: Recent::new(KEPT_MAX) }
    }
}

impl Law for ReplacesWhereItBelongs {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(host) = seen.host_ended() {
            self.refused.retain(|(client, _, _), ()| client.as_deref() != Some(host));
        }
        let Some(step) = seen.step() else { return };
        match step.moment {
            Moment::Sent => self.judge(step, seen.moment, verdict),
            Moment::Answered => {}
            Moment::Received => self.learn(step),
        }
    }
}

impl ReplacesWhereItBelongs {
    fn judge(&self, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let Some(replaces) = replaced(step) else { return };
        verdict.exercise(moment);
        let (client, ca) = (step.client_name(), step.place.authority());
        if self.offers.get(ca) == Some(&false) {
            verdict.find(
                moment,
                format!("{client} should not say `replaces` to {ca}, which offers no renewal information, but said {replaces}"),
            );
        }
        match serial(replaces).and_then(|serial| self.issued.get(&(ca.to_owned(), serial))) {
            None => verdict.find(
                moment,
                format!("{client} should say `replaces` only to the CA that issued the certificate, but told {ca} of {replaces}, which {ca} did not issue"),
            ),
            Some(account) => {
                let asking = step.jws().and_then(|jws| jws.kid());
                if let (Some(account), Some(asking)) = (account.as_deref(), asking)
                    && account != asking
                {
                    verdict.find(
                        moment,
                        format!("{client} should replace {replaces} as the account {account} that it was issued to, but is {asking}"),
                    );
                }
            }
        }
        if self.refused.get(&(step.client.clone(), ca.to_owned(), replaces.to_owned())).is_some() {
            verdict.find(
                moment,
                format!("{client} should leave `replaces` out once it was refused, but told {ca} of {replaces} again"),
            );
        }
    }

    fn learn(&mut self, step: &Step) {
        let ca = step.place.authority().to_owned();
        if let Some(directory) = step.body().filter(|body| body.get("newOrder").is_some()) {
            self.offers.insert(ca.clone(), directory.get("renewalInfo").is_some());
        }
        if let Some(certificate) = downloaded(step) {
            let account = step.jws().and_then(|jws| jws.kid()).map(str::to_owned);
            self.issued.insert((ca.clone(), certificate.serial), account);
        }
        if let Some(replaces) = replaced(step).filter(|_| may_be_refused_for_it(step)) {
            self.refused.insert((step.client.clone(), ca, replaces.to_owned()), ());
        }
    }
}

/// What the order says that it replaces.
fn replaced(step: &Step) -> Option<&str> {
    let payload = step.payload().filter(|_| step.resource == Resource::NewOrder)?;
    payload.get("replaces")?.as_str()
}

fn may_be_refused_for_it(step: &Step) -> bool {
    matches!(step.status(), 404 | 409)
        || step.problem().is_some_and(|problem| ["alreadyReplaced", "malformed", "unauthorized"].contains(&problem))
}

/// The serial number in a certificate's identifier (RFC 9773 §4.1), lower-case hex.
fn serial(identifier: &str) -> Option<String> {
    let (_, serial) = identifier.split_once('.')?;
    let octets = URL_SAFE_NO_PAD.decode(serial).ok()?;
    Some(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use crate::oracles::testing::{Answer, Issued, Story};

    const LAW: &str = "manager.replaces-where-it-belongs";

    fn with_certificate(serial: &[u8]) -> Story {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        let order = story.new_order(&["a.test"]);
        story.finalize(&["a.test"], &["a.test"], order);
        story.download(order, &Issued::numbered(&["a.test"], 0, 1, serial));
        story
    }

    fn order(story: &mut Story, serial: &[u8], answer: Answer) {
        let replaces = format!("AAAA.{}", URL_SAFE_NO_PAD.encode(serial));
        let payload = json!({"identifiers": [{"type": "dns", "value": "a.test"}], "replaces": replaces});
        story.post("/new-order", &payload, Some(answer));
    }

    #[test]
    fn replacing_what_this_ca_issued_to_this_account_is_well() {
        let mut story = with_certificate(&[7, 8, 9]);
        order(&mut story, &[7, 8, 9], Answer::problem(429, "rateLimited"));
        order(&mut story, &[7, 8, 9], Answer::new(201, json!({"status": "pending"})));
        story.keeps(LAW);
    }

    #[test]
    fn replacing_what_another_ca_issued_is_found() {
        let mut story = with_certificate(&[7, 8, 9]);
        order(&mut story, &[1, 2, 3], Answer::new(201, json!({"status": "pending"})));
        story.breaks(LAW, "which ca.test did not issue");
    }

    #[test]
    fn saying_again_what_was_refused_is_found_and_a_crash_excuses_it() {
        let mut story = with_certificate(&[7, 8, 9]);
        order(&mut story, &[7, 8, 9], Answer::problem(409, "alreadyReplaced"));
        story.keeps(LAW);
        story.kill("manager");
        story.start("manager");
        order(&mut story, &[7, 8, 9], Answer::problem(409, "alreadyReplaced"));
        story.keeps(LAW);
        order(&mut story, &[7, 8, 9], Answer::problem(409, "alreadyReplaced"));
        story.breaks(LAW, "again");
    }
}
