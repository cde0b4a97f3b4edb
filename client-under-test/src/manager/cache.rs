//! [`CertificateCache`]: the certificates that visitors and validation authorities are shown.
//!
//! The good one, [`Snapshot`], waits for nobody: a handshake reads what was last published, and whoever looks
//! after a name keeps no one out meanwhile. That a cache may do otherwise is part of the trait, since caches
//! that did have made history.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
};

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;
use sim::Env;
use time::UtcDateTime;

use crate::{acme::certificate::Leaf, name::Name, storage::certificate::CertificateSet};

/// What a cache may have to wait for.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What a cache keeps others out with, until it is dropped.
pub type Hold<'a> = Box<dyn Send + 'a>;
/// Makes the cache of a manager.
pub type MakeCache = fn(&Env) -> Arc<dyn CertificateCache>;

/// The certificates that handshakes are answered with, by name.
pub trait CertificateCache: Debug + Send + Sync {
    /// What a handshake is to be answered with.
    fn find<'a>(&'a self, wanted: Wanted<'a>) -> Lookup<'a>;

    /// Shows `set` to the visitors of `name` from now on.
    fn insert<'a>(&'a self, name: &'a Name, set: &'a CertificateSet) -> Waiting<'a, ()>;

    /// Shows nothing to the visitors of `name` any more.
    fn remove<'a>(&'a self, name: &'a Name) -> Waiting<'a, ()>;

    /// Shows `certificate` to whoever validates `name` by tls-alpn-01, for as long as somebody owns it.
    fn insert_challenge<'a>(&'a self, name: &'a Name, certificate: &'a Arc<CertifiedKey>) -> Waiting<'a, ()>;

    /// Says that `work` on a name begins that the cache has a certificate for. What it gives is kept until
    /// the work is done.
    fn hold(&self, work: Work) -> Waiting<'_, Hold<'_>>;
}

/// What a handshake asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// A certificate for visitors of this name.
    Certificate(&'a str),
    /// What proves control of this name by tls-alpn-01 (RFC 8737 §3).
    ChallengeCertificate(&'a str),
}

/// What is found, or the wait for it.
pub enum Lookup<'a> {
    /// Found, or not there.
    Done(Option<Arc<CertifiedKey>>),
    /// The cache can't be looked into at this moment.
    Waiting(Waiting<'a, Option<Arc<CertifiedKey>>>),
}

impl Lookup<'_> {
    /// Waits if there is need to.
    pub async fn done(self) -> Option<Arc<CertifiedKey>> {
        match self {
            Self::Done(found) => found,
            Self::Waiting(waiting) => waiting.await,
        }
    }
}

/// What is done for a name between looking at the cache and changing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Storage is read, for a certificate that another host has renewed.
    StorageRead,
    /// A renewal is obtained from the CA.
    Renewal,
}

/// The certificates themselves, whatever guards them.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    certificates: BTreeMap<Name, Vec<Entry>>,
    challenges: BTreeMap<Name, Weak<CertifiedKey>>,
}

#[derive(Clone, Debug)]
struct Entry {
    leaf: Leaf,
    certified: Arc<CertifiedKey>,
}

impl Contents {
    /// Shows `set` to the visitors of `name`. A former set is kept only for as long as the new one is not
    /// valid yet, which happens when this host's clock is behind the CA's.
    pub fn insert(&mut self, name: &Name, set: &CertificateSet, now: UtcDateTime) {
        let entry = Entry { leaf: set.leaf().clone(), certified: Arc::new(set.certified_key()) };
        let entries = self.certificates.entry(name.clone()).or_default();
        entries.retain(|former| former.leaf.is_valid_at(now) && !entry.leaf.is_valid_at(now));
        entries.push(entry);
    }

    /// Shows nothing to the visitors of `name` any more.
    pub fn remove(&mut self, name: &Name) {
        self.certificates.remove(name);
    }

    /// Shows `certificate` to whoever validates `name`, for as long as somebody owns it.
    pub fn insert_challenge(&mut self, name: &Name, certificate: &Arc<CertifiedKey>) {
        self.challenges.retain(|_, former| former.strong_count() > 0);
        self.challenges.insert(name.clone(), Arc::downgrade(certificate));
    }

    /// What a handshake is to be answered with. A valid certificate is always preferred; an expired one is
    /// shown only where there is no other, so that the visitor learns why.
    #[must_use]
    pub fn find(&self, wanted: Wanted<'_>, now: UtcDateTime) -> Option<Arc<CertifiedKey>> {
        let name = match wanted {
            Wanted::Certificate(name) => name,
            Wanted::ChallengeCertificate(name) => return self.challenges.get(name)?.upgrade(),
        };
        let wildcard = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let exact = self.certificates.get(name);
        let wildcard = wildcard.and_then(|wildcard| self.certificates.get(wildcard.as_str()));
        let mut candidates = exact.into_iter().chain(wildcard).flat_map(|entries| entries.iter().rev());
        // The newest of the exact name comes first; it is also what is left if none is valid.
        let first = candidates.clone().next();
        let valid = candidates.find(|entry| entry.leaf.is_valid_at(now));
        valid.or(first).map(|entry| entry.certified.clone())
    }
}

/// A cache whose readers see the last published contents, and take no lock for it.
#[derive(Debug)]
pub struct Snapshot {
    env: Env,
    contents: ArcSwap<Contents>,
}

impl Snapshot {
    /// An empty cache.
    #[must_use]
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone(), contents: ArcSwap::default() }
    }

    /// An empty cache for a manager.
    #[must_use]
    pub fn make(env: &Env) -> Arc<dyn CertificateCache> {
        Arc::new(Self::new(env))
    }

    fn change(&self, change: impl Fn(&mut Contents)) {
        self.contents.rcu(|contents| {
            let mut contents = Contents::clone(contents);
            change(&mut contents);
            contents
        });
    }
}

impl CertificateCache for Snapshot {
    fn find<'a>(&'a self, wanted: Wanted<'a>) -> Lookup<'a> {
        Lookup::Done(self.contents.load().find(wanted, self.env.utc_now()))
    }

    fn insert<'a>(&'a self, name: &'a Name, set: &'a CertificateSet) -> Waiting<'a, ()> {
        let now = self.env.utc_now();
        self.change(|contents| contents.insert(name, set, now));
        Box::pin(std::future::ready(()))
    }

    fn remove<'a>(&'a self, name: &'a Name) -> Waiting<'a, ()> {
        self.change(|contents| contents.remove(name));
        Box::pin(std::future::ready(()))
    }

    fn insert_challenge<'a>(&'a self, name: &'a Name, certificate: &'a Arc<CertifiedKey>) -> Waiting<'a, ()> {
        self.change(|contents| contents.insert_challenge(name, certificate));
        Box::pin(std::future::ready(()))
    }

    fn hold(&self, _work: Work) -> Waiting<'_, Hold<'_>> {
        // Nobody is kept out.
        Box::pin(std::future::ready(Box::new(()) as Hold<'_>))
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;
    use time::Duration as Span;

    use super::*;
    use crate::acme::certificate::{
        Chain,
        tests::{BEGIN, chain, env},
    };

    fn set(name: &str, days: i64) -> CertificateSet {
        let key = P256Key::generate(&env(), name);
        CertificateSet::new(chain(name, &key, days), key).unwrap()
    }

    fn shown(contents: &Contents, name: &str, day: i64) -> Option<Name> {
        let found = contents.find(Wanted::Certificate(name), BEGIN + Span::days(day))?;
        let pem = pem::encode(&pem::Pem::new("CERTIFICATE", found.cert[0].to_vec()));
        Some(Chain::parse(pem.as_bytes()).unwrap().leaf().names[0].clone())
    }

    #[tokio::test]
    async fn a_valid_wildcard_beats_an_expired_exact_name_and_not_otherwise() {
        let exact: Name = "a.test".parse().unwrap();
        let wildcard: Name = "*.test".parse().unwrap();
        let mut contents = Contents::default();
        contents.insert(&exact, &set("a.test", 10), BEGIN);
        contents.insert(&wildcard, &set("*.test", 20), BEGIN);
        assert_eq!(shown(&contents, "a.test", 1), Some(exact.clone()));
        assert_eq!(shown(&contents, "a.test", 15), Some(wildcard.clone()));
        assert_eq!(shown(&contents, "a.test", 25), Some(exact));
        assert_eq!(shown(&contents, "b.test", 1), Some(wildcard));
        for stranger in ["test", "b.a.test", "", "a.test.other"] {
            assert_eq!(shown(&contents, stranger, 1), None, "{stranger}");
        }
    }

    #[tokio::test]
    async fn a_challenge_is_answered_exactly_while_somebody_owns_its_certificate_and_never_to_visitors() {
        let name: Name = "a.test".parse().unwrap();
        let mut contents = Contents::default();
        let challenge = Arc::new(set("a.test", 1).certified_key());
        contents.insert_challenge(&name, &challenge);
        assert!(contents.find(Wanted::ChallengeCertificate("a.test"), BEGIN).is_some());
        assert!(contents.find(Wanted::Certificate("a.test"), BEGIN).is_none());
        contents.insert(&name, &set("a.test", 10), BEGIN);
        drop(challenge);
        assert!(contents.find(Wanted::ChallengeCertificate("a.test"), BEGIN).is_none());
        assert!(contents.find(Wanted::Certificate("a.test"), BEGIN).is_some());
    }
}
