//! [`RetryWaits`]: how long to leave a CA alone after a failed attempt. [`Backoff`] is the good one.
//!
//! The waits never shrink until an attempt succeeds. Failed validations are kept below the rate that
//! public CAs allow (five an hour and name), whatever the list of waits says.

use std::{fmt::Debug, time::Duration};

use serde::{Deserialize, Serialize};

/// After the second failed validation in a row, at least this long: five an hour at most.
const VALIDATION_GAP_MIN: Duration = Duration::from_secs(15 * 60);

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// The CA tried and could not convince itself of control over the name.
    Validation,
    /// Anything else.
    Other,
}

/// Says how long to wait after failed attempts.
pub trait RetryWaits: Debug + Send + Sync {
    /// The wait after one more failure.
    fn after(&mut self, failure: Failure) -> Duration;

    /// An attempt has succeeded.
    fn reset(&mut self);
}

/// Makes the waits of one certificate from the list that the operator gives.
pub type MakeRetryWaits = fn(&[Duration]) -> Box<dyn RetryWaits>;

/// Counts failed attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    delays: Vec<Duration>,
    failures: usize,
    validations: usize,
    last: Duration,
}

impl Backoff {
    /// Starts without a failure; `delays` are the waits, of which the last one repeats.
    #[must_use]
    pub fn new(delays: &[Duration]) -> Self {
        Self { delays: delays.to_vec(), failures: 0, validations: 0, last: Duration::ZERO }
    }

    /// The waits of one certificate.
    #[must_use]
    pub fn make(delays: &[Duration]) -> Box<dyn RetryWaits> {
        Box::new(Self::new(delays))
    }
}

impl RetryWaits for Backoff {
    fn after(&mut self, failure: Failure) -> Duration {
        let index = self.failures.min(self.delays.len().saturating_sub(1));
        let listed = self.delays.get(index).copied().unwrap_or(VALIDATION_GAP_MIN);
        self.failures += 1;
        self.validations += usize::from(failure == Failure::Validation);
        let floor = if self.validations > 1 { VALIDATION_GAP_MIN } else { Duration::ZERO };
        self.last = self.last.max(listed).max(floor);
        self.last
    }

    fn reset(&mut self) {
        *self = Self::new(&std::mem::take(&mut self.delays));
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn minutes(delays: &[u64]) -> Vec<Duration> {
        delays.iter().map(|minutes| Duration::from_secs(minutes * 60)).collect()
    }

    #[test]
    fn waits_follow_the_list_repeat_its_end_and_start_again_after_success() {
        let mut backoff = Backoff::new(&minutes(&[1, 2, 5]));
        let mut waits = || backoff.after(Failure::Other).as_secs() / 60;
        assert_eq!([waits(), waits(), waits(), waits()], [1, 2, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.after(Failure::Other), Duration::from_secs(60));
    }

    #[test]
    fn failed_validations_stay_below_five_an_hour_and_waits_never_shrink() {
        let mut backoff = Backoff::new(&minutes(&[1, 2, 2, 5, 10, 60]));
        let mut at = Duration::ZERO;
        let mut failed_at = vec![at];
        let mut last = Duration::ZERO;
        for n in 0..20 {
            let wait = backoff.after(if n % 7 == 6 { Failure::Other } else { Failure::Validation });
            assert!(wait >= last);
            last = wait;
            at += wait;
            failed_at.push(at);
        }
        for window in failed_at.windows(6) {
            assert!(window[5] - window[0] > Duration::from_secs(3_600));
        }
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        /// `None` is a success.
        #[test]
        fn a_wait_is_the_longest_that_the_list_or_the_validations_have_asked_for_since_the_last_success(
            delays in vec(0..100_u64, 0..6),
            attempts in vec(select(vec![Some(Failure::Validation), Some(Failure::Other), Some(Failure::Other), None]), 0..20),
        ) {
            let gap = VALIDATION_GAP_MIN.as_secs() / 60;
            let mut backoff = Backoff::new(&minutes(&delays));
            let mut since: Vec<Failure> = Vec::new();
            for attempt in attempts {
                let Some(failure) = attempt else {
                    backoff.reset();
                    since.clear();
                    continue;
                };
                since.push(failure);
                let listed = |number: usize| *delays.get(number).or(delays.last()).unwrap_or(&gap);
                let by_list = (0..since.len()).map(listed).max();
                let validations = since.iter().filter(|failure| **failure == Failure::Validation).count();
                let expected = by_list.max((validations > 1).then_some(gap)).map(|wait| Duration::from_secs(60 * wait));
                prop_assert_eq!(Some(backoff.after(failure)), expected, "{:?}", since);
            }
        }
    }
}
