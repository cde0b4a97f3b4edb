//! [`Error`]: every way in which a request or an attempt can fail.
//!
//! What the caller may ask of it is whether trying again can help, and how long the CA wants to be
//! left alone. Words for people come from `Display`.

use std::time::Duration;

use super::{
    address::Address,
    certificate::CertificateError,
    http::{HttpError, Response},
    problem::Problem,
};

/// Why something asked of a CA was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The CA refused.
    #[error("{url} refused: {problem}{}", asked(retry_after))]
    Refused {
        /// What was asked.
        url: Address,
        /// Why it refused.
        problem: Box<Problem>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The answer lacks what the protocol promises.
    #[error("the answer of {url} is unusable: {what}")]
    Unusable {
        /// What was asked.
        url: Address,
        /// What is missing or wrong.
        what: &'static str,
        /// How long the CA wants to be left alone: the header may be good where the body is not.
        retry_after: Option<Duration>,
    },
    /// It was not ready in time, or the CA asks for a longer wait than belongs inside an attempt.
    #[error("{what} is not ready yet{}", asked(retry_after))]
    NotYet {
        /// What was awaited.
        what: String,
        /// How long the CA wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The CA could not convince itself of control over a name (RFC 8555 §7.1.6).
    #[error("the authorization of {name} is {status}: {reason}")]
    NotAuthorized {
        /// The identifier.
        name: String,
        /// The authorization's status.
        status: String,
        /// The challenges' problems.
        reason: String,
    },
    /// No challenge is offered that can be answered here.
    #[error("no challenge of {name} can be answered: the CA offers {offered}")]
    NoChallenge {
        /// The identifier.
        name: String,
        /// The types offered.
        offered: String,
    },
    /// The order became invalid (RFC 8555 §7.1.6).
    #[error("the order {url} is invalid: {reason}")]
    OrderInvalid {
        /// The order.
        url: Address,
        /// Its problem.
        reason: String,
    },
    /// The CA's directory does not have what is asked for.
    #[error("the CA does not offer {what}")]
    NotOffered {
        /// What.
        what: String,
    },
    /// The CA binds accounts to external ones, and none is configured (RFC 8555 §7.3.4).
    #[error(
        "the CA wants a new account to be bound to an external one: it has to be configured with what the CA gave for it"
    )]
    ExternalAccountRequired,
    /// The CA has terms of service, and the operator has not agreed to them (RFC 8555 §7.3).
    #[error(
        "the CA has no account for us yet, and wants its terms of service at {terms} agreed to: read them and, if you agree, \
         say so in the configuration"
    )]
    TermsNotAgreed {
        /// Where they are.
        terms: String,
    },
    /// The certificate is not what was ordered.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

fn asked(retry_after: &Option<Duration>) -> String {
    retry_after.map(|wait| format!("; the CA asks to be left alone for {} s", wait.as_secs())).unwrap_or_default()
}

impl Error {
    pub(super) fn refused(response: &Response) -> Self {
        Self::Refused {
            url: response.url.clone(),
            problem: Box::new(Problem::of_response(response)),
            retry_after: response.retry_after,
        }
    }

    pub(super) fn unusable(response: &Response, what: &'static str) -> Self {
        Self::Unusable { url: response.url.clone(), what, retry_after: response.retry_after }
    }

    /// The CA's problem, if it refused.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } => Some(problem),
            Self::Http(_)
            | Self::Unusable { .. }
            | Self::NotYet { .. }
            | Self::NotAuthorized { .. }
            | Self::NoChallenge { .. }
            | Self::OrderInvalid { .. }
            | Self::NotOffered { .. }
            | Self::ExternalAccountRequired
            | Self::TermsNotAgreed { .. }
            | Self::Certificate(_) => None,
        }
    }

    /// Whether the CA refused with the type `kind` of RFC 8555 §6.7.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.problem().is_some_and(|problem| problem.is(kind))
    }

    /// How long the CA wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. }
            | Self::Unusable { retry_after, .. }
            | Self::NotYet { retry_after, .. } => *retry_after,
            Self::Http(_)
            | Self::NotAuthorized { .. }
            | Self::NoChallenge { .. }
            | Self::OrderInvalid { .. }
            | Self::NotOffered { .. }
            | Self::ExternalAccountRequired
            | Self::TermsNotAgreed { .. }
            | Self::Certificate(_) => None,
        }
    }

    /// Whether the CA has answered, if not as it was hoped.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Unusable { .. })
    }

    /// Whether the very same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Http(_) | Self::Unusable { .. } | Self::NotYet { .. } => true,
            Self::Refused { problem, .. } => problem.is_transient(),
            Self::NotAuthorized { .. }
            | Self::NoChallenge { .. }
            | Self::OrderInvalid { .. }
            | Self::NotOffered { .. }
            | Self::ExternalAccountRequired
            | Self::TermsNotAgreed { .. }
            | Self::Certificate(_) => false,
        }
    }
}
