//! [`RenewalSchedule`]: when a certificate is to be renewed, and how often that is asked.
//!
//! The one place that turns dates and suggestions into a decision; whether an attempt may be made at
//! this moment, after failed ones, is not decided here.

use std::{fmt::Debug, time::Duration};

use time::UtcDateTime;

use super::ari::Suggestion;
use crate::acme::certificate::Leaf;

/// Decides when a certificate is to be renewed.
pub trait RenewalSchedule: Debug + Send + Sync {
    /// How often [`Self::is_due`] is asked.
    fn check_interval(&self) -> Duration;

    /// Whether the certificate is to be renewed at `now`, given what its CA suggests, if anything.
    fn is_due(&self, leaf: &Leaf, suggestion: Option<&Suggestion>, now: UtcDateTime) -> bool;

    /// A moment at which it has to be asked besides (RFC 9773 §4.2), given what the CA suggests.
    fn is_to_be_asked_at(&self, _suggestion: &Suggestion) -> Option<UtcDateTime> {
        None
    }
}

/// As the CA suggests (RFC 9773 §4.2), else once a third of the lifetime remains, or up to a thirtieth more: each certificate
/// has its own moment, so that those which were issued together are not renewed together.
///
/// A suggestion does not make a certificate expire: with a twentieth of the lifetime left, it is
/// renewed whatever the CA says. Nor does it make renewing endless: a certificate is left alone for
/// 1/360 of its lifetime (6 h of 90 days), even if a broken CA puts every window into the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AriThenRatio {
    /// How often it is asked.
    pub check_interval: Duration,
}

const REMAINING_SHARE: i32 = 3;
const SPREAD_SHARE: i32 = 30;
const EMERGENCY_SHARE: i32 = 20;
const REST_SHARE: i32 = 360;

impl Default for AriThenRatio {
    fn default() -> Self {
        Self { check_interval: Duration::from_secs(10 * 60) }
    }
}

impl RenewalSchedule for AriThenRatio {
    fn check_interval(&self) -> Duration {
        self.check_interval
    }

    fn is_due(&self, leaf: &Leaf, suggestion: Option<&Suggestion>, now: UtcDateTime) -> bool {
        let remaining = leaf.not_after - now;
        let lifetime = leaf.lifetime();
        if remaining <= lifetime / EMERGENCY_SHARE {
            return true;
        }
        match suggestion {
            Some(suggestion) => suggestion.selected <= now && now - leaf.not_before >= lifetime / REST_SHARE,
            None => remaining <= lifetime / REMAINING_SHARE + lifetime / SPREAD_SHARE * leaf.spread(),
        }
    }

    fn is_to_be_asked_at(&self, suggestion: &Suggestion) -> Option<UtcDateTime> {
        Some(suggestion.selected)
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;
    use time::Duration as Span;

    use super::*;
    use crate::acme::{
        certificate::tests::{BEGIN, chain, env},
        renewal_info::Window,
    };

    fn leaf(days: i64) -> Leaf {
        chain("a.test", &P256Key::generate(&env(), "leaf"), days).leaf().clone()
    }

    fn suggestion(selected: UtcDateTime) -> Suggestion {
        Suggestion { window: Window::new(selected, selected + Span::days(2)).unwrap(), selected }
    }

    #[tokio::test]
    async fn without_a_suggestion_a_third_of_any_lifetime_remains_and_a_little_more() {
        let schedule = AriThenRatio::default();
        for days in [1, 6, 90] {
            let leaf = leaf(days);
            let begin = BEGIN + leaf.lifetime() * 19 / 30;
            assert!(!schedule.is_due(&leaf, None, begin - Span::seconds(1)));
            let own = begin + leaf.lifetime() / 30 * (1.0 - leaf.spread());
            assert!(!schedule.is_due(&leaf, None, own - Span::seconds(1)));
            assert!(schedule.is_due(&leaf, None, own + Span::seconds(1)));
            assert!(schedule.is_due(&leaf, None, BEGIN + leaf.lifetime() * 2 / 3));
            assert!(schedule.is_due(&leaf, None, leaf.not_after + Span::days(1)));
        }
    }

    #[tokio::test]
    async fn certificates_that_were_issued_together_part_ways() {
        let keys = ["a", "b", "c", "d"].map(|purpose| P256Key::generate(&env(), purpose));
        let spread = keys.map(|key| chain("a.test", &key, 90).leaf().spread());
        assert!(spread.iter().all(|spread| (0.0..1.0).contains(spread)));
        assert!(spread.windows(2).all(|two| two[0] != two[1]), "{spread:?}");
    }

    #[tokio::test]
    async fn a_suggestion_decides_until_expiry_is_near() {
        let schedule = AriThenRatio::default();
        let leaf = leaf(90);
        let early = suggestion(BEGIN + Span::days(20));
        assert!(!schedule.is_due(&leaf, Some(&early), BEGIN + Span::days(19)));
        assert!(schedule.is_due(&leaf, Some(&early), BEGIN + Span::days(20)));
        let too_late = suggestion(BEGIN + Span::days(100));
        assert!(!schedule.is_due(&leaf, Some(&too_late), BEGIN + Span::days(85)));
        assert!(schedule.is_due(&leaf, Some(&too_late), BEGIN + Span::days(86)));
    }

    #[tokio::test]
    async fn windows_always_in_the_past_do_not_make_renewing_endless() {
        let schedule = AriThenRatio::default();
        let past = suggestion(BEGIN - Span::days(30));
        assert!(!schedule.is_due(&leaf(90), Some(&past), BEGIN + Span::hours(5)));
        assert!(schedule.is_due(&leaf(90), Some(&past), BEGIN + Span::hours(6)));
    }
}
