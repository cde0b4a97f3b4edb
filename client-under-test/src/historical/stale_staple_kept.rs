//! A staple that is kept for ever because its successor can't be written (Caddy's certmagic, reported in August 2024).
//!
//! <https://github.com/caddyserver/caddy/issues/6524>
//!
//! A new OCSP response was stored first and shown afterwards, and when it could not be stored it was not shown. The one before
//! stayed, and since nobody looked whether it still held, visitors were given it for as long as the disk was full and the
//! process ran: browsers turned away from certificates that were good.
//!
//! Seam: [`Stapling`]. To be caught with a disk that is full for longer than a response holds, by **V6**.

use std::io;

use time::UtcDateTime;

use crate::{acme::certificate::Leaf, manager::stapling::Stapling, status::Validity};

/// Shows what is stored, and never looks whether it still holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StaleStapleKept;

impl Stapling for StaleStapleKept {
    fn accepts(&self, _leaf: &Leaf, _validity: Validity) -> bool {
        true
    }

    fn replaces(&self, stored: &io::Result<()>) -> bool {
        stored.is_ok()
    }

    fn shown_until(&self, _validity: Validity) -> UtcDateTime {
        UtcDateTime::MAX
    }
}
