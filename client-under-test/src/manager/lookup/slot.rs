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
    /// The same with what its CA says about it, if that is known.
    pub stapled: Option<Arc<Stapled<C>>>,
    /// Whether it asks to be shown only so (RFC 7633).
    pub must_staple: bool,
}

/// A certificate with its key and an OCSP response.
#[derive(Debug)]
pub struct Stapled<C> {
    /// All of them, as the TLS library wants them.
    pub certified: Arc<C>,
    /// When the response ceases to hold. From then on it is shown to nobody, whoever should have replaced it by then.
    pub until: UtcDateTime,
}

impl<C> Clone for Shown<C> {
    fn clone(&self) -> Self {
        Self { certified: self.certified.clone(), stapled: self.stapled.clone(), ..*self }
    }
}

impl<C> Shown<C> {
    pub(super) fn is_valid_at(&self, now: UtcDateTime) -> bool {
        self.not_before <= now && now < self.not_after
    }

    fn stapled_at(&self, now: UtcDateTime) -> Option<&Arc<C>> {
        self.stapled.as_ref().filter(|stapled| now < stapled.until).map(|stapled| &stapled.certified)
    }

    /// Whether it can be shown as it asks to be.
    pub(super) fn is_complete_at(&self, now: UtcDateTime) -> bool {
        !self.must_staple || self.stapled_at(now).is_some()
    }

    /// What is shown at `now`: with the OCSP response while that holds.
    pub(super) fn certified_at(&self, now: UtcDateTime) -> Arc<C> {
        self.stapled_at(now).unwrap_or(&self.certified).clone()
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
