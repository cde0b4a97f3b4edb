//! Challenges (RFC 8555 §7.1.5, §8): the ways to prove control over a name.

use serde_json::json;
use url::Url;

use super::{Error, account::Session, client::Payload, reading::Document};

/// The kinds of challenge that can be read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChallengeKind {
    /// A file on port 80 (RFC 8555 §8.3).
    Http01,
    /// A TXT record (RFC 8555 §8.4).
    Dns01,
    /// A certificate on port 443 (RFC 8737).
    TlsAlpn01,
}

/// A challenge's random value: base64url, so that it is safe in a path (RFC 8555 §8.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// Takes `text` if it is base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (!text.is_empty() && text.bytes().all(is_base64url)).then(|| Self(text.to_owned()))
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One way to prove control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Which.
    pub kind: ChallengeKind,
    /// Where to say that the answer is in place.
    pub url: Url,
    /// What the answer is derived from.
    pub token: Token,
    /// Whether it still waits to be told so; a second time would be refused or counted twice.
    pub is_pending: bool,
}

impl Challenge {
    /// Reads one; `None` if its type is unknown or something in it is missing.
    #[must_use]
    pub fn read(document: &Document) -> Option<Self> {
        let kind = match document.text("type")? {
            "http-01" => ChallengeKind::Http01,
            "dns-01" => ChallengeKind::Dns01,
            "tls-alpn-01" => ChallengeKind::TlsAlpn01,
            _ => return None,
        };
        Some(Self {
            kind,
            url: document.url("url")?,
            token: Token::parse(document.text("token")?)?,
            is_pending: matches!(document.text("status"), Some("pending") | None),
        })
    }
}

impl Session<'_> {
    /// Says that a challenge's answer is in place (RFC 8555 §7.5.1). To be said once per challenge.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses; without an answer, the authorization tells whether it arrived.
    pub async fn respond(&mut self, challenge: &Challenge) -> Result<(), Error> {
        self.post(&challenge.url, &Payload::Json(json!({}))).await.map(drop)
    }
}
