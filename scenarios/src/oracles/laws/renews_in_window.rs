//! `manager.renews-in-window` (L9): what the CA wants renewed is renewed by the end of the window that it gives, or soon after.
//!
//! The last window that the CA has given for a certificate counts, from the moment on in which the client hears of it. While
//! the client's host is down or suspended the time stands still.

use std::{sync::Arc, time::Duration};

use sim::trace::Event;

use super::{KEPT_MAX, certificates::Downloads, one_open_order::unix_seconds};
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        http,
        identifier::{Identifiers, show},
        step::{Resource, Step},
    },
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(3_600);

/// The law.
#[derive(Debug)]
pub(crate) struct RenewsInWindow {
    within_s: i64,
    downloads: Downloads,
    /// The names of each certificate that a client has, by what renewal information calls it.
    names: Recent<String, Identifiers>,
    due: Recent<Identifiers, Due>,
    next_deadline_s: i64,
}

#[derive(Debug)]
struct Due {
    client: Option<Arc<str>>,
    certificate_id: String,
    deadline_s: i64,
}

impl RenewsInWindow {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            within_s: i64::try_from(settings.within.unwrap_or(WITHIN).as_secs()).unwrap_or(i64::MAX),
            downloads: Downloads::default(),
            names: Recent::new(KEPT_MAX),
            due: Recent::new(KEPT_MAX),
            next_deadline_s: i64::MAX,
        }
    }
}

impl Law for RenewsInWindow {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.follow(event, seen.moment);
        } else if let Some(step) = seen.step().filter(|step| step.moment == http::Moment::Received) {
            self.hear(step, seen.moment);
            if let Some(download) = self.downloads.take(step) {
                if self.due.remove(&download.certificate.names).is_some() {
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
        let end = step.body().and_then(|body| body.get("suggestedWindow")?.get("end")?.as_str()).and_then(unix_seconds);
        let (Some(end_s), Some(names)) = (end.filter(|_| step.is_success()), self.names.get(certificate_id)) else {
            return;
        };
        let deadline_s = end_s.max(now_s).saturating_add(self.within_s);
        let due = Due { client: step.client.clone(), certificate_id: certificate_id.clone(), deadline_s };
        self.due.insert(names.clone(), due);
        self.next_deadline_s = self.next_deadline_s.min(deadline_s);
    }

    fn follow(&mut self, event: &Event, moment: &Moment) {
        let Some(now_s) = moment.utc_s else { return };
        let is_back = matches!(event, Event::HostStarted { .. } | Event::HostResumed);
        if !is_back && !matches!(event, Event::HostEnded { .. } | Event::HostSuspended) {
            return;
        }
        let within_s = self.within_s;
        let own = self.due.iter_mut().filter(|(_, due)| due.client == moment.host);
        own.for_each(|(_, due)| {
            due.deadline_s = if is_back { now_s.saturating_add(within_s) } else { i64::MAX };
        });
        self.next_deadline_s = self.due.iter().map(|(_, due)| due.deadline_s).min().unwrap_or(i64::MAX);
    }

    fn judge(&mut self, moment: &Moment, verdict: &mut Verdict) {
        let Some(now_s) = moment.utc_s.filter(|now_s| *now_s > self.next_deadline_s) else { return };
        let within = in_words(Duration::from_secs(self.within_s.unsigned_abs()));
        self.due.retain(|names, due| {
            if due.deadline_s >= now_s {
                return true;
            }
            let at = Moment { host: due.client.clone(), ..moment.clone() };
            verdict.exercise(&at);
            let (names, id) = (show(names), &due.certificate_id);
            verdict.find(
                &at,
                format!("{id} of {names} should be replaced within {within} after its renewal window, but is not"),
            );
            false
        });
        self.next_deadline_s = self.due.iter().map(|(_, due)| due.deadline_s).min().unwrap_or(i64::MAX);
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
        story.wait_days(2);
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
