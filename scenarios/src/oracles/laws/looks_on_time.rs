//! `manager.looks-on-time` (L5): a certificate's renewal information is asked for again when the CA said it should be, or soon
//! after, by the clock on the wall.
//!
//! A look that the CA has answered is followed by the next one after its Retry-After, or six hours without one (RFC 9773
//! §4.3), and the time allowed. A host that was down or suspended meanwhile has that much time from when it is back: a timer
//! that stood still with it is no excuse. Certificates that were replaced or have expired, and looks that failed, are not judged.

use std::time::Duration;

use super::{KEPT_MAX, certificates::Downloads};
use crate::oracles::{
    deadlines::Deadlines,
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        http,
        step::{Resource, Step},
    },
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(30 * 60);
const UNASKED_NS: u64 = 6 * 3_600 * 1_000_000_000;
const ASKED_MAX: Duration = Duration::from_secs(86_400);

/// The law.
#[derive(Debug)]
pub(crate) struct LooksOnTime {
    downloads: Downloads,
    /// When each certificate expires, by what renewal information calls it.
    expires_s: Recent<String, i64>,
    deadlines: Deadlines<String>,
}

impl LooksOnTime {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            downloads: Downloads::default(),
            expires_s: Recent::new(KEPT_MAX),
            deadlines: Deadlines::new(settings.within.unwrap_or(WITHIN)),
        }
    }
}

impl Law for LooksOnTime {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.deadlines.follow(event, seen.moment);
        }
        let Some(step) = seen.step() else { return };
        if let Some(download) = self.downloads.take(step) {
            if let Some(former) = download.former.and_then(|former| former.renewal_id) {
                self.expires_s.remove(&former);
                self.deadlines.remove(&former);
            }
            if let Some(id) = download.certificate.renewal_id {
                self.expires_s.insert(id, download.certificate.not_after_s);
            }
        }
        if let Resource::RenewalInfo { certificate_id } = &step.resource {
            match step.moment {
                http::Moment::Sent => {
                    if self.deadlines.remove(certificate_id) {
                        verdict.exercise(seen.moment);
                    }
                }
                http::Moment::Answered => {}
                http::Moment::Received => self.expect(certificate_id, step, seen.moment),
            }
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

impl LooksOnTime {
    fn expect(&mut self, certificate_id: &str, step: &Step, moment: &Moment) {
        if !step.is_success() || self.expires_s.get(certificate_id).is_none() {
            return;
        }
        let asked = step.retry_after(moment.utc_s).map(|asked| asked.wait.min(ASKED_MAX).as_nanos());
        let wait_ns = asked.map_or(UNASKED_NS, |asked| u64::try_from(asked).unwrap_or(u64::MAX));
        let due_ns = moment.at_ns.saturating_add(wait_ns);
        self.deadlines.set(certificate_id.to_owned(), step.client.clone(), due_ns);
    }

    fn judge(&mut self, moment: &Moment, verdict: &mut Verdict) {
        let within = in_words(self.deadlines.within());
        for (id, at) in self.deadlines.take_missed(moment) {
            let expires_s = self.expires_s.get(&id);
            if expires_s.is_some_and(|end| moment.utc_s.is_some_and(|now| now <= *end)) {
                verdict.exercise(&at);
                verdict.find(
                    &at,
                    format!("{id} should be asked about within {within} of the time that the CA gave, but was not"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::trace::Event;

    use crate::oracles::testing::Story;

    const LAW: &str = "manager.looks-on-time";

    fn look(story: &mut Story, id: &str) {
        story.renewal_info(id, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", Some("21600"));
    }

    /// The host is suspended for two days, and the next look comes so long after it is back.
    fn slept(seconds: u64) -> Story {
        let mut story = Story::new();
        let id = story.issued_by_an_authority(&["a.test"], 90);
        look(&mut story, &id);
        story.wait(21_600);
        look(&mut story, &id);
        story.event(Some("manager"), Event::HostSuspended);
        story.wait_days(2);
        story.event(Some("manager"), Event::HostResumed);
        story.wait(seconds);
        look(&mut story, &id);
        story
    }

    /// RFC 9773 §4.3.2.
    #[test]
    fn without_a_retry_after_the_next_look_is_due_six_hours_later() {
        for (late_s, is_kept) in [(1_800, true), (1_801, false)] {
            let mut story = Story::new();
            let id = story.issued_by_an_authority(&["a.test"], 90);
            for _ in 0..2 {
                story.renewal_info(&id, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None);
                story.wait(21_600 + late_s);
            }
            if is_kept {
                story.keeps(LAW);
            } else {
                let judged = story.verdict(LAW).exercised().total();
                assert_eq!((judged, story.verdict(LAW).findings_total()), (2, 2));
            }
        }
    }

    #[test]
    fn a_look_soon_after_waking_is_in_time() {
        slept(600).keeps(LAW);
    }

    #[test]
    fn a_timer_that_slept_with_the_host_is_found() {
        slept(21_000).breaks(LAW, "within 30m of the time that the CA gave");
    }

    #[test]
    fn a_certificate_that_was_replaced_needs_no_look() {
        let mut story = Story::new();
        let id = story.issued_by_an_authority(&["a.test"], 90);
        look(&mut story, &id);
        story.issuance(&["a.test"], 90);
        story.wait_days(2);
        assert_eq!(story.verdict(LAW).findings(), []);
    }
}
