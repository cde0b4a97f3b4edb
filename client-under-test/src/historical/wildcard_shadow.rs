//! An expired wildcard that hides what could be had on demand (Caddy's certmagic, until 2026).
//!
//! <https://github.com/caddyserver/certmagic/issues/384>,
//! <https://github.com/caddyserver/certmagic/pull/388>
//!
//! Whatever the cache held for a name was an answer, and on-demand TLS was for names without one. A wildcard that nobody renewed
//! any more covered the name to its end and beyond: visitors were shown the expired certificate, and none was obtained for the
//! name that they asked for, though it was allowed.
//!
//! Seam: [`CertificateCache::find`]. To be caught with a wildcard that expires above a name on demand by **V1**, visitors who see an
//! expired certificate, and **V10**, a wildcard that hides what is better.

use std::sync::Arc;

use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::Env;
use time::UtcDateTime;

use crate::manager::{
    cache::{CertificateCache, Lookup},
    lookup::{Certificates, Found, Hello},
};

/// A cache for which what is there is good.
#[must_use]
pub fn wildcard_shadow(_env: &Env, certificates: Arc<Certificates<CertifiedKey>>) -> Arc<dyn CertificateCache> {
    Arc::new(WildcardShadow(certificates))
}

#[derive(Debug)]
struct WildcardShadow(Arc<Certificates<CertifiedKey>>);

impl CertificateCache for WildcardShadow {
    fn certificates(&self) -> &Certificates<CertifiedKey> {
        &self.0
    }

    fn find<'a>(&'a self, hello: Hello<'a, SignatureScheme>, now: UtcDateTime) -> Lookup<'a> {
        Lookup::Done(match self.0.find(&hello, now) {
            Found::Invalid(certified) => Found::Valid(certified),
            found @ (Found::Valid(_) | Found::Fallback(_) | Found::Nothing) => found,
        })
    }
}
