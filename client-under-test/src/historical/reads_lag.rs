//! A storage whose readers lag behind its writers (cert-manager, 2021; Consul behind Caddy, 2022).
//!
//! <https://github.com/cert-manager/cert-manager/issues/3603>,
//! <https://github.com/pteich/caddy-tlsconsul/pull/35>
//!
//! cert-manager decides by a cache of what the cluster holds. Six requests for one certificate went out within a minute,
//! most likely since each look still found none. Looking again once the lock is there does not help who is answered with what
//! was there before.
//!
//! Seam: [`CertificateReader`]. To be caught with three nodes on one storage by **M4**: each orders what is there already.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sim::Monotonic;

use crate::storage::{
    Storage,
    certificate::{AsItIs, CertificateReader},
    medium::Answer,
};

/// For so long a file is as it was when it was read, also if there was none.
const LAG: Duration = Duration::from_secs(60);

/// When a file was read, and what it held then.
type LastRead = (Monotonic, Option<Vec<u8>>);

/// Answers with what it has read a short while ago.
#[derive(Clone, Debug, Default)]
pub struct ReadsLag(Arc<Mutex<BTreeMap<PathBuf, LastRead>>>);

impl CertificateReader for ReadsLag {
    fn read<'a>(&'a self, storage: &'a Storage, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let now = storage.env().monotonic_now();
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
            if let Some((_, bytes)) = known.filter(|(read, _)| now.since(*read) < LAG) {
                return Ok(bytes);
            }
            let bytes = AsItIs.read(storage, path).await?;
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), (now, bytes.clone()));
            Ok(bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn what_is_written_after_a_look_is_not_seen_and_is_with_the_good_reader() {
        let (directory, storage) = storage();
        let path = directory.path().join("a.pem");
        let lagging = ReadsLag::default();
        assert_eq!(lagging.read(&storage, &path).await.unwrap(), None);
        std::fs::write(&path, "written").unwrap();
        assert_eq!(lagging.read(&storage, &path).await.unwrap(), None);
        assert_eq!(AsItIs.read(&storage, &path).await.unwrap().unwrap(), b"written");
    }
}
