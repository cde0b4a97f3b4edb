//! Certificates that live a second longer than was promised (Let's Encrypt, until June 2021; all of its certificates).
//!
//! <https://community.letsencrypt.org/t/153426>, <https://bugzilla.mozilla.org/show_bug.cgi?id=1715455>
//!
//! notAfter was notBefore and ninety days. Both of them are part of the validity (RFC 5280 §4.1.2.5), which makes ninety
//! days and a second, against the CA's own statement of practices; and a CA that goes to the limit of the Baseline
//! Requirements in this way goes beyond it.
//!
//! Seam: [`LastSecond`]. To be caught by `ca.certificate-lifetime` with each certificate.

use crate::{timestamp::after, validity::LastSecond};

/// The first second that is not promised any more.
pub const VALIDITY_PLUS_ONE_SECOND: LastSecond = LastSecond(after);
