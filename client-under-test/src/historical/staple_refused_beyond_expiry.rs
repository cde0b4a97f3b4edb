//! A staple that is refused because it holds for longer than its certificate (Caddy's certmagic, reported in 2025).
//!
//! <https://github.com/caddyserver/caddy/issues/7377>
//!
//! A response whose nextUpdate lay after the certificate's notAfter was taken for a mistake of the CA and not stapled. With
//! certificates of a few days and responses of a week that is every response, and a certificate that asks for a staple never had
//! one.
//!
//! Seam: [`Stapling`]. To be caught with such lifetimes by **V6**.

use std::io;

use time::UtcDateTime;

use crate::{
    acme::certificate::Leaf,
    manager::stapling::{Stapling, WhileItHolds},
    status::Validity,
};

/// Staples nothing that outlives the certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StapleRefusedBeyondExpiry;

impl Stapling for StapleRefusedBeyondExpiry {
    fn accepts(&self, leaf: &Leaf, validity: Validity) -> bool {
        validity.until <= leaf.not_after
    }

    fn replaces(&self, stored: &io::Result<()>) -> bool {
        WhileItHolds.replaces(stored)
    }

    fn shown_until(&self, validity: Validity) -> UtcDateTime {
        WhileItHolds.shown_until(validity)
    }
}
