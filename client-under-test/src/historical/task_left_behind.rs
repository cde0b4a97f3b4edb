//! Something that stays in memory after each order (cert-manager, 2021).
//!
//! <https://github.com/cert-manager/cert-manager/pull/4279>
//!
//! cert-manager kept a client for each account and key in a cache, and never took one out. Each had goroutines of its own, and a
//! cluster with four thousand certificates had used up its memory after two weeks. No single step shows it: all certificates
//! come, in time.
//!
//! Seam: [`CertificateKeys::key_for`], which each order passes once. To be caught with some weeks of short-lived certificates by **M20**.

use sim::crypto::P256Key;

use crate::{
    manager::certificate_key::{AlwaysNew, CertificateKeys, Choosing},
    name::Names,
    storage::Storage,
};

/// Leaves a task behind each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskLeftBehind;

impl CertificateKeys for TaskLeftBehind {
    fn key_for<'a>(&'a self, storage: &'a Storage, names: &'a Names) -> Choosing<'a, P256Key> {
        storage.env().spawn("a client for an order", std::future::pending::<()>()).detach();
        AlwaysNew.key_for(storage, names)
    }

    fn may_go_on<'a>(&'a self, storage: &'a Storage, key: &'a P256Key) -> Choosing<'a, std::io::Result<bool>> {
        AlwaysNew.may_go_on(storage, key)
    }
}
