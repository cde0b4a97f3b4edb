//! JSON Web Signatures in ACME's flattened form (RFC 8555 §6.2), and key thumbprints (RFC 7638).
//!
//! Signatures are not verified by reading: whether the CA accepts a bad one is a question for a law of its own,
//! which can ask [`Jws::is_signed_by`].

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
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
    /// What the signature is over (RFC 7515 §5.1).
    signing_input: Vec<u8>,
    signature: Vec<u8>,
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
        let text = |member| object.get(member)?.as_str();
        let signing_input = format!("{}.{}", text("protected")?, text("payload")?).into_bytes();
        let protected: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text("protected")?).ok()?).ok()?;
        let payload_bytes = URL_SAFE_NO_PAD.decode(text("payload")?).ok()?;
        // One that can't be decoded is nobody's.
        let signature = URL_SAFE_NO_PAD.decode(text("signature")?).unwrap_or_default();
        let payload = serde_json::from_slice(&payload_bytes).unwrap_or(Value::Null);
        protected.is_object().then_some(Self { protected, payload_bytes, payload, signing_input, signature })
    }

    /// The signature; empty if it is no base64url.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
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

    /// Whether it is signed by the key of this point, as ES256 (RFC 7518 §3.4). Other algorithms are not known.
    #[must_use]
    pub fn is_signed_by(&self, point: &[u8]) -> bool {
        let is_es256 = self.protected.get("alg").and_then(Value::as_str) == Some("ES256");
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        is_es256 && key.verify(&self.signing_input, &self.signature).is_ok()
    }

    /// The point of the P-256 key in the header, if there is one.
    #[must_use]
    pub fn point(&self) -> Option<Vec<u8>> {
        point(self.protected.get("jwk")?)
    }

    /// Whether this only reads a resource (RFC 8555 §6.3).
    #[must_use]
    pub fn is_post_as_get(&self) -> bool {
        self.payload_bytes.is_empty()
    }
}

/// The uncompressed point of a P-256 key (RFC 7518 §6.2.1); `None` for other kinds.
#[must_use]
pub fn point(jwk: &Value) -> Option<Vec<u8>> {
    let coordinate = |name| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok().filter(|bytes| bytes.len() == 32);
    let is_p256 = jwk.get("kty")?.as_str()? == "EC" && jwk.get("crv")?.as_str()? == "P-256";
    is_p256.then_some([vec![4], coordinate("x")?, coordinate("y")?].concat())
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
    fn the_thumbprint_is_that_of_rfc_8037_appendix_a_3() {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(thumbprint(&jwk).as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    }

    #[test]
    fn the_signature_of_rfc_7515_appendix_a_3_is_its_keys_alone() {
        let jws = |payload: &str| {
            let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
            Jws::of_json(&json!({"protected": "eyJhbGciOiJFUzI1NiJ9", "payload": payload, "signature": signature}))
        };
        let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let point = point(&json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }));
        let point = point.unwrap();
        assert!(jws(payload).unwrap().is_signed_by(&point));
        assert!(!jws("e30").unwrap().is_signed_by(&point) && !jws(payload).unwrap().is_signed_by(&point[1..]));
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
