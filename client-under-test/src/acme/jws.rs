//! Signed requests: flattened JSON Web Signatures under ES256 (RFC 7515, RFC 8555 §6.2).
//!
//! Only writes. The key identifies itself either by its public half (`jwk`, for newAccount) or by the
//! account's address (`kid`, for everything else); never both.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use sim::crypto::P256Key;

use super::{address::Address, external_account::ExternalAccount, nonce::Nonce};

/// How the signer is identified (RFC 8555 §6.2).
#[derive(Clone, Copy, Debug)]
pub enum KeyId<'a> {
    /// By the public key itself.
    Jwk,
    /// By the account's address.
    Account(&'a Address),
}

/// Base64url without padding (RFC 8555 §6.1).
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The body of a signed request. An empty `payload` makes it a POST-as-GET (RFC 8555 §6.3).
#[must_use]
pub fn sign(key: &P256Key, key_id: KeyId<'_>, nonce: &Nonce, url: &Address, payload: &[u8]) -> Vec<u8> {
    to_json(&flattened(key, key_id, Some(nonce), url, payload))
}

/// The JWS inside of a keyChange request, by which the new key agrees (RFC 8555 §7.3.5). It has no nonce.
#[must_use]
pub fn sign_key_change(new: &P256Key, old: &P256Key, account: &Address, url: &Address) -> serde_json::Value {
    let payload = json!({ "account": account.as_str(), "oldKey": Jwk::of(old) }).to_string();
    json!(flattened(new, KeyId::Jwk, None, url, payload.as_bytes()))
}

/// The JWS inside of a newAccount request by which the holder of an external account agrees (RFC 8555 §7.3.4).
#[must_use]
pub fn bind(external: &ExternalAccount, key: &P256Key, url: &Address) -> serde_json::Value {
    let (alg, kid) = (external.algorithm().name(), Some(external.key_id()));
    let header = Header { alg, jwk: None, kid, nonce: None, url: url.as_str() };
    json!(Flattened::new(&header, &to_json(&Jwk::of(key)), |message| external.sign(message)))
}

fn flattened(key: &P256Key, key_id: KeyId<'_>, nonce: Option<&Nonce>, url: &Address, payload: &[u8]) -> Flattened {
    let (jwk, kid) = match key_id {
        KeyId::Jwk => (Some(Jwk::of(key)), None),
        KeyId::Account(account) => (None, Some(account.as_str())),
    };
    let header = Header { alg: "ES256", jwk, kid, nonce: nonce.map(Nonce::as_str), url: url.as_str() };
    Flattened::new(&header, payload, |message| key.sign_fixed(message))
}

/// The key's thumbprint (RFC 7638), base64url of SHA-256.
#[must_use]
pub fn thumbprint(key: &P256Key) -> String {
    base64url(Sha256::digest(to_json(&Jwk::of(key))))
}

/// What proves control over a challenge (RFC 8555 §8.1).
#[must_use]
pub fn key_authorization(token: &str, key: &P256Key) -> String {
    format!("{token}.{}", thumbprint(key))
}

/// A public key. The fields stand in RFC 7638 §3.3's order, so that its JSON is also what is hashed.
#[derive(Serialize)]
struct Jwk {
    crv: &'static str,
    kty: &'static str,
    x: String,
    y: String,
}

impl Jwk {
    fn of(key: &P256Key) -> Self {
        let coordinates = &key.public_point()[1..];
        Self { crv: "P-256", kty: "EC", x: base64url(&coordinates[..32]), y: base64url(&coordinates[32..]) }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<Jwk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    url: &'a str,
}

#[derive(Serialize)]
struct Flattened {
    protected: String,
    payload: String,
    signature: String,
}

impl Flattened {
    fn new<S: AsRef<[u8]>>(header: &Header<'_>, payload: &[u8], sign: impl FnOnce(&[u8]) -> S) -> Self {
        let protected = base64url(to_json(header));
        let payload = base64url(payload);
        let signature = base64url(sign(format!("{protected}.{payload}").as_bytes()));
        Self { protected, payload, signature }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("these structs hold only text")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sim::real;

    use super::*;

    fn decoded(text: &Value) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()).unwrap()
    }

    /// RFC 7517 appendix A.2's key, as PKCS #8.
    fn rfc_key() -> P256Key {
        let mut der = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20".to_vec();
        der.extend(URL_SAFE_NO_PAD.decode("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE").unwrap());
        P256Key::from_pem(&pem::encode(&pem::Pem::new("PRIVATE KEY", der))).unwrap()
    }

    #[test]
    fn the_public_key_is_written_as_rfc_7517_does() {
        let jwk = Jwk::of(&rfc_key());
        assert_eq!(jwk.x, "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4");
        assert_eq!(jwk.y, "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    }

    #[test]
    fn the_thumbprint_is_over_the_fields_in_rfc_7638s_order() {
        let canonical = r#"{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
        assert_eq!(thumbprint(&rfc_key()), base64url(Sha256::digest(canonical)));
        let token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";
        assert_eq!(key_authorization(token, &rfc_key()), format!("{token}.{}", thumbprint(&rfc_key())));
    }

    #[tokio::test]
    async fn a_request_names_its_signer_in_exactly_one_way() {
        let env = real::env("client", real::Options { seed: Some(1), ..real::Options::default() });
        let key = P256Key::generate(&env, "account");
        let url: Address = "https://ca.test/new-order".parse().unwrap();
        let account: Address = "https://ca.test/account/1".parse().unwrap();
        let headers = hyper::HeaderMap::from_iter([("replay-nonce".parse().unwrap(), "abc".parse().unwrap())]);
        let nonce = Nonce::of(&headers).unwrap();

        let body: Value = serde_json::from_slice(&sign(&key, KeyId::Account(&account), &nonce, &url, b"")).unwrap();
        assert_eq!(body["payload"], "");
        let header = decoded(&body["protected"]);
        assert_eq!(header["kid"], account.as_str());
        assert_eq!(header["nonce"], "abc");
        assert_eq!(header["url"], url.as_str());
        assert!(header.get("jwk").is_none());

        let body: Value = serde_json::from_slice(&sign(&key, KeyId::Jwk, &nonce, &url, b"{}")).unwrap();
        let header = decoded(&body["protected"]);
        assert_eq!(header["jwk"]["kty"], "EC");
        assert!(header.get("kid").is_none());
        assert_eq!(URL_SAFE_NO_PAD.decode(body["signature"].as_str().unwrap()).unwrap().len(), 64);
    }

    /// RFC 8555 §7.3.4.
    #[tokio::test]
    async fn a_binding_is_signed_by_the_mac_key_has_no_nonce_and_is_over_the_accounts_key() {
        let url: Address = "https://ca.test/new-account".parse().unwrap();
        let external = ExternalAccount::new("kid-1", "AAAA").unwrap();
        let inner = bind(&external, &rfc_key(), &url);
        let header = decoded(&inner["protected"]);
        assert_eq!(header, json!({ "alg": "HS256", "kid": "kid-1", "url": url.as_str() }));
        assert_eq!(decoded(&inner["payload"]), serde_json::to_value(Jwk::of(&rfc_key())).unwrap());
        let message = format!("{}.{}", inner["protected"].as_str().unwrap(), inner["payload"].as_str().unwrap());
        assert_eq!(inner["signature"], base64url(external.sign(message.as_bytes())));
    }

    /// RFC 8555 §7.3.5.
    #[tokio::test]
    async fn a_key_change_is_signed_by_the_new_key_has_no_nonce_and_names_account_and_old_key() {
        let env = real::env("client", real::Options { seed: Some(1), ..real::Options::default() });
        let [old, new] = ["old", "new"].map(|purpose| P256Key::generate(&env, purpose));
        let url: Address = "https://ca.test/key-change".parse().unwrap();
        let account: Address = "https://ca.test/account/1".parse().unwrap();
        let inner = sign_key_change(&new, &old, &account, &url);
        let header = decoded(&inner["protected"]);
        assert_eq!(header["jwk"], serde_json::to_value(Jwk::of(&new)).unwrap());
        assert_eq!(header["url"], url.as_str());
        assert!(header.get("nonce").is_none() && header.get("kid").is_none());
        let payload = decoded(&inner["payload"]);
        assert_eq!(payload, json!({ "account": account.as_str(), "oldKey": Jwk::of(&old) }));
    }
}
