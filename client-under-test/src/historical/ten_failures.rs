//! Failures that are counted for a lifetime (Caddy's certmagic, to this day).
//!
//! <https://github.com/caddyserver/certmagic/blob/master/maintain.go>
//!
//! certmagic's maintenance survives a panic and begins anew, ten times; the tenth ends it for good, without a word. Ten in a
//! row are a reason to stop, but nothing resets the count: one a month for ten months is the end as well. Here what is counted
//! are attempts that failed, and the waits grow with the count, which no success takes back.
//!
//! Seam: [`RetryWaits::reset`]. To be caught with renewals of which each fails once by **L11**, a first retry that
//! waits as if much had gone wrong, and, after the tenth, by **L1**.

use std::time::Duration;

use crate::manager::backoff::{Backoff, Failure, RetryWaits};

const FAILURES_MAX: u32 = 10;

/// Forgets nothing.
#[derive(Clone, Debug)]
struct LifetimeCount {
    backoff: Backoff,
    failures: u32,
}

/// Waits that no success shortens, and that have no end after the tenth failure.
#[must_use]
pub fn ten_failures(delays: &[Duration]) -> Box<dyn RetryWaits> {
    Box::new(LifetimeCount { backoff: Backoff::new(delays), failures: 0 })
}

impl RetryWaits for LifetimeCount {
    fn after(&mut self, failure: Failure) -> Duration {
        self.failures += 1;
        if self.failures >= FAILURES_MAX { Duration::MAX } else { self.backoff.after(failure) }
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_are_the_end_however_many_successes_lie_between() {
        let delays = [1, 2, 4].map(Duration::from_secs);
        let wait = |waits: &mut Box<dyn RetryWaits>| {
            let wait = waits.after(Failure::Other);
            waits.reset();
            wait
        };
        let (mut defect, mut good) = (ten_failures(&delays), Backoff::make(&delays));
        let waits: Vec<_> = (0..10).map(|_| wait(&mut defect)).collect();
        assert_eq!((waits[0], waits[8], waits[9]), (delays[0], delays[2], Duration::MAX));
        assert!((0..10).all(|_| wait(&mut good) == delays[0]));
    }
}
