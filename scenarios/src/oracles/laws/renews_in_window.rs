//! `manager.renews-in-window` (L9): what the CA wants renewed is renewed by the end of the window that it gives, or soon after.
//!
//! The last window that the CA has given for a certificate counts, from the moment on in which the client hears of it. A host
//! that was down or suspended meanwhile has the time allowed from when it is back.

use std::time::Duration;

use super::{KEPT_MAX, certificates::Downloads};
use crate::oracles::{
    deadlines::Deadlines,
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        http,
        identifier::{Identifiers, show},
        step::{Resource, Step},
        timestamp::unix_seconds,
    },
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(3_600);

/// The law.
#[derive(Debug)]
pub(crate) struct RenewsInWindow {
    downloads: Downloads,
    /// The names of each certificate that a client has, by what renewal information calls it.
    names: Recent<String, Identifiers>,
    /// The certificate that the CA has given a window for.
    wanted: Recent<Identifiers, String>,
    deadlines: Deadlines<Identifiers>,
}

impl RenewsInWindow {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            downloads: Downloads::default(),
            names: Recent::new(KEPT_MAX),
            wanted: Recent::new(KEPT_MAX),
            deadlines: Deadlines::new(settings.within.unwrap_or(WITHIN)),
        }
    }
}

impl Law for RenewsInWindow {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.deadlines.follow(event, seen.moment);
        } else if let Some(step) = seen.step().filter(|step| step.moment == http::Moment::Received) {
            self.hear(step, seen.moment);
            if let Some(download) = self.downloads.take(step) {
                if self.deadlines.remove(&download.certificate.names) {
                    verdict.exercise(seen.moment);
                }
                if let Some(former) = download.former.and_then(|former| former.renewal_id) {
                    self.names.remove(&former);
                }
                if let Some(id) = download.certificate.renewal_id {
                    self.names.insert(id, download.certificate.names);
                }
            }
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

impl RenewsInWindow {
    fn hear(&mut self, step: &Step, moment: &Moment) {
        let (Resource::RenewalInfo { certificate_id }, Some(now_s)) = (&step.resource, moment.utc_s) else { return };
        let [_, end] = step.suggested_window();
        let end_s = end.and_then(unix_seconds).filter(|_| step.is_success());
        let (Some(end_s), Some(names)) = (end_s, self.names.get(certificate_id)) else { return };
        let left = Duration::from_secs(end_s.saturating_sub(now_s).max(0).unsigned_abs());
        let due_ns = moment.at_ns.saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
        self.wanted.insert(names.clone(), certificate_id.clone());
        self.deadlines.set(names.clone(), step.client.clone(), due_ns);
    }

    fn judge(&mut self, moment: &Moment, verdict: &mut Verdict) {
        let within = in_words(self.deadlines.within());
        for (names, at) in self.deadlines.take_missed(moment) {
            let Some(id) = self.wanted.get(&names) else { continue };
            let names = show(&names);
            verdict.exercise(&at);
            verdict.find(
                &at,
                format!("{id} of {names} should be replaced within {within} after its renewal window, but is not"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::Story;

    const LAW: &str = "manager.renews-in-window";

    fn advanced() -> Story {
        let mut story = Story::new();
        let id = story.issued_by_an_authority(&["a.test"], 90);
        story.renewal_info(&id, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None);
        story.wait_days(5);
        story.renewal_info(&id, "2026-01-05T00:00:00Z", "2026-01-07T00:00:00Z", None);
        story
    }

    #[test]
    fn a_certificate_that_outlives_its_window_is_found() {
        let mut story = advanced();
        story.wait_days(1);
        story.wait(3_600);
        assert_eq!(story.verdict(LAW).findings(), []);
        story.wait(1);
        story.breaks(LAW, "should be replaced within 1h after its renewal window");
        story.event(None, sim::trace::Event::probe("later"));
        story.breaks(LAW, "should be replaced within 1h after its renewal window");
    }

    #[test]
    fn one_replaced_in_time_is_not() {
        let mut story = advanced();
        story.wait_days(1);
        story.issuance(&["a.test"], 90);
        story.wait_days(5);
        story.keeps(LAW);
    }
}
