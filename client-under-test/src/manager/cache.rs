//! [`CertificateCache`]: how the certificates that visitors are shown are guarded while others change them.
//!
//! The good one, [`Unguarded`], keeps nobody out: a handshake sees what was last put in, and whoever looks
//! after a name does so beside it. That a cache may do otherwise is part of the trait, since caches
//! that did have made history.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::Env;
use time::UtcDateTime;

use super::lookup::{Certificates, Found, Hello, Shown, Source};
use crate::name::Name;

/// What a cache may have to wait for.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What a cache keeps others out with, until it is dropped.
pub type Hold<'a> = Box<dyn Send + 'a>;
/// Makes the cache of a manager around its certificates.
pub type MakeCache = fn(&Env, Arc<Certificates<CertifiedKey>>) -> Arc<dyn CertificateCache>;

/// Lets handshakes and those who look after names at the certificates.
pub trait CertificateCache: Debug + Send + Sync {
    /// The certificates themselves.
    fn certificates(&self) -> &Certificates<CertifiedKey>;

    /// What a client is to be shown at `now`.
    fn find<'a>(&'a self, hello: Hello<'a, SignatureScheme>, now: UtcDateTime) -> Lookup<'a>;

    /// Says that `work` begins. What it gives is kept until the work is done. Nobody is kept out by it unless it is written
    /// otherwise.
    fn hold(&self, _work: Work) -> Waiting<'_, Hold<'_>> {
        Box::pin(std::future::ready(Box::new(()) as Hold<'_>))
    }
}

impl dyn CertificateCache {
    /// Shows `shown` to the visitors of `name` from now on.
    pub async fn insert(&self, name: &Name, source: Source, shown: &Shown<CertifiedKey>, now: UtcDateTime) {
        let _hold = self.hold(Work::Change).await;
        self.certificates().insert(name, source, shown, now);
    }

    /// Shows `shown` to the visitors of `name` unless `source` has given something already.
    pub async fn insert_first(&self, name: &Name, source: Source, shown: &Shown<CertifiedKey>) {
        let _hold = self.hold(Work::Change).await;
        self.certificates().insert_first(name, source, shown);
    }

    /// Shows nothing of `source` to the visitors of `name` any more.
    pub async fn remove(&self, name: &Name, source: Source) {
        let _hold = self.hold(Work::Change).await;
        self.certificates().remove(name, source);
    }

    /// Shows `certified` to whoever validates `name` by tls-alpn-01, for as long as somebody owns it.
    pub async fn insert_challenge(&self, name: &Name, certified: &Arc<CertifiedKey>) {
        let _hold = self.hold(Work::Change).await;
        self.certificates().insert_challenge(name, certified);
    }
}

/// What is found, or the wait for it.
pub enum Lookup<'a> {
    /// Found, or not there.
    Done(Found<CertifiedKey>),
    /// The cache can't be looked into at this moment.
    Waiting(Waiting<'a, Found<CertifiedKey>>),
}

impl Lookup<'_> {
    /// Waits if there is need to.
    pub async fn done(self) -> Found<CertifiedKey> {
        match self {
            Self::Done(found) => found,
            Self::Waiting(waiting) => waiting.await,
        }
    }
}

/// What is done with a cache, besides looking into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A certificate is put in or taken out.
    Change,
    /// Storage is read, for a certificate that another host has renewed.
    StorageRead,
    /// A renewal is obtained from the CA.
    Renewal,
}

/// A cache that nobody is ever kept out of.
#[derive(Debug)]
pub struct Unguarded(Arc<Certificates<CertifiedKey>>);

impl Unguarded {
    /// The cache of a manager.
    #[must_use]
    pub fn make(_env: &Env, certificates: Arc<Certificates<CertifiedKey>>) -> Arc<dyn CertificateCache> {
        Arc::new(Self(certificates))
    }
}

impl CertificateCache for Unguarded {
    fn certificates(&self) -> &Certificates<CertifiedKey> {
        &self.0
    }

    fn find<'a>(&'a self, hello: Hello<'a, SignatureScheme>, now: UtcDateTime) -> Lookup<'a> {
        Lookup::Done(self.0.find(&hello, now))
    }
}
