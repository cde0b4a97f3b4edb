//! What must hold whatever bytes come in, for each reader that stands at an edge of the project.
//!
//! The fuzzers call these with what they come upon; `cargo test` (`scenarios/tests/guards.rs`) with their seeds, with what they once
//! found, and with what a few hundred changes make of either. A reader that panics, or two that read the same bytes differently,
//! fail.

use std::{io, path::Path, str};

use client_under_test::acme::{
    address::Address, certificate::Chain, challenge::Challenge, directory::Directory, http::Response, problem::Problem,
    reading::Document, retry_after,
};
use hyper::{
    HeaderMap, StatusCode,
    header::{DATE, HeaderValue, LINK, RETRY_AFTER},
};
use scenarios::{
    language,
    oracles::reader::{
        self, certificate::read_pem, dns, http::Headers, jws::Jws, ocsp, retry_after::RetryAfter as SeenRetryAfter,
    },
};
use time::UtcDateTime;

/// Takes whatever bytes there are, and panics if something does not hold.
pub type Guard = fn(&[u8]);

/// Every guard, by the name of its fuzz target.
pub const GUARDS: [(&str, Guard); 11] = [
    ("jws", jws),
    ("acme_response", acme_response),
    ("retry_after", retry_after),
    ("certificate_chain", certificate_chain),
    ("certificate", certificate),
    ("ocsp_response", ocsp_response),
    ("dns_message", dns_message),
    ("zone_text", zone_text),
    ("scenario", scenario),
    ("pebble_config", pebble_config),
    ("fault_rules", fault_rules),
];

/// The CA's strict JWS reader: no bytes make it panic, and what it accepts, the oracles' own reader understands the same way.
///
/// # Panics
/// If that is not so.
pub fn jws(body: &[u8]) {
    if let Ok(request) = ca_mock::read_signed_request(body) {
        let seen = Jws::read(body).expect("the oracles read what the CA accepts");
        assert_eq!(seen.url(), Some(request.url.as_str()));
        assert_eq!(seen.nonce(), request.nonce.as_deref());
        assert_eq!(seen.payload_bytes, request.payload);
    }
}

/// What a CA answers, as the client reads it: a first line with a `Link`, then a JSON object, taken for every kind of resource.
///
/// # Panics
/// If the client does.
pub fn acme_response(bytes: &[u8]) {
    let (line, body) = first_line(bytes);
    let url = "https://ca.test/acme/order/1".parse::<Address>().expect("an address");
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::from_bytes(line).ok().map(|value| (LINK, value)));
    let response = Response { url, status: StatusCode::OK, headers, retry_after: None, body: body.to_vec().into() };
    drop((response.links("up"), Directory::read(&response), Problem::of_response(&response).to_string()));
    if let Some(document) = Document::parse(&response.body, &response.url) {
        drop((Challenge::read(&document), Problem::of_document(&document).to_string()));
    }
}

/// `Retry-After`, and a `Date` in the line after it: the client and the oracles understand the same wait, up to the longest that
/// the client takes.
///
/// # Panics
/// If that is not so.
pub fn retry_after(bytes: &[u8]) {
    let (wait, date) = first_line(bytes);
    let mut headers = HeaderMap::new();
    let mut fields = Vec::new();
    for (name, value) in [(RETRY_AFTER, wait), (DATE, date)] {
        let (Ok(field), Ok(text)) = (HeaderValue::from_bytes(value), str::from_utf8(value)) else { return };
        fields.push((name.as_str().to_owned(), text.to_owned()));
        headers.insert(name, field);
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let seen = SeenRetryAfter::read(&reader::http::Response::new(503, Headers::of(&fields), Vec::new()), Some(0));
    let read = retry_after::parse(&headers, UtcDateTime::UNIX_EPOCH);
    if let (Some(seen), Some(read)) = (seen, read) {
        assert_eq!(seen.wait.min(retry_after::CAP), read, "{fields:?}");
    }
}

/// A PEM chain: what the client accepts, it reads again from what it writes, and the oracles see the same leaf.
///
/// # Panics
/// If that is not so.
pub fn certificate_chain(pem: &[u8]) {
    if let Ok(chain) = Chain::parse(pem) {
        assert_eq!(Chain::parse(chain.to_pem().as_bytes()).ok().as_ref(), Some(&chain));
        let seen = read_pem(pem).expect("the oracles read what the client accepts");
        let (seen, leaf) = (&seen.certificates[0], chain.leaf());
        assert_eq!(seen.not_before_s, leaf.not_before.unix_timestamp());
        assert_eq!(seen.not_after_s, leaf.not_after.unix_timestamp());
        assert_eq!(seen.public_key, leaf.public_key());
    }
}

/// A certificate's DER, as a peer shows it in a handshake: the oracles read it or do not.
///
/// # Panics
/// If they do.
pub fn certificate(der: &[u8]) {
    drop(reader::certificate::Certificate::read(der));
    drop(reader::csr::Csr::read(der));
}

/// An OCSP response.
///
/// # Panics
/// If the oracles do.
pub fn ocsp_response(der: &[u8]) {
    drop(ocsp::Response::read(der));
}

/// A DNS message, as the oracles read it.
///
/// # Panics
/// If they do.
pub fn dns_message(payload: &[u8]) {
    let (from, to) = (([10, 0, 0, 1], 53).into(), ([10, 0, 0, 2], 4_000).into());
    drop(dns::Message::read(from, to, payload));
}

/// A master file: it is read, or the error names a line that it has.
///
/// # Panics
/// If that is not so.
pub fn zone_text(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(e) = ca_mock::dns::Zone::parse("test.", text) {
        assert!(e.line >= 1 && e.line <= text.lines().count().max(1) + 1, "{e}");
    }
}

/// A scenario file: it is read, or every mistake can be shown to a person.
///
/// # Panics
/// If that is not so.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let no_base = |_: &Path| Err(io::ErrorKind::NotFound.into());
    if let Err(mistakes) = language::load(Path::new("fuzz/any.toml"), text, no_base) {
        assert!(!mistakes.render(language::Style::Plain).is_empty());
    }
}

/// A configuration file of Pebble's.
///
/// # Panics
/// If the reader does.
pub fn pebble_config(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(mistakes) = ca_mock::pebble::Settings::read(text, |_| Vec::new()) {
        assert!(!mistakes.is_empty());
    }
}

/// Fault rules for the management API.
///
/// # Panics
/// If the reader does.
pub fn fault_rules(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(mistakes) = ca_mock::FaultRule::read(text) {
        assert!(!mistakes.is_empty());
    }
}

/// What stands before the first line break and what stands after it.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|octet| *octet == b'\n');
    end.map_or((bytes, &[]), |end| (&bytes[..end], &bytes[end + 1..]))
}
