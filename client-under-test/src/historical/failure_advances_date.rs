//! A failed renewal that counts as one that was made (win-acme, reported in 2017).
//!
//! <https://github.com/win-acme/win-acme/issues/448>
//!
//! The date of the next renewal was moved by its whole interval after each run, the failed ones included: whoever met a CA
//! in trouble on the day had a certificate that expired before it was looked at again.
//!
//! Seam: [`RetryWaits`]. To be caught with one failure on the day of the renewal by **L1**: the certificate expires without
//! a successor though nothing was in the way.

use std::time::Duration;

use crate::manager::backoff::{Failure, RetryWaits};

const INTERVAL: Duration = Duration::from_secs(60 * 86_400);

/// Waits until the next date on the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct NextDate;

/// Sixty days after any failure, as after a success.
#[must_use]
pub fn failure_advances_date(_delays: &[Duration]) -> Box<dyn RetryWaits> {
    Box::new(NextDate)
}

impl RetryWaits for NextDate {
    fn after(&mut self, _failure: Failure) -> Duration {
        INTERVAL
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::backoff::Backoff;

    #[test]
    fn two_attempts_are_further_apart_than_a_renewal_has_time() {
        let month = Duration::from_secs(30 * 86_400);
        assert!(failure_advances_date(&[]).after(Failure::Other) > month);
        assert!(Backoff::make(&[Duration::from_secs(60)]).after(Failure::Other) < month);
    }
}
