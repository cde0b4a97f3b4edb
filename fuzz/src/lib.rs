//! What must hold whatever bytes come in, for each reader that stands at an edge of the project.
//!
//! The fuzzers call these with what they come upon; `cargo test` (`scenarios/tests/guards.rs`) with their seeds, with what they once
//! found, and with what a few hundred changes make of either. A reader that panics, or two that read the same bytes differently,
//! fail.
//!
//! Each guard takes the reader that it guards, so that [`planted`] can have it guard one with a defect: a fuzzer that does not find
//! that has not looked.

pub mod acme;
pub mod certificates;
pub mod dns;
pub mod files;
pub mod planted;
mod stage;

use client_under_test::{
    acme::{certificate::Chain, retry_after},
    manager::dns01,
    status::{crl, ocsp},
};
use scenarios::{drawn::Drawn, language, oracles::reader, trace_file};

/// Takes whatever bytes there are, and panics if something does not hold.
pub type Guard = fn(&[u8]);

/// Every guard, by the name of its fuzz target.
pub const GUARDS: [(&str, Guard); 20] = [
    ("jws", |bytes| acme::jws(bytes, ca_mock::read_signed_request)),
    ("acme_request", |bytes| acme::acme_request(bytes, |answer| answer)),
    ("acme_response", |bytes| acme::acme_response(bytes, acme::read_window)),
    ("link", |bytes| acme::link(bytes, |response, relation| response.links(relation))),
    ("retry_after", |bytes| acme::retry_after(bytes, retry_after::parse)),
    ("certificate_chain", |bytes| certificates::certificate_chain(bytes, |pem| Chain::parse(pem).ok())),
    ("certificate", |bytes| certificates::certificate(bytes, reader::certificate::Certificate::read)),
    ("csr", |bytes| certificates::csr(bytes, ca_mock::read_csr)),
    ("tls_alpn01", |bytes| certificates::tls_alpn01(bytes, ca_mock::judge_validation_certificate)),
    ("ocsp_response", |bytes| certificates::ocsp_response(bytes, ocsp::ends)),
    ("revocation_list", |bytes| certificates::revocation_list(bytes, crl::List::status)),
    ("dns_message", |bytes| dns::dns_message(bytes, dns01::exchange::answer)),
    ("caa", |bytes| dns::caa(bytes, ca_mock::caa::permits)),
    ("zone_text", |bytes| dns::zone_text(bytes, ca_mock::dns::Zone::parse)),
    ("scenario", |bytes| files::scenario(bytes, |mistakes| mistakes.render(language::Style::Plain))),
    ("pebble_config", |bytes| files::pebble_config(bytes, files::read_pebble_config)),
    ("fault_rules", |bytes| files::fault_rules(bytes, ca_mock::FaultRule::read)),
    ("stored_files", |bytes| files::stored_files(bytes, <[u8]>::to_vec)),
    ("trace_file", |bytes| files::trace_file(bytes, trace_file::read)),
    ("world", |bytes| files::world(bytes, Drawn::run)),
];

/// The guard of a target, of its reader as it is or of one with the planted defect.
///
/// # Panics
/// If there is no such target.
#[must_use]
pub fn guard(target: &str, is_planted: bool) -> Guard {
    let table = if is_planted { &planted::PLANTED[..] } else { &GUARDS[..] };
    let found = table.iter().find(|(name, _)| *name == target);
    found.unwrap_or_else(|| panic!("{target} has no row in its table")).1
}

/// A whole fuzz target. With `GAUNTLET_PLANTED` in the environment, its reader has the planted defect.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            static GUARD: std::sync::LazyLock<$crate::Guard> =
                std::sync::LazyLock::new(|| $crate::guard($name, std::env::var_os("GAUNTLET_PLANTED").is_some()));
            GUARD(bytes);
        });
    };
}

/// What stands before the first line break and what stands after it.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|octet| *octet == b'\n');
    end.map_or((bytes, &[]), |end| (&bytes[..end], &bytes[end + 1..]))
}
