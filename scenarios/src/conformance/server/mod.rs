//! The cases for CAs, by document and section. A section's cases are a file.

mod accounts;
mod addresses;
mod authentication;
mod caa;
mod certificates;
mod directory;
mod dns01;
mod dns_drafts;
mod external_accounts;
mod http01;
mod identifiers;
mod issuing;
mod key_change;
mod nonces;
mod orders;
mod profiles;
mod proofs;
mod reading;
mod renewal_info;
mod requests;
mod tls_alpn01;

use super::case::Case;

/// All of them, in the order of the documents' sections.
#[must_use]
pub fn cases() -> Vec<&'static Case> {
    [
        reading::CASES,
        requests::CASES,
        authentication::CASES,
        nonces::CASES,
        directory::CASES,
        accounts::CASES,
        external_accounts::CASES,
        key_change::CASES,
        orders::CASES,
        identifiers::CASES,
        proofs::CASES,
        certificates::CASES,
        http01::CASES,
        dns01::CASES,
        tls_alpn01::CASES,
        addresses::CASES,
        caa::CASES,
        renewal_info::CASES,
        profiles::CASES,
        dns_drafts::CASES,
    ]
    .into_iter()
    .flatten()
    .collect()
}
