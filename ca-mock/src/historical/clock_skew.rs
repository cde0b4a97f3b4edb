//! Front ends whose clocks differ (any CA with several machines; Boulder's issue is of 2024).
//!
//! <https://github.com/letsencrypt/boulder/issues/7684>
//!
//! The times that a client is told jump back and forth with the machine that answers: an order that is new has expired,
//! or a Retry-After is in the past. A CA's duties have limits in time as well, and Boulder's parts were to
//! refuse to work with one whose clock is off.
//!
//! Seam: [`FrontEndClocks`]. To be caught by `ca.clocks-agree`, when a client has been answered by two of them.

use crate::front_end::FrontEndClocks;

/// Each is three minutes ahead of the one before it.
pub const CLOCK_SKEW: FrontEndClocks = FrontEndClocks(|number| time::Duration::minutes(3) * number);
