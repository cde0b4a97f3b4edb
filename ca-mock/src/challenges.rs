//! Challenges (RFC 8555 §7.1.5, §8): one way each to prove control of an identifier.

use std::fmt;

use sim::{Env, UtcDateTime};

use crate::{base64url, jwk::Thumbprint, problem::Problem};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeType {
    /// RFC 8555 §8.3.
    Http01,
    /// RFC 8737.
    TlsAlpn01,
}

impl ChallengeType {
    pub(crate) const ALL: [Self; 2] = [Self::Http01, Self::TlsAlpn01];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// At least 128 bits of entropy in base64url (RFC 8555 §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token([u8; 16]);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

/// What the responder must show: the token, a dot, and the thumbprint of the account's key (RFC 8555 §8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyAuthorization(String);

impl KeyAuthorization {
    #[cfg(test)]
    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
        key_authorization: KeyAuthorization,
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

#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) kind: ChallengeType,
    pub(crate) token: Token,
    pub(crate) status: ChallengeStatus,
}

impl Challenge {
    pub(crate) fn new(env: &Env, kind: ChallengeType) -> Self {
        Self { kind, token: Token(env.entropy("ca/challenge token")), status: ChallengeStatus::Pending }
    }

    /// The client says that it is ready (RFC 8555 §7.5.1). Whether validation has to begin: saying it again
    /// changes nothing.
    pub(crate) fn answer(&mut self, account_key: Thumbprint) -> bool {
        match self.status {
            ChallengeStatus::Pending => {
                let key_authorization = KeyAuthorization(format!("{}.{account_key}", self.token));
                self.status = ChallengeStatus::Processing { key_authorization };
                true
            }
            ChallengeStatus::Processing { .. } | ChallengeStatus::Valid { .. } | ChallengeStatus::Invalid { .. } => {
                false
            }
        }
    }

    /// Why validation failed.
    pub(crate) fn error(&self) -> Option<&Problem> {
        match &self.status {
            ChallengeStatus::Invalid { error } => Some(error),
            ChallengeStatus::Pending | ChallengeStatus::Processing { .. } | ChallengeStatus::Valid { .. } => None,
        }
    }
}
