//! CAA rechecked N times for one name of N (Boulder, found on 2020-02-28; three million certificates to revoke).
//!
//! <https://github.com/letsencrypt/boulder/pull/4690>,
//! <https://github.com/letsencrypt/boulder/pull/4705>,
//! <https://github.com/icing/mod_md/issues/195>
//!
//! On its way out of the database, each authorization took the address of the loop's variable for its
//! identifier. After the loop they all named the same one: the last, in the random order in which Go walks a
//! map. Each authorization that was validated more than eight hours before was then rechecked, under that one
//! name. Who forbade issuance for another of the names in the meantime was not heard. The integration test
//! forbade all of the names, and saw nothing; the fix passes the identifier by value, and its test forbids one.
//!
//! Seam: [`CaaRecheck`]. To be caught by **C1**, `ca.rechecks-caa`, in every run with a changed order of more
//! than one name; a forbidden name is certified, `ca.never-issues-against-caa`, unless it happens to be the last.

use sim::Env;

use crate::{
    caa::{Authorized, CaaRecheck, EachDue},
    identifier::Identifier,
};

/// As many identifiers as are due, all of them the one that the loop came to last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaaLoopVariable;

impl CaaRecheck for CaaLoopVariable {
    fn identifiers(&self, env: &Env, authorizations: &[Authorized]) -> Vec<Identifier> {
        let mut due = EachDue.identifiers(env, authorizations);
        let count = u64::try_from(authorizations.len()).expect("an order's identifiers are few");
        if count > 0 {
            let last = usize::try_from(env.random_below("ca/map order", count)).expect("below a usize");
            due.fill(authorizations[last].identifier.clone());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use crate::{caa::Checked, challenges::ChallengeType, testing, timestamp::before};

    #[test]
    fn several_due_names_become_one_and_a_single_name_is_right() {
        testing::with_env(|env| {
            let checked = Checked { at: before(env.utc_now(), Duration::from_secs(9 * 3600)), ttl: Duration::ZERO };
            let authorized = |name: &str| Authorized {
                identifier: Identifier::parse(name).unwrap(),
                checked,
                method: ChallengeType::Http01,
            };
            let all = ["a.test", "b.test", "c.test"].map(authorized);
            let rechecked = CaaLoopVariable.identifiers(&env, &all);
            assert_eq!((rechecked.len(), BTreeSet::from_iter(rechecked).len()), (3, 1));
            assert_eq!(CaaLoopVariable.identifiers(&env, &all[..1]), EachDue.identifiers(&env, &all[..1]));
        });
    }
}
