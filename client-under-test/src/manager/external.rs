//! [`ExternalCertificate`]: certificates that the operator gives as PEM files, shown beside the managed ones.
//!
//! Nothing is ordered for them, and none has to go for want of room. Files that have changed are read again within the hour.
//! What can't be used is told and leaves what was shown before; each has a task of its own, so that none waits for another's
//! disk or mistakes.

use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use sha2::{Digest, Sha256};
use sim::Env;

use super::{
    cache::CertificateCache,
    lookup::{Shown, Source},
    maintenance::STORAGE_LOOK_INTERVAL,
};
use crate::{
    name::Name,
    storage::{
        certificate::{CertificateSet, SetError},
        medium::FILE_BYTES_MAX,
    },
};

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalCertificate {
    /// The certificate and those that certify it, leaf first, PEM (RFC 8555 §9.1). It is shown for the leaf's DNS names.
    pub chain: PathBuf,
    /// Its private key, PEM: PKCS #8, SEC 1 or PKCS #1; ECDSA P-256 or P-384, Ed25519 or RSA. It may be the same file.
    pub key: PathBuf,
}

/// Why an [`ExternalCertificate`] is not shown.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// A file can't be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the disk says.
        reason: io::Error,
    },
    /// What is in them is no certificate with its key.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The certificate is for no DNS name.
    #[error("the certificate names nobody by DNS")]
    NoName,
}

/// Looks after one external certificate.
#[derive(Debug)]
pub(super) struct ExternalKeeper {
    env: Env,
    cache: Arc<dyn CertificateCache>,
    source: Source,
    files: ExternalCertificate,
    /// What is shown, by its files' digest, and for whom.
    seen: Option<[u8; 32]>,
    names: Vec<Name>,
}

impl ExternalKeeper {
    /// Looks after the external certificate that was given `number`th.
    pub(super) fn new(env: &Env, cache: Arc<dyn CertificateCache>, number: usize, files: ExternalCertificate) -> Self {
        let source = Source::External(number);
        Self { env: env.clone(), cache, source, files, seen: None, names: Vec::new() }
    }

    /// Looks after it for ever, once it was looked at first.
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            self.env.sleep(STORAGE_LOOK_INTERVAL).await;
            self.look().await;
        }
    }

    /// Shows what the files hold, if that has changed.
    pub(super) async fn look(&mut self) {
        let file = || self.files.chain.display().to_string();
        match self.read().await {
            Ok(None) => {}
            Ok(Some((seen, shown, names))) => {
                let now = self.env.utc_now();
                for name in &names {
                    self.cache.insert(name, self.source, &shown, now).await;
                }
                for gone in self.names.iter().filter(|name| !names.contains(name)) {
                    self.cache.remove(gone, self.source).await;
                }
                self.env.probe_about("manager/external-certificate-shown", || [("file", file())]);
                (self.seen, self.names) = (Some(seen), names);
            }
            Err(e) => {
                let about = || [("file", file()), ("reason", e.to_string())];
                self.env.probe_about("manager/external-certificate-refused", about);
            }
        }
    }

    async fn read(&self) -> Result<Option<([u8; 32], Shown<CertifiedKey>, Vec<Name>)>, ExternalError> {
        let chain = self.read_file(&self.files.chain).await?;
        let key = self.read_file(&self.files.key).await?;
        let digests: [[u8; 32]; 2] = [&chain, &key].map(|bytes| Sha256::digest(bytes).into());
        let seen = Sha256::digest(digests.as_flattened()).into();
        if self.seen == Some(seen) {
            return Ok(None);
        }
        let (shown, names) = read(&chain, &key, &self.env.crypto_provider())?;
        Ok(Some((seen, shown, names)))
    }

    async fn read_file(&self, path: &Path) -> Result<Vec<u8>, ExternalError> {
        let read = self.env.disk().read_at_most(path, FILE_BYTES_MAX).await;
        read.map_err(|reason| ExternalError::File { path: path.display().to_string(), reason })
    }
}

/// The certificate in the form that handshakes are answered with, and the names it is for.
fn read(
    chain: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<(Shown<CertifiedKey>, Vec<Name>), ExternalError> {
    let set = CertificateSet::read(chain, key, provider)?;
    if set.leaf().names.is_empty() {
        return Err(ExternalError::NoName);
    }
    // Nobody asks about it here, so that it is not held against it.
    Ok((Shown { must_staple: false, ..set.shown(None) }, set.leaf().names.clone()))
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    };
    use sim::real;

    use super::*;
    use crate::{
        acme::certificate::tests::BEGIN,
        manager::{
            cache::Unguarded,
            lookup::{Certificates, Hello, Protocols, Schemes, StandIns},
        },
    };

    /// A chain and its key, PEM.
    fn pair(names: &[&str], key: &KeyPair) -> (String, String) {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.not_before = BEGIN.into();
        params.not_after = (BEGIN + time::Duration::days(9)).into();
        (params.self_signed(key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn keys_of_each_kind_are_taken_and_anothers_refused() {
        let provider = rustls::crypto::ring::default_provider();
        let kinds = [(&PKCS_ECDSA_P256_SHA256, 0x0403), (&PKCS_ECDSA_P384_SHA384, 0x0503), (&PKCS_ED25519, 0x0807)];
        for (kind, scheme) in kinds {
            let (chain, key) = pair(&["a.test"], &KeyPair::generate_for(kind).unwrap());
            let (shown, names) = read(chain.as_bytes(), key.as_bytes(), &provider).unwrap();
            assert_eq!(shown.schemes, Schemes::new([scheme]));
            assert_eq!(names, ["a.test".parse().unwrap()]);
            let whole = key.clone() + &chain;
            assert!(read(whole.as_bytes(), whole.as_bytes(), &provider).is_ok(), "one file for both");
            let (_, another) = pair(&["a.test"], &KeyPair::generate_for(kind).unwrap());
            assert!(read(chain.as_bytes(), another.as_bytes(), &provider).is_err());
            for wrong in ["", "}", &chain, &key[..key.len() / 2]] {
                assert!(read(chain.as_bytes(), wrong.as_bytes(), &provider).is_err(), "{wrong}");
                assert!(wrong == chain || read(wrong.as_bytes(), key.as_bytes(), &provider).is_err(), "{wrong}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_changes_is_shown_anew_and_one_that_breaks_leaves_what_was_shown() {
        let env = real::env("client", real::Options::default());
        let directory = tempfile::tempdir().unwrap();
        let cache = Unguarded::make(&env, Arc::new(Certificates::new(1, StandIns::default())));
        let files = ExternalCertificate { chain: directory.path().join("c"), key: directory.path().join("k") };
        let mut keeper = ExternalKeeper::new(&env, cache.clone(), 0, files.clone());
        let shown = |server_name| {
            let hello = Hello {
                server_name: Some(server_name),
                signature_schemes: &[0x0403_u16],
                protocols: Protocols::Ordinary,
            };
            cache.certificates().find(&hello, BEGIN).certified().map(|found| found.cert[0].to_vec())
        };
        keeper.look().await;
        assert_eq!(shown("a.test"), None);
        let write = |(chain, key): (String, String)| {
            std::fs::write(&files.chain, chain).unwrap();
            std::fs::write(&files.key, key).unwrap();
        };
        let key = KeyPair::generate().unwrap();
        write(pair(&["a.test", "b.test"], &key));
        keeper.look().await;
        let first = shown("a.test").unwrap();
        assert_eq!(shown("b.test").as_ref(), Some(&first));
        std::fs::write(&files.chain, "}").unwrap();
        keeper.look().await;
        assert_eq!(shown("a.test"), Some(first.clone()));
        cache.remove(&"a.test".parse().unwrap(), Source::Managed).await;
        assert_eq!(shown("a.test"), Some(first.clone()), "no external certificate is let go");
        write(pair(&["a.test"], &key));
        keeper.look().await;
        assert!(shown("a.test").is_some_and(|now| now != first));
        assert_eq!(shown("b.test"), None);
        drop(env);
    }
}
