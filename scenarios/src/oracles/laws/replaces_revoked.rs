//! `manager.replaces-revoked` (L9): what a client hears to be revoked, by OCSP or by a revocation list, is replaced soon after.
//!
//! While the client's host is down or suspended the time stands still.

use std::time::Duration;

use super::{KEPT_MAX, certificates::Downloads};
use crate::oracles::{
    deadlines::Deadlines,
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
    downloads: Downloads,
    /// The names of each certificate that is current, by its serial number.
    names: Recent<String, Identifiers>,
    /// The certificate that is to be replaced.
    revoked: Recent<Identifiers, String>,
    deadlines: Deadlines<Identifiers>,
}

impl ReplacesRevoked {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            downloads: Downloads::default(),
            names: Recent::new(KEPT_MAX),
            revoked: Recent::new(KEPT_MAX),
            deadlines: Deadlines::new(settings.within.unwrap_or(WITHIN)),
        }
    }
}

impl Law for ReplacesRevoked {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.deadlines.follow(event, seen.moment);
        } else if let Some(step) = seen.step().filter(|step| step.moment == http::Moment::Received) {
            for revoked in heard(step) {
                let Some(names) = self.names.get(&revoked.serial) else { continue };
                if self.revoked.get(names).is_none() {
                    self.revoked.insert(names.clone(), revoked.serial);
                    self.deadlines.set(names.clone(), step.client.clone(), seen.moment.at_ns);
                }
            }
            if let Some(download) = self.downloads.take(step) {
                self.revoked.remove(&download.certificate.names);
                if self.deadlines.remove(&download.certificate.names) {
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
    fn judge(&mut self, moment: &Moment, verdict: &mut Verdict) {
        let within = in_words(self.deadlines.within());
        for (names, at) in self.deadlines.take_missed(moment) {
            let Some(serial) = self.revoked.remove(&names) else { continue };
            let names = show(&names);
            verdict.exercise(&at);
            verdict.find(
                &at,
                format!("{serial} of {names} is revoked and should be replaced within {within}, but is not"),
            );
        }
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
