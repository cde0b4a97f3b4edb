//! Answers to challenges that any host on a shared storage gives, `challenges/<what is asked for>.<type>`.
//!
//! A CA asks the address that DNS names, which may be that of another host than the one that ordered. Written before
//! the CA is told that it may ask; removed with the attempt, or by the host's next start.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Storage;

/// An answer that is in place.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    host: String,
    key_authorization: String,
}

/// Keeps an answer in place on all hosts while it lives.
#[derive(Debug)]
pub struct PublishedChallenge {
    storage: Storage,
    path: PathBuf,
}

impl Drop for PublishedChallenge {
    fn drop(&mut self) {
        let (medium, path) = (self.storage.medium.clone(), std::mem::take(&mut self.path));
        let removing = async move { drop(medium.remove(&path).await) };
        self.storage.env.spawn("withdraw a challenge", removing).detach();
    }
}

impl Storage {
    /// Lets all hosts answer a challenge of this `kind` (its name in RFC 8555) by `key_authorization`, when they are
    /// asked for `label`.
    ///
    /// # Errors
    /// The disk's.
    pub async fn publish_challenge(
        &self,
        kind: &str,
        label: &str,
        key_authorization: &str,
    ) -> io::Result<PublishedChallenge> {
        let record = Record { host: self.env.host_name().to_owned(), key_authorization: key_authorization.to_owned() };
        let bytes = serde_json::to_vec(&record).expect("a struct of texts has a JSON form");
        let published = PublishedChallenge { storage: self.clone(), path: self.challenge_file(kind, label) };
        self.medium.write(&published.path, &bytes).await?;
        Ok(published)
    }

    /// By which key authorization a challenge of this `kind` for `label` is answered, if one of the hosts has one.
    pub async fn published_challenge(&self, kind: &str, label: &str) -> Option<String> {
        let bytes = self.read(&self.challenge_file(kind, label)).await.ok()??;
        Some(serde_json::from_slice::<Record>(&bytes).ok()?.key_authorization)
    }

    fn challenge_file(&self, kind: &str, label: &str) -> PathBuf {
        self.root.join("challenges").join(format!("{label}.{kind}"))
    }

    /// Removes what this host left in place when it ended without notice, and what is too old to be anybody's.
    pub async fn clean_challenges(&self) {
        let folder = self.root.join("challenges");
        let Ok(files) = self.medium.list(&folder).await else { return };
        for file in files {
            let path = folder.join(file);
            let record =
                self.read(&path).await.ok().flatten().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
            let is_own = record.is_some_and(|record| record.host == self.env.host_name());
            if is_own || self.is_abandoned(&path).await {
                drop(self.medium.remove(&path).await);
            }
        }
    }
}

/// Whether `bytes` are an answer.
pub(super) fn is_answer(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Record>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn what_a_host_left_in_place_is_removed_when_it_starts_again() {
        let (_directory, storage) = storage();
        let kept = storage.publish_challenge("http-01", "token", "token.thumbprint").await.unwrap();
        assert_eq!(storage.published_challenge("http-01", "token").await.as_deref(), Some("token.thumbprint"));
        assert_eq!(storage.published_challenge("tls-alpn-01", "token").await, None);
        storage.clean_challenges().await;
        assert_eq!(storage.published_challenge("http-01", "token").await, None);
        drop(kept);
    }
}
