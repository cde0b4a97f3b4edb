//! `ca.certificate-lifetime`: no certificate is good for longer than it may be, its first and last second included.
//!
//! The limit is the scenario's, such as a CA's own promise; without one it is that of the Baseline Requirements (§6.3.2)
//! for the day on which the certificate begins. Both notBefore and notAfter belong to the validity (RFC 5280 §4.1.2.5).

use std::time::Duration;

use super::certificates::downloaded;
use crate::oracles::{
    law::{Law, Seen, Settings, Verdict, in_words},
    reader::http::Moment,
};

const DAY_S: u64 = 86_400;
/// From when on, in Unix seconds, and how many days: since 2026-03-15, 2027-03-15 and 2029-03-15.
const BASELINE: [(i64, u64); 3] = [(1_868_140_800, 47), (1_804_982_400, 100), (1_773_532_800, 200)];
const BASELINE_BEFORE_DAYS: u64 = 398;

/// The law.
#[derive(Debug)]
pub(crate) struct CertificateLifetime {
    at_most: Option<Duration>,
}

impl CertificateLifetime {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { at_most: settings.within }
    }
}

impl Law for CertificateLifetime {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered) else { return };
        let Some(certificate) = downloaded(step) else { return };
        verdict.exercise(seen.moment);
        let lifetime = certificate.not_after_s.saturating_sub(certificate.not_before_s).saturating_add(1);
        let lifetime = Duration::from_secs(u64::try_from(lifetime).unwrap_or_default());
        let at_most = self.at_most.unwrap_or_else(|| baseline(certificate.not_before_s));
        if lifetime > at_most {
            let (serial, longer) = (&certificate.serial, in_words(lifetime - at_most));
            let at_most = in_words(at_most);
            verdict.find(
                seen.moment,
                format!(
                    "{serial} should be good for {at_most} at most, both ends included, but is for {longer} longer"
                ),
            );
        }
    }
}

fn baseline(not_before_s: i64) -> Duration {
    let days =
        BASELINE.iter().find(|(since_s, _)| not_before_s >= *since_s).map_or(BASELINE_BEFORE_DAYS, |(_, days)| *days);
    Duration::from_secs(days * DAY_S)
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "ca.certificate-lifetime";

    #[test]
    fn the_last_second_counts() {
        const DAYS_90: i64 = 90 * 86_400;
        for (not_after_s, findings) in [(DAYS_90 - 1, 0), (DAYS_90, 1)] {
            let mut story = Story::new();
            let order = story.new_order(&["a.test"]);
            story.finalize(&["a.test"], &["a.test"], order);
            story.download(order, &Issued::new(&["a.test"], 0, not_after_s));
            let settings = Settings { within: Some(Duration::from_secs(90 * DAY_S)), ..Settings::default() };
            let verdict = story.verdict_with(LAW, settings);
            assert_eq!((verdict.findings_total(), verdict.exercised().total()), (findings, 1), "{verdict:?}");
            story.keeps(LAW);
        }
    }

    #[test]
    fn a_certificate_that_is_good_for_too_long_is_found_though_nobody_got_it() {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        story.finalize(&["a.test"], &["a.test"], order);
        story.download(order, &Issued::new(&["a.test"], 0, 400 * 86_400));
        story.lose_answer();
        story.breaks(LAW, "should be good for 398d at most, both ends included, but is for 2d 1s longer");
    }

    #[test]
    fn without_a_limit_it_is_the_baseline_requirements_of_the_day() {
        for (since, days) in [
            (utc_datetime!(2026-03-14 23:59:59), 398),
            (utc_datetime!(2026-03-15 00:00), 200),
            (utc_datetime!(2027-03-15 00:00), 100),
            (utc_datetime!(2029-03-15 00:00), 47),
        ] {
            assert_eq!(baseline(since.unix_timestamp()), Duration::from_secs(days * DAY_S), "{since}");
        }
    }
}
