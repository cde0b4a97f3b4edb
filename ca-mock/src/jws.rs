//! JWS in the one form that ACME requests have (RFC 8555 §6.2 to §6.5): flattened JSON, everything protected.
//!
//! Parsing and verifying are separate, since the key may have to be looked up in between. What a
//! request is about (its URL, its nonce, which kind of key it may use) is judged by the front end.

use serde_json::{Map, Value};

use crate::{
    base64url,
    ids::Nonce,
    json,
    jwk::PublicKey,
    problem::{Problem, ProblemType},
};

/// The signature algorithms that requests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Es256,
    Es384,
    Es512,
    Rs256,
    EdDsa,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::Es512, Self::Rs256, Self::EdDsa];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn of(key: &PublicKey) -> Self {
        match key {
            PublicKey::P256(..) => Self::Es256,
            PublicKey::P384(..) => Self::Es384,
            PublicKey::P521(..) => Self::Es512,
            PublicKey::Rsa { .. } => Self::Rs256,
            PublicKey::Ed25519(..) => Self::EdDsa,
        }
    }
}

/// The key that a request says it is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyReference {
    /// The key itself.
    Jwk(PublicKey),
    /// The URL of an account.
    Kid(String),
}

/// The nonce as it was sent: base64url of any length (RFC 8555 §6.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentNonce(String);

impl SentNonce {
    /// The nonce, if it is of the kind that this CA makes.
    pub(crate) fn nonce(&self) -> Option<Nonce> {
        Nonce::parse(&self.0)
    }
}

/// A JWS in flattened JSON with everything protected, whatever it is for.
#[derive(Debug)]
pub(crate) struct Flattened {
    /// The protected header.
    pub(crate) header: Map<String, Value>,
    /// Decoded; trust it only once the signature is verified.
    pub(crate) payload: Vec<u8>,
    pub(crate) signing_input: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Flattened {
    pub(crate) fn of(members: &Map<String, Value>) -> Result<Self, Problem> {
        for refused in ["header", "signatures"] {
            if members.contains_key(refused) {
                return Err(Problem::malformed(format!(
                    "the JWS has the member {refused:?}; ACME wants flattened JSON without unprotected header (RFC 8555 §6.2)"
                )));
            }
        }
        let protected = text(members, "protected")?;
        let payload = text(members, "payload")?;
        let signature = decoded(text(members, "signature")?, "signature")?;

        let header = json::object("the protected header", &decoded(protected, "protected")?)?;
        for refused in ["crit", "b64"] {
            if header.contains_key(refused) {
                return Err(Problem::malformed(format!(
                    "the protected header has {refused:?}, which is not supported here"
                )));
            }
        }
        Ok(Self {
            header,
            signing_input: format!("{protected}.{payload}").into_bytes(),
            payload: decoded(payload, "payload")?,
            signature,
        })
    }

    /// A member of the protected header.
    pub(crate) fn text(&self, member: &str) -> Result<&str, Problem> {
        text(&self.header, member)
    }
}

/// A request whose signature is not yet verified.
#[derive(Debug)]
pub(crate) struct Jws {
    algorithm: Algorithm,
    pub(crate) key: KeyReference,
    pub(crate) nonce: Option<SentNonce>,
    pub(crate) url: String,
    /// Decoded; trust it only once [`Jws::verify`] has succeeded.
    pub(crate) payload: Vec<u8>,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

impl Jws {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let jws = Flattened::of(&json::object("the JWS", body)?)?;
        Ok(Self {
            algorithm: algorithm(&jws.header)?,
            key: key_reference(&jws.header)?,
            nonce: nonce(&jws.header)?,
            url: jws.text("url")?.to_owned(),
            payload: jws.payload,
            signing_input: jws.signing_input,
            signature: jws.signature,
        })
    }

    /// # Errors
    /// A problem if the signature is not `key`'s or its algorithm not the one for such keys.
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<(), Problem> {
        if self.algorithm != Algorithm::of(key) {
            return Err(Problem::malformed(format!("a key of this kind does not sign with {}", self.algorithm.name())));
        }
        if !key.verifies(&self.signing_input, &self.signature) {
            return Err(Problem::malformed("the JWS signature does not verify"));
        }
        Ok(())
    }
}

/// What the front end reads in the body of a request, before it has judged any of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// The URL that the request says it is for (RFC 8555 §6.4).
    pub url: String,
    /// The nonce that it carries, if any (RFC 8555 §6.5.2).
    pub nonce: Option<String>,
    /// The payload, decoded; empty for POST-as-GET.
    pub payload: Vec<u8>,
}

/// Reads the body of a request as the front end does and, if it brings its own key, verifies its signature.
/// For fuzzers and for tests that compare readers.
///
/// # Errors
/// The `detail` of the problem that a client would be sent.
pub fn read_signed_request(body: &[u8]) -> Result<SignedRequest, String> {
    let read = Jws::parse(body).and_then(|jws| match &jws.key {
        KeyReference::Jwk(key) => jws.verify(key).map(|()| jws),
        KeyReference::Kid(_) => Ok(jws),
    });
    match read {
        Ok(jws) => {
            Ok(SignedRequest { url: jws.url, nonce: jws.nonce.map(|SentNonce(nonce)| nonce), payload: jws.payload })
        }
        Err(problem) => Err(problem.detail),
    }
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Problem> {
    let name = text(header, "alg")?;
    Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or_else(|| {
        // RFC 8555 §6.2: neither "none" nor MACs; what is not listed is refused alike.
        Problem::new(ProblemType::BadSignatureAlgorithm, format!("requests signed with {name:?} are not accepted"))
    })
}

fn key_reference(header: &Map<String, Value>) -> Result<KeyReference, Problem> {
    match (header.get("jwk"), header.get("kid")) {
        (Some(Value::Object(jwk)), None) => Ok(KeyReference::Jwk(PublicKey::from_jwk(jwk)?)),
        (Some(_), None) => Err(Problem::malformed("\"jwk\" is not an object")),
        (None, Some(_)) => Ok(KeyReference::Kid(text(header, "kid")?.to_owned())),
        (Some(_), Some(_)) | (None, None) => {
            Err(Problem::malformed("the protected header must have either \"jwk\" or \"kid\" (RFC 8555 §6.2)"))
        }
    }
}

fn nonce(header: &Map<String, Value>) -> Result<Option<SentNonce>, Problem> {
    if !header.contains_key("nonce") {
        return Ok(None);
    }
    let nonce = text(header, "nonce")?;
    // RFC 8555 §6.5.2: a nonce that is not base64url makes the JWS malformed, not the nonce bad.
    if nonce.is_empty() || base64url::decode(nonce).is_none() {
        return Err(Problem::malformed("\"nonce\" is not base64url"));
    }
    Ok(Some(SentNonce(nonce.to_owned())))
}

fn text<'a>(object: &'a Map<String, Value>, member: &str) -> Result<&'a str, Problem> {
    let found = object.get(member).ok_or_else(|| Problem::malformed(format!("{member:?} is missing")))?;
    found.as_str().ok_or_else(|| Problem::malformed(format!("{member:?} is not text")))
}

fn decoded(text: &str, member: &str) -> Result<Vec<u8>, Problem> {
    base64url::decode(text).ok_or_else(|| Problem::malformed(format!("{member:?} is not base64url without padding")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn header() -> Value {
        json!({"alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", "x": X, "y": Y}, "nonce": "AAAA", "url": "https://ca/x"})
    }

    fn jws(header: &Value) -> Value {
        json!({"protected": base64url::encode(header.to_string()), "payload": "", "signature": "AAAA"})
    }

    fn refusal(jws: &Value) -> ProblemType {
        Jws::parse(jws.to_string().as_bytes()).expect_err(&jws.to_string()).kind()
    }

    #[test]
    fn the_signature_of_rfc_7515_appendix_a_3_verifies() {
        let key = PublicKey::from_jwk(header()["jwk"].as_object().unwrap()).unwrap();
        let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature =
            base64url::decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
                .unwrap();
        assert!(key.verifies(message.as_bytes(), &signature));
        assert!(!key.verifies(&message.as_bytes()[1..], &signature));
        assert!(!key.verifies(message.as_bytes(), &signature[1..]));
    }

    #[test]
    fn the_signature_of_rfc_7515_appendix_a_4_verifies() {
        let jwk = json!({
            "kty": "EC", "crv": "P-521",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
        });
        let signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2\
                         YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
        let signature = base64url::decode(signature).unwrap();
        let key = PublicKey::from_jwk(jwk.as_object().unwrap()).unwrap();
        assert!(key.verifies(b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", &signature));
        assert!(!key.verifies(b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZB", &signature));
        assert!(!key.verifies(b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", &signature[1..]));
        assert!(!PublicKey::P521([0; 66], [0; 66]).verifies(b"", &signature));
    }

    #[test]
    fn a_well_formed_request_is_read() {
        let read = Jws::parse(jws(&header()).to_string().as_bytes()).unwrap();
        assert_eq!((read.algorithm, read.url.as_str(), read.payload.len()), (Algorithm::Es256, "https://ca/x", 0));
        assert_eq!(read.verify(&PublicKey::Ed25519([0; 32])).unwrap_err().kind(), ProblemType::Malformed);
    }

    #[test]
    fn a_request_is_accepted_with_its_keys_signature_over_what_it_says() {
        let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(ring::signature::KeyPair::public_key(&pair))});
        let header = json!({"alg": "EdDSA", "jwk": jwk, "nonce": "AAAA", "url": "https://ca/x"});
        let protected = base64url::encode(header.to_string());
        let signature = base64url::encode(pair.sign(format!("{protected}.e30").as_bytes()));
        let request =
            |payload: &str| json!({"protected": protected, "payload": payload, "signature": signature}).to_string();
        let read = read_signed_request(request("e30").as_bytes()).unwrap();
        assert_eq!(
            (read.url.as_str(), read.nonce.as_deref(), &*read.payload),
            ("https://ca/x", Some("AAAA"), &b"{}"[..])
        );
        assert!(read_signed_request(request("").as_bytes()).is_err());
        let jws = Jws::parse(request("e30").as_bytes()).unwrap();
        assert!(jws.verify(&PublicKey::Ed25519([1; 32])).is_err());
    }

    #[test]
    fn a_nonce_of_this_cas_length_may_be_its_own_and_any_other_is_none() {
        let sent = |text: &str| SentNonce(text.to_owned()).nonce().map(|nonce| nonce.to_string());
        assert_eq!(sent("AAECAwQFBgcICQoLDA0ODw").as_deref(), Some("AAECAwQFBgcICQoLDA0ODw"));
        assert_eq!(sent("AAAA"), None);
    }

    #[test]
    fn every_departure_from_the_form_is_refused() {
        let change_header = |member: &str, value: Value| {
            let mut changed = header();
            changed[member] = value;
            jws(&changed)
        };
        let remove = |member: &str| {
            let mut changed = header();
            changed.as_object_mut().unwrap().remove(member);
            jws(&changed)
        };
        for algorithm in ["none", "HS256", "es256", "ES256K"] {
            assert_eq!(refusal(&change_header("alg", json!(algorithm))), ProblemType::BadSignatureAlgorithm);
        }
        let with = |member: &str, value: Value| {
            let mut changed = jws(&header());
            changed[member] = value;
            changed
        };
        for bad in [
            change_header("kid", json!("https://ca/account/1")),
            change_header("jwk", json!("key")),
            change_header("nonce", json!(1)),
            change_header("nonce", json!("a=")),
            change_header("nonce", json!("")),
            change_header("url", json!(["https://ca/x"])),
            change_header("crit", json!(["exp"])),
            change_header("b64", json!(false)),
            remove("alg"),
            remove("jwk"),
            remove("url"),
            with("header", json!({})),
            with("signatures", json!([])),
            with("payload", json!(null)),
            with("payload", json!("e30=")),
            with("signature", json!("a")),
            with("protected", json!("")),
            json!({"protected": "e30", "signature": ""}),
            json!("a.b.c"),
        ] {
            assert_eq!(refusal(&bad), ProblemType::Malformed, "{bad}");
        }
        let twice = jws(&header()).to_string().replacen('{', r#"{"payload":"","#, 1);
        assert!(Jws::parse(twice.as_bytes()).is_err());
        assert!(Jws::parse((jws(&header()).to_string() + "{}").as_bytes()).is_err());
    }
}
