//! `ca.legal-transitions` (C4): statuses only change as the diagrams of RFC 8555 §7.1.6 allow.
//!
//! What the CA answers counts, in the order of its answers. States in between may go unseen; a step back,
//! or out of a final state, is found, and so is a word that is no status. A CA that was set back begins anew.

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{self, Law, Seen, Verdict},
    reader::{http::Moment, place::Place, step::Resource},
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct LegalTransitions {
    statuses: Recent<Place, String>,
}

impl Default for LegalTransitions {
    fn default() -> Self {
        Self { statuses: Recent::new(KEPT_MAX) }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Account,
    Order,
    Authorization,
    Challenge,
}

impl Law for LegalTransitions {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(Event::SetBack { .. }) = seen.event() {
            self.statuses.retain(|_, _| false);
        }
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered && step.is_success()) else {
            return;
        };
        let Some(body) = step.body() else { return };
        let shown = match &step.resource {
            Resource::NewAccount => step.location().map(|place| (Kind::Account, place)),
            Resource::Account => Some((Kind::Account, step.place.clone())),
            Resource::NewOrder | Resource::Order | Resource::Finalize { .. } => {
                step.order().map(|place| (Kind::Order, place))
            }
            Resource::NewAuthorization => step.location().map(|place| (Kind::Authorization, place)),
            Resource::Authorization => Some((Kind::Authorization, step.place.clone())),
            Resource::Challenge { .. } => Some((Kind::Challenge, step.place.clone())),
            Resource::Directory
            | Resource::NewNonce
            | Resource::RevokeCertificate
            | Resource::KeyChange
            | Resource::RenewalInfo { .. }
            | Resource::Certificate { .. }
            | Resource::Http01 { .. }
            | Resource::Other => None,
        };
        let Some((kind, place)) = shown else { return };
        self.judge(kind, place, body, seen.moment, verdict);
        for challenge in body.get("challenges").and_then(|all| all.as_array()).into_iter().flatten() {
            if let Some(place) = challenge.get("url").and_then(|url| Place::of_url(url.as_str()?)) {
                self.judge(Kind::Challenge, place, challenge, seen.moment, verdict);
            }
        }
    }
}

impl LegalTransitions {
    fn judge(
        &mut self,
        kind: Kind,
        place: Place,
        object: &serde_json::Value,
        moment: &law::Moment,
        verdict: &mut Verdict,
    ) {
        let Some(status) = object.get("status").and_then(|status| status.as_str()) else { return };
        verdict.exercise(moment);
        if kind.reachable_from(status).is_none() {
            verdict.find(moment, format!("{place} should have a status of RFC 8555, but has `{status}`"));
            return;
        }
        if let Some(former) = self.statuses.insert(place.clone(), status.to_owned()) {
            let is_legal = former == status || kind.reachable_from(&former).is_some_and(|next| next.contains(&status));
            if !is_legal {
                verdict.find(moment, format!("{place} should not go from {former} to {status}"));
            }
        }
    }
}

impl Kind {
    /// The statuses that can follow, at once or later; `None` if `status` is none.
    fn reachable_from(self, status: &str) -> Option<&'static [&'static str]> {
        Some(match (self, status) {
            (Self::Account, "valid") => &["deactivated", "revoked"],
            (Self::Account, "deactivated" | "revoked") => &[],
            (Self::Order, "pending") => &["ready", "processing", "valid", "invalid"],
            (Self::Order, "ready") => &["processing", "valid", "invalid"],
            (Self::Order | Self::Challenge, "processing") => &["valid", "invalid"],
            (Self::Order | Self::Challenge, "valid" | "invalid") => &[],
            (Self::Authorization, "pending") => &["valid", "invalid", "deactivated", "expired", "revoked"],
            (Self::Authorization, "valid") => &["deactivated", "expired", "revoked"],
            (Self::Authorization, "invalid" | "deactivated" | "expired" | "revoked") => &[],
            (Self::Challenge, "pending") => &["processing", "valid", "invalid"],
            (Self::Account | Self::Order | Self::Authorization | Self::Challenge, _) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sim::trace::Event;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "ca.legal-transitions";

    #[test]
    fn an_order_that_goes_back_is_found_unless_the_ca_was_set_back() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.keeps(LAW);
        let pending = story.order_object(&["a.test"], 1, "pending");
        story.event(Some("ca"), Event::SetBack { what: "its database".into() });
        story.post("/order/1", &Value::Null, Some(Answer::new(200, pending)));
        let valid = story.order_object(&["a.test"], 1, "valid");
        story.post("/order/1", &Value::Null, Some(Answer::new(200, valid)));
        story.keeps(LAW);
        let ready = story.order_object(&["a.test"], 1, "ready");
        story.post("/order/1", &Value::Null, Some(Answer::new(200, ready)));
        story.breaks(LAW, "ca.test/order/1 should not go from valid to ready");
    }

    #[test]
    fn a_challenge_inside_its_authorization_is_judged_too() {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "valid");
        let mut back = serde_json::json!({"status": "valid"});
        back["challenges"] = serde_json::json!([Story::challenge_object("a.test", order, "pending")]);
        story.post("/authz/1-a.test", &Value::Null, Some(Answer::new(200, back)));
        story.breaks(LAW, "challenge/1-a.test should not go from valid to pending");
    }

    #[test]
    fn an_unknown_status_is_found() {
        let mut story = Story::new();
        let order = story.order_object(&["a.test"], 1, "done");
        let answer = Answer::new(201, order).header("Location", "https://ca.test/order/1");
        story.post("/new-order", &Value::Null, Some(answer));
        story.breaks(LAW, "has `done`");
    }
}
