//! Revocation (RFC 8555 §7.6): a certificate is taken back, by its account or by whoever holds its key.

use serde_json::json;
use sim::crypto::P256Key;

use super::{
    Error,
    account::Session,
    address::Address,
    certificate::Chain,
    client::{Client, Payload},
    jws::{KeyId, base64url},
};

/// Why a certificate is revoked (RFC 5280 §5.3.1); those that a subscriber may give to a public CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// No reason.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// The subject is no longer who it was.
    AffiliationChanged,
    /// Another certificate has taken its place.
    Superseded,
    /// What it was for is over.
    CessationOfOperation,
}

impl RevocationReason {
    /// The reason's number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
        }
    }
}

impl Session<'_> {
    /// Revokes a certificate that this account has ordered, or for whose names it has proved control. One that is revoked
    /// already counts as revoked.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses or offers no revocation.
    pub async fn revoke(&mut self, chain: &Chain, reason: Option<RevocationReason>) -> Result<(), Error> {
        let url = resource(self.client())?;
        is_revoked(self.post(&url, &payload(chain, reason)).await)
    }
}

impl Client {
    /// Revokes a certificate as the holder of its `key`, of which no account needs to be known.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses or offers no revocation.
    pub async fn revoke_by_key(
        &mut self,
        key: &P256Key,
        chain: &Chain,
        reason: Option<RevocationReason>,
    ) -> Result<(), Error> {
        let url = resource(self)?;
        is_revoked(self.post(key, KeyId::Jwk, &url, &payload(chain, reason)).await)
    }
}

fn resource(client: &Client) -> Result<Address, Error> {
    let not_offered = || Error::NotOffered { what: "revocation".to_owned() };
    client.directory().revoke_cert.clone().ok_or_else(not_offered)
}

fn payload(chain: &Chain, reason: Option<RevocationReason>) -> Payload {
    let leaf = chain.certificates().first().expect("a chain has a leaf");
    let mut payload = json!({ "certificate": base64url(leaf) });
    if let Some(reason) = reason {
        payload["reason"] = json!(reason.code());
    }
    Payload::Json(payload)
}

fn is_revoked<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Err(e) if e.is("alreadyRevoked") => Ok(()),
        other => other.map(drop),
    }
}
