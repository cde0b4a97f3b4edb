//! An account's key is remembered for five seconds by each front end (Boulder, from December 2021 to August 2026).
//!
//! <https://github.com/letsencrypt/boulder/issues/8124>,
//! <https://github.com/letsencrypt/boulder/issues/6144>,
//! <https://github.com/letsencrypt/boulder/issues/8795>,
//! <https://github.com/letsencrypt/boulder/pull/8953>
//!
//! To spare the database, each WFE process cached accounts by id, and nothing invalidated an entry: neither a
//! key rollover nor a deactivation or an update, whether through this process or another one. For as long as
//! the entry lived, a front end that knew the account from before checked signatures by the old key. The new
//! key was refused as `malformed`, "JWS verification error", at random with several processes behind a
//! balancer; and the old key, or an account that had just been deactivated, was still let in. The fix deletes
//! the cache.
//!
//! Seam: [`AccountLookup`]. To be caught by **C2**, `ca.old-key-refused`, as soon as a client uses its new key,
//! or anybody the old one, within five seconds of a rollover.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sim::{Env, Monotonic};

use crate::{
    Ca,
    front_end::{AccountLookup, Found, FromStore, MakeAccountLookup},
    ids::AccountId,
};

const TTL: Duration = Duration::from_secs(5);

/// Each front end remembers what it has looked up, and hears of no change.
pub const STALE_ACCOUNT_CACHE: MakeAccountLookup = MakeAccountLookup(|| Box::<StaleAccountCache>::default());

#[derive(Debug, Default)]
struct StaleAccountCache(Mutex<BTreeMap<AccountId, (Found, Monotonic)>>);

impl AccountLookup for StaleAccountCache {
    fn find(&self, env: &Env, ca: &Ca, id: AccountId) -> Option<Found> {
        let now = env.monotonic_now();
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, (_, since)| now.since(*since) < TTL);
        if let Some((found, _)) = entries.get(&id) {
            return Some(found.clone());
        }
        let found = FromStore.find(env, ca, id)?;
        entries.insert(id, (found.clone(), now));
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, jwk::PublicKey, testing};

    #[test]
    fn a_changed_key_is_seen_late_by_who_knew_the_account() {
        testing::with_env(|env| {
            let ca = Ca::new(&env, Config::default());
            let (old, new) = (PublicKey::Ed25519([1; 32]), PublicKey::Ed25519([2; 32]));
            let id =
                ca.with_store(|store| store.accounts.create(&env, old.clone(), Vec::new(), |id| id.to_string()).id);
            let (knows, knows_not) = ((STALE_ACCOUNT_CACHE.0)(), (STALE_ACCOUNT_CACHE.0)());
            let key_at = |lookup: &dyn AccountLookup| lookup.find(&env, &ca, id).map(|found| found.key);
            assert_eq!(key_at(&*knows), Some(old.clone()));
            ca.with_store(|store| store.accounts.change_key(id, new.clone())).unwrap();
            assert_eq!(key_at(&*knows), Some(old));
            assert_eq!(key_at(&*knows_not), Some(new.clone()));
            assert_eq!(key_at(&FromStore), Some(new));
        });
    }
}
