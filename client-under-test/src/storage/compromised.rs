//! Keys that somebody else may have, `compromised-keys/<digest of the public key>.pem`: put aside under a name that says so, for
//! whoever looks into what happened, and so that no certificate is ever ordered for one of them again.
//!
//! They are found by the key itself, whatever name or CA it is met under next: a copy of an old set, or a record of an order that
//! was restored with it. Nothing here is ever removed.

use std::{io, path::PathBuf};

use sha2::{Digest, Sha256};

use super::{Storage, certificate::CertificateSet, hex};

impl Storage {
    /// Puts the key of `set` aside for good.
    ///
    /// # Errors
    /// The disk's; then it is not known to be compromised after a restart.
    pub async fn put_key_aside(&self, set: &CertificateSet) -> io::Result<()> {
        self.medium.write(&self.compromised_file(set.leaf().public_key()), set.key_pem()).await
    }

    /// Whether the key has been put aside whose public half this is (the bits; of P-256, the uncompressed point).
    ///
    /// # Errors
    /// The disk's, if that is not known.
    pub async fn is_compromised(&self, public_key: &[u8]) -> io::Result<bool> {
        Ok(self.medium.modified(&self.compromised_file(public_key)).await?.is_some())
    }

    pub(super) fn compromised_file(&self, public_key: &[u8]) -> PathBuf {
        self.root.join("compromised-keys").join(file_of_key(public_key))
    }
}

/// The file's name, by the key's public half.
pub(super) fn file_of_key(public_key: &[u8]) -> String {
    format!("{}.pem", hex(&Sha256::digest(public_key)))
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::{
        acme::certificate::tests::{chain, env},
        storage::tests::storage,
    };

    #[tokio::test]
    async fn a_key_that_was_put_aside_is_known_and_kept() {
        let (_directory, storage) = storage();
        let [one, other] = ["one", "other"].map(|name| P256Key::generate(&env(), name));
        let set = CertificateSet::new(chain("a.test", &one, 90), one.clone()).unwrap();
        assert!(!storage.is_compromised(one.public_point()).await.unwrap());
        storage.put_key_aside(&set).await.unwrap();
        storage.put_key_aside(&set).await.unwrap();
        assert!(storage.is_compromised(one.public_point()).await.unwrap());
        assert!(!storage.is_compromised(other.public_point()).await.unwrap());
        let kept = std::fs::read_to_string(storage.compromised_file(one.public_point())).unwrap();
        assert_eq!(P256Key::from_pem(&kept).unwrap().public_point(), one.public_point());
    }
}
