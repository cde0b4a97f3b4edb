//! Account key rollover (RFC 8555 §7.3.5), such that no crash and no lost answer loses the account.
//!
//! The new key is on disk before the CA hears of it, and takes the old one's place once the CA is known to have
//! taken it in. If that is not known, the CA is asked whose account the new key is. A new key that is nobody's
//! is not thrown away either: the request may still be under way. It is what the next attempt proposes.

use std::{convert::Infallible, fmt::Debug, future::Future, io, pin::Pin, sync::Arc, time::Duration};

use sim::crypto::P256Key;

use super::{
    backoff::{Backoff, Failure, RetryWaits},
    issue::{IssueError, Issuer},
};
use crate::{
    acme::{
        Error,
        account::{Account, SETTLING_TIME},
        client::Client,
    },
    storage::{Storage, account::User},
};

/// How often it is looked whether the key is too old, at the least.
const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(3_600);
/// Minutes between attempts that failed; the last one repeats.
const RETRY_MINUTES: [u64; 5] = [1, 2, 5, 20, 60];

/// A change of the record under way.
pub type Recorded<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;

/// How a change of the account's key is recorded on disk.
pub trait RolloverRecord: Debug + Send + Sync {
    /// The CA is about to hear of `new`.
    fn propose<'a>(&'a self, storage: &'a Storage, user: &'a User, new: &'a P256Key) -> Recorded<'a>;

    /// The CA has taken `new` in.
    fn adopt<'a>(&'a self, storage: &'a Storage, user: &'a User, new: &'a P256Key) -> Recorded<'a>;
}

/// In a slot of its own, which becomes the account's by one rename.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingSlot;

impl RolloverRecord for PendingSlot {
    fn propose<'a>(&'a self, storage: &'a Storage, user: &'a User, new: &'a P256Key) -> Recorded<'a> {
        Box::pin(storage.store_pending_account_key(user, new))
    }

    fn adopt<'a>(&'a self, storage: &'a Storage, user: &'a User, _new: &'a P256Key) -> Recorded<'a> {
        Box::pin(storage.take_pending_account_key(user))
    }
}

/// Changes the account's key whenever it is older than `lifetime`, for ever.
pub(super) async fn keep_young(issuer: Arc<Issuer>, lifetime: Duration) -> Infallible {
    let mut backoff = Backoff::new(&RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60)));
    loop {
        let wait = match issuer.roll_over_if_due(lifetime).await {
            Ok(()) => {
                backoff.reset();
                lifetime.min(CHECK_INTERVAL_MAX)
            }
            Err(e) => {
                issuer.env.probe("manager/rollover-failed");
                let wait = backoff.after(Failure::Other);
                e.retry_after().map_or(wait, |asked| asked.max(wait))
            }
        };
        issuer.env.sleep(wait).await;
    }
}

impl Issuer {
    async fn roll_over_if_due(&self, lifetime: Duration) -> Result<(), IssueError> {
        let is_old = self.storage.account_key_age(&self.user).await?.is_some_and(|age| age >= lifetime);
        if is_old || self.storage.load_pending_account_key(&self.user).await?.is_some() {
            let _alone = self.account_key.write().await;
            let _operation = self.env.operation("change the account's key");
            self.roll_over(lifetime).await?;
        }
        Ok(())
    }

    /// Nobody else may speak as the account meanwhile.
    async fn roll_over(&self, lifetime: Duration) -> Result<(), IssueError> {
        let mut client = self.connect().await?;
        let old = self.account(&mut client).await?;
        let _lease = self.storage.lock_account(&self.user).await?;
        // A change that was in doubt may have been made since: the old key would then be refused for ever.
        let changed = match self.interrupted_rollover(&mut client).await? {
            Some(changed) => {
                *self.account.lock().await = Some(changed.clone());
                changed
            }
            None => match self.propose(&mut client, &old, lifetime).await? {
                Some(changed) => self.adopt(changed).await?,
                None => return Ok(()),
            },
        };
        self.confirm(&mut client, &old, &changed).await
    }

    /// Asks the CA to know the account by a new key, and gives the account back if it does; `None` if there is
    /// nothing to change.
    async fn propose(
        &self,
        client: &mut Client,
        old: &Account,
        lifetime: Duration,
    ) -> Result<Option<Account>, IssueError> {
        // An account that the CA does not know, or by another key, is not improved by one more.
        old.session(client).read_account().await?;
        let new = match self.storage.load_pending_account_key(&self.user).await? {
            Some(proposed) => proposed,
            // What was left over has been brought to its end by then.
            None if self.storage.account_key_age(&self.user).await?.is_none_or(|age| age < lifetime) => {
                return Ok(None);
            }
            None => {
                let new = P256Key::generate(&self.env, "manager/account-key");
                self.rollover_record.propose(&self.storage, &self.user, &new).await?;
                new
            }
        };
        self.env.probe("manager/rollover-begun");
        let not_changed = match old.session(client).change_key(&new).await {
            // Some CAs say so and have changed nothing.
            Ok(true) => Error::Unusable { url: old.url().clone(), what: "the key is the old one", retry_after: None },
            Ok(false) => return Ok(None),
            // Without an answer, or with 409 (RFC 8555 §7.3.5), the account may have the new key already.
            Err(e) => {
                self.env.probe("manager/rollover-in-doubt");
                e
            }
        };
        match Account::find(client, new).await? {
            Some(found) if found.url() == old.url() => Ok(Some(found)),
            Some(_) => {
                self.storage.remove_pending_account_key(&self.user).await?;
                Err(not_changed.into())
            }
            None => Err(not_changed.into()),
        }
    }

    /// Asks by both keys whether the CA has made the change everywhere, now that nothing depends on it yet: an old
    /// key that still works is none the less in the hands of whoever has a copy of it.
    async fn confirm(&self, client: &mut Client, old: &Account, changed: &Account) -> Result<(), IssueError> {
        let is_changed = old.key().public_point() != changed.key().public_point();
        let found = Account::find(client, changed.key().clone()).await?;
        if is_changed && found.is_some_and(|found| found.url() == changed.url()) {
            let old = Account::known(old.key().clone(), old.url().clone());
            match old.session(client).read_account().await {
                Ok(()) => self.env.probe("manager/old-account-key-accepted"),
                Err(e) if e.is("malformed") || e.is("unauthorized") => {
                    self.env.probe("manager/old-account-key-refused")
                }
                // Nothing is known then, and nothing depends on it.
                Err(_) => {}
            }
            changed.session(client).read_account().await?;
        }
        Ok(())
    }

    /// The account by the key that an interrupted rollover left behind, if the CA has taken that in.
    pub(super) async fn interrupted_rollover(&self, client: &mut Client) -> Result<Option<Account>, IssueError> {
        let Some(proposed) = self.storage.load_pending_account_key(&self.user).await? else { return Ok(None) };
        self.env.probe("manager/rollover-found-again");
        let Some(changed) = Account::find(client, proposed).await? else { return Ok(None) };
        drop(self.storage.store_account_url(&self.user, changed.url()).await);
        self.rollover_record.adopt(&self.storage, &self.user, changed.key()).await?;
        self.env.probe("manager/account-key-changed");
        Ok(Some(changed.settling_until(self.env.monotonic_now() + SETTLING_TIME)))
    }

    /// Uses the new key from now on, also if it can't be recorded now: then it is still recorded as proposed.
    async fn adopt(&self, changed: Account) -> Result<Account, IssueError> {
        let changed = changed.settling_until(self.env.monotonic_now() + SETTLING_TIME);
        *self.account.lock().await = Some(changed.clone());
        self.env.probe("manager/account-key-changed");
        self.rollover_record.adopt(&self.storage, &self.user, changed.key()).await?;
        Ok(changed)
    }
}
