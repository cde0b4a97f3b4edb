//! A cache behind one readers-writer lock, as the managers had it whose incidents stand beside this file.
//!
//! By itself it is only slower than it need be. What went wrong is what was done under its lock: that is a
//! [`HeldDuring`], and each incident has its own.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use sim::{
    Env,
    lock::{ReadGuard, RwLock, WriteGuard},
};

use crate::{
    manager::cache::{CertificateCache, Contents, Hold, Lookup, Waiting, Wanted, Work},
    name::Name,
    storage::certificate::CertificateSet,
};

/// During which work the lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeldDuring {
    /// Renewals, shared with readers.
    Renewals,
    /// Reads of the storage, alone.
    StorageReads,
}

/// The cache.
#[derive(Debug)]
pub(super) struct LockedCache {
    env: Env,
    contents: RwLock<Contents>,
    held_during: HeldDuring,
}

/// What is held; dropping it lets go.
#[expect(dead_code, reason = "owning is what it is for")]
enum Held<'a> {
    Nothing,
    Shared(ReadGuard<'a, Contents>),
    Alone(WriteGuard<'a, Contents>),
}

impl LockedCache {
    pub(super) fn new(env: &Env, held_during: HeldDuring) -> Self {
        let contents = RwLock::new(env, "certificate cache", Contents::default());
        Self { env: env.clone(), contents, held_during }
    }
}

impl CertificateCache for LockedCache {
    fn find<'a>(&'a self, wanted: Wanted<'a>) -> Lookup<'a> {
        Lookup::Waiting(Box::pin(async move { self.contents.read().await.find(wanted, self.env.utc_now()) }))
    }

    fn insert<'a>(&'a self, name: &'a Name, set: &'a CertificateSet) -> Waiting<'a, ()> {
        Box::pin(async move { self.contents.write().await.insert(name, set, self.env.utc_now()) })
    }

    fn remove<'a>(&'a self, name: &'a Name) -> Waiting<'a, ()> {
        Box::pin(async move { self.contents.write().await.remove(name) })
    }

    fn insert_challenge<'a>(&'a self, name: &'a Name, certificate: &'a Arc<CertifiedKey>) -> Waiting<'a, ()> {
        Box::pin(async move { self.contents.write().await.insert_challenge(name, certificate) })
    }

    fn hold(&self, work: Work) -> Waiting<'_, Hold<'_>> {
        Box::pin(async move {
            Box::new(match (self.held_during, work) {
                (HeldDuring::Renewals, Work::Renewal) => Held::Shared(self.contents.read().await),
                (HeldDuring::StorageReads, Work::StorageRead) => Held::Alone(self.contents.write().await),
                (HeldDuring::Renewals, Work::StorageRead) | (HeldDuring::StorageReads, Work::Renewal) => Held::Nothing,
            }) as Hold<'_>
        })
    }
}
