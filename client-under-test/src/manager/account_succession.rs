//! [`AccountSuccession`]: when another account takes the place of one that is over at its CA.
//!
//! An account that was deactivated (RFC 8555 §7.3.6), by its holder from elsewhere or by the CA, gets no certificate any more, and
//! there is no way back. Another one may have to be bound to an external account, or be refused; then the operator hears of
//! each attempt that fails.

use std::{fmt::Debug, time::Duration};

/// How old the account's key is by then, at the least: the wait between two accounts of a CA that ends each of them.
const AGE_MIN: Duration = Duration::from_secs(6 * 3_600);

/// Decides whether there is another account.
pub trait AccountSuccession: Debug + Send + Sync {
    /// Whether one may follow an account that is over, and whose key is as old as this.
    fn may_follow(&self, age: Duration) -> bool;
}

/// One follows, but no more than one in six hours, restarts or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OneInSixHours;

impl AccountSuccession for OneInSixHours {
    fn may_follow(&self, age: Duration) -> bool {
        age >= AGE_MIN
    }
}
