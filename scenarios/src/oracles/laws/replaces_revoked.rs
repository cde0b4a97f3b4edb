//! `manager.replaces-revoked` (L9): what a client hears to be revoked, by OCSP or by a revocation list, is replaced soon after.
//!
//! While the client's host is down or suspended the time stands still.

use std::{sync::Arc, time::Duration};

use sim::trace::Event;

use super::{KEPT_MAX, certificates::Downloads};
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        http,
        identifier::{Identifiers, show},
    },
    recent::Recent,
    revocations::heard,
};

const WITHIN: Duration = Duration::from_secs(3_600);

/// The law.
#[derive(Debug)]
pub(crate) struct ReplacesRevoked {
    within_s: i64,
    downloads: Downloads,
    /// The names of each certificate that is current, by its serial number.
    names: Recent<String, Identifiers>,
    due: Recent<Identifiers, Due>,
    next_deadline_s: i64,
}

#[derive(Debug)]
struct Due {
    client: Option<Arc<str>>,
    serial: String,
    deadline_s: i64,
}

impl ReplacesRevoked {
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

impl Law for ReplacesRevoked {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.follow(event, seen.moment);
        } else if let Some(step) = seen.step().filter(|step| step.moment == http::Moment::Received) {
            for revoked in heard(step) {
                let (Some(names), Some(now_s)) = (self.names.get(&revoked.serial), seen.moment.utc_s) else { continue };
                if self.due.get(names).is_none() {
                    let deadline_s = now_s.saturating_add(self.within_s);
                    let due = Due { client: step.client.clone(), serial: revoked.serial, deadline_s };
                    self.due.insert(names.clone(), due);
                    self.next_deadline_s = self.next_deadline_s.min(deadline_s);
                }
            }
            if let Some(download) = self.downloads.take(step) {
                if self.due.remove(&download.certificate.names).is_some() {
                    verdict.exercise(seen.moment);
                }
                if let Some(former) = download.former {
                    self.names.remove(&former.serial);
                }
                self.names.insert(download.certificate.serial, download.certificate.names);
            }
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

impl ReplacesRevoked {
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
            let (names, serial) = (show(names), &due.serial);
            verdict.find(
                &at,
                format!("{serial} of {names} is revoked and should be replaced within {within}, but is not"),
            );
            false
        });
        self.next_deadline_s = self.due.iter().map(|(_, due)| due.deadline_s).min().unwrap_or(i64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::Story;

    const LAW: &str = "manager.replaces-revoked";

    #[test]
    fn what_is_revoked_is_to_be_replaced_in_time() {
        let revoked = || {
            let mut story = Story::new();
            let issued = story.issuance(&["a.test"], 90);
            story.wait_days(5);
            story.revoke(&issued, 4);
            story
        };
        let mut replaced = revoked();
        replaced.wait(3_000);
        replaced.issuance(&["a.test"], 90);
        replaced.wait_days(1);
        replaced.keeps(LAW);
        let mut left = revoked();
        left.wait_days(1);
        left.event(None, sim::trace::Event::probe("later"));
        left.breaks(LAW, "is revoked and should be replaced within 1h");
    }
}
