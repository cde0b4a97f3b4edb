//! `manager.ari-poll-gap` (M12): between two polls of one certificate's renewal information lie the last
//! answer's Retry-After and the least gap, a minute unless the scenario says otherwise.
//!
//! Several nodes that share a store share the gap. Waits above a day may be taken for a day (RFC 9773 §4.3.2).
//! A poll that failed may be tried again after its own Retry-After, or a second. A crash excuses: what a
//! manager remembers of its polls is advisory.

use std::{sync::Arc, time::Duration};

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        http,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

const AT_LEAST: Duration = Duration::from_secs(60);
const RETRY_AT_LEAST: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_secs(86_400);

/// The law.
#[derive(Debug)]
pub(crate) struct AriPollGap {
    at_least: Option<Duration>,
    last: Recent<Place, Poll>,
}

#[derive(Debug)]
struct Poll {
    client: Option<Arc<str>>,
    at_ns: u64,
    gap: Duration,
}

impl AriPollGap {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { at_least: settings.at_least, last: Recent::new(KEPT_MAX) }
    }

    fn gap(&self, step: &Step, moment: &Moment) -> Duration {
        let asked = step.retry_after(moment.utc_s).map(|retry_after| retry_after.wait_at_least(CAP));
        let floor = if step.is_success() { AT_LEAST } else { RETRY_AT_LEAST };
        self.at_least.unwrap_or(floor).max(asked.unwrap_or_default())
    }
}

impl Law for AriPollGap {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(host) = seen.host_ended() {
            self.last.retain(|_, poll| poll.client.as_deref() != Some(host));
        }
        let Some(step) = seen.step() else { return };
        let Resource::RenewalInfo { certificate_id } = &step.resource else { return };
        let at_ns = seen.moment.at_ns;
        match step.moment {
            http::Moment::Sent => {
                if let Some(poll) = self.last.get(&step.place) {
                    verdict.exercise(seen.moment);
                    let passed = Duration::from_nanos(at_ns.saturating_sub(poll.at_ns));
                    if passed < poll.gap {
                        let (passed, gap, client) = (in_words(passed), in_words(poll.gap), step.client_name());
                        verdict.find(seen.moment, format!("{client} should wait {gap} before asking about {certificate_id} again, but waited {passed}"));
                    }
                }
                let poll = Poll { client: step.client.clone(), at_ns, gap: RETRY_AT_LEAST };
                self.last.insert(step.place.clone(), poll);
            }
            http::Moment::Answered => {}
            http::Moment::Received => {
                let poll = Poll { client: step.client.clone(), at_ns, gap: self.gap(step, seen.moment) };
                self.last.insert(step.place.clone(), poll);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.ari-poll-gap";

    fn poll(story: &mut Story, retry_after: Option<&str>) {
        story.renewal_info("aki.serial", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", retry_after);
    }

    #[test]
    fn polls_faster_than_retry_after_are_found_in_both_formats() {
        for retry_after in ["21600", "Thu, 01 Jan 2026 06:00:00 GMT"] {
            let mut story = Story::new();
            poll(&mut story, Some(retry_after));
            story.wait(21_600);
            poll(&mut story, Some("3600"));
            story.keeps(LAW);
            story.wait(3_000);
            poll(&mut story, None);
            story.breaks(LAW, "but waited 50m");
        }
    }

    #[test]
    fn without_retry_after_a_minute_is_the_least() {
        let mut story = Story::new();
        poll(&mut story, None);
        story.wait(60);
        poll(&mut story, None);
        story.keeps(LAW);
        assert_eq!(story.verdict_at_least(LAW, 61).findings_total(), 1);
        story.wait(59);
        poll(&mut story, None);
        story.breaks(LAW, "should wait 1m before");
    }

    #[test]
    fn a_week_may_be_taken_for_a_day_and_a_failed_poll_tried_again() {
        let mut story = Story::new();
        poll(&mut story, Some("604800"));
        story.wait_days(1);
        story.get("/renewal-info/aki.serial", Answer::problem(500, "serverInternal"));
        story.wait(2);
        poll(&mut story, None);
        story.keeps(LAW);
    }

    #[test]
    fn a_crash_excuses() {
        let mut story = Story::new();
        poll(&mut story, Some("21600"));
        story.kill("manager");
        story.start("manager");
        poll(&mut story, Some("21600"));
        assert_eq!(story.verdict(LAW).findings(), []);
    }
}
