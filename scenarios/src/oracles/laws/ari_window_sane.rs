//! `ca.ari-window-sane` (C7): each renewal window has a start and an end, and ends after it starts (RFC 9773 §4.2).

use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{http::Moment, step::Resource, timestamp::unix_seconds},
};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct AriWindowSane;

impl Law for AriWindowSane {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered && step.is_success()) else {
            return;
        };
        let Resource::RenewalInfo { certificate_id } = &step.resource else { return };
        verdict.exercise(seen.moment);
        let found = match step.suggested_window() {
            [Some(start), Some(end)] => match (unix_seconds(start), unix_seconds(end)) {
                (Some(from), Some(to)) if to > from => return,
                (Some(_), Some(_)) => format!("it ends {end} and starts {start}"),
                (None, _) => format!("its start `{start}` is no time"),
                (_, None) => format!("its end `{end}` is no time"),
            },
            [None, _] => "it has no start".to_owned(),
            [_, None] => "it has no end".to_owned(),
        };
        verdict.find(
            seen.moment,
            format!("the renewal window of {certificate_id} should end after it starts, but {found}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "ca.ari-window-sane";

    #[test]
    fn a_reversed_or_partial_window_is_found() {
        let mut story = Story::new();
        story.renewal_info("a.s", "2026-03-01T00:00:00Z", "2026-03-01T00:00:01+00:00", None);
        story.keeps(LAW);
        let mut reversed = Story::new();
        reversed.renewal_info("a.s", "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z", None);
        reversed.breaks(LAW, "it ends 2026-03-01T00:00:00Z");
        let mut partial = Story::new();
        let window = json!({"suggestedWindow": {"start": "2026-03-02T00:00:00Z"}});
        partial.get("/renewal-info/a.s", Answer::new(200, window));
        partial.breaks(LAW, "it has no end");
    }

    #[test]
    fn a_window_without_length_is_found() {
        let mut story = Story::new();
        story.renewal_info("a.s", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", None);
        story.breaks(LAW, "it ends 2026-03-01T00:00:00Z and starts 2026-03-01T00:00:00Z");
    }

    #[test]
    fn a_window_counts_that_was_given_though_nobody_got_it() {
        let mut story = Story::new();
        story.renewal_info("a.s", "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z", None);
        story.lose_answer();
        story.breaks(LAW, "should end after it starts");
    }
}
