//! A new account key that is stored only after the CA has taken it in.
//!
//! The order of steps that suggests itself, and that RFC 8555 §7.3.5 does not warn of: make a key, send
//! keyChange, and write the key down once the answer says that it worked. No report of an account lost this way
//! was found; it is the mistake that the pending slot is there to prevent, as proposed for clients after
//! <https://github.com/letsencrypt/boulder/issues/8124>. If the answer is lost or the process ends before it
//! comes, the account has a key that nobody holds: it can order nothing, revoke nothing, and change its key no
//! more.
//!
//! Seam: [`RolloverRecord`]. To be caught by **M15**, `manager.holds-accepted-key`, at each rollover.

use sim::crypto::P256Key;

use crate::{
    manager::rollover::{Recorded, RolloverRecord},
    storage::{Storage, account::User},
};

/// Stores the new key when the CA has taken it in, over the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountKeyInMemory;

impl RolloverRecord for AccountKeyInMemory {
    fn propose<'a>(&'a self, _storage: &'a Storage, _user: &'a User, _new: &'a P256Key) -> Recorded<'a> {
        Box::pin(async { Ok(()) })
    }

    fn adopt<'a>(&'a self, storage: &'a Storage, user: &'a User, new: &'a P256Key) -> Recorded<'a> {
        Box::pin(storage.store_account_key(user, new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acme::certificate::tests::env, manager::rollover::PendingSlot, storage::tests::storage};

    #[tokio::test]
    async fn an_undisturbed_rollover_ends_the_same_and_an_interrupted_one_does_not() {
        let records: [(&dyn RolloverRecord, bool); 2] = [(&AccountKeyInMemory, false), (&PendingSlot, true)];
        for (record, is_kept) in records {
            let (_directory, storage) = storage();
            let user = User::of_contact(&[]);
            let [old, new] = ["old", "new"].map(|purpose| P256Key::generate(&env(), purpose));
            storage.store_account_key(&user, &old).await.unwrap();
            record.propose(&storage, &user, &new).await.unwrap();
            assert_eq!(storage.load_pending_account_key(&user).await.unwrap().is_some(), is_kept);
            record.adopt(&storage, &user, &new).await.unwrap();
            let current = storage.load_account_key(&user).await.unwrap().unwrap();
            assert_eq!(current.public_point(), new.public_point());
        }
    }
}
