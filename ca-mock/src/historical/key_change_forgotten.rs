//! A key rollover that is answered with success and does nothing (Pebble, to this day, where the new key has an account).
//!
//! <https://github.com/letsencrypt/pebble>: 200 without a body, where RFC 8555 §7.3.5 asks for 409.
//!
//! The client throws its old key away and can't sign for its account any more. Who still has it can.
//!
//! Seam: [`KeyRollover`]. To be caught by **C2**: `ca.new-key-accepted` as soon as the new key is used, and
//! `ca.old-key-refused` should the old one be.

use crate::accounts::KeyRollover;

/// The new key is checked and forgotten.
pub const KEY_CHANGE_FORGOTTEN: KeyRollover =
    KeyRollover(|accounts, _, new| accounts.with_key(new.thumbprint()).map_or(Ok(()), |holder| Err(holder.id)));
