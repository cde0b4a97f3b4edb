//! A wildcard that is shown for names any number of labels below it (certon, 2026).
//!
//! <https://docs.rs/certon/0.4.0>
//!
//! To find a certificate for `a.b.example.com`, certon puts a `*` in the place of one label, and then of all labels up to the next
//! one, and so comes to `*.example.com`. A wildcard stands for one label only (RFC 9525 §6.3), so visitors are
//! shown a certificate that their browsers refuse, where none, or one obtained on demand, would be right.
//!
//! Seam: [`CertificateCache::find`]. To be caught with a visitor of a name two labels below a wildcard by **V2**.

use std::sync::Arc;

use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::Env;
use time::UtcDateTime;

use crate::manager::{
    cache::{CertificateCache, Lookup},
    lookup::{Certificates, Found, Hello},
};

/// A cache in which a name without a certificate has that of the name above it.
#[must_use]
pub fn wildcard_any_depth(_env: &Env, certificates: Arc<Certificates<CertifiedKey>>) -> Arc<dyn CertificateCache> {
    Arc::new(WildcardAnyDepth(certificates))
}

#[derive(Debug)]
struct WildcardAnyDepth(Arc<Certificates<CertifiedKey>>);

impl CertificateCache for WildcardAnyDepth {
    fn certificates(&self) -> &Certificates<CertifiedKey> {
        &self.0
    }

    fn find<'a>(&'a self, hello: Hello<'a, SignatureScheme>, now: UtcDateTime) -> Lookup<'a> {
        let mut found = self.0.find(&hello, now);
        let mut name = hello.server_name;
        while let (Found::Nothing, Some((_, above))) = (&found, name.and_then(|name| name.split_once('.'))) {
            name = Some(above);
            found = self.0.find(&Hello { server_name: name, ..hello }, now);
        }
        Lookup::Done(found)
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
            lookup::{Protocols, Source, StandIns},
        },
        storage::certificate::CertificateSet,
    };

    #[tokio::test]
    async fn two_labels_below_it_is_shown_and_not_by_the_good_cache() {
        let key = P256Key::generate(&env(), "leaf");
        let shown = CertificateSet::new(chain("*.a.test", &key, 90), key).unwrap().shown(None);
        for (make, is_good) in [(wildcard_any_depth as MakeCache, false), (Unguarded::make, true)] {
            let cache = make(&env(), Arc::new(Certificates::new(1, StandIns::default())));
            cache.insert(&"*.a.test".parse().unwrap(), Source::Managed, &shown, BEGIN).await;
            let shows = async |name| {
                let hello = Hello { server_name: Some(name), signature_schemes: &[], protocols: Protocols::Ordinary };
                cache.find(hello, BEGIN).done().await.certified().is_some()
            };
            assert!(shows("x.a.test").await);
            assert_eq!(shows("y.x.a.test").await, !is_good);
        }
    }
}
