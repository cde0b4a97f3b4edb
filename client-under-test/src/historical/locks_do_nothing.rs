//! A lock that everybody gets (certmagic-s3, until 2021).
//!
//! <https://github.com/ss098/certmagic-s3/issues/12>,
//! <https://github.com/caddyserver/certmagic/issues/196>
//!
//! certmagic asks its storage to lock a name before it orders for it. The first plugin for S3 answered that at once
//! and did nothing, since S3 had no conditional writes; of three nodes that were started together each ordered the
//! same certificate and registered an account of its own, and the last to write won.
//!
//! Seam: [`StorageLocks`]. To be caught by starting two nodes at once on one storage: **M3**, two orders for one name
//! are open.

use std::path::Path;

use sim::Env;

use crate::storage::lock::{Acquiring, Lease, StorageLocks};

/// Lets everybody in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocksDoNothing;

impl StorageLocks for LocksDoNothing {
    fn acquire<'a>(&'a self, _env: &'a Env, _folder: &'a Path, _name: &'a str, _process: u64) -> Acquiring<'a> {
        Box::pin(std::future::ready(Ok(Lease::unlocked())))
    }
}
