//! A renewal set by a timer that stands still while the machine sleeps (cert-manager and ztunnel, reported in 2025).
//!
//! <https://github.com/cert-manager/cert-manager/pull/8464>,
//! <https://github.com/istio/ztunnel/issues/1481>,
//! <https://github.com/caddyserver/caddy/issues/7677>
//!
//! The time until the renewal, or until the next look, was computed and slept. Timers go by the monotonic clock, which on
//! Linux does not count the time for which the machine is suspended: after a day of sleep, what was due came a day late,
//! and the certificate had expired.
//!
//! Seam: [`RenewalSchedule`]. To be caught with a host that is suspended by **L5**, nobody looks in time, and **V1**, visitors who
//! are shown an expired certificate.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use time::UtcDateTime;

use crate::{
    acme::certificate::Leaf,
    manager::{AriThenRatio, RenewalSchedule, ari::Suggestion},
};

const LOOKS_AT_MOST: Duration = Duration::from_secs(6 * 3_600);

/// Looks again when it is due, as computed at the last look, and every six hours.
#[derive(Debug, Default)]
pub struct TimerStandsStill {
    until_due: Mutex<Option<Duration>>,
}

impl RenewalSchedule for TimerStandsStill {
    fn check_interval(&self) -> Duration {
        let least = AriThenRatio::default().check_interval();
        let until_due = *self.until_due.lock().unwrap_or_else(PoisonError::into_inner);
        until_due.unwrap_or(least).clamp(least, LOOKS_AT_MOST)
    }

    fn is_due(&self, leaf: &Leaf, _suggestion: Option<&Suggestion>, now: UtcDateTime) -> bool {
        let until_due: time::Duration = leaf.not_after - now - leaf.lifetime() / 3;
        *self.until_due.lock().unwrap_or_else(PoisonError::into_inner) = until_due.try_into().ok();
        !until_due.is_positive()
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::acme::certificate::tests::{BEGIN, chain, env};

    #[tokio::test]
    async fn between_two_looks_lie_hours_on_a_clock_that_may_stand_still() {
        let leaf = chain("a.test", &P256Key::generate(&env(), "leaf"), 3).leaf().clone();
        let defect = TimerStandsStill::default();
        assert!(!defect.is_due(&leaf, None, BEGIN));
        assert_eq!(defect.check_interval(), LOOKS_AT_MOST);
        assert!(AriThenRatio::default().check_interval() < Duration::from_secs(3_600));
    }
}
