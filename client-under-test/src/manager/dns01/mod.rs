//! dns-01: control of a name is proved by TXT records (RFC 8555 §8.4).
//!
//! Where a record belongs is found first, aliases followed; then it is presented through a [`DnsProvider`], awaited at
//! every name server that is responsible for it, and removed by a task of its own, also after a crash. Records that stay
//! are presented in the same way, and looked after by `dns_persist01`.

pub mod challtestsrv;
pub mod exchange;
pub mod provider;
mod records;
mod resolver;
pub mod update;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hickory_proto::op::ResponseCode;
pub use provider::{DnsProvider, TxtRecord};
pub(super) use records::{Presented, Records, Removed};
use sha2::{Digest, Sha256};

use crate::{acme::jws::base64url, name::Name};

/// The label that records stand at (RFC 8555 §8.4).
const LABEL: &str = "_acme-challenge";

/// How challenges are answered in the DNS.
#[derive(Clone, Debug)]
pub struct Dns01 {
    /// Changes the zones.
    pub provider: Arc<dyn DnsProvider>,
    /// The resolver that is asked where zones and their name servers are. It is never asked about the records
    /// themselves, lest it remember that they were not there.
    pub resolver: SocketAddr,
    /// How long it may take until every name server shows a record.
    pub propagation_limit: Duration,
    /// What follows if that can't be confirmed.
    pub unconfirmed: Unconfirmed,
}

impl Dns01 {
    /// Ten minutes for a record to be seen everywhere; after that, the CA is let look.
    #[must_use]
    pub fn new(provider: Arc<dyn DnsProvider>, resolver: SocketAddr) -> Self {
        Self { provider, resolver, propagation_limit: Duration::from_secs(600), unconfirmed: Unconfirmed::default() }
    }
}

/// What follows if a record is not confirmed in time to be where the CA looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unconfirmed {
    /// The CA is let look all the same: it may see what this host can't, as where only some may ask name servers.
    #[default]
    GoOn,
    /// The attempt ends, so that the CA counts no failed validation.
    GiveUp,
}

/// Why a TXT record can't be presented, found or removed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the words of the message")]
pub enum DnsError {
    /// The name is too long for another label, or is none.
    #[error("`{0}` is not a domain name")]
    NotAName(String),
    /// Nobody answered.
    #[error("{server} gave no answer about {name}: {source}")]
    NoAnswer { server: SocketAddr, name: String, source: io::Error },
    /// The answer is a refusal.
    #[error("{server} answered {code} about {name}")]
    Refused { server: SocketAddr, name: String, code: ResponseCode },
    /// Aliases lead on and on.
    #[error("there are too many aliases at {0}")]
    TooManyAliases(String),
    /// A management API refused.
    #[error("{server} refused {call}: {status}")]
    Management { server: SocketAddr, call: &'static str, status: u16 },
    /// No record can be presented that stays.
    #[error("no TXT record that stays is presented for the account {account}: {why}")]
    NotGranted { account: String, why: &'static str },
    /// It can't be written down what is to be removed again.
    #[error("the storage: {0}")]
    Storage(#[source] io::Error),
    /// Not every name server shows the record.
    #[error("the record at {0} is not to be seen at all of its name servers")]
    Unconfirmed(String),
}

/// What a record has to say (RFC 8555 §8.4).
fn value(key_authorization: &str) -> String {
    base64url(Sha256::digest(key_authorization))
}

/// Where the record of `name` is looked for. A wildcard's is that of the name below which it stands (RFC 8555 §7.1.3).
fn owner(label: &str, name: &Name) -> Result<hickory_proto::rr::Name, DnsError> {
    let owner = format!("{label}.{}.", name.domain());
    hickory_proto::rr::Name::from_ascii(&owner).map_err(|_| DnsError::NotAName(owner))
}

/// A name as people write it.
fn plain(name: &hickory_proto::rr::Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
