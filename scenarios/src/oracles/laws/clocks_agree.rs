//! `ca.clocks-agree`: whichever of a CA's machines answers, it is the same time there.
//!
//! Each answer says when it was made (`Date`, RFC 9110 §6.6.1). Held against true time, all answers of one CA are off by
//! about the same, however far that is. Not for scenarios that step the CA's clock.

use std::{sync::Arc, time::Duration};

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Settings, Verdict, in_words},
    reader::{http::Moment, http_date, step::Resource},
    recent::Recent,
};

const APART_MAX: Duration = Duration::from_secs(60);

/// The law.
#[derive(Debug)]
pub(crate) struct ClocksAgree {
    within: Duration,
    /// By how many seconds each CA's answers are ahead of true time: least and most.
    ahead_s: Recent<Arc<str>, (i64, i64)>,
}

impl ClocksAgree {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { within: settings.within.unwrap_or(APART_MAX), ahead_s: Recent::new(KEPT_MAX) }
    }
}

impl Law for ClocksAgree {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(Event::SetBack { .. }) = seen.event() {
            self.ahead_s = Recent::new(KEPT_MAX);
        }
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered) else { return };
        if matches!(step.resource, Resource::Other | Resource::Http01 { .. }) {
            return;
        }
        let (Some(ca), Some(now_s), Some(date)) = (&step.server, seen.moment.utc_s, step.header("date")) else {
            return;
        };
        let Some(shown_s) = http_date::unix_seconds(date) else { return };
        let ahead_s = shown_s.saturating_sub(now_s);
        let (least, most) = self.ahead_s.get_or_insert_with(ca.clone(), || (ahead_s, ahead_s));
        (*least, *most) = ((*least).min(ahead_s), (*most).max(ahead_s));
        let apart = Duration::from_secs(most.abs_diff(*least));
        verdict.exercise(seen.moment);
        if apart > self.within {
            let (apart, within) = (in_words(apart), in_words(self.within));
            verdict.find(
                seen.moment,
                format!(
                    "the times that {ca} shows should be {within} apart at most, but are {apart}; now it says {date}"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "ca.clocks-agree";

    #[test]
    fn a_clock_that_is_off_is_let_be_and_two_that_differ_are_found() {
        let answer = |date: &str| Answer::new(200, Value::Null).header("Date", date);
        let mut story = Story::new();
        story.get("/new-nonce", answer("Thu, 01 Jan 2026 10:00:00 GMT"));
        story.wait(60);
        story.get("/new-nonce", answer("Thu, 01 Jan 2026 10:02:00 GMT"));
        story.keeps(LAW);
        story.get("/new-nonce", answer("Thu, 01 Jan 2026 10:02:01 GMT"));
        story.breaks(LAW, "should be 1m apart at most, but are 1m 1s");
    }

    #[test]
    fn a_time_counts_when_it_is_shown_though_nobody_got_it() {
        let mut story = Story::new();
        for date in ["Thu, 01 Jan 2026 10:00:00 GMT", "Thu, 01 Jan 2026 11:00:00 GMT"] {
            story.get("/new-nonce", Answer::new(200, Value::Null).header("Date", date));
        }
        story.lose_answer();
        story.breaks(LAW, "but are 1h");
    }
}
