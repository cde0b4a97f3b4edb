//! A window that has begun, and a renewal that waits for its own date (acme.sh, reported in May 2026).
//!
//! <https://github.com/acmesh-official/acme.sh/issues/6965>,
//! <https://github.com/acmesh-official/acme.sh/pull/6953>,
//! <https://community.letsencrypt.org/t/2026-05-08-gen-y-cross-certified-subordinate-cas-missing-serverauth-eku/247105/2>
//!
//! Let's Encrypt was to revoke what two intermediates had issued, and moved the windows of all these certificates to the
//! present. acme.sh asked, said that the window had begun, and then skipped the renewal, since by its own date that was weeks away.
//!
//! Seam: [`RenewalSchedule`]. To be caught with a window that the CA moves to the present by **L9**.

use std::time::Duration;

use time::UtcDateTime;

use crate::{
    acme::certificate::Leaf,
    manager::{AriThenRatio, RenewalSchedule, ari::Suggestion},
};

/// By its own date, whatever the CA suggests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuggestionIgnored;

impl RenewalSchedule for SuggestionIgnored {
    fn check_interval(&self) -> Duration {
        AriThenRatio::default().check_interval()
    }

    fn is_due(&self, leaf: &Leaf, _suggestion: Option<&Suggestion>, now: UtcDateTime) -> bool {
        AriThenRatio::default().is_due(leaf, None, now)
    }
}
