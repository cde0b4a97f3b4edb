//! An account that stays in use when its CA has ended it (BunkerWeb, reported in 2026).
//!
//! <https://github.com/bunkerity/bunkerweb/issues/3783>
//!
//! An account that is deactivated is refused whatever it asks for (RFC 8555 §7.3.6), and stays so. BunkerWeb went on asking with the
//! account that it had on disk, until somebody removed its files by hand.
//!
//! Seam: [`AccountSuccession`]. To be caught with an account that is deactivated before a renewal by **L1**, no successor before
//! expiry, and **V1**, visitors who are shown an expired certificate.

use std::time::Duration;

use crate::manager::account_succession::AccountSuccession;

/// No account follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountForEver;

impl AccountSuccession for AccountForEver {
    fn may_follow(&self, _age: Duration) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::account_succession::OneInSixHours;

    #[test]
    fn none_follows_however_old_and_one_does_with_the_good_succession_but_not_at_once() {
        let [early, late] = [1, 24].map(|hours| Duration::from_secs(hours * 3_600));
        assert!(!AccountForEver.may_follow(late));
        assert!(OneInSixHours.may_follow(late) && !OneInSixHours.may_follow(early));
    }
}
