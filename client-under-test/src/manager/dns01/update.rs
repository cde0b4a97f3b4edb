//! [`DnsUpdate`]: changes a zone by DNS UPDATE (RFC 2136), which BIND, Knot, PowerDNS and others take.
//!
//! Each update adds or removes one record by its value, so that what others have put at the same name stays. Updates are
//! not signed: the server has to know this host by its address.

use std::{net::SocketAddr, time::Duration};

use hickory_proto::{
    op::{OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType, rdata::TXT},
};
use sim::Env;

use super::{
    DnsError, exchange,
    provider::{Changed, DnsProvider, TxtRecord},
    resolver,
};

/// The most that one of a TXT record's strings holds (RFC 1035 §3.3); a longer value is several.
const STRING_BYTES_MAX: usize = 255;
/// For how long others may remember a record.
const TTL: Duration = Duration::from_secs(60);

/// Sends updates to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsUpdate {
    /// The zone's primary server.
    pub server: SocketAddr,
}

impl DnsUpdate {
    /// Sends the changes to the zone that `record` belongs to.
    pub(crate) async fn send(
        self,
        env: &Env,
        record: &TxtRecord,
        changes: impl FnOnce(Name) -> Vec<Record>,
    ) -> Result<(), DnsError> {
        let mut name = Name::from_ascii(&record.name).map_err(|_| DnsError::NotAName(record.name.clone()))?;
        name.set_fqdn(true);
        let zone = self.zone_of(env, &name).await?;
        let mut request = exchange::request(env, OpCode::Update);
        request.add_query(Query::query(zone, RecordType::SOA));
        request.authorities = changes(name);
        let (server, name) = (self.server, record.name.clone());
        let response = exchange::exchange(env, server, &request).await;
        let response = response.map_err(|source| DnsError::NoAnswer { server, name: name.clone(), source })?;
        let code = response.metadata.response_code;
        if code == ResponseCode::NoError { Ok(()) } else { Err(DnsError::Refused { server, name, code }) }
    }

    /// The zone that the server has `name` in: it shows its SOA record with whatever it answers.
    async fn zone_of(self, env: &Env, name: &Name) -> Result<Name, DnsError> {
        let response = resolver::ask(env, self.server, name, RecordType::SOA).await?;
        let (server, code) = (self.server, ResponseCode::NotZone);
        resolver::zone(&response, name).cloned().ok_or_else(|| DnsError::Refused {
            server,
            name: super::plain(name),
            code,
        })
    }
}

/// The record, to be added (RFC 2136 §2.5.1).
pub(crate) fn addition(name: Name, value: &str) -> Record {
    let ttl = u32::try_from(TTL.as_secs()).unwrap_or(u32::MAX);
    let strings = value.as_bytes().chunks(STRING_BYTES_MAX).collect();
    Record::from_rdata(name, ttl, RData::TXT(TXT::from_bytes(strings)))
}

/// The very record, to be removed (RFC 2136 §2.5.4).
fn removal(name: Name, value: &str) -> Record {
    let mut record = addition(name, value);
    record.dns_class = DNSClass::NONE;
    record.ttl = 0;
    record
}

impl DnsProvider for DnsUpdate {
    fn present<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a> {
        Box::pin(self.send(env, record, |name| vec![addition(name, &record.value)]))
    }

    fn clean_up<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a> {
        Box::pin(self.send(env, record, |name| vec![removal(name, &record.value)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_several_strings_that_are_read_as_one() {
        let value = "x".repeat(600);
        for record in [addition(Name::root(), &value), removal(Name::root(), &value)] {
            let RData::TXT(txt) = &record.data else { panic!("it is a TXT record") };
            assert_eq!(txt.txt_data.iter().map(|string| string.len()).collect::<Vec<_>>(), [255, 255, 90]);
            assert_eq!(txt.txt_data.concat(), value.as_bytes());
        }
    }
}
