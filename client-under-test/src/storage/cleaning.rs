//! What is too old to be of use is removed: sets of names that nobody looks after any more, some time after they have
//! expired.
//!
//! What can't be read is left alone, for a person may make something of it, and it keeps nothing else from being
//! removed. Another host on the same storage may store a new set in the moment in which the old one is removed; it looks
//! after what it shows and stores it again.

use std::io;

use super::{OwnFiles, Storage, name_of};
use crate::name::Name;

/// For so long after its end, a set stays: it may tell why a name is not served.
const EXPIRED_AGE_MAX: time::Duration = time::Duration::days(14);

impl Storage {
    /// Removes the sets that have long expired, with what else is known of them, and what was left half written, except
    /// those of names that are `kept`.
    pub async fn remove_expired(&self, kept: impl Fn(&Name) -> bool) {
        let certificates = self.certificates_directory();
        let Ok(directories) = self.medium.list(&certificates).await else { return };
        for directory in directories {
            let Some(name) = name_of(&directory) else { continue };
            if kept(&name) {
                continue;
            }
            self.clean_directory(&certificates.join(directory), OwnFiles::MayBeInUse).await;
            // What can't be removed now is looked at again.
            if self.has_long_expired(&name).await.unwrap_or(false) {
                drop(self.remove_set(&name).await);
            }
        }
    }

    async fn has_long_expired(&self, name: &Name) -> io::Result<bool> {
        let Some(bytes) = self.read(&self.chain_file(name)).await? else { return Ok(false) };
        let expired = Self::expiry(&bytes).and_then(|expiry| expiry.checked_add(EXPIRED_AGE_MAX));
        Ok(expired.is_some_and(|expired| expired < self.env.utc_now()))
    }

    async fn remove_set(&self, name: &Name) -> io::Result<()> {
        let mut files = ["json", "failures", "key"].map(|extension| self.certificate_file(name, extension)).to_vec();
        files.extend(self.own_key_files(name).await?);
        for file in files {
            self.medium.remove(&file).await?;
        }
        self.env.probe("manager/expired-set-removed");
        // It goes last: whatever a crash leaves, it tells the next time that the rest may go.
        self.medium.remove(&self.chain_file(name)).await?;
        // If an order's record or something put aside is in there, it stays.
        self.medium.remove_folder(&self.certificate_directory(name)).await
    }
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::{
        acme::certificate::{
            Chain,
            tests::{chain, env},
        },
        storage::{certificate::CertificateSet, lock::Lease, tests::storage},
    };

    fn expired(name: &str) -> CertificateSet {
        let key = P256Key::generate(&env(), name);
        CertificateSet::new(chain(name, &key, -30), key).unwrap()
    }

    #[tokio::test]
    async fn only_what_has_long_expired_and_nobody_keeps_is_removed_whatever_lies_beside_it() {
        let (_directory, storage) = storage();
        let names = ["*.old.test", "kept.test", "good.test", "bad.test"].map(|name| name.parse::<Name>().unwrap());
        let [old, kept, good, bad] = &names;
        for name in [old, kept] {
            storage.store_certificate(name, &expired(name.as_str()), &Lease::unlocked()).await.unwrap();
        }
        let key = P256Key::generate(&env(), "good");
        let lasting: Chain = chain("good.test", &key, 36_500);
        storage.store_certificate(good, &CertificateSet::new(lasting, key).unwrap(), &Lease::unlocked()).await.unwrap();
        storage.medium.write(&storage.certificate_file(bad, "crt"), b"}").await.unwrap();
        let stranger = storage.certificates_directory().join("..not a name");
        std::fs::create_dir_all(&stranger).unwrap();

        storage.remove_expired(|name| name == kept).await;
        assert!(!storage.certificate_directory(old).exists());
        for name in [kept, good, bad] {
            assert!(storage.certificate_file(name, "crt").exists(), "{name}");
        }
        assert!(stranger.exists());
    }

    #[tokio::test]
    async fn what_was_begun_to_be_removed_is_removed_the_next_time() {
        let (_directory, storage) = storage();
        let name: Name = "old.test".parse().unwrap();
        for number in 1.. {
            storage.store_certificate(&name, &expired("old.test"), &Lease::unlocked()).await.unwrap();
            let mut files = storage.medium.list(&storage.certificate_directory(&name)).await.unwrap();
            if files.len() < number {
                break;
            }
            // The chain goes last.
            files.sort_by_key(|file| file.ends_with(".crt"));
            for file in files.iter().take(number - 1) {
                storage.medium.remove(&storage.certificate_directory(&name).join(file)).await.unwrap();
            }
            storage.remove_expired(|_| false).await;
            assert!(!storage.certificate_directory(&name).exists(), "{number}");
        }
    }
}
