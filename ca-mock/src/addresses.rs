//! Where the validation authority connects to: an identifier's addresses, from the DNS, and the connection to one.
//!
//! IPv6 first, and one IPv4 address if no connection comes about (as Boulder has it). Failures are worded as Boulder
//! words them, since people search for these words.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use hickory_proto::rr::{Name, RecordType};
use sim::net::TcpStream;
use url::Host;

use crate::{
    dns::resolver::LookupError,
    perspective::Perspective,
    problem::{Problem, ProblemType},
    validation_record::ValidationRecord,
};

/// Whom the validation authority asks for an identifier's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressSource {
    /// [`Config::dns_server`](crate::Config::dns_server).
    #[default]
    DnsServer,
    /// The operating system, hosts file included. It tells nothing but addresses, so that CAA is not looked up.
    OperatingSystem,
}

/// All addresses, IPv6 first; never none.
pub(crate) async fn find(from: &Perspective, host: &Host<String>) -> Result<Vec<IpAddr>, Problem> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![IpAddr::V4(*address)]),
        Host::Ipv6(address) => return Ok(vec![IpAddr::V6(*address)]),
        Host::Domain(name) => name,
    };
    let found = match from.config().addresses {
        AddressSource::DnsServer => ask_dns(from, name).await?,
        AddressSource::OperatingSystem => ask_system(from, name).await?,
    };
    if found.is_empty() {
        return Err(Problem::new(ProblemType::Dns, format!("No valid IP addresses found for {name}")));
    }
    Ok(found)
}

async fn ask_dns(from: &Perspective, name: &str) -> Result<Vec<IpAddr>, Problem> {
    let resolver = from.resolver();
    let mut owner = Name::from_ascii(name)
        .map_err(|e| Problem::new(ProblemType::Dns, format!("{name} can't be looked up: {e}")))?;
    owner.set_fqdn(true);
    let mut found = Vec::new();
    let mut failure = None;
    for kind in [RecordType::AAAA, RecordType::A] {
        match resolver.lookup(&owner, kind).await {
            Ok(records) => found.extend(records.iter().filter_map(|record| record.data.ip_addr())),
            Err(LookupError::NoData(_)) => {}
            // What failed for one type may still answer for the other; the last failure is told.
            Err(
                error @ (LookupError::NoSuchName(_)
                | LookupError::Failed { .. }
                | LookupError::TimedOut(_)
                | LookupError::TooManyAliases(_)
                | LookupError::Io { .. }),
            ) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if found.is_empty() => Err(error.into()),
        Some(_) | None => Ok(found),
    }
}

async fn ask_system(from: &Perspective, name: &str) -> Result<Vec<IpAddr>, Problem> {
    let dns_problem = |why: String| Problem::new(ProblemType::Dns, format!("DNS problem: looking up {name}: {why}"));
    let known = from.env.timeout(from.config().dns_timeout, from.env.lookup(name)).await;
    let mut known = known.map_err(|e| dns_problem(e.to_string()))?.map_err(|e| dns_problem(e.to_string()))?;
    known.sort_by_key(IpAddr::is_ipv4);
    Ok(known)
}

/// Connects to the first address of each family in turn, until there is a connection; `record` tells of it.
pub(crate) async fn connect(
    from: &Perspective,
    port: u16,
    record: &mut ValidationRecord,
) -> Result<TcpStream, ConnectError> {
    let known = &record.addresses_resolved;
    let families = [known.iter().find(|ip| ip.is_ipv6()), known.iter().find(|ip| ip.is_ipv4())];
    let mut failure = ConnectError::Unreachable;
    for address in families.map(|address| address.copied()).into_iter().flatten() {
        record.addresses_tried.extend(record.address_used.replace(address));
        let connecting = from.env.connect(SocketAddr::new(address, port));
        failure = match from.env.timeout(from.config().connect_timeout, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => ConnectError::from(&error),
            Err(_) => ConnectError::TimedOut,
        };
    }
    Err(failure)
}

/// No connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("Timeout during connect (likely firewall problem)")]
    TimedOut,
    #[error("Connection refused")]
    Refused,
    #[error("Connection reset by peer")]
    Reset,
    #[error("Network unreachable")]
    Unreachable,
    #[error("Error getting validation data")]
    Other,
}

impl From<&io::Error> for ConnectError {
    fn from(error: &io::Error) -> Self {
        const KNOWN: [(io::ErrorKind, ConnectError); 5] = [
            (io::ErrorKind::TimedOut, ConnectError::TimedOut),
            (io::ErrorKind::ConnectionRefused, ConnectError::Refused),
            (io::ErrorKind::ConnectionReset, ConnectError::Reset),
            (io::ErrorKind::NetworkUnreachable, ConnectError::Unreachable),
            (io::ErrorKind::HostUnreachable, ConnectError::Unreachable),
        ];
        let known = KNOWN.iter().find(|(kind, _)| *kind == error.kind());
        known.map_or(Self::Other, |(_, meant)| *meant)
    }
}
