//! `manager.honors-retry-after` (M6): a resource is not asked again before the Retry-After of its last answer has passed.
//!
//! Any status counts, and both formats. More than a day may be taken for a day. After a success it says when to look again
//! (RFC 8555 §7.5.1): deactivating what was shown (§7.5.2) is no look. What a crash made a client forget is excused.

use std::{sync::Arc, time::Duration};

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{http::Moment, place::Place, step::Resource},
    recent::Recent,
};

const CAP: Duration = Duration::from_secs(86_400);

/// The law.
#[derive(Debug)]
pub(crate) struct HonorsRetryAfter {
    waits: Recent<(Option<Arc<str>>, Place), Wait>,
}

#[derive(Debug)]
struct Wait {
    since_ns: u64,
    wait: Duration,
    status: u16,
}

impl Default for HonorsRetryAfter {
    fn default() -> Self {
        Self { waits: Recent::new(KEPT_MAX) }
    }
}

impl Law for HonorsRetryAfter {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(host) = seen.host_ended() {
            self.waits.retain(|(client, _), _| client.as_deref() != Some(host));
        }
        let Some(step) = seen.step().filter(|step| !matches!(step.resource, Resource::Http01 { .. } | Resource::Other))
        else {
            return;
        };
        let key = (step.client.clone(), step.place.clone());
        match step.moment {
            Moment::Sent => {
                let Some(wait) = self.waits.get(&key) else { return };
                let is_change = step.payload().is_some_and(|payload| payload.get("status").is_some());
                if is_change && (200..300).contains(&wait.status) {
                    return;
                }
                verdict.exercise(seen.moment);
                let passed = Duration::from_nanos(seen.moment.at_ns.saturating_sub(wait.since_ns));
                if passed < wait.wait {
                    let (client, place, status) = (step.client_name(), &step.place, wait.status);
                    // To the millisecond: who waits a little less than it should is told by how much.
                    let [passed, wait] = [passed, wait.wait].map(|one| format!("{} ms", one.as_millis()));
                    verdict.find(
                        seen.moment,
                        format!("{client} should wait {wait} after the {status} from {place}, but asked again after {passed}"),
                    );
                }
            }
            Moment::Answered => {}
            Moment::Received => {
                let wait = step.retry_after(seen.moment.utc_s).map(|retry_after| retry_after.wait_at_least(CAP));
                match wait.filter(|wait| !wait.is_zero()) {
                    Some(wait) => {
                        let wait = Wait { since_ns: seen.moment.at_ns, wait, status: step.status() };
                        self.waits.insert(key, wait);
                    }
                    None => {
                        self.waits.remove(&key);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.honors-retry-after";

    #[test]
    fn asking_again_too_early_is_found() {
        let mut story = Story::new();
        let busy = || Answer::problem(503, "rateLimited").header("Retry-After", "120");
        story.post("/new-order", &json!({}), Some(busy()));
        story.wait(120);
        story.post("/new-order", &json!({}), Some(busy()));
        story.keeps(LAW);
        story.wait(30);
        story.post("/new-order", &json!({}), None);
        story.breaks(LAW, "after the 503 from ca.test/new-order, but asked again after 30000 ms");
    }

    #[test]
    fn a_clock_that_runs_fast_by_a_thousandth_is_no_excuse_for_more() {
        for (seconds, is_kept) in [(999, true), (998, false)] {
            let mut story = Story::new();
            let busy = Answer::problem(503, "rateLimited").header("Retry-After", "1000");
            story.post("/new-order", &json!({}), Some(busy));
            story.wait(seconds);
            story.post("/new-order", &json!({}), None);
            if is_kept { story.keeps(LAW) } else { story.breaks(LAW, "but asked again after 998000 ms") }
        }
    }

    #[test]
    fn what_was_shown_may_be_changed_at_once_and_what_was_refused_may_not() {
        let deactivated = || json!({"status": "deactivated"});
        for (answer, is_kept) in
            [(Answer::new(200, json!({"status": "pending"})), true), (Answer::problem(503, "serverInternal"), false)]
        {
            let mut story = Story::new();
            story.new_order(&["a.test"]);
            story.post("/authz/1-a.test", &json!(null), Some(answer.header("Retry-After", "2")));
            story.post("/authz/1-a.test", &deactivated(), None);
            assert_eq!(story.verdict(LAW).findings().is_empty(), is_kept);
        }
    }

    #[test]
    fn a_crash_makes_the_client_forget_that_it_ends_and_no_other() {
        for (host, is_excused) in [("manager", true), ("visitor", false)] {
            let mut story = Story::new();
            let busy = Answer::problem(503, "rateLimited").header("Retry-After", "120");
            story.post("/new-order", &json!({}), Some(busy));
            story.kill(host);
            story.start(host);
            story.new_order(&["a.test"]);
            assert_eq!(story.verdict(LAW).findings().is_empty(), is_excused, "{host}");
        }
    }

    #[test]
    fn other_resources_and_later_answers_are_free() {
        let mut story = Story::new();
        story.post("/new-order", &json!({}), Some(Answer::problem(429, "rateLimited").header("Retry-After", "60")));
        story.new_account("mailto:a@a.test", 201);
        story.wait(60);
        story.new_order(&["a.test"]);
        story.new_order(&["b.test"]);
        story.keeps(LAW);
    }
}
