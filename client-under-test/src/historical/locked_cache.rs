//! A cache behind one readers-writer lock, as the managers had it whose incidents stand beside this file.
//!
//! By itself it is only slower than it need be. What went wrong is what was done under its lock: that is a
//! [`HeldDuring`], and each incident has its own.

use std::sync::Arc;

use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::{
    Env,
    lock::{ReadGuard, RwLock, WriteGuard},
};
use time::UtcDateTime;

use crate::manager::{
    cache::{CertificateCache, Hold, Lookup, Waiting, Work},
    lookup::{Certificates, Hello},
};

/// During which work the lock is held, besides lookups and changes.
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
    certificates: Arc<Certificates<CertifiedKey>>,
    lock: RwLock<()>,
    held_during: HeldDuring,
}

/// What is held; dropping it lets go.
#[expect(dead_code, reason = "owning is what it is for")]
enum Held<'a> {
    Nothing,
    Shared(ReadGuard<'a, ()>),
    Alone(WriteGuard<'a, ()>),
}

impl LockedCache {
    pub(super) fn new(env: &Env, certificates: Arc<Certificates<CertifiedKey>>, held_during: HeldDuring) -> Self {
        Self { certificates, lock: RwLock::new(env, "certificate cache", ()), held_during }
    }
}

impl CertificateCache for LockedCache {
    fn certificates(&self) -> &Certificates<CertifiedKey> {
        &self.certificates
    }

    fn find<'a>(&'a self, hello: Hello<'a, SignatureScheme>, now: UtcDateTime) -> Lookup<'a> {
        Lookup::Waiting(Box::pin(async move {
            let _shared = self.lock.read().await;
            self.certificates.find(&hello, now)
        }))
    }

    fn hold(&self, work: Work) -> Waiting<'_, Hold<'_>> {
        Box::pin(async move {
            Box::new(match (self.held_during, work) {
                (_, Work::Change) | (HeldDuring::StorageReads, Work::StorageRead) => {
                    Held::Alone(self.lock.write().await)
                }
                (HeldDuring::Renewals, Work::Renewal) => Held::Shared(self.lock.read().await),
                (HeldDuring::Renewals, Work::StorageRead) | (HeldDuring::StorageReads, Work::Renewal) => Held::Nothing,
            }) as Hold<'_>
        })
    }
}
