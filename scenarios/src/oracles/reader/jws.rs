//! JSON Web Signatures in ACME's flattened form (RFC 8555 §6.2), and key thumbprints (RFC 7638).
//!
//! Signatures are not verified here: whether the CA accepts a bad one is a question for a law of its
//! own, which can take the signed bytes from the request.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A signed request's content.
#[derive(Clone, Debug, PartialEq)]
pub struct Jws {
    /// The protected header.
    pub protected: Value,
    /// The payload's bytes; empty for POST-as-GET.
    pub payload_bytes: Vec<u8>,
    /// The payload as JSON; `Null` for POST-as-GET or if it isn't JSON.
    pub payload: Value,
}

impl Jws {
    /// Reads a request body; `None` if it is no flattened JWS.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        Self::of_json(&serde_json::from_slice(body).ok()?)
    }

    /// Reads a JSON object; `None` if it is no flattened JWS.
    #[must_use]
    pub fn of_json(object: &Value) -> Option<Self> {
        let protected = URL_SAFE_NO_PAD.decode(object.get("protected")?.as_str()?).ok()?;
        let protected: Value = serde_json::from_slice(&protected).ok()?;
        let payload_bytes = URL_SAFE_NO_PAD.decode(object.get("payload")?.as_str()?).ok()?;
        object.get("signature")?.as_str()?;
        let payload = serde_json::from_slice(&payload_bytes).unwrap_or(Value::Null);
        protected.is_object().then_some(Self { protected, payload_bytes, payload })
    }

    /// The anti-replay nonce.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.protected.get("nonce")?.as_str()
    }

    /// The URL it was signed for.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.protected.get("url")?.as_str()
    }

    /// The account's URL.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.protected.get("kid")?.as_str()
    }

    /// The thumbprint of the key in the header, if there is one.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        thumbprint(self.protected.get("jwk")?)
    }

    /// Whether this only reads a resource (RFC 8555 §6.3).
    #[must_use]
    pub fn is_post_as_get(&self) -> bool {
        self.payload_bytes.is_empty()
    }
}

/// A public key's thumbprint in base64url; `None` for kinds of keys that RFC 7638 and 8037 don't name.
#[must_use]
pub fn thumbprint(jwk: &Value) -> Option<String> {
    let members: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut text = String::from("{");
    for name in members {
        let value = Value::from(jwk.get(name)?.as_str()?);
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}\"{name}\":{value}"));
    }
    text.push('}');
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638_section_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3\
                 oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6\
                 qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJ\
                 zKnqDKgw";
        let jwk = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
        assert_eq!(thumbprint(&jwk).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    }

    #[test]
    fn a_signed_request_is_taken_apart() {
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let body = json!({
            "protected": encode(json!({"alg": "ES256", "kid": "https://ca.test/a/1", "nonce": "n1", "url": "https://ca.test/o"})),
            "payload": encode(json!({"csr": "x"})),
            "signature": "AA",
        });
        let jws = Jws::read(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            (jws.nonce(), jws.kid(), jws.url()),
            (Some("n1"), Some("https://ca.test/a/1"), Some("https://ca.test/o"))
        );
        assert_eq!(jws.payload, json!({"csr": "x"}));
        assert!(!jws.is_post_as_get());
        assert_eq!(Jws::read(b"{\"protected\":\"?\"}"), None);
    }
}
