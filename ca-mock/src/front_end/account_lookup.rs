//! How a front end finds the account that a request names, to check the request's signature by its key (RFC 8555 §6.2).

use std::fmt;

use sim::Env;

use crate::{Ca, accounts::AccountStatus, ids::AccountId, jwk::PublicKey};

/// What is to be known of an account before it may ask for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) key: PublicKey,
    pub(crate) status: AccountStatus,
}

/// Finds accounts for one front end.
pub(crate) trait AccountLookup: fmt::Debug + Send + Sync {
    /// The account's key and status; `None` if there is no such account.
    fn find(&self, env: &Env, ca: &Ca, id: AccountId) -> Option<Found>;
}

/// Gives a front end its way to find accounts, when its process starts.
#[derive(Clone, Copy)]
pub struct MakeAccountLookup(pub(crate) fn() -> Box<dyn AccountLookup>);

impl MakeAccountLookup {
    /// Each request is checked by what the store says at that moment.
    pub const FROM_STORE: Self = Self(|| Box::new(FromStore));
}

impl fmt::Debug for MakeAccountLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0().fmt(f)
    }
}

/// Asks the store each time.
#[derive(Debug)]
pub(crate) struct FromStore;

impl AccountLookup for FromStore {
    fn find(&self, _env: &Env, ca: &Ca, id: AccountId) -> Option<Found> {
        ca.with_store(|store| {
            let account = store.accounts.find(id)?;
            Some(Found { key: account.key.clone(), status: account.status })
        })
    }
}
