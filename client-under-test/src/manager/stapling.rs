//! [`Stapling`]: which OCSP responses visitors are shown, and for how long.

use std::{fmt::Debug, io};

use time::UtcDateTime;

use crate::{acme::certificate::Leaf, status::Validity};

/// Decides about responses that have been verified and say that the certificate holds.
pub trait Stapling: Debug + Send + Sync {
    /// Whether a response that holds so long may be shown with the certificate of `leaf`.
    fn accepts(&self, leaf: &Leaf, validity: Validity) -> bool;

    /// Whether it takes the place of the one before, once storage has it or could not take it.
    fn replaces(&self, stored: &io::Result<()>) -> bool;

    /// Until when it is shown.
    fn shown_until(&self, validity: Validity) -> UtcDateTime;
}

/// Any that holds, also one that outlives the certificate, from when it is there until it ceases to hold. Storage is for the
/// next start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WhileItHolds;

impl Stapling for WhileItHolds {
    fn accepts(&self, _leaf: &Leaf, _validity: Validity) -> bool {
        true
    }

    fn replaces(&self, _stored: &io::Result<()>) -> bool {
        true
    }

    fn shown_until(&self, validity: Validity) -> UtcDateTime {
        validity.until
    }
}
