//! A renewal that is finished and not shown to anybody (Apache's mod_md, reported in 2021 and 2023).
//!
//! <https://github.com/icing/mod_md/issues/323>,
//! <https://github.com/icing/mod_md/issues/235>
//!
//! mod_md obtains a certificate, says that it has "finished successfully", and leaves it where the next start of the server takes it
//! from. Where that start did not come, or did not find it, visitors were shown the old one until it had expired.
//!
//! Seam: [`CertificateCache::find`]. To be caught with a manager that nobody starts again by **L7**, what is stored is not
//! served, and by **V1**, when that expires which is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::Env;
use time::UtcDateTime;

use crate::manager::{
    cache::{CertificateCache, Lookup},
    lookup::{Certificates, Found, Hello, Protocols},
};

/// A cache that shows, while the process lives, what it has shown first.
#[must_use]
pub fn finished_not_live(_env: &Env, certificates: Arc<Certificates<CertifiedKey>>) -> Arc<dyn CertificateCache> {
    Arc::new(FinishedNotLive { certificates, shown: Mutex::default() })
}

#[derive(Debug)]
struct FinishedNotLive {
    certificates: Arc<Certificates<CertifiedKey>>,
    shown: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl CertificateCache for FinishedNotLive {
    fn certificates(&self) -> &Certificates<CertifiedKey> {
        &self.certificates
    }

    fn find<'a>(&'a self, hello: Hello<'a, SignatureScheme>, now: UtcDateTime) -> Lookup<'a> {
        let name = hello.server_name.filter(|_| hello.protocols == Protocols::Ordinary).map(str::to_owned);
        let found = self.certificates.find(&hello, now);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        Lookup::Done(match (name, found) {
            (Some(name), Found::Valid(certified)) => Found::Valid(shown.entry(name).or_insert(certified).clone()),
            (_, found) => found,
        })
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::{
        acme::certificate::tests::{BEGIN, chain, env},
        manager::{
            cache::{MakeCache, Unguarded},
            lookup::{Source, StandIns},
        },
        storage::certificate::CertificateSet,
    };

    #[tokio::test]
    async fn the_second_is_not_shown_and_is_with_the_good_cache() {
        let [first, second] = ["first", "second"].map(|purpose| {
            let key = P256Key::generate(&env(), purpose);
            CertificateSet::new(chain("a.test", &key, 90), key).unwrap().shown(None)
        });
        for (make, is_good) in [(finished_not_live as MakeCache, false), (Unguarded::make, true)] {
            let cache = make(&env(), Arc::new(Certificates::new(1, StandIns::default())));
            let shows = async |expected: &Arc<CertifiedKey>| {
                let hello =
                    Hello { server_name: Some("a.test"), signature_schemes: &[], protocols: Protocols::Ordinary };
                let certified = cache.find(hello, BEGIN).done().await.certified().unwrap();
                certified.cert == expected.cert
            };
            let name = "a.test".parse().unwrap();
            cache.insert(&name, Source::Managed, &first, BEGIN).await;
            assert!(shows(&first.certified).await);
            cache.insert(&name, Source::Managed, &second, BEGIN).await;
            assert_eq!(shows(&second.certified).await, is_good);
        }
    }
}
