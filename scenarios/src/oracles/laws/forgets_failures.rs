//! `manager.forgets-failures` (L11): success resets the back-off, so that the first retry after a later failure comes soon.
//!
//! Judged is the first retry after a failure that follows on a certificate, unless the CA asked for a longer wait or a disturbance
//! may have hidden other failures.

use std::time::Duration;

use crate::oracles::{
    law::{Law, Seen, Settings, Verdict, in_words},
    reader::identifier::show,
    retries::Retries,
};

const WITHIN: Duration = Duration::from_secs(600);

/// The law.
#[derive(Debug)]
pub(crate) struct ForgetsFailures {
    within: Duration,
    retries: Retries,
}

impl ForgetsFailures {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { within: settings.within.unwrap_or(WITHIN), retries: Retries::default() }
    }
}

impl Law for ForgetsFailures {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(retry) = self.retries.take(seen) else { return };
        if retry.failures > 1 || !retry.had_success || retry.is_asked || retry.is_disturbed {
            return;
        }
        verdict.exercise(seen.moment);
        if retry.wait > self.within {
            let (names, wait, within) = (show(&retry.names), in_words(retry.wait), in_words(self.within));
            verdict.find(
                seen.moment,
                format!("{} should try {names} again within {within} after its first failure since a success, but waited {wait}", retry.client),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.forgets-failures";

    fn fail(story: &mut Story) {
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "invalid");
    }

    #[test]
    fn a_back_off_that_success_does_not_end_is_found() {
        for (wait, is_soon) in [(60, true), (3_600, false)] {
            let mut story = Story::new();
            fail(&mut story);
            story.wait(3_600);
            story.issuance(&["a.test"], 90);
            story.wait_days(60);
            fail(&mut story);
            story.wait(wait);
            fail(&mut story);
            if is_soon { story.keeps(LAW) } else { story.breaks(LAW, "since a success, but waited 1h") }
        }
    }

    #[test]
    fn ten_minutes_are_soon() {
        for (wait, is_soon) in [(600, true), (601, false)] {
            let mut story = Story::new();
            story.issuance(&["a.test"], 90);
            fail(&mut story);
            story.wait(wait);
            fail(&mut story);
            if is_soon { story.keeps(LAW) } else { story.breaks(LAW, "but waited 10m 1s") }
        }
    }

    #[test]
    fn only_the_first_retry_since_a_success_has_to_come_soon() {
        let mut never_succeeded = Story::new();
        fail(&mut never_succeeded);
        never_succeeded.wait(3_600);
        fail(&mut never_succeeded);
        assert_eq!(never_succeeded.verdict(LAW).exercised().total(), 0);

        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        for wait in [60, 3_600, 7_200] {
            fail(&mut story);
            story.wait(wait);
        }
        fail(&mut story);
        story.keeps(LAW);
        assert_eq!(story.verdict(LAW).exercised().total(), 1);
    }

    #[test]
    fn a_wait_that_the_ca_asked_for_and_one_that_may_hide_failures_are_not_judged() {
        for is_disturbed in [false, true] {
            let mut story = Story::new();
            story.issuance(&["a.test"], 90);
            let order = serde_json::json!({"identifiers": [{"type": "dns", "value": "a.test"}]});
            let busy = Answer::problem(429, "rateLimited");
            let busy = if is_disturbed { busy } else { busy.header("Retry-After", "3600") };
            story.post("/new-order", &order, Some(busy));
            if is_disturbed {
                story.start("ca");
            }
            story.wait(3_600);
            fail(&mut story);
            assert_eq!(story.verdict(LAW).exercised().total(), 0, "{is_disturbed}");
        }
    }
}
