//! DNS: messages, what CAA records say, and the text that zones are written in.

use ca_mock::{
    caa::{Property, Refusal, Request},
    dns::{Zone, ZoneHandle, ZoneTextError},
};
use hickory_proto::op::Message;
use scenarios::oracles::reader::{
    caa::{CaaRecord, Issuance, forbids},
    dns,
};

use super::first_line;

const ZONE: &str = "$TTL 60\na A 192.0.2.1\nalias CNAME a\nlong TXT \"one\" \"two\"\na CAA 0 issue \"ca.test\"\n";

/// A DNS message: the oracles read it or do not; and what a name server answers to it, the client takes for the answer, and the
/// oracles see as one to the same question.
///
/// # Panics
/// If that is not so.
pub fn dns_message(payload: &[u8], answer: impl Fn(&[u8], &Message) -> Option<Message>) {
    let (client, server) = (([10, 0, 0, 1], 4_000).into(), ([10, 0, 0, 2], 53).into());
    let asked = dns::Message::read(client, server, payload);
    let zones = ZoneHandle::new(vec![Zone::parse("test.", ZONE).expect("it is a zone")]);
    let Some(response) = zones.respond(payload) else { return };
    let Ok(request) = Message::from_vec(payload) else { return };
    assert!(answer(&response, &request).is_some(), "{request:?}");
    if let Some(asked) = asked {
        let seen = dns::Message::read(server, client, &response).expect("the oracles see the answer");
        assert_eq!((seen.id, seen.is_response, seen.question), (asked.id, true, asked.question));
    }
}

/// CAA records, after a line that says whether it is for a wildcard (by a star) and by which method: each line is one with its
/// flags in decimal digits, its tag and its value. Over the wire, the CA and the oracles take them for the same verdict.
///
/// # Panics
/// If that is not so.
pub fn caa(bytes: &[u8], permits: impl Fn(&[Property], &Request<'_>) -> Result<(), Refusal>) {
    let (circumstances, records) = first_line(bytes);
    let Ok(circumstances) = str::from_utf8(circumstances) else { return };
    let (is_wildcard, method) = circumstances.strip_prefix('*').map_or((false, circumstances), |method| (true, method));
    let Some(records) = records.split(|octet| *octet == b'\n').map(rdata).collect::<Option<Vec<_>>>() else { return };
    let wire = answer_of(&records);
    let Ok(message) = Message::from_vec(&wire) else { return };
    let address = ([10, 0, 0, 2], 53).into();
    let seen = dns::Message::read(address, address, &wire).expect("the oracles read what the CA reads");

    let properties: Vec<Property> = message.answers.iter().filter_map(|one| Property::of_record(&one.data)).collect();
    let seen: Vec<CaaRecord> = seen.answers.iter().filter_map(|one| CaaRecord::read(&one.data)).collect();
    let (issuers, account) = (["ca.test".to_owned(), "ca.example".to_owned()], "https://ca.test/account/1");
    let verdict = permits(&properties, &Request { issuers: &issuers, is_wildcard, account_uri: account, method });
    let issuance = Issuance { issuers: &issuers, is_wildcard, account: Some(account), method: Some(method) };
    assert_eq!(verdict.is_err(), forbids(&seen, &issuance), "{properties:?}: {verdict:?}");
}

/// The data of a CAA record (RFC 8659 §4.1).
fn rdata(line: &[u8]) -> Option<Vec<u8>> {
    let mut words = line.splitn(3, |octet| *octet == b' ');
    let flags: u8 = str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let (tag, value) = (words.next()?, words.next().unwrap_or_default());
    let data = [&[flags, u8::try_from(tag.len()).ok()?], tag, value].concat();
    (data.len() < 1_000).then_some(data)
}

/// A response (RFC 1035 §4.1) about `a.test` with these CAA records.
fn answer_of(records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut wire = vec![0, 7, 0x84, 0, 0, 1, count[0], count[1], 0, 0, 0, 0];
    wire.extend(b"\x01a\x04test\x00\x01\x01\x00\x01");
    for data in records {
        let len = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
        wire.extend(b"\xc0\x0c\x01\x01\x00\x01\x00\x00\x00\x3c");
        wire.extend([&len[..], data].concat());
    }
    wire
}

/// A master file: it is read, or the error names a line that it has.
///
/// # Panics
/// If that is not so.
pub fn zone_text(bytes: &[u8], parse: impl Fn(&str, &str) -> Result<Zone, ZoneTextError>) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(e) = parse("test.", text) {
        assert!(e.line >= 1 && e.line <= text.lines().count().max(1) + 1, "{e}");
    }
}
