//! `ca.refuses-only-for-caa`: whom the CA refuses for CAA's sake, CAA refuses.
//!
//! Judged are authorizations that ended with the error `caa`: either some host was told of records that forbid the
//! issuance, by the time of the challenge's POST or of the refusal, or the zone as it then stood has them. A challenge
//! that ended tells account and method, of which RFC 8657 makes the answer depend; an order does not, and is let be.

use serde_json::Value;

use super::KEPT_MAX;
use crate::oracles::{
    caa_lookups::CaaLookups,
    law::{Law, Seen, Verdict},
    reader::{
        caa::Issuance,
        http::Moment,
        identifier::Identifier,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

const CAA: &str = "urn:ietf:params:acme:error:caa";

/// The law.
#[derive(Debug)]
pub(crate) struct RefusesOnlyForCaa {
    lookups: CaaLookups,
    /// What each authorization is for, and whether that is a wildcard.
    pending: Recent<Place, (Identifier, bool)>,
    /// Authorizations whose challenge was posted while CAA forbade them.
    forbidden: Recent<Place, ()>,
}

impl Default for RefusesOnlyForCaa {
    fn default() -> Self {
        Self { lookups: CaaLookups::default(), pending: Recent::new(KEPT_MAX), forbidden: Recent::new(KEPT_MAX) }
    }
}

impl Law for RefusesOnlyForCaa {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.lookups.observe(seen);
        let Some(step) = seen.step() else { return };
        match (&step.resource, step.moment) {
            (Resource::Challenge { authorization }, Moment::Sent) => self.begin(authorization, step),
            (Resource::Authorization, Moment::Answered) if step.is_success() => self.judge(step, seen, verdict),
            (_, Moment::Sent | Moment::Answered | Moment::Received) => {}
        }
    }
}

impl RefusesOnlyForCaa {
    /// The method is not known yet: what might forbid counts as forbidding.
    fn begin(&mut self, authorization: &Place, step: &Step) {
        let Some((name, is_wildcard)) = self.pending.get(authorization) else { return };
        let methods = ["http-01", "dns-01", "tls-alpn-01"];
        if methods.iter().any(|method| self.is_forbidden(step, name, *is_wildcard, method)) {
            self.forbidden.insert(authorization.clone(), ());
        }
    }

    fn judge(&mut self, step: &Step, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(body) = step.body() else { return };
        let Some(name) = body.get("identifier").and_then(Identifier::of_json) else { return };
        let is_wildcard = body.get("wildcard").and_then(Value::as_bool).unwrap_or_default();
        if body.get("status").and_then(Value::as_str) == Some("pending") {
            self.pending.insert(step.place.clone(), (name, is_wildcard));
            return;
        }
        let challenges = body.get("challenges").and_then(Value::as_array).into_iter().flatten();
        let refused =
            challenges.filter(|challenge| challenge.pointer("/error/type").and_then(Value::as_str) == Some(CAA));
        let methods: Vec<&str> = refused.filter_map(|challenge| challenge.get("type")?.as_str()).collect();
        // Each authorization is judged once.
        let is_first = self.pending.remove(&step.place).is_some();
        if !is_first || methods.is_empty() {
            return;
        }
        verdict.exercise(seen.moment);
        let was_forbidden = self.forbidden.remove(&step.place).is_some();
        if !was_forbidden && !methods.iter().any(|method| self.is_forbidden(step, &name, is_wildcard, method)) {
            let methods = methods.join(", ");
            verdict.find(seen.moment, format!("CAA permits this CA to issue for {name} by {methods}, but it refuses"));
        }
    }

    fn is_forbidden(&self, step: &Step, name: &Identifier, is_wildcard: bool, method: &str) -> bool {
        let Identifier::Dns(domain) = name.without_wildcard() else { return false };
        let issuers = step.server.as_ref().map(|ca| self.lookups.issuers(ca)).unwrap_or_default();
        let account = step.jws().and_then(|jws| jws.kid());
        let issuance = Issuance { issuers, is_wildcard, account, method: Some(method) };
        self.lookups.was_anybody_told_no(&domain, &issuance) || self.lookups.is_forbidden(&domain, &issuance)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sim::trace::Event;

    use super::CAA;
    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "ca.refuses-only-for-caa";

    /// The CA refuses a name; something happens before the challenge's POST and between that and the refusal.
    fn refused(before: impl Fn(&mut Story), between: impl Fn(&mut Story)) -> Story {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        before(&mut story);
        story.authorization("a.test", order, "pending");
        story.post_challenge("a.test", order);
        between(&mut story);
        refuse(&mut story, 200);
        story
    }

    /// The CA answers that CAA refuses the name.
    fn refuse(story: &mut Story, status: u16) {
        let mut challenge = Story::challenge_object("a.test", 1, "invalid");
        challenge["error"] = json!({"type": CAA});
        let object = json!({
            "status": "invalid",
            "identifier": {"type": "dns", "value": "a.test"},
            "challenges": [challenge],
        });
        story.post("/authz/1-a.test", &Value::Null, Some(Answer::new(status, object)));
    }

    /// The CA refuses a name of which it was told these records.
    fn refusal(records: &[&str]) -> Story {
        refused(|_| {}, |story| story.caa("a.test", records))
    }

    /// The name has this record in the zone from now on, or none.
    fn change_zone(story: &mut Story, record: Option<&str>) {
        let record = record.map(|data| format!("CAA {data}"));
        story.event(None, Event::ZoneChanged { name: "a.test".into(), record });
    }

    #[test]
    fn a_refusal_needs_a_record_that_forbids() {
        refusal(&["0 issue \"other.test\""]).keeps(LAW);
        refusal(&["0 issue \"ca.test; validationmethods=dns-01\""]).keeps(LAW);
        refusal(&["0 issue \"ca.test; validationmethods=http-01; policy=ev\""])
            .breaks(LAW, "CAA permits this CA to issue for a.test by http-01");
        refusal(&[]).breaks(LAW, "but it refuses");
    }

    #[test]
    fn a_refusal_is_judged_once_however_often_it_is_shown_and_not_by_an_answer_that_fails() {
        let mut story = refusal(&[]);
        story.breaks(LAW, "but it refuses");
        refuse(&mut story, 200);
        story.breaks(LAW, "but it refuses");

        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        story.authorization("a.test", order, "pending");
        refuse(&mut story, 500);
        assert_eq!(story.verdict(LAW).exercised().total(), 0);
    }

    #[test]
    fn what_forbade_it_at_any_time_since_the_post_is_enough() {
        const FORBIDS: &str = "0 issue \"other.test\"";
        let stands = |story: &mut Story| change_zone(story, Some(FORBIDS));
        let goes = |story: &mut Story| change_zone(story, None);
        refused(stands, goes).keeps(LAW);
        refused(|_| {}, stands).keeps(LAW);
        let was_told = |story: &mut Story| {
            story.caa("a.test", &[FORBIDS]);
            goes(story);
        };
        refused(|_| {}, was_told).keeps(LAW);
        let is_long_gone = |story: &mut Story| {
            stands(story);
            goes(story);
        };
        refused(is_long_gone, |_| {}).breaks(LAW, "but it refuses");
    }
}
