//! A renewal for the key that the revoked certificate had (acme.sh, asked in 2020, and certbot's `--reuse-key`).
//!
//! <https://github.com/acmesh-official/acme.sh/issues/2887>,
//! <https://github.com/icing/mod_md/issues/328>
//!
//! An operator whose key had leaked revoked the certificate for that reason and renewed; the new certificate was for the same key,
//! for renewals keep it unless a flag says otherwise, and deleting the key's file was not enough. CAs refuse such keys by now, and
//! then the renewal fails for ever.
//!
//! Seam: [`CertificateKeys`]. To be caught with a revocation for key compromise by **M16**: the key is in a CSR again.

use std::io;

use sim::crypto::P256Key;

use crate::{
    manager::certificate_key::{AlwaysNew, CertificateKeys, Choosing},
    name::Names,
    storage::Storage,
};

/// Keeps the key of the certificate that there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompromisedKeyKept;

impl CertificateKeys for CompromisedKeyKept {
    fn key_for<'a>(&'a self, storage: &'a Storage, names: &'a Names) -> Choosing<'a, P256Key> {
        Box::pin(async move {
            match storage.load_certificate(names.first()).await {
                Ok(Some(set)) if let Some(key) = set.p256_key() => key,
                Ok(_) | Err(_) => AlwaysNew.key_for(storage, names).await,
            }
        })
    }

    fn may_go_on<'a>(&'a self, _storage: &'a Storage, _key: &'a P256Key) -> Choosing<'a, io::Result<bool>> {
        Box::pin(std::future::ready(Ok(true)))
    }
}
