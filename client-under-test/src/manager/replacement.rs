//! [`Replacement`]: when an order stops saying which certificate it replaces (RFC 9773 §5).
//!
//! A CA that refuses it once refuses it again: the order that it took for the replacement may have failed, or have led to a
//! certificate that nobody fetched.

use std::fmt::Debug;

use crate::acme::Error;

/// Decides whether the next order says what it replaces.
pub trait Replacement: Debug + Send + Sync {
    /// Whether an order that was refused with `error` may have been refused for its `replaces`.
    fn is_refused_by(&self, error: &Error) -> bool;
}

/// Says it no more once it may have been what the CA refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedOnceRefused;

impl Replacement for DroppedOnceRefused {
    fn is_refused_by(&self, error: &Error) -> bool {
        error.problem().is_some_and(|problem| {
            let status = problem.status;
            problem.is("alreadyReplaced")
                || problem.is("malformed")
                || problem.is("unauthorized")
                || status == Some(409)
                || status == Some(404)
                // Some CAs fall over it.
                || problem.is("serverInternal") && error.retry_after().is_none()
        })
    }
}
