//! [`ChallengeTestServer`]: answers the validations of a CA under test with what a test tells it to, as Pebble's
//! `pebble-challtestsrv` does.
//!
//! One set of records and challenge responses stands behind six kinds of servers: DNS, DNS over HTTPS, http-01 without and
//! with TLS, tls-alpn-01, and the management API that changes them. There is no authentication, and TTLs are 0.

mod calls;
mod dns_over_https;
mod history;
mod http01;
mod management;
mod records;
mod shelf;
mod tls_alpn01;

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::rr::{Name, RecordType};
use rustls::{
    server::ResolvesServerCert,
    sign::{CertifiedKey, SingleCertAndKey},
};
use sim::{Env, crypto::P256Key, tls};

use self::{
    dns_over_https::DnsOverHttps, history::History, http01::Site, management::Management, records::Records,
    shelf::Shelf, tls_alpn01::TlsAlpn01Server,
};
use crate::{
    dns::{DnsServer, server::AnswerSource, zone_handle::Answer},
    wire::Door,
};

/// How long a client may do nothing.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The records and responses of all servers. All clones are the same.
#[derive(Clone)]
pub struct ChallengeTestServer(Arc<Inner>);

struct Inner {
    env: Env,
    key: P256Key,
    /// Shown by DNS over HTTPS instead of one of nobody's.
    doh_certificate: Option<Arc<CertifiedKey>>,
    state: Mutex<State>,
}

impl fmt::Debug for ChallengeTestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeTestServer")
    }
}

/// What tests have said, and what validators have asked.
#[derive(Debug)]
struct State {
    records: Records,
    /// Key authorizations by token.
    http01: Shelf<String, String>,
    /// Targets by path.
    redirects: Shelf<String, String>,
    /// Key authorizations by the name that is asked for.
    tls_alpn01: Shelf<String, String>,
    history: History,
}

/// What one socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// DNS over UDP, and over TCP at the same port.
    Dns,
    /// DNS over HTTPS (RFC 8484).
    DnsOverHttps,
    /// http-01 and redirects.
    Http01,
    /// http-01 over TLS, where a redirect may lead; the certificate is nobody's.
    Https01,
    /// tls-alpn-01.
    TlsAlpn01,
    /// The management API, over plain HTTP.
    Management,
}

/// A server that listens.
#[derive(Debug)]
pub struct BoundRole(Bound);

#[derive(Debug)]
enum Bound {
    Dns(DnsServer),
    DnsOverHttps(Door, Arc<DnsOverHttps>),
    Http(Door, Arc<Site>),
    TlsAlpn01(TlsAlpn01Server),
    Management(Door, Arc<Management>),
}

impl ChallengeTestServer {
    /// Knows nothing but the addresses of every name that it isn't told about. Without `doh_certificate`, that of DNS over
    /// HTTPS is nobody's.
    #[must_use]
    pub fn new(
        env: &Env,
        default_ipv4: Option<Ipv4Addr>,
        default_ipv6: Option<Ipv6Addr>,
        doh_certificate: Option<Arc<CertifiedKey>>,
    ) -> Self {
        Self(Arc::new(Inner {
            env: env.clone(),
            key: P256Key::generate(env, "challenge test server key"),
            doh_certificate,
            state: Mutex::new(State {
                records: Records::new(default_ipv4, default_ipv6),
                http01: Shelf::default(),
                redirects: Shelf::default(),
                tls_alpn01: Shelf::default(),
                history: History::default(),
            }),
        }))
    }

    /// Listens on `address`; port 0 picks a free one.
    ///
    /// # Errors
    /// As the operating system: address in use or not local.
    pub async fn bind(&self, role: Role, address: SocketAddr) -> io::Result<BoundRole> {
        let env = &self.0.env;
        Ok(BoundRole(match role {
            Role::Dns => Bound::Dns(DnsServer::bind_answering_from(env, address, Arc::new(self.clone())).await?),
            Role::DnsOverHttps => {
                let certificate: Arc<dyn ResolvesServerCert> = match &self.0.doh_certificate {
                    Some(named) => Arc::new(SingleCertAndKey::from(CertifiedKey::clone(named))),
                    None => tls_alpn01::nobodys_certificate(&self.0.key),
                };
                let tls = tls::Server::new(env, certificate, &["h2", "http/1.1"]).map_err(io::Error::other)?;
                let site = DnsOverHttps { server: self.clone() };
                Bound::DnsOverHttps(Door::listen(env, address, Some(tls), CLIENT_TIMEOUT).await?, Arc::new(site))
            }
            Role::Http01 => {
                let site = Site { server: self.clone(), is_https: false };
                Bound::Http(Door::listen(env, address, None, CLIENT_TIMEOUT).await?, Arc::new(site))
            }
            Role::Https01 => {
                let certificate = tls_alpn01::nobodys_certificate(&self.0.key);
                let tls = tls::Server::new(env, certificate, &["http/1.1"]).map_err(io::Error::other)?;
                let site = Site { server: self.clone(), is_https: true };
                Bound::Http(Door::listen(env, address, Some(tls), CLIENT_TIMEOUT).await?, Arc::new(site))
            }
            Role::TlsAlpn01 => {
                Bound::TlsAlpn01(TlsAlpn01Server { server: self.clone(), listener: env.listen(address).await? })
            }
            Role::Management => {
                let management = Management { server: self.clone() };
                Bound::Management(Door::listen(env, address, None, CLIENT_TIMEOUT).await?, Arc::new(management))
            }
        }))
    }

    /// One step on the state. It must not wait for anything.
    fn with_state<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        step(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AnswerSource for ChallengeTestServer {
    fn answer(&self, name: &Name, kind: RecordType) -> Answer {
        self.with_state(|state| {
            state.history.dns(name, kind);
            state.records.answer(name, kind)
        })
    }
}

impl BoundRole {
    /// The address that is bound, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Bound::Dns(server) => server.local_address(),
            Bound::DnsOverHttps(door, _) | Bound::Http(door, _) | Bound::Management(door, _) => door.local_address(),
            Bound::TlsAlpn01(server) => server.listener.local_address(),
        }
    }

    /// Serves for ever.
    pub async fn serve(self) {
        match self.0 {
            Bound::Dns(server) => server.serve().await,
            Bound::DnsOverHttps(door, site) => door.serve(site).await,
            Bound::Http(door, site) => door.serve(site).await,
            Bound::TlsAlpn01(server) => server.serve().await,
            Bound::Management(door, management) => door.serve(management).await,
        }
    }
}
