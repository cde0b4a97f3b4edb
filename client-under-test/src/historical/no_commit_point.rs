//! A certificate set of several files, each written with care and none of them the one that counts (certmagic and lego, as of 2026).
//!
//! <https://github.com/caddyserver/certmagic/blob/master/storage.go>,
//! <https://github.com/fabriziosalmi/zion/issues/423>,
//! <https://github.com/nginx/njs-acme/issues/52>
//!
//! Each file is replaced as a whole and durably, one after the other. A crash between the chain and the key leaves a
//! certificate beside the key of the one before it: both files are sound, and together they are no use. Neither the old
//! set is there any more, nor the new one yet.
//!
//! Seam: [`CertificateWriter`], which leaves out the file that only the one certificate's key is in. To be caught by cutting the
//! power after each change of a renewal by **V9**, visitors are no longer served though the certificate on disk was good.

use std::path::Path;

use crate::storage::{
    Storage,
    atomic::{CertificateWriter, Whole},
    certificate::is_own_key,
    medium::Answer,
};

/// Writes `<name>.crt` and `<name>.key`, each as it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoCommitPoint;

impl CertificateWriter for NoCommitPoint {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        if is_own_key(path) {
            return Box::pin(std::future::ready(Ok(())));
        }
        Whole.write(storage, path, bytes)
    }
}
