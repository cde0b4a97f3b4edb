//! `manager.looks-on-time` (L5): a certificate's renewal information is asked for again when the CA said it should be, or soon
//! after, by the clock on the wall.
//!
//! A look that the CA has answered is followed by the next one after its Retry-After, or six hours without one (RFC 9773
//! §4.3), and the time allowed. A host that was down or suspended meanwhile has that much time from when it is back: a timer
//! that stood still with it is no excuse. Certificates that were replaced or have expired, and looks that failed, are not judged.

use std::{sync::Arc, time::Duration};

use sim::trace::Event;

use super::{KEPT_MAX, certificates::Downloads};
use crate::oracles::{
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
    within_ns: u64,
    downloads: Downloads,
    /// When each certificate expires, by what renewal information calls it.
    expires_s: Recent<String, i64>,
    due: Recent<String, Due>,
    next_deadline_ns: u64,
}

#[derive(Debug)]
struct Due {
    client: Option<Arc<str>>,
    /// The last moment by which to look, were the host never away.
    latest_ns: u64,
    deadline_ns: u64,
}

impl LooksOnTime {
    pub(crate) fn new(settings: Settings) -> Self {
        let within_ns = settings.within.unwrap_or(WITHIN).as_nanos();
        Self {
            within_ns: u64::try_from(within_ns).unwrap_or(u64::MAX),
            downloads: Downloads::default(),
            expires_s: Recent::new(KEPT_MAX),
            due: Recent::new(KEPT_MAX),
            next_deadline_ns: u64::MAX,
        }
    }
}

impl Law for LooksOnTime {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.follow(event, seen.moment);
        }
        let Some(step) = seen.step() else { return };
        if let Some(download) = self.downloads.take(step) {
            if let Some(former) = download.former.and_then(|former| former.renewal_id) {
                self.expires_s.remove(&former);
                self.due.remove(&former);
            }
            if let Some(id) = download.certificate.renewal_id {
                self.expires_s.insert(id, download.certificate.not_after_s);
            }
        }
        if let Resource::RenewalInfo { certificate_id } = &step.resource {
            match step.moment {
                http::Moment::Sent => {
                    if self.due.remove(certificate_id).is_some() {
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
        let latest_ns = moment.at_ns.saturating_add(wait_ns).saturating_add(self.within_ns);
        let due = Due { client: step.client.clone(), latest_ns, deadline_ns: latest_ns };
        self.due.insert(certificate_id.to_owned(), due);
        self.next_deadline_ns = self.next_deadline_ns.min(latest_ns);
    }

    fn follow(&mut self, event: &Event, moment: &Moment) {
        let is_back = matches!(event, Event::HostStarted { .. } | Event::HostResumed);
        if !is_back && !matches!(event, Event::HostEnded { .. } | Event::HostSuspended) {
            return;
        }
        let soon_ns = moment.at_ns.saturating_add(self.within_ns);
        let own = self.due.iter_mut().filter(|(_, due)| due.client == moment.host);
        own.for_each(|(_, due)| due.deadline_ns = if is_back { due.latest_ns.max(soon_ns) } else { u64::MAX });
        self.next_deadline_ns = self.due.iter().map(|(_, due)| due.deadline_ns).min().unwrap_or(u64::MAX);
    }

    fn judge(&mut self, moment: &Moment, verdict: &mut Verdict) {
        if moment.at_ns <= self.next_deadline_ns {
            return;
        }
        let within = in_words(Duration::from_nanos(self.within_ns));
        let expires_s = &self.expires_s;
        self.due.retain(|id, due| {
            if due.deadline_ns >= moment.at_ns {
                return true;
            }
            let is_alive = expires_s.get(id).is_some_and(|end| moment.utc_s.is_some_and(|now| now <= *end));
            if is_alive {
                let at = Moment { host: due.client.clone(), ..moment.clone() };
                verdict.exercise(&at);
                verdict.find(
                    &at,
                    format!("{id} should be asked about within {within} of the time that the CA gave, but was not"),
                );
            }
            false
        });
        self.next_deadline_ns = self.due.iter().map(|(_, due)| due.deadline_ns).min().unwrap_or(u64::MAX);
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
