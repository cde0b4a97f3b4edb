//! The calls of the management API, each under the path that pebble-challtestsrv gives it, with its parameters.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::RecordType;
use serde_json::Value;

use super::{
    ChallengeTestServer, State,
    history::Kind,
    management::{Parameters, Refusal},
    shelf::{Full, Shelf},
};
use crate::dns::RecordData;

/// What a call answers with, if anything: JSON.
type Done = Result<Option<String>, Refusal>;
pub(super) type Call = fn(&ChallengeTestServer, &Parameters) -> Done;

/// RFC 1035 §3.3: a character-string has one octet for its length.
const TXT_BYTES_MAX: usize = 255;

const CALLS: &[(&str, Call)] = &[
    ("/set-default-ipv4", |server, given| {
        let address = default_address::<Ipv4Addr>(given)?;
        server.change(|state| state.records.default_ipv4 = address)
    }),
    ("/set-default-ipv6", |server, given| {
        let address = default_address::<Ipv6Addr>(given)?;
        server.change(|state| state.records.default_ipv6 = address)
    }),
    ("/add-a", |server, given| {
        let address = |value: &Value| value.as_str()?.parse().ok().map(RecordData::A);
        server.add(given, given.list("addresses", "IPv4 addresses", address)?)
    }),
    ("/clear-a", |server, given| server.clear(given, RecordType::A)),
    ("/add-aaaa", |server, given| {
        let address = |value: &Value| value.as_str()?.parse().ok().map(RecordData::Aaaa);
        server.add(given, given.list("addresses", "IPv6 addresses", address)?)
    }),
    ("/clear-aaaa", |server, given| server.clear(given, RecordType::AAAA)),
    ("/add-caa", |server, given| server.add(given, given.list("policies", "objects with tag and value", policy)?)),
    ("/clear-caa", |server, given| server.clear(given, RecordType::CAA)),
    ("/set-cname", |server, given| server.add(given, vec![RecordData::Cname(given.name("target")?)])),
    ("/clear-cname", |server, given| server.clear(given, RecordType::CNAME)),
    ("/set-txt", |server, given| {
        let texts = given.text("value")?.as_bytes().chunks(TXT_BYTES_MAX).map(<[u8]>::to_vec).collect();
        server.add(given, vec![RecordData::Txt(texts)])
    }),
    ("/clear-txt", |server, given| server.clear(given, RecordType::TXT)),
    ("/set-servfail", |server, given| {
        let name = given.name("host")?;
        server.try_change(|state| state.records.fail(name))
    }),
    ("/clear-servfail", |server, given| {
        let name = given.name("host")?;
        server.change(|state| state.records.recover(&name))
    }),
    ("/add-http01", |server, given| {
        let (token, content) = (given.text("token")?, given.text("content")?);
        server.try_change(|state| put(&mut state.http01, token, content))
    }),
    ("/del-http01", |server, given| {
        let token = given.text("token")?.to_owned();
        server.change(|state| state.http01.remove(&token))
    }),
    ("/add-redirect", |server, given| {
        let (path, target) = (given.text("path")?, given.text("targeturl")?);
        server.try_change(|state| put(&mut state.redirects, path, target))
    }),
    ("/del-redirect", |server, given| {
        let path = given.text("path")?.to_owned();
        server.change(|state| state.redirects.remove(&path))
    }),
    ("/add-tlsalpn01", |server, given| {
        let (host, content) = (given.text("host")?.to_ascii_lowercase(), given.text("content")?);
        server.try_change(|state| put(&mut state.tls_alpn01, &host, content))
    }),
    ("/del-tlsalpn01", |server, given| {
        let host = given.text("host")?.to_ascii_lowercase();
        server.change(|state| state.tls_alpn01.remove(&host))
    }),
    ("/http-request-history", |server, given| server.history(given, Kind::Http)),
    ("/dns-request-history", |server, given| server.history(given, Kind::Dns)),
    ("/tlsalpn01-request-history", |server, given| server.history(given, Kind::TlsAlpn)),
    ("/clear-request-history", |server, given| {
        let host = given.text("host")?;
        let kind = match given.text("type")? {
            "http" => Kind::Http,
            "dns" => Kind::Dns,
            "tlsalpn" => Kind::TlsAlpn,
            other => return Err(Refusal::Wrong(format!("type is http, dns or tlsalpn, not {other:?}"))),
        };
        server.change(|state| state.history.clear(kind, host))
    }),
];

pub(super) fn named(path: &str) -> Option<Call> {
    CALLS.iter().find(|(known, _)| *known == path).map(|(_, call)| *call)
}

impl ChallengeTestServer {
    fn change(&self, step: impl FnOnce(&mut State)) -> Done {
        self.with_state(step);
        Ok(None)
    }

    fn try_change(&self, step: impl FnOnce(&mut State) -> Result<(), Full>) -> Done {
        self.with_state(step)?;
        Ok(None)
    }

    /// Adds records to the name that is given.
    fn add(&self, given: &Parameters, records: Vec<RecordData>) -> Done {
        let name = given.name("host")?;
        self.try_change(|state| records.into_iter().try_for_each(|data| state.records.add(name.clone(), data)))
    }

    fn clear(&self, given: &Parameters, kind: RecordType) -> Done {
        let name = given.name("host")?;
        self.change(|state| state.records.clear(name, kind))
    }

    fn history(&self, given: &Parameters, kind: Kind) -> Done {
        let host = given.text("host")?;
        Ok(Some(self.with_state(|state| state.history.shown(kind, host))))
    }
}

fn put(shelf: &mut Shelf<String, String>, key: &str, value: &str) -> Result<(), Full> {
    shelf.set(key.to_owned(), value.to_owned(), key.len() + value.len())
}

/// No address is what an empty text means.
fn default_address<T: std::str::FromStr>(given: &Parameters) -> Result<Option<T>, Refusal> {
    match given.text_or_empty("ip")? {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Refusal::Wrong(format!("ip: {text:?} is not such an address"))),
    }
}

/// The API has no way to set a flag.
fn policy(value: &Value) -> Option<RecordData> {
    let member = |wanted: &str| {
        let (_, value) = value.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.as_str()
    };
    let data =
        RecordData::Caa { flags: 0, tag: member("tag")?.to_owned(), value: member("value")?.as_bytes().to_vec() };
    data.check().is_ok().then_some(data)
}
