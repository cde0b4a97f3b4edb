//! [`CaaRecheck`]: which names CAA is looked up for again before a certificate is issued.
//!
//! A result may be used for eight hours or for the records' TTL, whichever is greater (Baseline Requirements
//! §3.2.2.8); an authorization lives far longer.

use std::{fmt::Debug, time::Duration};

use sim::{Env, UtcDateTime};

use crate::{challenges::ChallengeType, identifier::Identifier, timestamp::after};

const GOOD_FOR_MIN: Duration = Duration::from_secs(8 * 3600);

/// That CAA permitted an identifier, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When the lookup began.
    pub at: UtcDateTime,
    /// How long the records may be remembered; zero if there were none.
    pub ttl: Duration,
}

impl Checked {
    /// It has not been looked up yet.
    pub(crate) const NEVER: Self = Self { at: UtcDateTime::UNIX_EPOCH, ttl: Duration::ZERO };

    /// Whether it is too old to issue upon.
    #[must_use]
    pub fn is_due(&self, now: UtcDateTime) -> bool {
        after(self.at, self.ttl.max(GOOD_FOR_MIN)) <= now
    }
}

/// What CAA knows of a valid authorization.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// What may be certified.
    pub identifier: Identifier,
    /// The latest check of its CAA.
    pub checked: Checked,
    pub(crate) method: ChallengeType,
}

/// Decides which identifiers of an order are checked again.
pub trait CaaRecheck: Debug + Send + Sync {
    /// The identifiers to look up, for an order with these authorizations that is about to be issued.
    fn identifiers(&self, env: &Env, authorizations: &[Authorized]) -> Vec<Identifier>;
}

/// Each identifier whose check is too old, and no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EachDue;

impl CaaRecheck for EachDue {
    fn identifiers(&self, env: &Env, authorizations: &[Authorized]) -> Vec<Identifier> {
        let now = env.utc_now();
        let due = authorizations.iter().filter(|authorized| authorized.checked.is_due(now));
        due.map(|authorized| authorized.identifier.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    #[test]
    fn a_check_is_good_for_eight_hours_or_the_ttl_whichever_is_greater() {
        const HOUR: Duration = Duration::from_secs(3600);
        let at = utc_datetime!(2026-01-01 00:00);
        for (ttl, good_for) in [(Duration::ZERO, 8 * HOUR), (HOUR, 8 * HOUR), (24 * HOUR, 24 * HOUR)] {
            let checked = Checked { at, ttl };
            assert!(!checked.is_due(after(at, good_for - Duration::from_secs(1))), "{ttl:?}");
            assert!(checked.is_due(after(at, good_for)), "{ttl:?}");
        }
    }
}
