//! [`Slot`]: what is shown for one name. It is never changed, only replaced.

use std::sync::Arc;

use time::UtcDateTime;

use super::Schemes;

/// A certificate with its key, and what decides whom it is shown to.
#[derive(Debug)]
pub struct Shown<C> {
    /// Both, as the TLS library wants them.
    pub certified: Arc<C>,
    /// By which schemes the key can sign.
    pub schemes: Schemes,
    /// When the certificate becomes valid.
    pub not_before: UtcDateTime,
    /// When it expires.
    pub not_after: UtcDateTime,
}

impl<C> Clone for Shown<C> {
    fn clone(&self) -> Self {
        Self { certified: self.certified.clone(), ..*self }
    }
}

impl<C> Shown<C> {
    pub(super) fn is_valid_at(&self, now: UtcDateTime) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

/// Where a certificate comes from. A name has one of each source; one that is replaced or removed leaves those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The operator gave it; which of those that the operator gives.
    External(usize),
    /// The manager obtained it.
    Managed,
}

/// What is shown for a name, the preferred first. Nearly all names have one certificate.
pub(super) enum Slot<C> {
    One(Candidate<C>),
    Several(Box<[Candidate<C>]>),
}

pub(super) struct Candidate<C> {
    pub(super) source: Source,
    pub(super) shown: Shown<C>,
}

impl<C> Clone for Candidate<C> {
    fn clone(&self) -> Self {
        Self { source: self.source, shown: self.shown.clone() }
    }
}

impl<C> Slot<C> {
    /// `None` without candidates.
    pub(super) fn new(mut candidates: Vec<Candidate<C>>) -> Option<Self> {
        candidates.sort_by_key(|candidate| (candidate.shown.schemes.rank(), candidate.source));
        match candidates.len() {
            0 => None,
            1 => candidates.pop().map(Self::One),
            _ => Some(Self::Several(candidates.into())),
        }
    }

    pub(super) fn candidates(&self) -> &[Candidate<C>] {
        match self {
            Self::One(candidate) => std::slice::from_ref(candidate),
            Self::Several(candidates) => candidates,
        }
    }
}
