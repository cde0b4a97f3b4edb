//! The readers at the project's edges, each with one of the fuzzers' seeds, beside what else reads the same bytes.
//!
//! What stands beside a reader is the plain parser below it or of its format: it finds the parts and judges nothing, so that the
//! difference is what strictness, tolerance or names cost.

use std::{fmt, fs, hint::black_box, io, path::Path, str};

use client_under_test::acme::{
    address::Address, certificate::Chain, directory::Directory, http::Response, order::Order,
};
use hyper::{HeaderMap, StatusCode, body::Bytes};
use scenarios::{
    catalogue,
    language::load,
    oracles::reader::{certificate::read_pem, csr::Csr, dns::Message, jws::Jws},
};
use x509_parser::{certificate::X509Certificate, certification_request::X509CertificationRequest, prelude::FromDer};

/// Reads its bytes once, and says whether it took them.
pub type Read = Box<dyn Fn() -> bool>;

/// One reader.
pub struct Reader {
    /// What it is called.
    pub name: &'static str,
    /// Ours.
    pub read: Read,
    /// The name of what stands beside it, and that.
    pub beside: Option<(&'static str, Read)>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Reader {
    fn beside(self, name: &'static str, read: impl Fn() -> bool + 'static) -> Self {
        Self { beside: Some((name, Box::new(read))), ..self }
    }
}

fn reader(name: &'static str, read: impl Fn() -> bool + 'static) -> Reader {
    Reader { name, read: Box::new(read), beside: None }
}

/// All of them.
///
/// # Panics
/// If a seed is not there, or a reader does not take its own, since its speed then means nothing.
#[must_use]
pub fn readers() -> Vec<Reader> {
    let all = vec![
        of_bytes("jws-by-account-key-id", "jws/wire-newOrder", |body| is_read(ca_mock::read_signed_request(body).ok())),
        of_bytes("jws-with-its-key-verified", "jws/wire-newAccount", |body| {
            is_read(ca_mock::read_signed_request(body).ok())
        }),
        of_bytes("jws-by-the-oracles", "jws/wire-newOrder", |body| is_read(Jws::read(body))),
        of_answer("directory", "acme_response/wire-directory", |response| is_read(Directory::read(response).ok())),
        of_answer("order", "acme_response/wire-order-ready", |response| {
            is_read(Order::read(response.url.clone(), response).ok())
        }),
        of_chain("chain-by-the-client", |pem| is_read(Chain::parse(pem).ok())),
        of_chain("chain-by-the-oracles", |pem| is_read(read_pem(pem))),
        of_bytes("csr", "certificate/csr.der", |der| is_read(Csr::read(der))).beside(
            "x509-parser",
            with("certificate/csr.der", |der| is_read(X509CertificationRequest::from_der(der).ok())),
        ),
        of_bytes("dns-message", "dns_message/caa-answer", |payload| {
            is_read(Message::read(([10, 0, 0, 1], 53).into(), ([10, 0, 0, 2], 4_000).into(), payload))
        })
        .beside(
            "hickory-proto",
            with("dns_message/caa-answer", |payload| is_read(hickory_proto::op::Message::from_vec(payload).ok())),
        ),
        of_bytes("zone-text", "zone_text/scenario", |text| {
            is_read(str::from_utf8(text).ok().and_then(|text| ca_mock::dns::Zone::parse("test.", text).ok()))
        }),
        scenario_file(),
    ];
    for reader in &all {
        let is_taken = (reader.read)() && reader.beside.as_ref().is_none_or(|(_, read)| read());
        assert!(is_taken, "{} does not read its seed", reader.name);
    }
    all
}

/// What was read is looked at, lest the compiler leaves it unread.
fn is_read<T>(read: Option<T>) -> bool {
    black_box(&read).is_some()
}

fn seed(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(file);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn with(file: &'static str, read: impl Fn(&[u8]) -> bool + 'static) -> impl Fn() -> bool + 'static {
    let bytes = seed(file);
    move || read(black_box(&bytes))
}

fn of_bytes(name: &'static str, file: &'static str, read: impl Fn(&[u8]) -> bool + 'static) -> Reader {
    reader(name, with(file, read))
}

/// The client's reader of an answer: a line with `Link`, then JSON.
fn of_answer(name: &'static str, file: &'static str, read: impl Fn(&Response) -> bool + 'static) -> Reader {
    let seed = seed(file);
    let end = seed.iter().position(|octet| *octet == b'\n').expect("the seed has a line for Link");
    let body = Bytes::copy_from_slice(&seed[end + 1..]);
    let url: Address = "https://ca.test/acme/order/1".parse().expect("an address");
    let response =
        Response { url, status: StatusCode::OK, headers: HeaderMap::new(), retry_after: None, body: body.clone() };
    reader(name, move || read(black_box(&response)))
        .beside("serde_json", move || is_read(serde_json::from_slice::<serde_json::Value>(black_box(&body)).ok()))
}

fn of_chain(name: &'static str, read: impl Fn(&[u8]) -> bool + 'static) -> Reader {
    const FILE: &str = "certificate_chain/leaf-and-root.pem";
    of_bytes(name, FILE, read).beside(
        "pem and x509-parser",
        with(FILE, |text| {
            let blocks = pem::parse_many(text).unwrap_or_default();
            blocks.iter().all(|block| is_read(X509Certificate::from_der(block.contents()).ok()))
        }),
    )
}

/// A scenario with its base, as `gauntlet check` reads them, both in memory.
fn scenario_file() -> Reader {
    let path = catalogue::shipped().join("life/ninety-days.toml");
    let base = catalogue::shipped().join("_base/one-manager-one-ca.toml");
    let [text, base_text] = [&path, &base].map(|path| fs::read_to_string(path).expect("it is in the catalogue"));
    let texts = [text.clone(), base_text.clone()];
    let read_base = move |asked: &Path| {
        if asked == base { Ok(base_text.clone()) } else { Err(io::Error::from(io::ErrorKind::NotFound)) }
    };
    reader("scenario-with-its-base", move || is_read(load(&path, black_box(&text), &read_base).ok()))
        .beside("toml", move || texts.iter().all(|text| is_read(black_box(text).parse::<toml::Table>().ok())))
}

#[cfg(test)]
mod tests {
    /// The benches that use them are run for a release, and not with each change.
    #[test]
    fn every_reader_reads_its_seed() {
        assert!(!super::readers().is_empty());
    }
}
