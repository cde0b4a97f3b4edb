//! Problem documents: what a client is told when its request or its validation failed (RFC 8555 §6.7, RFC 7807).
//!
//! A problem is a value, not an error of this program: it is kept in orders and challenges and shown again.
//! Headers that go with some problems (`Location`, `Retry-After`, `Link`) belong to the front end.

use std::fmt;

use hyper::StatusCode;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{identifier::SentIdentifier, jws::Algorithm};

/// The error types of RFC 8555 §6.7 and RFC 9773 §7.4 that this CA uses, and that of draft-ietf-acme-profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemType {
    AccountDoesNotExist,
    AlreadyReplaced,
    AlreadyRevoked,
    BadCsr,
    BadNonce,
    BadPublicKey,
    BadRevocationReason,
    BadSignatureAlgorithm,
    Caa,
    Compound,
    Connection,
    Dns,
    ExternalAccountRequired,
    InvalidContact,
    InvalidProfile,
    Malformed,
    OrderNotReady,
    RateLimited,
    RejectedIdentifier,
    Tls,
    Unauthorized,
    UnsupportedContact,
    UnsupportedIdentifier,
    UserActionRequired,
}

impl ProblemType {
    /// The last part of `urn:ietf:params:acme:error:…`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccountDoesNotExist => "accountDoesNotExist",
            Self::AlreadyReplaced => "alreadyReplaced",
            Self::AlreadyRevoked => "alreadyRevoked",
            Self::BadCsr => "badCSR",
            Self::BadNonce => "badNonce",
            Self::BadPublicKey => "badPublicKey",
            Self::BadRevocationReason => "badRevocationReason",
            Self::BadSignatureAlgorithm => "badSignatureAlgorithm",
            Self::Caa => "caa",
            Self::Compound => "compound",
            Self::Connection => "connection",
            Self::Dns => "dns",
            Self::ExternalAccountRequired => "externalAccountRequired",
            Self::InvalidContact => "invalidContact",
            Self::InvalidProfile => "invalidProfile",
            Self::Malformed => "malformed",
            Self::OrderNotReady => "orderNotReady",
            Self::RateLimited => "rateLimited",
            Self::RejectedIdentifier => "rejectedIdentifier",
            Self::Tls => "tls",
            Self::Unauthorized => "unauthorized",
            Self::UnsupportedContact => "unsupportedContact",
            Self::UnsupportedIdentifier => "unsupportedIdentifier",
            Self::UserActionRequired => "userActionRequired",
        }
    }

    /// The HTTP status unless the occasion asks for another.
    fn status(self) -> StatusCode {
        match self {
            Self::AlreadyReplaced => StatusCode::CONFLICT,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Caa
            | Self::ExternalAccountRequired
            | Self::OrderNotReady
            | Self::Unauthorized
            | Self::UserActionRequired => StatusCode::FORBIDDEN,
            Self::AccountDoesNotExist
            | Self::AlreadyRevoked
            | Self::BadCsr
            | Self::BadNonce
            | Self::BadPublicKey
            | Self::BadRevocationReason
            | Self::BadSignatureAlgorithm
            | Self::Compound
            | Self::Connection
            | Self::Dns
            | Self::InvalidContact
            | Self::InvalidProfile
            | Self::Malformed
            | Self::RejectedIdentifier
            | Self::Tls
            | Self::UnsupportedContact
            | Self::UnsupportedIdentifier => StatusCode::BAD_REQUEST,
        }
    }
}

/// One problem document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: ProblemType,
    pub(crate) detail: String,
    status: StatusCode,
    /// Where people are told what to do, as a URL (RFC 8555 §7.3.3).
    instance: Option<String>,
    /// Set in subproblems only (RFC 8555 §6.7.1).
    identifier: Option<SentIdentifier>,
    subproblems: Vec<Problem>,
}

/// In a line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}

impl Problem {
    pub(crate) fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            status: kind.status(),
            instance: None,
            identifier: None,
            subproblems: Vec::new(),
        }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Malformed, detail)
    }

    /// The resource does not exist, or not for this account; the two are not told apart.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::malformed(format!("there is no such {what}")).with_status(StatusCode::NOT_FOUND)
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with_instance(mut self, url: &str) -> Self {
        self.instance = Some(url.to_owned());
        self
    }

    /// The same problem, told with where it was met.
    pub(crate) fn prefixed(mut self, prefix: &str) -> Self {
        self.detail.insert_str(0, prefix);
        self
    }

    /// One problem for several identifiers: the type that they share, or else `compound` (RFC 8555 §6.7.1).
    ///
    /// `None` if there are none.
    pub(crate) fn about_identifiers(mut problems: Vec<(SentIdentifier, Self)>) -> Option<Self> {
        if problems.len() < 2 {
            return problems.pop().map(|(_, problem)| problem);
        }
        let first = problems[0].1.kind;
        let kind = if problems.iter().all(|(_, p)| p.kind == first) { first } else { ProblemType::Compound };
        let mut whole = Self::new(kind, format!("{} identifiers were refused", problems.len()));
        whole.subproblems =
            problems.into_iter().map(|(sent, problem)| Self { identifier: Some(sent), ..problem }).collect();
        Some(whole)
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> ProblemType {
        self.kind
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format!("urn:ietf:params:acme:error:{}", self.kind.name()))?;
        map.serialize_entry("detail", &self.detail)?;
        map.serialize_entry("status", &self.status.as_u16())?;
        if let Some(instance) = &self.instance {
            map.serialize_entry("instance", instance)?;
        }
        if let Some(identifier) = &self.identifier {
            map.serialize_entry("identifier", identifier)?;
        }
        if !self.subproblems.is_empty() {
            map.serialize_entry("subproblems", &self.subproblems)?;
        }
        if self.kind == ProblemType::BadSignatureAlgorithm {
            // RFC 8555 §6.2: the problem names what would have been accepted.
            map.serialize_entry("algorithms", &Algorithm::ALL.map(Algorithm::name))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_reads_as_rfc_8555_shows_it() {
        let shown = serde_json::to_value(Problem::new(ProblemType::BadNonce, "stale")).unwrap();
        assert_eq!(shown, json!({"type": "urn:ietf:params:acme:error:badNonce", "detail": "stale", "status": 400}));
    }

    #[test]
    fn several_bad_identifiers_become_subproblems() {
        let sent = |kind: &str, value: &str| SentIdentifier { kind: kind.to_owned(), value: value.to_owned() };
        let one = (sent("dns", "a.example"), Problem::new(ProblemType::RejectedIdentifier, "no"));
        let other = (sent("onion", "a"), Problem::new(ProblemType::UnsupportedIdentifier, "what is that"));
        let shown = serde_json::to_value(Problem::about_identifiers(vec![one.clone(), other])).unwrap();
        assert_eq!(shown["type"], "urn:ietf:params:acme:error:compound");
        assert_eq!(shown["subproblems"][0]["identifier"], json!({"type": "dns", "value": "a.example"}));
        assert_eq!(shown["subproblems"].as_array().unwrap().len(), 2);
        assert_eq!(Problem::about_identifiers(vec![one]).unwrap().kind(), ProblemType::RejectedIdentifier);
        assert_eq!(Problem::about_identifiers(Vec::new()), None);
    }
}
