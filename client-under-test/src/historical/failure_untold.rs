//! Failures that nobody is told of (Caddy's certmagic, to this day).
//!
//! <https://github.com/caddyserver/caddy/issues/7170>,
//! <https://github.com/icing/mod_md/issues/323>
//!
//! A worker that ends by a panic tells no `cert_failed`, and what is queued behind it never runs: the log has "queuing for renewal"
//! again and again and not one error, so that whoever listens for failures believes that all is well until a certificate has
//! expired. Here attempts go on, and only what they fail with is kept back.
//!
//! Seam: [`Telling`]. To be caught with an order that the CA refuses by **L11**.

use crate::manager::events::{Event, Telling};

/// Keeps to itself what has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureUntold;

impl Telling for FailureUntold {
    fn tells(&self, event: &Event) -> bool {
        !matches!(event, Event::Failed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::events::TellsAll;

    #[test]
    fn a_failure_is_kept_back_and_told_by_the_good_telling() {
        let names = crate::name::Names::of("a.test".parse().unwrap());
        let issuer = "https://ca.test/dir".parse().unwrap();
        let failed = Event::Failed { names, issuer, reason: "refused".to_owned() };
        assert!(!FailureUntold.tells(&failed) && TellsAll.tells(&failed));
    }
}
