//! `manager.falls-back` (L8): where one CA fails to issue, a certificate comes all the same, and in time.
//!
//! From the first failure for a set of names on there is a certificate for them within the time allowed, from whichever CA; that
//! some CA would issue is for the scenario to see to. A refused nonce and an account that the CA has lost are no failures. While the
//! client's host is down or suspended the time stands still.

use std::time::Duration;

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    attempts::{Applicant, Attempts},
    deadlines::Deadlines,
    law::{self, Law, Seen, Settings, Verdict, in_words},
    reader::{http::Moment, identifier::show},
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(600);

/// The law.
#[derive(Debug)]
pub(crate) struct FallsBack {
    attempts: Attempts,
    /// Since which event, and at which CA, there is no certificate where there should be one.
    failed: Recent<Applicant, (u64, String)>,
    deadlines: Deadlines<Applicant>,
}

impl FallsBack {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            attempts: Attempts::new(&["badNonce", "accountDoesNotExist"]),
            failed: Recent::new(KEPT_MAX),
            deadlines: Deadlines::new(settings.within.unwrap_or(WITHIN)),
        }
    }
}

impl Law for FallsBack {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.deadlines.follow(event, seen.moment);
        }
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Received) else { return };
        if let Some(certificate) = downloaded(step) {
            let key = (step.client.clone(), certificate.names);
            self.deadlines.remove(&key);
            if self.failed.remove(&key).is_some() {
                verdict.exercise(seen.moment);
            }
        } else if let Some(key) = self.attempts.failed(step).filter(|key| self.failed.get(key).is_none()) {
            self.failed.insert(key.clone(), (seen.moment.number, step.place.authority().to_owned()));
            self.deadlines.set(key, step.client.clone(), seen.moment.at_ns);
        }
    }

    fn finish(&mut self, end: &law::Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

impl FallsBack {
    fn judge(&mut self, moment: &law::Moment, verdict: &mut Verdict) {
        let within = in_words(self.deadlines.within());
        for (key, at) in self.deadlines.take_missed(moment) {
            let Some((event, ca)) = self.failed.get(&key) else { continue };
            let names = show(&key.1);
            verdict.exercise(&at);
            verdict.find(
                &at,
                format!("{names} should have a certificate within {within} after {ca} failed in event {event}, from it or another CA, but has none"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.falls-back";

    fn refused() -> Story {
        let mut story = Story::new();
        let payload = json!({"identifiers": [{"type": "dns", "value": "a.test"}]});
        story.post("/new-order", &payload, Some(Answer::problem(500, "serverInternal")));
        story
    }

    #[test]
    fn a_certificate_that_comes_soon_is_in_time_and_a_later_one_is_not() {
        let mut story = refused();
        story.wait(60);
        story.issuance(&["a.test"], 90);
        story.wait(3_600);
        story.keeps(LAW);
        let mut story = refused();
        story.wait(700);
        story.issuance(&["a.test"], 90);
        story.breaks(LAW, "a.test should have a certificate within 10m after ca.test failed");
    }

    #[test]
    fn an_authorization_that_fails_counts_and_a_refused_nonce_does_not() {
        let mut story = Story::new();
        story.post(
            "/new-order",
            &json!({"identifiers": [{"type": "dns", "value": "b.test"}]}),
            Some(Answer::problem(400, "badNonce")),
        );
        let order = story.new_order(&["a.test"]);
        story.authorization("a.test", order, "invalid");
        story.wait(3_600);
        story.breaks(LAW, "a.test should");
    }
}
