//! Certificate sets: a key and its chain in one file, `<name>.pem`, which is what makes them current.

use std::{
    fmt::{self, Debug},
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
};

use rustls::sign::CertifiedKey;
use sim::{Env, crypto::P256Key};
use time::UtcDateTime;

use super::{Storage, atomic::Written, read};
use crate::{
    acme::certificate::{CertificateError, Chain, Leaf, pem_blocks},
    manager::{
        lookup::{Shown, Stapled},
        resolver::schemes,
    },
    name::Name,
};

/// What has to be readable besides a certificate set before the set counts as there.
pub trait CertificateRequirement: Debug + Send + Sync {
    /// Fails if what is known of the certificate besides itself, at `metadata`, is not as it has to be.
    fn check<'a>(&'a self, env: &'a Env, metadata: &'a Path) -> Written<'a>;
}

/// Nothing: a key and its certificate can be served whatever else is missing or unreadable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAlone;

impl CertificateRequirement for SetAlone {
    fn check<'a>(&'a self, _env: &'a Env, _metadata: &'a Path) -> Written<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The file of a certificate set being read; nothing if there is none.
pub type ReadFile<'a> = Pin<Box<dyn Future<Output = io::Result<Option<Vec<u8>>>> + Send + 'a>>;

/// Where the files of certificate sets are read.
pub trait CertificateReader: Debug + Send + Sync {
    /// What the file at `path` holds, if there is one.
    fn read<'a>(&'a self, env: &'a Env, path: &'a Path) -> ReadFile<'a>;
}

/// On the disk, which other hosts may have written since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FromDisk;

impl CertificateReader for FromDisk {
    fn read<'a>(&'a self, env: &'a Env, path: &'a Path) -> ReadFile<'a> {
        Box::pin(read(env, path))
    }
}

/// A chain and the key that its leaf certifies.
#[derive(Clone)]
pub struct CertificateSet {
    chain: Chain,
    key: P256Key,
    /// The file's content. It takes a moment to write, and is compared with the file each hour.
    pem: Arc<str>,
}

impl CertificateSet {
    /// Joins what belongs together.
    ///
    /// # Errors
    /// [`CertificateError::OtherKey`] if it does not.
    pub fn new(chain: Chain, key: P256Key) -> Result<Self, CertificateError> {
        chain.check_key(&key)?;
        let pem = (key.to_pem() + &chain.to_pem()).into();
        Ok(Self { chain, key, pem })
    }

    /// What the leaf says.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        self.chain.leaf()
    }

    /// Whether this is the certificate of `key`.
    #[must_use]
    pub fn is_for(&self, key: &P256Key) -> bool {
        self.chain.check_key(key).is_ok()
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &P256Key {
        &self.key
    }

    /// The set in the form that handshakes are answered with, with an OCSP response to be shown until a moment if there is one.
    #[must_use]
    pub fn shown(&self, staple: Option<(&[u8], UtcDateTime)>) -> Shown<CertifiedKey> {
        let key = Arc::new(self.key.clone());
        let bare = CertifiedKey::new(self.chain.certificates().to_vec(), key.clone());
        let stapled = staple.map(|(response, until)| {
            Arc::new(Stapled {
                certified: Arc::new(CertifiedKey { ocsp: Some(response.to_vec()), ..bare.clone() }),
                until,
            })
        });
        Shown {
            schemes: schemes(&*key),
            certified: Arc::new(bare),
            not_before: self.leaf().not_before,
            not_after: self.leaf().not_after,
            stapled,
            must_staple: self.leaf().status_sources.must_staple,
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let blocks = pem_blocks(bytes)?;
        let key = blocks
            .iter()
            .find(|block| block.tag() == "PRIVATE KEY")
            .ok_or(CertificateError::Unreadable("it holds no private key"))?;
        let key =
            P256Key::from_pkcs8(key.contents()).map_err(|_| CertificateError::Unreadable("its key is not P-256"))?;
        Self::new(Chain::of_blocks(blocks)?, key)
    }
}

impl fmt::Debug for CertificateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateSet({:?})", self.leaf())
    }
}

impl Storage {
    /// When the certificate in `bytes` expires, whoever it is for; `None` if there is none.
    pub(super) fn expiry(bytes: &[u8]) -> Option<UtcDateTime> {
        let chain = Chain::of_blocks(pem_blocks(bytes).ok()?).ok()?;
        Some(chain.leaf().not_after)
    }

    /// Makes `set` the current one of `name`. It is so, for this host and after any crash, from the one
    /// moment on in which the file is renamed.
    ///
    /// # Errors
    /// The disk's; the former set then stands.
    pub async fn store_certificate(&self, name: &Name, set: &CertificateSet) -> io::Result<()> {
        self.writer.write(&self.env, &self.certificate_file(name, "pem"), set.pem.as_bytes()).await
    }

    /// Whether the current set of `name` is this one.
    ///
    /// # Errors
    /// The disk's, if that is not known.
    pub async fn holds_certificate(&self, name: &Name, set: &CertificateSet) -> io::Result<bool> {
        let bytes = self.reader.read(&self.env, &self.certificate_file(name, "pem")).await?;
        Ok(bytes.is_some_and(|bytes| bytes == set.pem.as_bytes()))
    }

    /// The current set of `name`, if there is one. A file that holds no set of this name is put aside.
    ///
    /// # Errors
    /// The disk's, if it is not known whether there is one.
    pub async fn load_certificate(&self, name: &Name) -> io::Result<Option<CertificateSet>> {
        let path = self.certificate_file(name, "pem");
        let Some(bytes) = self.reader.read(&self.env, &path).await? else { return Ok(None) };
        match CertificateSet::parse(&bytes) {
            Ok(set) if set.leaf().names.contains(name) => {
                self.requirement.check(&self.env, &self.certificate_file(name, "json")).await?;
                Ok(Some(set))
            }
            Ok(_) | Err(_) => {
                self.quarantine(&path).await;
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        acme::certificate::tests::{chain, env},
        storage::{atomic, tests::storage},
    };

    fn set(name: &str) -> CertificateSet {
        let key = P256Key::generate(&env(), name);
        CertificateSet::new(chain(name, &key, 90), key).unwrap()
    }

    #[tokio::test]
    async fn a_stored_set_is_loaded_again() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        assert!(storage.load_certificate(&name).await.unwrap().is_none());
        storage.store_certificate(&name, &set("a.test")).await.unwrap();
        let loaded = storage.load_certificate(&name).await.unwrap().unwrap();
        assert_eq!(loaded.chain, set("a.test").chain);
        assert_eq!(loaded.key.public_point(), set("a.test").key.public_point());
    }

    #[tokio::test]
    async fn a_bad_set_is_put_aside_and_harms_no_other_name() {
        let (_directory, storage) = storage();
        let good: Name = "good.test".parse().unwrap();
        storage.store_certificate(&good, &set("good.test")).await.unwrap();
        let other_key = P256Key::generate(&env(), "another");
        let mismatched = other_key.to_pem() + &set("bad.test").chain.to_pem();
        let whole = set("bad.test").pem;
        let bad: Name = "bad.test".parse().unwrap();
        let path = storage.certificate_file(&bad, "pem");
        for content in ["", "}", &whole[..whole.len() / 2], &mismatched, &set("other.test").pem] {
            atomic::replace(&storage.env, &path, content.as_bytes()).await.unwrap();
            assert!(storage.load_certificate(&bad).await.unwrap().is_none());
            assert!(!path.exists());
            assert_eq!(std::fs::read(path.with_extension("pem.bad")).unwrap(), content.as_bytes());
            std::fs::rename(path.with_extension("pem.bad"), path.with_extension("seen")).unwrap();
        }
        assert!(storage.load_certificate(&good).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_file_that_can_not_be_read_is_no_missing_file() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        std::fs::create_dir_all(storage.certificate_file(&name, "pem")).unwrap();
        assert!(storage.load_certificate(&name).await.is_err());
    }
}
