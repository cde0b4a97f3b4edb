//! Renewal information (RFC 9773): when a certificate had best be replaced.
//!
//! The window is a fixed part of the certificate's life; spreading load over it is the clients' part, who
//! pick a time in it at random (RFC 9773 §4.2).

use std::time::Duration;

use sim::UtcDateTime;

use crate::{
    certificates::Certificate,
    renewal_info_policy::WindowPolicy,
    timestamp::{after, before, whole_seconds},
};

/// Both ends in whole seconds. The end lies after the start, unless the policy has it otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SuggestedWindow {
    pub(crate) start: UtcDateTime,
    pub(crate) end: UtcDateTime,
}

impl SuggestedWindow {
    /// From one moment to another, and for a second at least.
    pub(crate) fn between(start: UtcDateTime, end: UtcDateTime) -> Self {
        let start = whole_seconds(start);
        // RFC 9773 §4.2: the end must lie after the start.
        Self { start, end: whole_seconds(end).max(after(start, Duration::from_secs(1))) }
    }

    fn earlier_by(self, duration: Duration) -> Self {
        Self { start: before(self.start, duration), end: before(self.end, duration) }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
/// The window begins when two thirds of the life have passed.
const START_THIRDS: u32 = 2;
/// The window's width as a part of the life: 2 days of 90.
const WIDTH_DIVISOR: u32 = 45;

/// When to replace `certificate`. For a revoked one that is the hour before its revocation: at once.
pub(crate) fn suggested_window(certificate: &Certificate, policy: &WindowPolicy) -> SuggestedWindow {
    if let Some(revocation) = certificate.revocation {
        return window(revocation.at, Duration::ZERO, HOUR).earlier_by(HOUR);
    }
    if let Some(own) = certificate.window {
        return own;
    }
    let by_lifetime = || window_of_life(certificate.not_before, certificate.not_after);
    match policy {
        WindowPolicy::ByLifetime => by_lifetime(),
        WindowPolicy::SinceNotBefore(range) => window(certificate.not_before, *range.start(), *range.end()),
        WindowPolicy::Reversed => {
            let SuggestedWindow { start, end } = by_lifetime();
            SuggestedWindow { start: end, end: start }
        }
        WindowPolicy::Fixed(range) => {
            SuggestedWindow { start: whole_seconds(*range.start()), end: whole_seconds(*range.end()) }
        }
    }
}

fn window_of_life(not_before: UtcDateTime, not_after: UtcDateTime) -> SuggestedWindow {
    let life = Duration::try_from(not_after - not_before).unwrap_or_default() + Duration::from_secs(1);
    let start = life * START_THIRDS / 3;
    window(not_before, start, start + life / WIDTH_DIVISOR)
}

/// From one duration after `origin` to another.
fn window(origin: UtcDateTime, from: Duration, to: Duration) -> SuggestedWindow {
    let start = whole_seconds(after(origin, from));
    // RFC 9773 §4.2: the end must lie after the start.
    let width = Duration::from_secs(to.saturating_sub(from).as_secs().max(1));
    SuggestedWindow { start, end: after(start, width) }
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    #[test]
    fn ninety_days_are_renewed_in_two_of_them() {
        let window = window_of_life(utc_datetime!(2026-01-01 00:00), utc_datetime!(2026-03-31 23:59:59));
        assert_eq!(window.start, utc_datetime!(2026-03-02 00:00));
        assert_eq!(window.end, utc_datetime!(2026-03-04 00:00));
    }

    #[test]
    fn the_shortest_life_still_has_a_window() {
        let at = utc_datetime!(2026-01-01 00:00);
        for not_after in [at, utc_datetime!(2025-01-01 00:00), utc_datetime!(2026-01-01 00:00:20)] {
            let window = window_of_life(at, not_after);
            assert!(window.start < window.end, "{window:?}");
        }
    }
}
