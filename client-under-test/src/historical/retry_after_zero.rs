//! A Retry-After of 0 taken at its word (acme.sh, reported in 2026).
//!
//! <https://github.com/acmesh-official/acme.sh/pull/6868>
//!
//! Some CAs send `Retry-After: 0` with an order that is `processing`. acme.sh waited that long, looked thirty times within
//! a second or two, and had used all its looks up before a CA that takes a minute was done.
//!
//! Seam: [`Polling`]. To be caught with a CA that sends it and takes a minute to issue by **M6**, nothing is asked for again
//! and again without a pause.

use std::time::Duration;

use crate::acme::pace::{Polling, interval};

/// Waits as long as the CA says, and if that is no time then not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryAfterZero;

impl Polling for RetryAfterZero {
    fn wait(&self, looks: usize, suggested: Option<Duration>) -> Duration {
        suggested.unwrap_or_else(|| interval(looks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::pace::AsSuggested;

    #[test]
    fn no_time_is_no_wait() {
        assert_eq!(RetryAfterZero.wait(0, Some(Duration::ZERO)), Duration::ZERO);
        for suggested in [None, Some(Duration::from_secs(15))] {
            assert_eq!(RetryAfterZero.wait(0, suggested), AsSuggested.wait(0, suggested));
        }
    }
}
