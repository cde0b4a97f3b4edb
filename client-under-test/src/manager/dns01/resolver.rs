//! [`Resolver`]: finds out where a TXT record belongs and who answers for it, and looks whether it is there.
//!
//! A resolver that remembers answers is asked about zones and name servers only. About the record itself, only the name
//! servers responsible for it are asked, before it is presented for an alias or a delegation and afterwards for itself:
//! whoever asks a resolver too early has it remember for an hour that nothing is there.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use hickory_proto::{
    op::{Message, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType},
};
use sim::Env;

use super::{DnsError, exchange, plain};

/// The most aliases, and delegations, that are followed.
const ALIASES_MAX: usize = 8;
/// The most name servers of one zone that are asked.
const SERVERS_MAX: usize = 13;
const PORT: u16 = 53;

/// Asks name servers.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    pub(super) env: Env,
    /// Whom to ask about zones and name servers.
    pub(super) server: SocketAddr,
}

/// Where a record belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manager) struct Place {
    /// The name at the end of all aliases.
    pub(super) name: Name,
    /// The addresses of each name server that answers for it.
    servers: Vec<Vec<SocketAddr>>,
}

impl Resolver {
    /// Where a record for `name` belongs.
    pub(super) async fn place(&self, name: &Name) -> Result<Place, DnsError> {
        let mut place = Place { name: name.to_lowercase(), servers: self.servers_above(name).await? };
        for _ in 0..=ALIASES_MAX {
            let response = self.ask_one_of(&place, RecordType::CNAME).await?;
            if let Some(target) = alias(&response, &place.name) {
                self.env.probe("manager/challenge-alias-followed");
                place.servers = self.servers_above(&target).await?;
                place.name = target;
            } else if let Some(names) = delegation(&response, &place.name) {
                place.servers = self.addresses(&names).await?;
            } else {
                return Ok(place);
            }
        }
        Err(DnsError::TooManyAliases(plain(name)))
    }

    /// Whether each of its name servers shows the TXT record.
    pub(super) async fn is_seen(&self, place: &Place, value: &str) -> bool {
        for server in &place.servers {
            let shown = self.ask_any(server, &place.name, RecordType::TXT).await;
            if !shown.is_ok_and(|response| texts(&response, &place.name).any(|text| text == value.as_bytes())) {
                return false;
            }
        }
        true
    }

    /// The name servers of the zone that `name` is in. Only what is above `name` is asked about here.
    async fn servers_above(&self, name: &Name) -> Result<Vec<Vec<SocketAddr>>, DnsError> {
        let mut above = name.base_name();
        loop {
            let response = self.look_up(&above, RecordType::SOA).await?;
            if let Some(zone) = zone(&response, &above) {
                let response = self.look_up(zone, RecordType::NS).await?;
                return self.addresses(&name_servers(&response.answers, zone)).await;
            }
            if above.is_root() {
                return self.addresses(&[]).await;
            }
            above = above.base_name();
        }
    }

    /// What the resolver says of a zone. Servers for tests, pebble-challtestsrv among them, know of none.
    async fn look_up(&self, name: &Name, kind: RecordType) -> Result<Message, DnsError> {
        match self.ask(self.server, name, kind).await {
            Err(DnsError::Refused { code: ResponseCode::NotImp, .. }) => Ok(Message::response(0, OpCode::Query)),
            other => other,
        }
    }

    /// The addresses of name servers. If none can be found, as in a network of one's own, the resolver answers for all.
    async fn addresses(&self, names: &[Name]) -> Result<Vec<Vec<SocketAddr>>, DnsError> {
        let mut servers = Vec::new();
        for name in names.iter().take(SERVERS_MAX) {
            let mut addresses = Vec::new();
            for kind in [RecordType::A, RecordType::AAAA] {
                let Ok(response) = self.ask(self.server, name, kind).await else { continue };
                addresses.extend(response.answers.iter().filter_map(address).map(|ip| SocketAddr::new(ip, PORT)));
            }
            if !addresses.is_empty() {
                servers.push(addresses);
            }
        }
        if servers.is_empty() {
            servers.push(vec![self.server]);
        }
        Ok(servers)
    }

    /// Asks one name server after the other until one answers.
    async fn ask_one_of(&self, place: &Place, kind: RecordType) -> Result<Message, DnsError> {
        let addresses: Vec<SocketAddr> = place.servers.iter().flatten().copied().collect();
        self.ask_any(&addresses, &place.name, kind).await
    }

    async fn ask_any(&self, addresses: &[SocketAddr], name: &Name, kind: RecordType) -> Result<Message, DnsError> {
        let source = io::ErrorKind::NotFound.into();
        let mut failure = DnsError::NoAnswer { server: self.server, name: plain(name), source };
        for address in addresses {
            match self.ask(*address, name, kind).await {
                Ok(response) => return Ok(response),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }

    async fn ask(&self, server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, DnsError> {
        ask(&self.env, server, name, kind).await
    }
}

/// What `server` knows about `name`; that there is no such name is an answer too.
pub(super) async fn ask(env: &Env, server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, DnsError> {
    let mut request = exchange::request(env, OpCode::Query);
    request.metadata.recursion_desired = true;
    request.add_query(Query::query(name.clone(), kind));
    let response = exchange::exchange(env, server, &request).await;
    let response = response.map_err(|source| DnsError::NoAnswer { server, name: plain(name), source })?;
    let code = response.metadata.response_code;
    if code == ResponseCode::NoError || code == ResponseCode::NXDomain {
        Ok(response)
    } else {
        Err(DnsError::Refused { server, name: plain(name), code })
    }
}

/// The zone that `name` is in, if its SOA record is shown. An alias on the way shows another zone's.
pub(super) fn zone<'a>(response: &'a Message, name: &Name) -> Option<&'a Name> {
    let mut shown = response.answers.iter().chain(&response.authorities);
    let zone = shown.find(|record| record.record_type() == RecordType::SOA && record.name.zone_of(name))?;
    Some(&zone.name)
}

fn alias(response: &Message, name: &Name) -> Option<Name> {
    response
        .answers
        .iter()
        .filter(|record| record.name == *name)
        .find_map(|record| if let RData::CNAME(target) = &record.data { Some(target.0.to_lowercase()) } else { None })
}

/// The name servers that a name server refers to: it answers for the zone above, and others for `name` (RFC 1034 §4.3.2).
fn delegation(response: &Message, name: &Name) -> Option<Vec<Name>> {
    if response.metadata.authoritative || !response.answers.is_empty() {
        return None;
    }
    let zone = response
        .authorities
        .iter()
        .find(|record| record.record_type() == RecordType::NS && !record.name.is_root() && record.name.zone_of(name))?;
    Some(name_servers(&response.authorities, &zone.name))
}

fn name_servers(records: &[Record], zone: &Name) -> Vec<Name> {
    let of_zone = records.iter().filter(|record| record.name == *zone);
    of_zone
        .filter_map(|record| if let RData::NS(server) = &record.data { Some(server.0.clone()) } else { None })
        .collect()
}

fn address(record: &Record) -> Option<IpAddr> {
    if let RData::A(address) = &record.data {
        return Some(address.0.into());
    }
    if let RData::AAAA(address) = &record.data { Some(address.0.into()) } else { None }
}

/// The values of the TXT records at `name`, the strings of each joined.
fn texts<'a>(response: &'a Message, name: &'a Name) -> impl Iterator<Item = Vec<u8>> + 'a {
    response
        .answers
        .iter()
        .filter(move |record| record.name == *name)
        .filter_map(|record| if let RData::TXT(txt) = &record.data { Some(txt.txt_data.concat()) } else { None })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::rr::rdata::{CNAME, TXT};

    use super::*;
    use crate::acme::certificate::tests::env;

    /// Answers as pebble-challtestsrv does: no zones, one alias, one text.
    fn respond(question: &[u8]) -> Vec<u8> {
        let question = Message::from_vec(question).unwrap();
        let mut response = Message::response(question.metadata.id, OpCode::Query);
        response.queries.clone_from(&question.queries);
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let asked = (plain(question.queries[0].name()), question.queries[0].query_type());
        match (asked.0.as_str(), asked.1) {
            (_, RecordType::SOA | RecordType::NS) => response.metadata.response_code = ResponseCode::NotImp,
            ("_acme-challenge.a.test", RecordType::CNAME) => {
                let alias = RData::CNAME(CNAME(name("Elsewhere.test.")));
                response.add_answer(Record::from_rdata(name("_acme-challenge.a.test."), 60, alias));
            }
            ("elsewhere.test", RecordType::TXT) => {
                let text = RData::TXT(TXT::new(vec!["val".into(), "ue".into()]));
                response.add_answer(Record::from_rdata(name("elsewhere.test."), 60, text));
            }
            _ => {}
        }
        response.to_vec().unwrap()
    }

    #[tokio::test]
    async fn where_no_zones_are_known_the_resolver_answers_for_all_and_aliases_are_followed() {
        let env = env();
        let socket = env.bind_udp((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let server = socket.local_address().unwrap();
        let _serving = env.spawn("dns", async move {
            let mut buffer = [0; 1_232];
            while let Ok((len, peer)) = socket.receive_from(&mut buffer).await {
                socket.send_to(&respond(&buffer[..len]), peer).await.unwrap();
            }
        });
        let resolver = Resolver { env, server };
        let place = resolver.place(&Name::from_ascii("_acme-challenge.A.test.").unwrap()).await.unwrap();
        assert_eq!((plain(&place.name).as_str(), &place.servers[..]), ("elsewhere.test", &[vec![server]][..]));
        assert!(resolver.is_seen(&place, "value").await);
        assert!(!resolver.is_seen(&place, "another").await);
    }
}
