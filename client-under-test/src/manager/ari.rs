//! What a CA suggested for one certificate (RFC 9773), and the moment that was picked from it.
//!
//! The moment is picked once, uniformly, and kept while the window stays the same (RFC 9773 §4.2), so
//! that asking often does not move a renewal to the front.

use sim::Env;
use time::{Duration, UtcDateTime};

use crate::acme::renewal_info::{CertId, POLL_MAX, RenewalInfo, Window};

/// A window and the moment picked in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// When the CA suggests to renew.
    pub window: Window,
    /// When it is to be done.
    pub selected: UtcDateTime,
}

impl Suggestion {
    fn pick(env: &Env, window: Window) -> Self {
        let length_ms = u64::try_from((window.end() - window.start()).whole_milliseconds()).unwrap_or(u64::MAX);
        let offset_ms = env.random_below("manager/ari", length_ms);
        Self { window, selected: window.start() + Duration::milliseconds(i64::try_from(offset_ms).unwrap_or(0)) }
    }
}

/// What is known from asking about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ari {
    /// Which certificate.
    pub certificate: CertId,
    /// What the CA suggests; `None` if it has said nothing usable yet.
    pub suggestion: Option<Suggestion>,
    /// When to ask again, by this host's wall clock.
    pub poll_again: UtcDateTime,
}

impl Ari {
    /// Nothing known yet, to be asked at once.
    #[must_use]
    pub fn unknown(certificate: CertId, now: UtcDateTime) -> Self {
        Self { certificate, suggestion: None, poll_again: now }
    }

    /// Whether it is time to ask. A moment further away than any wait lets be comes from a clock that
    /// has been set back since.
    #[must_use]
    pub fn is_due(&self, now: UtcDateTime) -> bool {
        self.poll_again <= now || self.poll_again - now > POLL_MAX
    }

    /// Lets `wait` pass before the CA is asked again.
    pub fn poll_later(&mut self, env: &Env, wait: std::time::Duration) {
        let now = env.utc_now();
        let wait = Duration::try_from(wait).unwrap_or(Duration::DAY);
        self.poll_again = now.checked_add(wait).unwrap_or(now);
    }

    /// Takes the CA's answer.
    pub fn answered(&mut self, env: &Env, info: &RenewalInfo) {
        self.poll_later(env, info.poll_after);
        if self.suggestion.is_none_or(|known| known.window != info.window) {
            self.suggestion = Some(Suggestion::pick(env, info.window));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as StdDuration;

    use super::*;
    use crate::acme::certificate::tests::{BEGIN, env};

    fn info(days: i64) -> RenewalInfo {
        let window = Window::new(BEGIN, BEGIN + Duration::days(days)).unwrap();
        RenewalInfo { window, poll_after: StdDuration::from_secs(60), explanation: None }
    }

    #[tokio::test]
    async fn the_moment_stays_while_the_window_stays_and_lies_within() {
        let env = env();
        let mut ari = Ari::unknown(CertId::new(b"a", b"b"), env.utc_now());
        ari.answered(&env, &info(2));
        let first = ari.suggestion.unwrap();
        ari.answered(&env, &info(2));
        assert_eq!(ari.suggestion, Some(first));
        for days in 3..50 {
            ari.answered(&env, &info(days));
            let suggestion = ari.suggestion.unwrap();
            assert!(suggestion.window.start() <= suggestion.selected && suggestion.selected < suggestion.window.end());
        }
        assert_ne!(ari.suggestion.unwrap().selected, first.selected);
    }

    #[tokio::test]
    async fn a_clock_set_back_does_not_silence_the_question() {
        let ari = Ari { poll_again: BEGIN, ..Ari::unknown(CertId::new(b"a", b"b"), BEGIN) };
        assert!(ari.is_due(BEGIN));
        assert!(!ari.is_due(BEGIN - Duration::hours(1)));
        assert!(ari.is_due(BEGIN - Duration::days(30)));
    }
}
