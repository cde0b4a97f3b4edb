//! A renewal that says for ever what it replaces (certmagic and simple-acme, reported in 2025).
//!
//! <https://github.com/caddyserver/certmagic/issues/361>,
//! <https://github.com/caddyserver/certmagic/issues/334>,
//! <https://github.com/simple-acme/simple-acme/issues/90>,
//! <https://github.com/simple-acme/simple-acme/issues/267>
//!
//! RFC 9773 §5 has a CA refuse an order that replaces a certificate which another order has replaced, with `alreadyReplaced`.
//! If that other order's certificate was never fetched, because its answer was lost or the client ended, the client
//! still has the old one, says so in its next order, and is refused again: until it expires.
//!
//! Seam: [`Replacement`]. To be caught with a CA that refuses so by **L1**: no successor before expiry.

use crate::{acme::Error, manager::replacement::Replacement};

/// Never takes a refusal for one of what it says that it replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplacesForEver;

impl Replacement for ReplacesForEver {
    fn is_refused_by(&self, _error: &Error) -> bool {
        false
    }
}
