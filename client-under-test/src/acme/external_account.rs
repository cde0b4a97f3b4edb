//! [`ExternalAccount`]: an account that somebody has with the CA outside of ACME, to bind a new one to (RFC 8555 §7.3.4).

use std::fmt;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ring::hmac;

/// CAs hand keys out in base64url, some with padding.
const MAC_KEY_FORM: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How the binding is signed (RFC 8555 §7.3.4: by a MAC; RFC 7518 §3.2). What the CA takes, it says where it hands out the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacAlgorithm {
    /// HMAC with SHA-256, which all CAs take.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl MacAlgorithm {
    /// The word for it in a JWS (RFC 7518 §3.1).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Hs256 => hmac::HMAC_SHA256,
            Self::Hs384 => hmac::HMAC_SHA384,
            Self::Hs512 => hmac::HMAC_SHA512,
        }
    }
}

/// What the CA has given for the binding.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    key_id: String,
    mac_key: Vec<u8>,
    algorithm: MacAlgorithm,
}

/// The key is not base64url, or there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the MAC key of the external account `{0}` is not base64url")]
pub struct NotAMacKey(String);

impl ExternalAccount {
    /// From the key's identifier and the key, base64url (some CAs show it in the other alphabet of base64).
    ///
    /// # Errors
    /// [`NotAMacKey`].
    pub fn new(key_id: impl Into<String>, mac_key: &str) -> Result<Self, NotAMacKey> {
        let key_id = key_id.into();
        let text = mac_key.trim().replace('+', "-").replace('/', "_");
        match MAC_KEY_FORM.decode(text) {
            Ok(mac_key) if !mac_key.is_empty() => Ok(Self { key_id, mac_key, algorithm: MacAlgorithm::default() }),
            Ok(_) | Err(_) => Err(NotAMacKey(key_id)),
        }
    }

    /// The same, with the binding signed otherwise than by HS256.
    #[must_use]
    pub fn signed_by(self, algorithm: MacAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(super) fn algorithm(&self) -> MacAlgorithm {
        self.algorithm
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(self.algorithm.hmac(), &self.mac_key), message).as_ref().to_vec()
    }
}

/// Keeps the key to itself.
impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalAccount({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_the_forms_that_cas_show_them_in() {
        let key = ExternalAccount::new("kid", "-_8").unwrap();
        for text in ["-_8", "-_8=", "+/8=", " +/8 "] {
            assert_eq!(ExternalAccount::new("kid", text).as_ref(), Ok(&key), "{text}");
        }
        for text in ["", "-", "secret!"] {
            assert!(ExternalAccount::new("kid", text).is_err(), "{text}");
        }
        assert!(!format!("{key:?}").contains("251"));
    }

    /// RFC 7515 appendix A.1's key, and its signature over that appendix's message.
    #[test]
    fn the_signature_is_rfc_7515s() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = ExternalAccount::new("kid", key).unwrap().sign(message.as_bytes());
        assert_eq!(super::super::jws::base64url(signature), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    /// RFC 4231 §4.3, test case 2: the key `Jefe`.
    #[test]
    fn the_longer_signatures_are_rfc_4231s() {
        let account = ExternalAccount::new("kid", &super::super::jws::base64url("Jefe")).unwrap();
        for (algorithm, begin, len) in [
            (MacAlgorithm::Hs256, [0x5b, 0xdc, 0xc1, 0x46], 32),
            (MacAlgorithm::Hs384, [0xaf, 0x45, 0xd2, 0xe3], 48),
            (MacAlgorithm::Hs512, [0x16, 0x4b, 0x7a, 0x7b], 64),
        ] {
            let signature = account.clone().signed_by(algorithm).sign(b"what do ya want for nothing?");
            assert_eq!((&signature[..4], signature.len()), (&begin[..], len), "{}", algorithm.name());
        }
    }
}
