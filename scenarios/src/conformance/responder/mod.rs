//! [`Responder`]: answers the CA's validations as a case wants them answered, rightly or wrongly, and remembers what it
//! was asked.
//!
//! `dns` answers for every name, `records` takes what clients publish there, `web` serves http-01 and `tls_alpn`
//! tls-alpn-01. All names have the same address, and what a case publishes is for names and tokens of its own, so that cases
//! don't meet.

mod dns;
mod records;
mod tls_alpn;
mod web;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::sign::CertifiedKey;

pub use dns::{Asked, Published};
pub use hickory_proto::rr::RecordType;
pub use tls_alpn::{ACME_TLS, Greeted, Handshake, Proof, dns_name};
pub use web::{Fetched, Page};

/// How long a CA may take to ask.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Where http-01 looks (RFC 8555 §8.3).
pub const HTTP01_PATH: &str = "/.well-known/acme-challenge/";

/// What is published, and what was asked for.
#[derive(Default)]
struct Board {
    /// By path.
    pages: BTreeMap<String, Page>,
    fetched: Vec<Fetched>,
    /// By name, in lower case and without the dot at its end.
    records: BTreeMap<String, Vec<Published>>,
    asked: Vec<Asked>,
    /// By the name that a client asks for.
    handshakes: BTreeMap<String, Handshake>,
    greeted: Vec<Greeted>,
    /// What is served.
    services: BTreeSet<Service>,
    /// The address of every name.
    address: Option<IpAddr>,
    /// Shown to who is sent to HTTPS.
    web_certificate: Option<Arc<CertifiedKey>>,
}

/// What a responder can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Plain HTTP.
    Http,
    /// DNS over UDP and TCP.
    Dns,
    /// TLS: tls-alpn-01, and HTTPS that http-01 is sent to.
    Tls,
}

/// Answers validations. All clones are the same one.
#[derive(Clone, Default)]
pub struct Responder(Arc<Mutex<Board>>);

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Responder")
    }
}

impl Responder {
    /// Has this path answered so, whatever host it is asked of.
    pub fn publish_page(&self, path: &str, page: Page) {
        self.board().pages.insert(path.to_owned(), page);
    }

    /// Has this name's records be these, besides its address.
    pub fn publish_records(&self, name: &str, records: Vec<Published>) {
        self.board().records.insert(name.to_ascii_lowercase(), records);
    }

    /// Adds a record to those of this name.
    pub fn add_record(&self, name: &str, record: Published) {
        self.board().records.entry(name.to_ascii_lowercase()).or_default().push(record);
    }

    /// Has handshakes for this name go so.
    pub fn publish_handshake(&self, server_name: &str, handshake: Handshake) {
        self.board().handshakes.insert(server_name.to_ascii_lowercase(), handshake);
    }

    /// What was fetched of this path, in order.
    #[must_use]
    pub fn fetched(&self, path: &str) -> Vec<Fetched> {
        self.board().fetched.iter().filter(|fetched| fetched.path == path).cloned().collect()
    }

    /// The questions for names that end so, in order.
    #[must_use]
    pub fn asked(&self, suffix: &str) -> Vec<Asked> {
        let suffix = suffix.to_ascii_lowercase();
        self.board().asked.iter().filter(|asked| asked.name.ends_with(&suffix)).cloned().collect()
    }

    /// The handshakes that were begun for this name, in order.
    #[must_use]
    pub fn greeted(&self, server_name: &str) -> Vec<Greeted> {
        let is_it = |greeted: &&Greeted| greeted.server_name.as_deref() == Some(server_name);
        self.board().greeted.iter().filter(is_it).cloned().collect()
    }

    /// Whether this is served.
    #[must_use]
    pub fn serves(&self, service: Service) -> bool {
        self.board().services.contains(&service)
    }

    /// Says that this is served.
    fn begins(&self, service: Service) {
        self.board().services.insert(service);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
