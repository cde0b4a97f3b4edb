//! The directory: where a CA's resources are (RFC 8555 §7.1.1).

use std::collections::BTreeMap;

use super::{
    Error,
    address::Address,
    http::Response,
    reading::{Document, words},
};

/// The most profiles that are looked at.
const PROFILES_MAX: usize = 100;

/// A CA's directory. What it does not list, the CA does not offer.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Hands out nonces.
    pub new_nonce: Address,
    /// Creates and finds accounts.
    pub new_account: Address,
    /// Creates orders.
    pub new_order: Address,
    /// Changes accounts' keys (RFC 8555 §7.3.5).
    pub key_change: Option<Address>,
    /// Revokes certificates (RFC 8555 §7.6).
    pub revoke_cert: Option<Address>,
    /// RFC 9773 §4.1; `None` if the CA has no renewal information.
    pub renewal_info: Option<Address>,
    /// Where the terms of service are that a new account has to agree to (RFC 8555 §7.3).
    pub terms_of_service: Option<String>,
    /// Whether new accounts have to be bound to external ones (RFC 8555 §7.3.4).
    pub external_account_required: bool,
    /// The kinds of certificates that can be chosen from by name, with what is said about each
    /// (draft-ietf-acme-profiles §3).
    pub profiles: BTreeMap<String, String>,
}

impl Directory {
    /// Reads a directory.
    ///
    /// # Errors
    /// [`Error::Unusable`] if one of the resources is missing that no certificate is possible without.
    pub fn read(response: &Response) -> Result<Self, Error> {
        let unusable = |what| Error::unusable(response, what);
        let document = Document::parse(&response.body, &response.url).ok_or_else(|| unusable("it is not JSON"))?;
        let meta = document.object("meta");
        Ok(Self {
            new_nonce: document.url("newNonce").ok_or_else(|| unusable("the directory has no newNonce"))?,
            new_account: document.url("newAccount").ok_or_else(|| unusable("the directory has no newAccount"))?,
            new_order: document.url("newOrder").ok_or_else(|| unusable("the directory has no newOrder"))?,
            key_change: document.url("keyChange"),
            revoke_cert: document.url("revokeCert"),
            renewal_info: document.url("renewalInfo"),
            terms_of_service: meta.as_ref().and_then(|meta| meta.text("termsOfService").map(words)),
            external_account_required: meta.as_ref().is_some_and(|meta| meta.flag("externalAccountRequired")),
            profiles: meta
                .and_then(|meta| meta.object("profiles"))
                .map(|profiles| profiles.texts().into_iter().take(PROFILES_MAX).collect())
                .unwrap_or_default(),
        })
    }
}
