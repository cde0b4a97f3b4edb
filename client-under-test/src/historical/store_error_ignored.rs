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

use sim::Env;

use crate::storage::atomic::{AtomicWrite, CertificateWriter, Written};

/// Writes as it should and takes no failure for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreErrorIgnored;

impl CertificateWriter for StoreErrorIgnored {
    fn write<'a>(&'a self, env: &'a Env, path: &'a Path, bytes: &'a [u8]) -> Written<'a> {
        Box::pin(async move {
            drop(AtomicWrite.write(env, path, bytes).await);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::certificate::tests::env;

    #[tokio::test]
    async fn a_write_that_failed_is_as_good_as_one_that_did_not_and_not_with_the_good_writer() {
        let directory = tempfile::tempdir().unwrap();
        // A directory can't be replaced by a file.
        let path = directory.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        StoreErrorIgnored.write(&env(), &path, b"x").await.unwrap();
        assert!(AtomicWrite.write(&env(), &path, b"x").await.is_err());
    }
}
