//! Challenges (RFC 8555 §7.1.5, §8): one way each to prove control of an identifier.

use std::fmt;

use ring::digest;
use sim::{Env, UtcDateTime};

use crate::{
    base64url, identifier::Identifier, jwk::Thumbprint, problem::Problem, validation_record::ValidationRecord,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeType {
    /// RFC 8555 §8.3.
    Http01,
    /// RFC 8737.
    TlsAlpn01,
    /// RFC 8555 §8.4.
    Dns01,
    /// draft-ietf-acme-dns-account-label: dns-01 at a place of the account's own.
    DnsAccount01,
    /// draft-ietf-acme-dns-persist-01: a record that stays.
    DnsPersist01,
}

impl ChallengeType {
    const ALL: [Self; 5] = [Self::Http01, Self::TlsAlpn01, Self::Dns01, Self::DnsAccount01, Self::DnsPersist01];

    /// The types that can prove control of `identifier`: of a wildcard, only those that look into the DNS (RFC 8555
    /// §8.4, Baseline Requirements §3.2.2.4), of an address, only those that do not (RFC 8738 §7). For the names below it
    /// too (RFC 9444), the same as for a wildcard; a record that stays says of itself what it is for.
    pub(crate) fn for_identifier(identifier: &Identifier, covers_subdomains: bool) -> impl Iterator<Item = Self> {
        let (is_for_more, is_name) = (identifier.is_wildcard() || covers_subdomains, identifier.ip().is_none());
        Self::ALL.into_iter().filter(move |kind| match kind {
            Self::Http01 | Self::TlsAlpn01 => !is_for_more,
            Self::Dns01 | Self::DnsAccount01 => is_name,
            Self::DnsPersist01 => is_name && !covers_subdomains,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 => "dns-01",
            Self::DnsAccount01 => "dns-account-01",
            Self::DnsPersist01 => "dns-persist-01",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// At least 128 bits of entropy in base64url (RFC 8555 §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token([u8; 16]);

impl Token {
    pub(crate) fn draw(env: &Env, purpose: &str) -> Self {
        Self(env.entropy(purpose))
    }

    pub(crate) fn key_authorization(self, account_key: Thumbprint) -> KeyAuthorization {
        KeyAuthorization(format!("{self}.{account_key}"))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

/// What the responder must show: the token, a dot, and the thumbprint of the account's key (RFC 8555 §8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyAuthorization(String);

impl KeyAuthorization {
    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Its SHA-256 (RFC 8555 §8.4, RFC 8737 §3).
    pub(crate) fn digest(&self) -> [u8; 32] {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

impl fmt::Display for KeyAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 8555 §7.1.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeStatus {
    Pending,
    /// Validation runs, with the key that the account had when it answered.
    Processing {
        account_key: Thumbprint,
        /// Why the last look failed, if there will be another (RFC 8555 §8.2).
        error: Option<Problem>,
    },
    Valid {
        validated: UtcDateTime,
    },
    Invalid {
        error: Problem,
    },
}

impl ChallengeStatus {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing { .. } => "processing",
            Self::Valid { .. } => "valid",
            Self::Invalid { .. } => "invalid",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) kind: ChallengeType,
    /// Of no use to dns-persist-01, and not shown there.
    pub(crate) token: Token,
    pub(crate) status: ChallengeStatus,
    /// Where its validation went.
    pub(crate) records: Vec<ValidationRecord>,
}

impl Challenge {
    pub(crate) fn new(env: &Env, kind: ChallengeType) -> Self {
        let token = Token::draw(env, "ca/challenge token");
        Self { kind, token, status: ChallengeStatus::Pending, records: Vec::new() }
    }

    /// The client says that it is ready (RFC 8555 §7.5.1). Whether validation has to begin: saying it again
    /// changes nothing.
    pub(crate) fn answer(&mut self, account_key: Thumbprint) -> bool {
        match self.status {
            ChallengeStatus::Pending => {
                self.status = ChallengeStatus::Processing { account_key, error: None };
                true
            }
            ChallengeStatus::Processing { .. } | ChallengeStatus::Valid { .. } | ChallengeStatus::Invalid { .. } => {
                false
            }
        }
    }

    /// Why validation failed, be it for good or not.
    pub(crate) fn error(&self) -> Option<&Problem> {
        match &self.status {
            ChallengeStatus::Invalid { error } => Some(error),
            ChallengeStatus::Processing { error, .. } => error.as_ref(),
            ChallengeStatus::Pending | ChallengeStatus::Valid { .. } => None,
        }
    }
}
