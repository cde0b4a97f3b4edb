//! External account bindings (RFC 8555 §7.3.4): a JWS under a MAC that says that a key belongs to a customer. Like the
//! driver's other JWS it may be wrong in any way.

use ring::hmac;
use serde_json::{Map, Value, json};

use super::{AccountKey, base64url};

/// What a CA has given a customer.
#[derive(Clone, Debug)]
pub struct ExternalAccount {
    /// The key's name.
    pub kid: String,
    /// The key.
    pub secret: Vec<u8>,
}

/// A binding that is not made yet. As it comes from [`Binding::of`], it is right.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The protected header.
    pub protected: Map<String, Value>,
    /// What is bound: the account's key.
    pub payload: Value,
    /// The MAC's key.
    pub secret: Vec<u8>,
    /// How many octets of the MAC are left out.
    pub octets_missing: usize,
}

impl Binding {
    /// Of the account with this key, asked for at this URL.
    #[must_use]
    pub fn of(external: &ExternalAccount, key: &AccountKey, url: &str) -> Self {
        let header = json!({"alg": "HS256", "kid": external.kid, "url": url});
        let protected = header.as_object().cloned().unwrap_or_default();
        Self { protected, payload: key.jwk(), secret: external.secret.clone(), octets_missing: 0 }
    }

    /// The same with this member of the protected header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.protected.insert(name.to_owned(), value.into());
        self
    }

    /// The same without this member.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.protected.remove(name);
        self
    }

    /// The JWS.
    #[must_use]
    pub fn jws(&self) -> Value {
        let protected = base64url(Value::Object(self.protected.clone()).to_string());
        let payload = base64url(self.payload.to_string());
        let algorithm = match self.protected.get("alg").and_then(Value::as_str) {
            Some("HS384") => hmac::HMAC_SHA384,
            Some("HS512") => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        let mac = hmac::sign(&hmac::Key::new(algorithm, &self.secret), format!("{protected}.{payload}").as_bytes());
        let length = mac.as_ref().len().saturating_sub(self.octets_missing);
        json!({"protected": protected, "payload": payload, "signature": base64url(&mac.as_ref()[..length])})
    }
}
