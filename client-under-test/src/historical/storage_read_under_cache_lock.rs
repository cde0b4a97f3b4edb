//! Storage that is read under the certificate cache's lock (certmagic, as of 2026).
//!
//! <https://github.com/caddyserver/certmagic/blob/master/maintain.go>
//!
//! What became of the walk that once [waited for its own lock](super::renewal_under_cache_lock()): it obtains
//! nothing under the lock any more, but still looks into storage there, to see whether another instance has
//! renewed. Storage is a disk, a network file system or a database; when it hangs, the lock is held meanwhile.
//! There it is the read lock, which stops visitors from the moment at which any writer waits; here it is held
//! alone, so that no second name has to come by at the right time.
//!
//! Seam: [`CertificateCache::hold`], around each read of storage. To be caught with a disk that hangs for ten
//! seconds when a renewal is due by **V4**, visitors who wait.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use sim::Env;

use super::locked_cache::{HeldDuring, LockedCache};
use crate::manager::{cache::CertificateCache, lookup::Certificates};

/// A cache whose lock is held while storage is read for a name in it.
#[must_use]
pub fn storage_read_under_cache_lock(
    env: &Env,
    certificates: Arc<Certificates<CertifiedKey>>,
) -> Arc<dyn CertificateCache> {
    Arc::new(LockedCache::new(env, certificates, HeldDuring::StorageReads))
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;
    use crate::{
        acme::certificate::tests::{BEGIN, env},
        manager::{
            cache::{MakeCache, Unguarded, Work},
            lookup::{Hello, Protocols, StandIns},
        },
    };

    #[tokio::test]
    async fn a_visitor_waits_for_the_read_but_not_with_the_good_cache() {
        for (make, is_good) in [(storage_read_under_cache_lock as MakeCache, false), (Unguarded::make, true)] {
            let cache = make(&env(), Arc::new(Certificates::new(1, StandIns::default())));
            let hold = cache.hold(Work::StorageRead).await;
            let hello = Hello { server_name: Some("a.test"), signature_schemes: &[], protocols: Protocols::Ordinary };
            let found = pin!(cache.find(hello, BEGIN).done());
            assert_eq!(found.poll(&mut Context::from_waker(Waker::noop())).is_ready(), is_good);
            drop(hold);
        }
    }
}
