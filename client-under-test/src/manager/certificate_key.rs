//! [`CertificateKeys`]: for which key a certificate is ordered.

use std::{fmt::Debug, future::Future, io, pin::Pin};

use sim::crypto::P256Key;

use crate::{name::Names, storage::Storage};

/// A choice under way.
pub type Choosing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Chooses keys.
pub trait CertificateKeys: Debug + Send + Sync {
    /// The key that a new order for `names` is for.
    fn key_for<'a>(&'a self, storage: &'a Storage, names: &'a Names) -> Choosing<'a, P256Key>;

    /// Whether an order that was begun with `key` may be continued.
    fn may_go_on<'a>(&'a self, storage: &'a Storage, key: &'a P256Key) -> Choosing<'a, io::Result<bool>>;
}

/// A new one each time; and what has been put aside as compromised is not gone on with, wherever it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlwaysNew;

impl CertificateKeys for AlwaysNew {
    fn key_for<'a>(&'a self, storage: &'a Storage, names: &'a Names) -> Choosing<'a, P256Key> {
        let key = P256Key::generate(storage.env(), &format!("manager/certificate-key/{}", names.first()));
        Box::pin(std::future::ready(key))
    }

    fn may_go_on<'a>(&'a self, storage: &'a Storage, key: &'a P256Key) -> Choosing<'a, io::Result<bool>> {
        Box::pin(async move { Ok(!storage.is_compromised(key.public_point()).await?) })
    }
}
