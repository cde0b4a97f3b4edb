//! A renewed certificate that could not be stored, and nobody minds (Go's autocert, reported in January 2018).
//!
//! <https://github.com/golang/go/issues/23569>
//!
//! autocert kept a renewed certificate in memory and put it into its cache, whose error it dropped. The process went on as if
//! all were well, and after a restart it had the old certificate, or none.
//!
//! Seam: [`CertificateWriter`]. To be caught with a disk that is full for a while and a restart when the CA is out of reach by
//! **V9**: visitors are no longer served.

use std::path::Path;

use crate::storage::{
    Storage,
    atomic::{CertificateWriter, Whole},
    medium::Answer,
};

/// Writes as it should and takes no failure for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreErrorIgnored;

impl CertificateWriter for StoreErrorIgnored {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            drop(Whole.write(storage, path, bytes).await);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn a_write_that_failed_is_as_good_as_one_that_did_not_and_not_with_the_good_writer() {
        let (directory, storage) = storage();
        // A directory can't be replaced by a file.
        let path = directory.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        StoreErrorIgnored.write(&storage, &path, b"x").await.unwrap();
        assert!(Whole.write(&storage, &path, b"x").await.is_err());
    }
}
