//! `manager.renews-before-expiry` (L1): before a certificate expires, a newer one for the same names is downloaded.
//!
//! Judged when a certificate is followed or expires; a run that ends before either judges nothing.

use super::{
    KEPT_MAX,
    certificates::{Download, Downloads},
};
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict},
    reader::{
        certificate::Certificate,
        identifier::{Identifiers, show},
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct RenewsBeforeExpiry {
    downloads: Downloads,
    current: Recent<Identifiers, (Certificate, Moment)>,
    margin_s: i64,
    next_deadline_s: i64,
}

impl RenewsBeforeExpiry {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            downloads: Downloads::default(),
            current: Recent::new(KEPT_MAX),
            margin_s: i64::try_from(settings.margin.as_secs()).unwrap_or(i64::MAX),
            next_deadline_s: i64::MAX,
        }
    }

    fn deadline_s(&self, certificate: &Certificate) -> i64 {
        certificate.not_after_s.saturating_sub(self.margin_s)
    }
}

impl Law for RenewsBeforeExpiry {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.expire(seen.moment, verdict);
        if let Some(Download { certificate, .. }) = seen.step().and_then(|step| self.downloads.take(step)) {
            self.next_deadline_s = self.next_deadline_s.min(self.deadline_s(&certificate));
            let names = certificate.names.clone();
            if self.current.insert(names, (certificate, seen.moment.clone())).is_some() {
                verdict.exercise(seen.moment);
            }
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        self.expire(end, verdict);
    }
}

impl RenewsBeforeExpiry {
    fn expire(&mut self, moment: &Moment, verdict: &mut Verdict) {
        let Some(now_s) = moment.utc_s.filter(|now_s| *now_s > self.next_deadline_s) else { return };
        let margin_s = self.margin_s;
        self.current.retain(|names, (certificate, downloaded)| {
            if certificate.not_after_s.saturating_sub(margin_s) >= now_s {
                return true;
            }
            let at = Moment { host: downloaded.host.clone(), ..moment.clone() };
            verdict.exercise(&at);
            let names = show(names);
            let serial = &certificate.serial;
            let early = if margin_s > 0 { " by the margin asked for" } else { "" };
            verdict.find(
                &at,
                format!("{names} should have had a newer certificate before {serial} expires{early}, but none was downloaded"),
            );
            false
        });
        self.next_deadline_s = self.current.iter().map(|(_, (c, _))| self.deadline_s(c)).min().unwrap_or(i64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::{Settings, testing::Story};

    const LAW: &str = "manager.renews-before-expiry";

    #[test]
    fn a_certificate_that_expires_unreplaced_is_found_at_the_end() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.wait_days(60);
        story.issuance(&["a.test"], 90);
        story.keeps(LAW);
        story.wait_days(91);
        story.breaks(LAW, "a.test should have had a newer certificate");
    }

    #[test]
    fn a_renewal_that_comes_too_late_is_found() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.wait_days(91);
        story.issuance(&["a.test"], 90);
        story.breaks(LAW, "a.test");
    }

    #[test]
    fn a_renewal_inside_the_margin_is_found() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.wait_days(80);
        story.issuance(&["a.test"], 90);
        story.keeps(LAW);
        let margin = std::time::Duration::from_secs(20 * 86_400);
        let verdict = story.verdict_with(LAW, Settings { margin, ..Settings::default() });
        assert_eq!(verdict.findings_total(), 1);
    }

    #[test]
    fn a_run_that_ends_before_expiry_judges_nothing() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.wait_days(30);
        assert_eq!(story.verdict(LAW).exercised().total(), 0);
    }
}
