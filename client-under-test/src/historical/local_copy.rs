//! A copy of the storage that never learns what other hosts have written (Caddy's certmagic, 2026).
//!
//! <https://github.com/caddyserver/certmagic/pull/408>,
//! <https://github.com/caddyserver/certmagic/pull/402>
//!
//! So that handshakes need not wait for a storage far away, certmagic got a local one in front of it. What this host reads or
//! writes goes into it, and what another host renews does not. With several issuers a certificate that had expired there hid
//! the renewed one for good, and visitors were shown that of another issuer. With one issuer it healed: a renewal reads the storage
//! itself, which the copy answers here as well.
//!
//! Seams: [`CertificateReader`] and [`CertificateWriter`]. To be caught with two hosts on one storage of which one can't reach the CA
//! by **L7**, it does not serve what the other has renewed, and by **V1**, when that expires which it had.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::storage::{
    Storage,
    atomic::{CertificateWriter, Whole},
    certificate::{AsItIs, CertificateReader},
    medium::Answer,
};

/// Reads each file once, and then only what this host has written to it.
#[derive(Clone, Debug, Default)]
pub struct LocalCopy(Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>);

impl LocalCopy {
    fn keep(&self, path: &Path, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), bytes.into());
    }
}

impl CertificateReader for LocalCopy {
    fn read<'a>(&'a self, storage: &'a Storage, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
            if known.is_some() {
                return Ok(known);
            }
            let bytes = AsItIs.read(storage, path).await?;
            bytes.iter().for_each(|bytes| self.keep(path, bytes));
            Ok(bytes)
        })
    }
}

impl CertificateWriter for LocalCopy {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            Whole.write(storage, path, bytes).await?;
            self.keep(path, bytes);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn what_another_host_writes_is_not_seen_and_is_with_the_good_reader() {
        let (directory, storage) = storage();
        let path = directory.path().join("a.pem");
        let copy = LocalCopy::default();
        assert_eq!(copy.read(&storage, &path).await.unwrap(), None);
        copy.write(&storage, &path, b"own").await.unwrap();
        Whole.write(&storage, &path, b"the other's").await.unwrap();
        assert_eq!(copy.read(&storage, &path).await.unwrap().unwrap(), b"own");
        assert_eq!(AsItIs.read(&storage, &path).await.unwrap().unwrap(), b"the other's");
    }
}
