//! A challenge's certificate for whoever offers `acme-tls/1` too (certon 0.4, 2026).
//!
//! <https://docs.rs/certon/0.4.0>
//!
//! RFC 8737 §3 lets a validation authority offer `acme-tls/1` and nothing else, which is how a server knows it. certon looks
//! whether any of the protocols offered is `acme-tls/1`. A visitor who offers it beside its own is shown a self-signed certificate
//! that proves control of the name to a CA, under a protocol of the visitor's.
//!
//! Seam: [`CertificateCache::find`]. To be caught with such a visitor, while a challenge is being answered, by **V3**.

use std::sync::Arc;

use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::Env;
use time::UtcDateTime;

use crate::manager::{
    cache::{CertificateCache, Lookup},
    lookup::{Certificates, Hello, Protocols},
};

/// A cache for which one of several protocols is as good as one alone.
#[must_use]
pub fn acme_tls_among_others(_env: &Env, certificates: Arc<Certificates<CertifiedKey>>) -> Arc<dyn CertificateCache> {
    Arc::new(AcmeTlsAmongOthers(certificates))
}

#[derive(Debug)]
struct AcmeTlsAmongOthers(Arc<Certificates<CertifiedKey>>);

impl CertificateCache for AcmeTlsAmongOthers {
    fn certificates(&self) -> &Certificates<CertifiedKey> {
        &self.0
    }

    fn find<'a>(&'a self, hello: Hello<'a, SignatureScheme>, now: UtcDateTime) -> Lookup<'a> {
        let protocols = match hello.protocols {
            Protocols::AcmeTls | Protocols::AcmeTlsAmongOthers => Protocols::AcmeTls,
            Protocols::Ordinary => Protocols::Ordinary,
        };
        Lookup::Done(self.0.find(&Hello { protocols, ..hello }, now))
    }
}
