//! A name that is never tried again once an attempt went wrong (Caddy's certmagic, to this day).
//!
//! <https://github.com/caddyserver/caddy/issues/7170>,
//! <https://github.com/caddyserver/certmagic/blob/master/async.go>
//!
//! certmagic's job queue knows by a name's entry that its renewal is under way. A worker that ends by a panic is
//! caught, but leaves the entry, and its place among the workers: from then on the log says "queuing for renewal" every ten
//! minutes and nothing runs, until the process is started again. That this is what the reporter saw is likely and not
//! proven.
//!
//! Seam: [`RetryWaits`]: what is never due again is as good as queued for ever. To be caught with one failed renewal by **L1**, no
//! successor before expiry, and **V1**, visitors who are shown an expired certificate.

use std::time::Duration;

use crate::manager::backoff::{Failure, RetryWaits};

/// Never tries again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Never;

/// No attempt after a failed one, while the process lives.
#[must_use]
pub fn stops_at_a_failure(_delays: &[Duration]) -> Box<dyn RetryWaits> {
    Box::new(Never)
}

impl RetryWaits for Never {
    fn after(&mut self, _failure: Failure) -> Duration {
        Duration::MAX
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_has_no_end() {
        let now = sim::Monotonic(Duration::from_secs(1));
        assert_eq!(now + stops_at_a_failure(&[]).after(Failure::Other), sim::Monotonic(Duration::MAX));
    }
}
