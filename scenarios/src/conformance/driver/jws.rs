//! A JWS writer that can be wrong in every way that RFC 8555 §6.2 forbids: headers are set or taken away before the
//! signature is made, and the finished object is changed after that.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sim::{Env, crypto::P256Key};

/// base64url without padding (RFC 7515 §2).
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of an account, P-256.
#[derive(Clone, Debug)]
pub struct AccountKey(P256Key);

impl AccountKey {
    /// A new one.
    #[must_use]
    pub fn generate(env: &Env) -> Self {
        Self(P256Key::generate(env, "conformance account key"))
    }

    /// The public key as a JWK (RFC 7518 §6.2.1).
    #[must_use]
    pub fn jwk(&self) -> Value {
        let (x, y) = self.0.public_point()[1..].split_at(32);
        json!({"crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y)})
    }

    /// The key's thumbprint (RFC 7638), in base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // The members stand in the order that §3.2 asks for: serde_json sorts them.
        base64url(Sha256::digest(self.jwk().to_string()))
    }

    /// The key itself, for a CSR that must be refused (RFC 8555 §11.1).
    #[must_use]
    pub fn as_certificate_key(&self) -> &P256Key {
        &self.0
    }

    /// The signature of ES256 (RFC 7518 §3.4) over this input.
    #[must_use]
    pub fn sign(&self, input: &[u8]) -> [u8; 64] {
        self.0.sign_fixed(input)
    }

    /// The same signature as DER, which a JWS must not have.
    #[must_use]
    pub fn sign_der(&self, input: &[u8]) -> Vec<u8> {
        self.0.sign_der(input)
    }
}

/// A certificate's key signs too, to have the certificate revoked (RFC 8555 §7.6).
impl From<P256Key> for AccountKey {
    fn from(key: P256Key) -> Self {
        Self(key)
    }
}

/// What changes the finished JSON object.
type Edit<'a> = Box<dyn Fn(&mut Map<String, Value>) + Send + Sync + 'a>;

/// What changes the request's body.
type ByteEdit<'a> = Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'a>;

/// A request that is not signed yet. As it comes from the driver it is right.
pub struct Draft<'a> {
    pub(super) url: String,
    pub(super) key: &'a AccountKey,
    pub(super) protected: Map<String, Value>,
    pub(super) payload: Vec<u8>,
    pub(super) content_type: String,
    pub(super) is_nonce_given: bool,
    pub(super) http_headers: Vec<(String, String)>,
    edits: Vec<Edit<'a>>,
    byte_edit: Option<ByteEdit<'a>>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(url: &str, key: &'a AccountKey, payload: Vec<u8>) -> Self {
        let protected = Map::from_iter([("alg".to_owned(), json!("ES256")), ("url".to_owned(), json!(url))]);
        let content_type = "application/jose+json".to_owned();
        Self {
            url: url.to_owned(),
            key,
            protected,
            payload,
            content_type,
            is_nonce_given: false,
            http_headers: Vec::new(),
            edits: Vec::new(),
            byte_edit: None,
        }
    }

    /// Sets a member of the protected header. A nonce that is set is sent as it is.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.is_nonce_given |= name == "nonce";
        self.protected.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a member of the protected header out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.is_nonce_given |= name == "nonce";
        self.protected.remove(name);
        self
    }

    /// Sends these bytes to be signed instead of JSON.
    #[must_use]
    pub fn payload(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    /// Says that the body is of this type.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        content_type.clone_into(&mut self.content_type);
        self
    }

    /// Sends this header of HTTP too.
    #[must_use]
    pub fn http_header(mut self, name: &str, value: &str) -> Self {
        self.http_headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has the finished object changed in this way.
    #[must_use]
    pub fn edit(mut self, edit: impl Fn(&mut Map<String, Value>) + Send + Sync + 'a) -> Self {
        self.edits.push(Box::new(edit));
        self
    }

    /// Has the request's body changed in this way.
    #[must_use]
    pub fn edit_bytes(mut self, edit: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'a) -> Self {
        self.byte_edit = Some(Box::new(edit));
        self
    }

    /// Has the text of a member of the finished object changed in this way.
    #[must_use]
    pub fn edit_text(self, member: &'a str, edit: impl Fn(&str) -> String + Send + Sync + 'a) -> Self {
        self.edit(move |jws| {
            let text = jws.get(member).and_then(Value::as_str).unwrap_or_default();
            let edited = edit(text);
            jws.insert(member.to_owned(), edited.into());
        })
    }

    /// Whether its edits change anything; some have nothing to do, such as padding where none is needed.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let signed = sign(self.key, &Value::Object(self.protected.clone()), &self.payload);
        let mut edited = signed.clone();
        self.edits.iter().for_each(|edit| edit(&mut edited));
        edited != signed
    }

    /// The request's body, with this nonce if it has none of its own.
    pub(super) fn body(&self, nonce: &str) -> Vec<u8> {
        let mut protected = self.protected.clone();
        if !self.is_nonce_given {
            protected.insert("nonce".to_owned(), json!(nonce));
        }
        let mut jws = sign(self.key, &Value::Object(protected), &self.payload);
        self.edits.iter().for_each(|edit| edit(&mut jws));
        let bytes = Value::Object(jws).to_string().into_bytes();
        self.byte_edit.as_ref().map_or_else(|| bytes.clone(), |edit| edit(bytes.clone()))
    }
}

/// A flattened JWS over this (RFC 7515 §7.2.2).
#[must_use]
pub fn sign(key: &AccountKey, protected: &Value, payload: &[u8]) -> Map<String, Value> {
    let (protected, payload) = (base64url(protected.to_string()), base64url(payload));
    let signature = base64url(key.sign(format!("{protected}.{payload}").as_bytes()));
    let member = |name: &str, value: String| (name.to_owned(), Value::from(value));
    Map::from_iter([member("protected", protected), member("payload", payload), member("signature", signature)])
}
