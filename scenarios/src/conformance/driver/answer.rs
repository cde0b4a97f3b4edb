//! [`Answer`]: a CA's answer, and what can be claimed of it. A claim that does not hold ends the case.

use serde_json::Value;

use super::{http::Response, shortened};
use crate::conformance::verdict::{Finding, Stop};

/// How much of what was found is told; the rest is in the exchange.
const FOUND_BYTES_MAX: usize = 2_000;

const ACME_ERROR: &str = "urn:ietf:params:acme:error:";

/// An answer, and which exchange of the case it belongs to.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) exchange: usize,
    pub(super) response: Response,
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// A header's value; the first one if there are several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.response.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All of a header's values.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.response.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body's bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.response.body
    }

    /// The media type, without parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as JSON; `Null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.body()).unwrap_or(Value::Null)
    }

    /// The problem's type without ACME's prefix (RFC 8555 §6.7), or whole if it is not ACME's; `None` if this is no error.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        // A challenge has a type too.
        if self.status() < 400 {
            return None;
        }
        let kind = self.json().get("type")?.as_str()?.to_owned();
        Some(kind.strip_prefix(ACME_ERROR).map_or_else(|| kind.clone(), ToOwned::to_owned))
    }

    /// In a few words: status and problem.
    #[must_use]
    pub fn in_words(&self) -> String {
        let json = self.json();
        let detail = json.get("detail").and_then(Value::as_str).map(|detail| format!(": {detail}")).unwrap_or_default();
        match self.problem() {
            Some(kind) => format!("status {}, {kind}{detail}", self.status()),
            None => format!("status {}", self.status()),
        }
    }

    /// Ends the case unless `holds`.
    ///
    /// # Errors
    /// [`Stop::Fail`].
    pub fn claim(&self, holds: bool, expected: &str, found: impl FnOnce() -> String) -> Result<(), Stop> {
        if holds { Ok(()) } else { Err(Stop::Fail(self.finding(expected, found()))) }
    }

    /// What this answer shows instead of what was expected.
    #[must_use]
    pub fn finding(&self, expected: &str, found: String) -> Finding {
        let found = shortened(found, FOUND_BYTES_MAX);
        Finding { expected: expected.to_owned(), found, exchange: Some(self.exchange) }
    }

    /// The status is this one.
    ///
    /// # Errors
    /// [`Stop::Fail`].
    pub fn has_status(&self, status: u16) -> Result<(), Stop> {
        self.claim(self.status() == status, &format!("status {status}"), || self.in_words())
    }

    /// It is a success.
    ///
    /// # Errors
    /// [`Stop::Fail`].
    pub fn is_success(&self, of: &str) -> Result<(), Stop> {
        self.claim((200..300).contains(&self.status()), &format!("{of} to succeed"), || self.in_words())
    }

    /// It is refused with a status of 4xx.
    ///
    /// # Errors
    /// [`Stop::Fail`].
    pub fn is_refused(&self) -> Result<(), Stop> {
        self.claim((400..500).contains(&self.status()), "a refusal with a status of 4xx", || self.in_words())
    }

    /// It is refused with this status and this problem of ACME's.
    ///
    /// # Errors
    /// [`Stop::Fail`].
    pub fn is_problem(&self, status: u16, kind: &str) -> Result<(), Stop> {
        let is_it = self.status() == status && self.problem().as_deref() == Some(kind);
        self.claim(is_it, &format!("status {status} and the problem {kind}"), || self.in_words())
    }

    /// The body is a JSON object.
    ///
    /// # Errors
    /// [`Stop::Fail`].
    pub fn object(&self) -> Result<Value, Stop> {
        let json = self.json();
        self.claim(json.is_object(), "a JSON object", || {
            String::from_utf8_lossy(self.body()).chars().take(200).collect()
        })?;
        Ok(json)
    }

    /// A member of the object, as text.
    ///
    /// # Errors
    /// [`Stop::Fail`] if it is missing or no text.
    pub fn text(&self, member: &str) -> Result<String, Stop> {
        let json = self.json();
        let text = json.get(member).and_then(Value::as_str).map(ToOwned::to_owned);
        text.ok_or_else(|| Stop::Fail(self.finding(&format!("a text {member:?} in the object"), json.to_string())))
    }

    /// The URL in `Location`.
    ///
    /// # Errors
    /// [`Stop::Fail`] if there is none.
    pub fn location(&self) -> Result<String, Stop> {
        let location = self.header("location").map(ToOwned::to_owned);
        location.ok_or_else(|| Stop::Fail(self.finding("a Location header", "none".to_owned())))
    }

    /// The nonce that came with it (RFC 8555 §6.5.1).
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.header("replay-nonce")
    }
}
