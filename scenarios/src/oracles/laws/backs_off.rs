//! `manager.backs-off` (M5): after a failed attempt the CA is left alone, for no shorter than the time before, until one
//! succeeds; and no more than five validations of a name fail in an hour.
//!
//! Five an hour and name is what Let's Encrypt allows. A wait that the CA has asked for is another law's business, and a
//! crash excuses: what a manager remembers of its failures is not worth a disk.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        http,
        identifier::show,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
    retries::{Retries, Retry},
};

const AT_LEAST: Duration = Duration::from_secs(30);
const VALIDATIONS_MAX: usize = 5;
const PER_NS: u64 = 3_600 * 1_000_000_000;
/// A wait may be shorter than the one before by so much, and by a tenth: connections take their time.
const SLACK: Duration = Duration::from_secs(5);

/// Client, CA and identifier.
type Validated = (Option<Arc<str>>, String, String);

/// The law.
#[derive(Debug)]
pub(crate) struct BacksOff {
    at_least: Duration,
    validations_max: usize,
    retries: Retries,
    /// Authorizations that are known to have failed.
    failed: Recent<Place, ()>,
    /// When validations failed.
    failed_ns: Recent<Validated, VecDeque<u64>>,
}

impl BacksOff {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            at_least: settings.at_least.unwrap_or(AT_LEAST),
            validations_max: settings.at_most.map_or(VALIDATIONS_MAX, |most| most as usize),
            retries: Retries::default(),
            failed: Recent::new(KEPT_MAX),
            failed_ns: Recent::new(KEPT_MAX),
        }
    }
}

impl Law for BacksOff {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(host) = seen.host_ended() {
            self.failed_ns.retain(|(client, ..), _| client.as_deref() != Some(host));
        }
        if let Some(retry) = self.retries.take(seen) {
            self.judge(&retry, seen.moment, verdict);
        }
        if let Some(step) = seen.step().filter(|step| step.moment == http::Moment::Received) {
            self.count(step, seen.moment, verdict);
        }
    }
}

impl BacksOff {
    fn judge(&self, retry: &Retry, moment: &Moment, verdict: &mut Verdict) {
        verdict.exercise(moment);
        if retry.is_asked {
            return;
        }
        let (client, names, wait) = (&retry.client, show(&retry.names), in_words(retry.wait));
        if retry.wait < self.at_least {
            let least = in_words(self.at_least);
            verdict.find(
                moment,
                format!("{client} should leave the CA alone for {least} after a failed attempt for {names}, but tried again after {wait}"),
            );
        } else if let Some(former) = retry.former_wait
            && retry.wait + retry.wait / 10 + SLACK < former
        {
            let (former, failures) = (in_words(former), retry.failures);
            verdict.find(
                moment,
                format!("{client} should wait no shorter after failure {failures} for {names} than the {former} before, but waited {wait}"),
            );
        }
    }

    fn count(&mut self, step: &Step, moment: &Moment, verdict: &mut Verdict) {
        if step.resource != Resource::Authorization || step.body_text("status") != Some("invalid") {
            return;
        }
        let identifier = step.body().and_then(|body| body.get("identifier")?.get("value")?.as_str());
        let Some(identifier) = identifier.filter(|_| self.failed.insert(step.place.clone(), ()).is_none()) else {
            return;
        };
        verdict.exercise(moment);
        let key = (step.client.clone(), step.place.authority().to_owned(), identifier.to_owned());
        let failed_ns = self.failed_ns.get_or_insert_with(key, VecDeque::new);
        failed_ns.push_back(moment.at_ns);
        while failed_ns.front().is_some_and(|first| moment.at_ns - first >= PER_NS) {
            failed_ns.pop_front();
        }
        if failed_ns.len() > self.validations_max {
            let (client, most, found) = (step.client_name(), self.validations_max, failed_ns.len());
            verdict.find(
                moment,
                format!("{client} should let at most {most} validations of {identifier} fail in an hour, and this is number {found}"),
            );
            failed_ns.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.backs-off";

    fn fail(story: &mut Story) {
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "invalid");
    }

    #[test]
    fn waits_that_grow_and_begin_anew_after_success_are_in_order() {
        let mut story = Story::new();
        for seconds in [60, 900, 1_000, 3_600] {
            fail(&mut story);
            story.wait(seconds);
        }
        story.issuance(&["a.test"], 90);
        fail(&mut story);
        story.wait(60);
        fail(&mut story);
        story.keeps(LAW);
    }

    #[test]
    fn trying_again_at_once_is_found() {
        let mut story = Story::new();
        fail(&mut story);
        story.wait(2);
        fail(&mut story);
        story.breaks(LAW, "after a failed attempt for a.test, but tried again after 2s");
    }

    #[test]
    fn a_wait_that_shrinks_is_found() {
        let mut story = Story::new();
        for seconds in [60, 600, 300] {
            fail(&mut story);
            story.wait(seconds);
        }
        fail(&mut story);
        story.breaks(LAW, "than the 10m before, but waited 5m");
    }

    #[test]
    fn a_look_at_the_order_before_is_no_wait_cut_short() {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "pending");
        story.wait(600);
        story.authorization("a.test", order, "deactivated");
        story.new_order(&["a.test"]);
        story.keeps(LAW);
    }

    #[test]
    fn more_than_five_failed_validations_an_hour_are_found() {
        let mut story = Story::new();
        for _ in 0..6 {
            fail(&mut story);
            story.wait(300);
        }
        story.breaks(LAW, "validations of a.test fail in an hour, and this is number 6");
    }

    #[test]
    fn what_failed_before_a_crash_is_forgotten_by_its_client_alone() {
        for (host, is_forgotten) in [("manager", true), ("visitor", false)] {
            let mut story = Story::new();
            for failure in 0..6 {
                if failure == 5 {
                    story.kill(host);
                    story.start(host);
                }
                fail(&mut story);
                story.wait(300);
            }
            if is_forgotten { story.keeps(LAW) } else { story.breaks(LAW, "and this is number 6") }
        }
    }

    #[test]
    fn a_wait_that_the_ca_asked_for_and_a_nonce_are_no_back_off() {
        let mut story = Story::new();
        fail(&mut story);
        story.wait(600);
        let body = serde_json::json!({"identifiers": [{"type": "dns", "value": "a.test"}]});
        let busy = Answer::problem(429, "rateLimited").header("Retry-After", "20");
        story.post("/new-order", &body, Some(busy));
        story.wait(20);
        story.post("/new-order", &body, Some(Answer::problem(400, "badNonce")));
        story.new_order(&["a.test"]);
        story.keeps(LAW);
    }

    #[test]
    fn an_account_that_the_ca_has_lost_is_made_anew_at_once_whatever_was_asked_for() {
        for (problem, is_lost) in [("accountDoesNotExist", true), ("malformed", false)] {
            let mut story = Story::new();
            let order = story.new_order(&["a.test"]);
            let answer = Answer::problem(400, problem);
            story.post(&format!("/authz/{order}-a.test"), &serde_json::Value::Null, Some(answer));
            story.wait(1);
            fail(&mut story);
            story.wait(600);
            story.new_order(&["a.test"]);
            if is_lost { story.keeps(LAW) } else { story.breaks(LAW, "but tried again after 1s") }
        }
    }

    #[test]
    fn what_a_disturbed_link_hides_is_not_held_against_anybody() {
        let mut story = Story::new();
        fail(&mut story);
        story.wait(3_600);
        let behaviour = sim::world::Link::default().to_string();
        story.event(None, sim::trace::Event::LinkChanged { from: "a".into(), to: "b".into(), behaviour });
        fail(&mut story);
        story.wait(600);
        fail(&mut story);
        story.keeps(LAW);
    }
}
