//! Renewal by constants that assume 90 days (Traefik, reported 2021-04-08).
//!
//! <https://github.com/traefik/traefik/issues/8042>,
//! <https://github.com/traefik/traefik/issues/11843>
//!
//! Traefik looked at its certificates every 24 hours and renewed those with 30 days or less to live. Of
//! certificates that live 24 hours, every one was due at every look, and expired between two looks; of
//! those that live six days, a new one was ordered at each look. The look's interval and the period
//! came to depend on a lifetime that the operator configures, with 90 days as its default.
//!
//! Seam: [`RenewalSchedule`]. To be caught with certificates of 24 hours by **V1** (visitors are shown
//! an expired certificate) and **L1** (the way to the CA is clear, and still no renewal in time); with
//! six days by **M4** (more certificates than a third of the lifetime explains).

use std::time::Duration;

use time::UtcDateTime;

use crate::{
    acme::certificate::Leaf,
    manager::{RenewalSchedule, ari::Suggestion},
};

const TICK: Duration = Duration::from_secs(24 * 3_600);
const BEFORE_EXPIRY: time::Duration = time::Duration::days(30);

/// Looks every 24 hours and renews with 30 days or less to live, whatever the lifetime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThirtyDayConstant;

impl RenewalSchedule for ThirtyDayConstant {
    fn check_interval(&self) -> Duration {
        TICK
    }

    fn is_due(&self, leaf: &Leaf, _suggestion: Option<&Suggestion>, now: UtcDateTime) -> bool {
        leaf.not_after - now <= BEFORE_EXPIRY
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::{
        acme::certificate::tests::{BEGIN, chain, env},
        manager::AriThenRatio,
    };

    #[tokio::test]
    async fn a_day_long_certificate_expires_between_two_looks_and_not_with_the_good_schedule() {
        let leaf = chain("a.test", &P256Key::generate(&env(), "leaf"), 1).leaf().clone();
        let issued_seconds_after_a_look = Duration::from_secs(5);
        assert!(BEGIN + issued_seconds_after_a_look + ThirtyDayConstant.check_interval() >= leaf.not_after);
        let good = AriThenRatio::default();
        assert!(good.is_due(&leaf, None, leaf.not_after - good.check_interval()));
    }
}
