//! An attempt that failed and is made again at once (Traefik, reported in September 2019).
//!
//! <https://github.com/traefik/traefik/issues/5413>,
//! <https://github.com/NixOS/nixpkgs/issues/174172>
//!
//! Traefik asked for a certificate anew as soon as it had failed to get one, with every change of its configuration and without
//! a limit; within minutes the operator had met Let's Encrypt's limit of failed validations, and later that of
//! certificates. NixOS's service did so on a timer.
//!
//! Seam: [`RetryWaits`]. To be caught with a challenge that nobody answers by **M5**: no wait between failed attempts, and more
//! failed validations in an hour than the CA puts up with.

use std::time::Duration;

use crate::manager::backoff::{Failure, RetryWaits};

/// Does not wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct AtOnce;

/// No wait after any failure.
#[must_use]
pub fn retries_at_once(_delays: &[Duration]) -> Box<dyn RetryWaits> {
    Box::new(AtOnce)
}

impl RetryWaits for AtOnce {
    fn after(&mut self, _failure: Failure) -> Duration {
        Duration::ZERO
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::backoff::Backoff;

    #[test]
    fn it_never_waits_and_the_good_one_does() {
        let minute = [Duration::from_secs(60)];
        let mut waits = retries_at_once(&minute);
        assert!((0..10).all(|_| waits.after(Failure::Validation).is_zero()));
        assert_eq!(Backoff::make(&minute).after(Failure::Validation), minute[0]);
    }
}
