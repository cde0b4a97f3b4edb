//! [`Resolver`]: shows a manager's certificates on any server that is built on rustls 0.23.
//!
//! The way from rustls's types to [`Certificates`] and back, and nothing else. On the way no lock is taken, nothing is allocated
//! and nobody is waited for. A server whose names get their certificates on demand has to wait for them, as the
//! [`Endpoint`](super::endpoint::Endpoint) does; this one shows what there is.

use std::sync::Arc;

use rustls::{
    SignatureScheme,
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
};
use sim::Env;

use super::lookup::{
    Certificates, Hello, Protocols,
    schemes::{KNOWN, Schemes},
};

/// Resolves server certificates from a manager's.
#[derive(Clone, Debug)]
pub struct Resolver {
    env: Env,
    certificates: Arc<Certificates<CertifiedKey>>,
}

impl Resolver {
    /// Shows what `certificates` hold, by the host's clock.
    #[must_use]
    pub fn new(env: &Env, certificates: Arc<Certificates<CertifiedKey>>) -> Self {
        Self { env: env.clone(), certificates }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificates.find(&hello(&client_hello), self.env.utc_now()).certified()
    }
}

/// What rustls has read, as the lookup wants it. rustls has brought the name into lower case.
fn hello<'a>(client_hello: &'a ClientHello<'_>) -> Hello<'a, SignatureScheme> {
    Hello {
        server_name: client_hello.server_name(),
        signature_schemes: client_hello.signature_schemes(),
        protocols: Protocols::new(client_hello.alpn().into_iter().flatten()),
    }
}

/// The schemes by which `key` can sign.
#[must_use]
pub fn schemes(key: &dyn SigningKey) -> Schemes {
    Schemes::new(KNOWN.into_iter().filter(|code| key.choose_scheme(&[SignatureScheme::from(*code)]).is_some()))
}
