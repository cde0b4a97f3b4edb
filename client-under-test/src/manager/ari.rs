//! What a CA suggested for one certificate (RFC 9773), and the moment that was picked from it.
//!
//! The moment is picked once, uniformly, and kept while the window stays the same (RFC 9773 §4.2), so
//! that asking often does not move a renewal to the front.
//!
//! Hosts that share a storage share the answers: before it asks, each looks whether storage holds a newer one.

use std::fmt::Debug;

use sim::Env;
use time::{Duration, UtcDateTime};

use crate::acme::{
    certificate::Leaf,
    renewal_info::{CertId, POLL_MAX, RenewalInfo, Window, poll_after},
};

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
    /// When the CA last answered, by this host's wall clock; `None` if never.
    pub answered: Option<UtcDateTime>,
    /// How long it then asked to be left alone, if it said so (RFC 9773 §4.3).
    pub retry_after: Option<std::time::Duration>,
}

impl Ari {
    /// Nothing known yet, to be asked at once.
    #[must_use]
    pub fn unknown(certificate: CertId) -> Self {
        Self { certificate, suggestion: None, answered: None, retry_after: None }
    }

    /// Whether it is time to ask. A moment further away than any wait lets be comes from a clock that
    /// has been set back since.
    #[must_use]
    pub fn is_due(&self, now: UtcDateTime) -> bool {
        self.next_at().is_none_or(|next| next <= now || next - now > POLL_MAX)
    }

    /// When it will be time to ask again, by this host's wall clock; `None` if the CA has never answered.
    #[must_use]
    pub fn next_at(&self) -> Option<UtcDateTime> {
        let wait = Duration::try_from(poll_after(self.retry_after)).unwrap_or(Duration::DAY);
        Some(self.answered?.saturating_add(wait))
    }

    /// Takes the CA's answer.
    pub fn take(&mut self, env: &Env, info: &RenewalInfo) {
        self.answered = Some(env.utc_now());
        self.retry_after = info.retry_after;
        if self.suggestion.is_none_or(|known| known.window != info.window) {
            self.suggestion = Some(Suggestion::pick(env, info.window));
        }
    }

    /// Takes it that the CA has answered without saying when to renew: it is left alone for `wait`, and what it has said before
    /// stands.
    pub fn put_off(&mut self, env: &Env, wait: std::time::Duration) {
        self.answered = Some(env.utc_now());
        self.retry_after = Some(wait);
    }

    /// Takes it that this CA has no renewal information, and asks no more than need be.
    pub fn take_nothing(&mut self, env: &Env) {
        *self = Self {
            answered: Some(env.utc_now()),
            retry_after: Some(POLL_MAX),
            ..Self::unknown(self.certificate.clone())
        };
    }
}

/// Says by which name a CA is asked about a certificate, and told which one an order replaces.
pub trait CertificateName: Debug + Send + Sync {
    /// The certificate's name; `None` if it has none.
    fn of(&self, leaf: &Leaf) -> Option<CertId>;
}

/// The one that RFC 9773 §4.1 gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItsOwn;

impl CertificateName for ItsOwn {
    fn of(&self, leaf: &Leaf) -> Option<CertId> {
        leaf.id.clone()
    }
}

/// Decides when a CA is asked again about a certificate.
pub trait AriPolling: Debug + Send + Sync {
    /// Whether that is now, given what is `known` of the certificate.
    fn is_due(&self, known: &Ari, now: UtcDateTime) -> bool;

    /// When to look whether it is, besides the times when all is looked at.
    fn next_at(&self, known: &Ari) -> Option<UtcDateTime>;
}

/// When the wait is over that the CA asked for, or the one that RFC 9773 §4.3.2 suggests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AfterTheWait;

impl AriPolling for AfterTheWait {
    fn is_due(&self, known: &Ari, now: UtcDateTime) -> bool {
        known.is_due(now)
    }

    fn next_at(&self, known: &Ari) -> Option<UtcDateTime> {
        known.next_at()
    }
}

/// Compares what storage holds with what is in memory, when the CA is about to be asked.
pub trait AriComparison: Debug + Send + Sync {
    /// Whether `stored` is to be taken instead of `known`. Both are about the same certificate.
    fn is_newer(&self, stored: &Ari, known: &Ari) -> bool;
}

/// The later answer is the newer. No answer at all is the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByAnswerTime;

impl AriComparison for ByAnswerTime {
    fn is_newer(&self, stored: &Ari, known: &Ari) -> bool {
        stored.answered > known.answered
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as StdDuration;

    use proptest::{collection::vec, prelude::*};
    use sim::{MovableClock, real};

    use super::*;
    use crate::acme::certificate::tests::{BEGIN, env};

    fn info(days: i64) -> RenewalInfo {
        let window = Window::new(BEGIN, BEGIN + Duration::days(days)).unwrap();
        RenewalInfo { window, retry_after: Some(StdDuration::from_secs(60)), explanation: None }
    }

    #[tokio::test]
    async fn the_moment_stays_while_the_window_stays_and_lies_within() {
        let env = env();
        let mut ari = Ari::unknown(CertId::new(b"a", b"b"));
        ari.take(&env, &info(2));
        let first = ari.suggestion.unwrap();
        ari.take(&env, &info(2));
        assert_eq!(ari.suggestion, Some(first));
        for days in 3..50 {
            ari.take(&env, &info(days));
            let suggestion = ari.suggestion.unwrap();
            assert!(suggestion.window.start() <= suggestion.selected && suggestion.selected < suggestion.window.end());
        }
        assert_ne!(ari.suggestion.unwrap().selected, first.selected);
    }

    #[tokio::test]
    async fn a_clock_set_back_does_not_silence_the_question() {
        let ari = answered_at(BEGIN);
        assert!(ari.is_due(BEGIN + Duration::hours(1)));
        assert!(!ari.is_due(BEGIN));
        assert!(ari.is_due(BEGIN - Duration::days(30)));
    }

    fn answered_at(at: UtcDateTime) -> Ari {
        let hour = Some(StdDuration::from_secs(3_600));
        Ari { answered: Some(at), retry_after: hour, ..Ari::unknown(CertId::new(b"a", b"b")) }
    }

    #[tokio::test]
    async fn without_retry_after_six_hours_pass() {
        let ari = Ari { retry_after: None, ..answered_at(BEGIN) };
        assert!(!ari.is_due(BEGIN + Duration::hours(6) - Duration::seconds(1)));
        assert!(ari.is_due(BEGIN + Duration::hours(6)));
        assert!(AfterTheWait.is_due(&ari, BEGIN + Duration::hours(6)));
        assert_eq!(AfterTheWait.next_at(&ari), Some(BEGIN + Duration::hours(6)));
        let at_the_end_of_time = Ari { answered: Some(UtcDateTime::MAX), ..ari };
        assert!(at_the_end_of_time.is_due(BEGIN));
    }

    #[tokio::test]
    async fn a_ca_without_renewal_information_is_left_alone_for_a_day_from_the_first_moment_on() {
        let mut ari = Ari::unknown(CertId::new(b"a", b"b"));
        ari.take_nothing(&env());
        let asked = ari.answered.unwrap();
        assert!(!ari.is_due(asked));
        assert!(!ari.is_due(asked + Duration::DAY - Duration::seconds(1)));
        assert!(ari.is_due(asked + Duration::DAY));
    }

    #[test]
    fn the_later_answer_is_the_newer_whatever_either_lacks() {
        let without = |at| Ari { retry_after: None, ..answered_at(at) };
        let (early, late) = (BEGIN, BEGIN + Duration::hours(1));
        let never = Ari::unknown(CertId::new(b"a", b"b"));
        for (older, newer) in [
            (answered_at(early), without(late)),
            (without(early), answered_at(late)),
            (without(early), without(late)),
            (never, without(early)),
        ] {
            assert!(ByAnswerTime.is_newer(&newer, &older));
            assert!(!ByAnswerTime.is_newer(&older, &newer));
            assert!(!ByAnswerTime.is_newer(&older, &older));
        }
    }

    /// How far the moments that hosts of different seeds pick are from spread evenly over twenty equal parts of a window:
    /// chi-squared with 19 degrees of freedom. Of even choices, one in a million comes to more than [`UNEVEN`].
    fn unevenness(window: Window, choose: impl Fn(&Env) -> UtcDateTime) -> f64 {
        const PARTS: i32 = 20;
        const SEEDS: u32 = 4_000;
        let mut counts = [0_u32; PARTS as usize];
        for seed in 0..SEEDS {
            let host = real::env("client", real::Options { seed: Some(seed.into()), ..real::Options::default() });
            let into = (choose(&host) - window.start()) / (window.end() - window.start());
            assert!((0.0..1.0).contains(&into), "{into}");
            counts[(into * f64::from(PARTS)) as usize] += 1;
        }
        let expected = f64::from(SEEDS) / f64::from(PARTS);
        counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
    }

    const UNEVEN: f64 = 63.0;

    /// RFC 9773 §4.2: "select a uniform random time within the suggested window".
    #[tokio::test]
    async fn hosts_pick_any_moment_of_a_window_as_often_as_any_other() {
        for length in [Duration::milliseconds(977), Duration::seconds(3), Duration::days(2), Duration::days(40_000)] {
            let window = Window::new(BEGIN, BEGIN + length).unwrap();
            let picked = |env: &Env| Suggestion::pick(env, window).selected;
            assert!(unevenness(window, picked) < UNEVEN, "{length}");
            // The measure knows moments that lean a little to the front, and those that leave out the last tenth.
            let leaning = |env: &Env| {
                let [one, other] = [picked(env), picked(env)];
                if env.random_below("lean", 5) == 0 { one.min(other) } else { one }
            };
            assert!(unevenness(window, leaning) > UNEVEN, "{length}");
            let short = |env: &Env| window.start() + (picked(env) - window.start()) * 0.9;
            assert!(unevenness(window, short) > UNEVEN, "{length}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        /// Each answer has a window, or the CA says that it has none, after so many seconds by the host's clock.
        #[test]
        fn a_moment_lies_in_the_last_window_that_was_told_and_is_picked_once_for_it(
            answers in vec((proptest::option::weighted(0.9, (0..3_i64, 1..4_i64)), -50_000..200_000_i64), 1..20),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let clock = MovableClock::default();
                let env = clock.around(&env());
                clock.freeze(&env, true);
                clock.set(&env, BEGIN);
                let mut ari = Ari::unknown(CertId::new(b"a", b"b"));
                for (window, seconds) in answers {
                    clock.set(&env, env.utc_now() + Duration::seconds(seconds));
                    let before = ari.suggestion;
                    match window {
                        None => {
                            ari.take_nothing(&env);
                            prop_assert_eq!(ari.suggestion, None);
                        }
                        Some((begin, days)) => {
                            let start = BEGIN + Duration::days(begin);
                            let window = Window::new(start, start + Duration::days(days)).unwrap();
                            ari.take(&env, &RenewalInfo { window, retry_after: None, explanation: None });
                            let Suggestion { window: kept, selected } = ari.suggestion.unwrap();
                            prop_assert_eq!(kept, window);
                            prop_assert!((window.start()..window.end()).contains(&selected));
                            if let Some(before) = before.filter(|before| before.window == window) {
                                prop_assert_eq!(selected, before.selected);
                            }
                        }
                    }
                    prop_assert_eq!(ari.answered, Some(env.utc_now()));
                }
                Ok(())
            })?;
        }
    }
}
