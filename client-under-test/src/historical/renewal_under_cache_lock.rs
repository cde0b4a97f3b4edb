//! Renewal that waits for its own lock (Caddy, until January 2017).
//!
//! <https://github.com/caddyserver/caddy/issues/1157>,
//! <https://github.com/caddyserver/caddy/pull/1366>
//!
//! `RenewManagedCertificates` walked the certificate cache under its read lock and renewed on the way. The
//! TLS-SNI challenge shows its certificate out of that same cache, so its solver, further down the call chain,
//! waited for the write lock: for ever, as the reader was itself. Go lets no reader pass a writer who waits, so
//! from that moment every handshake hung and sockets piled up in CLOSE_WAIT. It was
//! hidden for long, since a renewal has no challenge to answer while the CA reuses valid authorizations. The fix walks twice: the
//! first, under the lock, only writes down what is due.
//!
//! Seam: [`CertificateCache::hold`], around each renewal. To be caught with tls-alpn-01, TLS-SNI's successor, by
//! **L3** (tasks wait for each other) in the moment in which the wait begins. The world ends with it, so that V4,
//! visitors who wait, has no time to be seen.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use sim::Env;

use super::locked_cache::{HeldDuring, LockedCache};
use crate::manager::{cache::CertificateCache, lookup::Certificates};

/// A cache whose read lock is held while a name in it is renewed.
#[must_use]
pub fn renewal_under_cache_lock(env: &Env, certificates: Arc<Certificates<CertifiedKey>>) -> Arc<dyn CertificateCache> {
    Arc::new(LockedCache::new(env, certificates, HeldDuring::Renewals))
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use sim::crypto::P256Key;

    use super::*;
    use crate::{
        acme::certificate::tests::{BEGIN, chain, env},
        manager::{
            cache::{Lookup, MakeCache, Unguarded, Work},
            lookup::{Hello, Protocols, Source, StandIns},
        },
        storage::certificate::CertificateSet,
    };

    fn waits<T>(future: impl Future<Output = T>) -> bool {
        pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    fn visit(cache: &dyn CertificateCache) -> Lookup<'_> {
        let hello = Hello { server_name: Some("a.test"), signature_schemes: &[], protocols: Protocols::Ordinary };
        cache.find(hello, BEGIN)
    }

    #[tokio::test]
    async fn a_challenge_waits_for_the_renewal_and_visitors_for_the_challenge_but_not_with_the_good_cache() {
        let key = P256Key::generate(&env(), "leaf");
        let shown = CertificateSet::new(chain("a.test", &key, 90), key).unwrap().shown(None);
        let name = "a.test".parse().unwrap();
        for (make, is_good) in [(renewal_under_cache_lock as MakeCache, false), (Unguarded::make, true)] {
            let cache = make(&env(), Arc::new(Certificates::new(1, StandIns::default())));
            cache.insert(&name, Source::Managed, &shown, BEGIN).await;
            let hold = cache.hold(Work::Renewal).await;
            assert!(!waits(visit(&*cache).done()));
            let mut challenge = pin!(cache.insert_challenge(&name, &shown.certified));
            let begun = challenge.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(begun, if is_good { Poll::Ready(()) } else { Poll::Pending });
            assert_eq!(waits(visit(&*cache).done()), !is_good);
            drop(hold);
        }
    }
}
