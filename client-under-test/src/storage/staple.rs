//! OCSP responses, `ocsp/<name>-<certificate>`: so that a restart has what to staple at once, and hosts that share the storage
//! ask once.
//!
//! A response is signed, and verified again whenever it is read. One that is lost is asked for again; one that does not hold
//! any more is of no use and goes.

use std::{io, path::PathBuf};

use sha2::{Digest, Sha256};

use super::{Storage, atomic, certificate::CertificateSet, file_name, hex};
use crate::{name::Name, status::ocsp};

/// How many of a digest's octets tell certificates of one name apart.
const TAG_OCTETS: usize = 8;

impl Storage {
    /// Keeps the response about the certificate of `set`, whose first name is `name`.
    ///
    /// # Errors
    /// The disk's; the former response then stands.
    pub async fn store_staple(&self, name: &Name, set: &CertificateSet, response: &[u8]) -> io::Result<()> {
        self.medium.write(&self.staple_file(name, set), response).await
    }

    /// The response about the certificate of `set` that was kept last, if there is one. It has to be verified.
    pub async fn load_staple(&self, name: &Name, set: &CertificateSet) -> Option<Vec<u8>> {
        self.read(&self.staple_file(name, set)).await.ok()?
    }

    /// Removes the responses that do not hold any more, and what is none.
    pub async fn remove_stale_staples(&self) {
        let directory = self.staples_directory();
        let Ok(files) = self.medium.list(&directory).await else { return };
        for file in files {
            let path = directory.join(&file);
            if atomic::temporary_of(&file, self.env.host_name()).is_some() {
                continue;
            }
            // What can't be read or removed now is looked at again.
            let Ok(Some(response)) = self.read(&path).await else { continue };
            if ocsp::ends(&response).is_none_or(|end| end <= self.env.utc_now())
                && self.medium.remove(&path).await.is_ok()
            {
                self.env.probe("manager/stale-staple-removed");
            }
        }
    }

    fn staple_file(&self, name: &Name, set: &CertificateSet) -> PathBuf {
        let digest = Sha256::digest(set.chain().certificates().first().map_or(&[][..], |leaf| leaf.as_ref()));
        let tag = hex(&digest[..TAG_OCTETS]);
        self.staples_directory().join(format!("{}-{tag}", file_name(name)))
    }
}
