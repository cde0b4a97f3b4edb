//! Keys that somebody else may have, `compromised-keys/<digest of the public key>.pem`: put aside under a name that says so, for
//! whoever looks into what happened, and so that no certificate is ever ordered for one of them again.
//!
//! They are found by the key itself, whatever name or CA it is met under next: a copy of an old set, or a record of an order that
//! was restored with it. Nothing here is ever removed.

use std::{io, path::PathBuf};

use sha2::{Digest, Sha256};
use sim::crypto::P256Key;

use super::{Storage, atomic, hex};

impl Storage {
    /// Puts `key` aside for good.
    ///
    /// # Errors
    /// The disk's; then it is not known to be compromised after a restart.
    pub async fn put_key_aside(&self, key: &P256Key) -> io::Result<()> {
        atomic::replace(&self.env, &self.compromised_file(key), key.to_pem().as_bytes()).await
    }

    /// Whether `key` has been put aside.
    ///
    /// # Errors
    /// The disk's, if that is not known.
    pub async fn is_compromised(&self, key: &P256Key) -> io::Result<bool> {
        match self.env.disk().metadata(&self.compromised_file(key)).await {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn compromised_file(&self, key: &P256Key) -> PathBuf {
        let digest = hex(&Sha256::digest(key.public_point()));
        self.root.join("compromised-keys").join(format!("{digest}.pem"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acme::certificate::tests::env, storage::tests::storage};

    #[tokio::test]
    async fn a_key_that_was_put_aside_is_known_and_kept() {
        let (_directory, storage) = storage();
        let [one, other] = ["one", "other"].map(|name| P256Key::generate(&env(), name));
        assert!(!storage.is_compromised(&one).await.unwrap());
        storage.put_key_aside(&one).await.unwrap();
        storage.put_key_aside(&one).await.unwrap();
        assert!(storage.is_compromised(&one).await.unwrap() && !storage.is_compromised(&other).await.unwrap());
        let kept = std::fs::read_to_string(storage.compromised_file(&one)).unwrap();
        assert_eq!(P256Key::from_pem(&kept).unwrap().public_point(), one.public_point());
    }
}
