//! External accounts (RFC 8555 §7.3.4): who may make an ACME account at a CA that has customers by other means.
//!
//! Such a CA gives its customer a key and the key's name; a new account comes with its own public key under a MAC by that
//! key. A key may be good for one account only, or for a time only, as those of commercial CAs are.

use std::collections::BTreeMap;

use ring::hmac;
use serde_json::Value;
use sim::UtcDateTime;

use crate::{
    base64url, json,
    jwk::PublicKey,
    jws::Flattened,
    problem::{Problem, ProblemType},
};

/// A MAC key that a customer was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccountKey {
    secret: Vec<u8>,
    /// The moment from which on no account can be bound with it; never if absent.
    pub expires: Option<UtcDateTime>,
    /// Whether one account is all that it is good for.
    pub is_single_use: bool,
    is_used: bool,
}

impl ExternalAccountKey {
    /// A key that is good for ever and for any number of accounts, from base64url without padding, which is how customers
    /// are told it; `None` if `text` is not that, or is nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = base64url::decode(text).filter(|secret| !secret.is_empty())?;
        Some(Self { secret, expires: None, is_single_use: false, is_used: false })
    }
}

/// The keys that a CA has given out, by the names that it gave them (`kid`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalAccountKeys(BTreeMap<String, ExternalAccountKey>);

impl ExternalAccountKeys {
    /// Adds a key. One that had the same name is forgotten.
    pub fn add(&mut self, kid: impl Into<String>, key: ExternalAccountKey) {
        self.0.insert(kid.into(), key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Binds an account with `account_key`. A key that is good for one account is used up, whatever comes of it later.
    pub(crate) fn redeem(
        &mut self,
        binding: &ExternalAccountBinding,
        account_key: &PublicKey,
        now: UtcDateTime,
    ) -> Result<(), Problem> {
        let unauthorized = |why: &str| {
            Problem::new(ProblemType::Unauthorized, format!("the external account {:?} {why}", binding.kid))
        };
        let key = self.0.get_mut(&binding.kid).ok_or_else(|| unauthorized("is unknown"))?;
        let verified = hmac::verify(
            &hmac::Key::new(binding.algorithm, &key.secret),
            &binding.jws.signing_input,
            &binding.jws.signature,
        );
        verified.map_err(|_| unauthorized("has another key: the MAC of the binding does not verify"))?;
        let bound = PublicKey::from_jwk(&json::object("the payload of the binding", &binding.jws.payload)?)?;
        if bound != *account_key {
            return Err(Problem::malformed("the payload of the binding is not the key that signed the request"));
        }
        if key.expires.is_some_and(|expires| expires <= now) {
            return Err(unauthorized("has a key that has expired"));
        }
        if key.is_single_use && key.is_used {
            return Err(unauthorized("has a key that was good for one account, which there is"));
        }
        key.is_used = true;
        Ok(())
    }
}

/// A binding as a client sent it, whose MAC is not yet verified.
#[derive(Debug)]
pub(crate) struct ExternalAccountBinding {
    algorithm: hmac::Algorithm,
    kid: String,
    jws: Flattened,
}

impl ExternalAccountBinding {
    /// Checks everything that takes no key. `outer_url` is the request's.
    pub(crate) fn parse(sent: &Value, outer_url: &str) -> Result<Self, Problem> {
        let malformed = |why: &str| Problem::malformed(format!("\"externalAccountBinding\" {why}"));
        let jws = Flattened::of(sent.as_object().ok_or_else(|| malformed("is not an object"))?)?;
        let algorithm = match jws.text("alg")? {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            other => return Err(malformed(&format!("has {other:?} for \"alg\", not HS256, HS384 or HS512"))),
        };
        for refused in ["nonce", "jwk"] {
            if jws.header.contains_key(refused) {
                return Err(malformed(&format!("has {refused:?} in its protected header")));
            }
        }
        if jws.text("url")? != outer_url {
            return Err(malformed("is for another URL than the request"));
        }
        Ok(Self { algorithm, kid: jws.text("kid")?.to_owned(), jws })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::utc_datetime;

    use super::*;

    const NOW: UtcDateTime = utc_datetime!(2026-01-01 00:00);
    const URL: &str = "https://ca.test/acme/new-account";
    const SECRET: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    const ACCOUNT: PublicKey = PublicKey::Ed25519([1; 32]);

    fn header() -> Value {
        json!({"alg": "HS256", "kid": "kid-1", "url": URL})
    }

    fn jwk(octet: u8) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode([octet; 32])})
    }

    fn binding(header: &Value, payload: &Value) -> Value {
        let algorithm = match header["alg"].as_str() {
            Some("HS384") => hmac::HMAC_SHA384,
            Some("HS512") => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        let [protected, payload] = [header, payload].map(|part| base64url::encode(part.to_string()));
        let key = hmac::Key::new(algorithm, &base64url::decode(SECRET).unwrap());
        let mac = hmac::sign(&key, format!("{protected}.{payload}").as_bytes());
        json!({"protected": protected, "payload": payload, "signature": base64url::encode(mac)})
    }

    fn keys(change: impl FnOnce(&mut ExternalAccountKey)) -> ExternalAccountKeys {
        let mut key = ExternalAccountKey::parse(SECRET).unwrap();
        change(&mut key);
        let mut keys = ExternalAccountKeys::default();
        keys.add("kid-1", key);
        keys
    }

    fn redeem(keys: &mut ExternalAccountKeys, sent: &Value) -> Result<(), ProblemType> {
        let redeemed =
            ExternalAccountBinding::parse(sent, URL).and_then(|binding| keys.redeem(&binding, &ACCOUNT, NOW));
        redeemed.map_err(|problem| problem.kind())
    }

    #[test]
    fn a_binding_by_any_of_the_three_macs_is_accepted_as_often_as_its_key_is_good_for() {
        let mut for_ever = keys(|_| {});
        for algorithm in ["HS256", "HS384", "HS512"] {
            let mut header = header();
            header["alg"] = algorithm.into();
            assert_eq!(redeem(&mut for_ever, &binding(&header, &jwk(1))), Ok(()), "{algorithm}");
        }
        let good = binding(&header(), &jwk(1));
        let mut for_one = keys(|key| key.is_single_use = true);
        assert_eq!(redeem(&mut for_one, &good), Ok(()));
        assert_eq!(redeem(&mut for_one, &good), Err(ProblemType::Unauthorized));
        let mut expired = keys(|key| key.expires = Some(NOW));
        assert_eq!(redeem(&mut expired, &good), Err(ProblemType::Unauthorized));
        assert_eq!(redeem(&mut ExternalAccountKeys::default(), &good), Err(ProblemType::Unauthorized));
    }

    #[test]
    fn every_departure_from_the_form_is_refused_and_uses_nothing_up() {
        let mut keys = keys(|key| key.is_single_use = true);
        let with = |member: &str, value: Value| {
            let mut changed = header();
            changed[member] = value;
            binding(&changed, &jwk(1))
        };
        let mut forged = binding(&header(), &jwk(1));
        forged["payload"] = base64url::encode(jwk(2).to_string()).into();
        for (bad, kind) in [
            (json!("a.b.c"), ProblemType::Malformed),
            (json!({}), ProblemType::Malformed),
            (with("alg", json!("none")), ProblemType::Malformed),
            (with("alg", json!("ES256")), ProblemType::Malformed),
            (with("nonce", json!("AAAA")), ProblemType::Malformed),
            (with("jwk", jwk(1)), ProblemType::Malformed),
            (with("url", json!("https://ca.test/acme/new-order")), ProblemType::Malformed),
            (with("url", json!(null)), ProblemType::Malformed),
            (with("kid", json!(1)), ProblemType::Malformed),
            (with("kid", json!("kid-2")), ProblemType::Unauthorized),
            (binding(&header(), &jwk(2)), ProblemType::Malformed),
            (binding(&header(), &json!([])), ProblemType::Malformed),
            (binding(&header(), &json!({})), ProblemType::BadPublicKey),
            (forged, ProblemType::Unauthorized),
        ] {
            assert_eq!(redeem(&mut keys, &bad), Err(kind), "{bad}");
        }
        assert_eq!(redeem(&mut keys, &binding(&header(), &jwk(1))), Ok(()));
    }

    #[test]
    fn a_key_is_base64url_without_padding() {
        for bad in ["", "a", "AAA=", "A+A/", "ä"] {
            assert_eq!(ExternalAccountKey::parse(bad), None, "{bad}");
        }
    }
}
