//! Certificate sets, laid out as Caddy's: a chain, `<name>.crt`, beside its key, `<name>.key`.
//!
//! Which set is current the chain alone says: there is one moment in which it is renamed into place. Its key is there
//! before, in a file that is named after the key, `<name>.<digest>.key`: whoever finds a chain finds the key, whatever crash
//! or other host comes between, and no two writers meet in one file. `<name>.key` follows after, for Caddy and for whoever looks;
//! a key that is not the chain's does no harm there.

use std::{
    ffi::OsStr,
    fmt::{self, Debug},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    crypto::CryptoProvider,
    pki_types::PrivateKeyDer,
    sign::{CertifiedKey, SigningKey},
};
use sha2::{Digest, Sha256};
use sim::crypto::P256Key;
use time::UtcDateTime;

use super::{
    Storage, file_name, hex,
    lock::Lease,
    medium::{Answer, FencedMedium},
};
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
    fn check<'a>(&'a self, storage: &'a Storage, metadata: &'a Path) -> Answer<'a, ()>;
}

/// Nothing: a key and its certificate can be served whatever else is missing or unreadable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAlone;

impl CertificateRequirement for SetAlone {
    fn check<'a>(&'a self, _storage: &'a Storage, _metadata: &'a Path) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// How the files of certificate sets are read.
pub trait CertificateReader: Debug + Send + Sync {
    /// What the file at `path` holds, if there is one.
    fn read<'a>(&'a self, storage: &'a Storage, path: &'a Path) -> Answer<'a, Option<Vec<u8>>>;
}

/// As they are in storage, where other hosts may have written since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsItIs;

impl CertificateReader for AsItIs {
    fn read<'a>(&'a self, storage: &'a Storage, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        storage.medium().read(path)
    }
}

/// How many of a digest's octets tell the keys of one name apart.
const TAG_OCTETS: usize = 8;

/// So many bytes of a name leave room for the rest of a file's.
const BEFORE_TAG_BYTES_MAX: usize = 200;

/// How often a chain is read again whose key is not there: another host may have put the next in its place.
const READS_MAX: usize = 3;

/// Why a chain and a private key are no set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The certificate or the PEM is wrong, or the key is another's.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There is no private key.
    #[error("it holds no private key")]
    NoKey,
    /// The private key can't be used, or belongs to another certificate.
    #[error("the private key: {0}")]
    Key(#[from] rustls::Error),
}

/// A chain and the key that its leaf certifies.
#[derive(Clone)]
pub struct CertificateSet {
    chain: Chain,
    key: Arc<dyn SigningKey>,
    /// The files' contents. They take a moment to write, and are compared with the files each hour.
    chain_pem: Arc<[u8]>,
    key_pem: Arc<[u8]>,
}

impl CertificateSet {
    /// Joins what belongs together.
    ///
    /// # Errors
    /// [`CertificateError::OtherKey`] if it does not.
    pub fn new(chain: Chain, key: P256Key) -> Result<Self, CertificateError> {
        chain.check_key(&key)?;
        let (chain_pem, key_pem) = (chain.to_pem().into_bytes().into(), key.to_pem().into_bytes().into());
        Ok(Self { chain, key: Arc::new(key), chain_pem, key_pem })
    }

    /// Reads a chain and the first private key in `key_pem`, which may be the same text. Keys are PKCS #8, SEC 1 or PKCS #1, and
    /// whatever `provider` can sign with.
    ///
    /// # Errors
    /// [`SetError`].
    pub fn read(chain_pem: &[u8], key_pem: &[u8], provider: &CryptoProvider) -> Result<Self, SetError> {
        let chain = Chain::of_blocks(pem_blocks(chain_pem)?)?;
        let key = signing_key(key_pem, &chain, provider)?;
        Ok(Self { chain, key, chain_pem: chain_pem.into(), key_pem: key_pem.into() })
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

    /// The private key, if it is of the kind that requests are signed with here.
    #[must_use]
    pub fn p256_key(&self) -> Option<P256Key> {
        pem_blocks(&self.key_pem).ok()?.iter().find_map(|block| P256Key::from_der(block.contents()).ok())
    }

    /// The private key, PEM.
    #[must_use]
    pub fn key_pem(&self) -> &[u8] {
        &self.key_pem
    }

    /// The set in one file: its key, then its chain.
    fn in_one(&self) -> Vec<u8> {
        if self.key_pem == self.chain_pem {
            self.chain_pem.to_vec()
        } else {
            [&*self.key_pem, &*self.chain_pem].concat()
        }
    }

    /// The set in the form that handshakes are answered with, with an OCSP response to be shown until a moment if there is one.
    #[must_use]
    pub fn shown(&self, staple: Option<(&[u8], UtcDateTime)>) -> Shown<CertifiedKey> {
        let bare = CertifiedKey::new(self.chain.certificates().to_vec(), self.key.clone());
        let stapled = staple.map(|(response, until)| {
            Arc::new(Stapled {
                certified: Arc::new(CertifiedKey { ocsp: Some(response.to_vec()), ..bare.clone() }),
                until,
            })
        });
        Shown {
            schemes: schemes(&*self.key),
            certified: Arc::new(bare),
            not_before: self.leaf().not_before,
            not_after: self.leaf().not_after,
            stapled,
            must_staple: self.leaf().status_sources.must_staple,
        }
    }
}

impl fmt::Debug for CertificateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateSet({:?})", self.leaf())
    }
}

/// The private key that a PEM block holds, not read yet; `None` if it is a block of another kind.
pub(super) fn private_key(block: pem::Pem) -> Option<PrivateKeyDer<'static>> {
    match block.tag() {
        "PRIVATE KEY" => Some(PrivateKeyDer::Pkcs8(block.into_contents().into())),
        "EC PRIVATE KEY" => Some(PrivateKeyDer::Sec1(block.into_contents().into())),
        "RSA PRIVATE KEY" => Some(PrivateKeyDer::Pkcs1(block.into_contents().into())),
        _ => None,
    }
}

/// The first private key in `pem`, if it is that of `chain`'s leaf.
pub(super) fn signing_key(
    pem: &[u8],
    chain: &Chain,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, SetError> {
    let key = pem_blocks(pem)?.into_iter().find_map(private_key).ok_or(SetError::NoKey)?;
    // The commonest keys are signed with without randomness.
    if let Ok(key) = P256Key::from_der(key.secret_der()) {
        chain.check_key(&key)?;
        return Ok(Arc::new(key));
    }
    let key = provider.key_provider.load_private_key(key)?;
    CertifiedKey::new(chain.certificates().to_vec(), key.clone()).keys_match()?;
    Ok(key)
}

fn is_tag(text: &str) -> bool {
    text.len() == 2 * TAG_OCTETS && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Whether a file is named after the key that it holds.
pub(crate) fn is_own_key(path: &Path) -> bool {
    let tag = path.file_stem().map(Path::new).and_then(Path::extension).and_then(OsStr::to_str);
    path.extension().is_some_and(|extension| extension == "key") && tag.is_some_and(is_tag)
}

impl Storage {
    /// When the certificate in `bytes` expires, whoever it is for; `None` if there is none.
    pub(super) fn expiry(bytes: &[u8]) -> Option<UtcDateTime> {
        let chain = Chain::of_blocks(pem_blocks(bytes).ok()?).ok()?;
        Some(chain.leaf().not_after)
    }

    /// Makes `set` the current one of `name`, whose lock the `lease` is on. It is so, for this host and after any crash, from
    /// one moment on: that in which the chain's file is renamed, or the one that holds all of it is written.
    ///
    /// # Errors
    /// The medium's; where writes are fenced, that the lock was lost and another host has written. Either set may then be the
    /// current one, and each is whole.
    pub async fn store_certificate(&self, name: &Name, set: &CertificateSet, lease: &Lease) -> io::Result<()> {
        if let Some(fenced) = self.medium.fenced() {
            fenced.write_fenced(&self.chain_file(name), &set.in_one(), lease.fence()).await?;
            return self.store_names(name, set.leaf()).await;
        }
        // What failed once is done again at once: whoever reads `<name>.key` beside a chain that has just come shall find its key.
        match self.put_in_place(name, set).await {
            Err(_) if self.writer.tries_again() => self.put_in_place(name, set).await,
            done => done,
        }
    }

    async fn put_in_place(&self, name: &Name, set: &CertificateSet) -> io::Result<()> {
        let own_key = self.own_key_file(name, set.leaf());
        self.writer.write(self, &own_key, &set.key_pem).await?;
        self.writer.write(self, &self.chain_file(name), &set.chain_pem).await?;
        self.writer.write(self, &self.certificate_file(name, "key"), &set.key_pem).await?;
        self.store_names(name, set.leaf()).await?;
        self.remove_former_keys(name, &own_key).await;
        Ok(())
    }

    /// Whether the current set of `name` is this one.
    ///
    /// # Errors
    /// The disk's, if that is not known.
    pub async fn holds_certificate(&self, name: &Name, set: &CertificateSet) -> io::Result<bool> {
        if let Some(fenced) = self.medium.fenced() {
            return Ok(fenced.read_fenced(&self.chain_file(name)).await? == Some(set.in_one()));
        }
        let files = [
            (self.chain_file(name), &set.chain_pem),
            (self.certificate_file(name, "key"), &set.key_pem),
            (self.own_key_file(name, set.leaf()), &set.key_pem),
        ];
        for (path, content) in files {
            if self.reader.read(self, &path).await?.as_deref() != Some(content) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The current set of `name`, if there is one. A chain that is none, is for other names or has no key is put aside.
    ///
    /// # Errors
    /// The disk's, if it is not known whether there is one.
    pub async fn load_certificate(&self, name: &Name) -> io::Result<Option<CertificateSet>> {
        if let Some(fenced) = self.medium.fenced() {
            return self.load_in_one(name, fenced).await;
        }
        let path = self.chain_file(name);
        let mut former = None;
        for _ in 0..READS_MAX {
            let Some(chain_pem) = self.reader.read(self, &path).await? else { return Ok(None) };
            if former.as_ref() == Some(&chain_pem) {
                break;
            }
            if let Ok(chain) = pem_blocks(&chain_pem).and_then(Chain::of_blocks)
                && chain.leaf().names.contains(name)
                && let Some(set) = self.join(name, chain, &chain_pem).await?
            {
                self.requirement.check(self, &self.certificate_file(name, "json")).await?;
                return Ok(Some(set));
            }
            former = Some(chain_pem);
        }
        self.quarantine(&path).await;
        self.quarantine(&self.certificate_file(name, "key")).await;
        Ok(None)
    }

    async fn load_in_one(&self, name: &Name, fenced: &dyn FencedMedium) -> io::Result<Option<CertificateSet>> {
        let path = self.chain_file(name);
        let Some(bytes) = fenced.read_fenced(&path).await? else { return Ok(None) };
        let set = CertificateSet::read(&bytes, &bytes, &self.env.crypto_provider());
        let set = set.ok().filter(|set| set.leaf().names.contains(name));
        if set.is_none() {
            self.quarantine(&path).await;
        }
        Ok(set)
    }

    /// A chain of `name` with its key, if that is there. If a crash kept it from `<name>.key`, it is put there now.
    async fn join(&self, name: &Name, chain: Chain, chain_pem: &[u8]) -> io::Result<Option<CertificateSet>> {
        let (key_file, own_key_file) = (self.certificate_file(name, "key"), self.own_key_file(name, chain.leaf()));
        for path in [&key_file, &own_key_file] {
            let Some(key_pem) = self.reader.read(self, path).await? else { continue };
            if let Ok(key) = signing_key(&key_pem, &chain, &self.env.crypto_provider()) {
                if path == &own_key_file {
                    // If it can't be, nobody here misses it.
                    drop(self.writer.write(self, &key_file, &key_pem).await);
                }
                return Ok(Some(CertificateSet { chain, key, chain_pem: chain_pem.into(), key_pem: key_pem.into() }));
            }
        }
        Ok(None)
    }

    /// Where the chain of the current set of `name` is.
    pub(super) fn chain_file(&self, name: &Name) -> PathBuf {
        self.certificate_file(name, if self.medium.fenced().is_some() { "pem" } else { "crt" })
    }

    /// Where the key of a certificate is, and no other's.
    pub(crate) fn own_key_file(&self, name: &Name, leaf: &Leaf) -> PathBuf {
        let tag = hex(&Sha256::digest(leaf.public_key())[..TAG_OCTETS]);
        self.certificate_directory(name).join(format!("{}{tag}.key", before_tag(name)))
    }

    /// The files in `name`'s directory that are named after the key they hold.
    pub(super) async fn own_key_files(&self, name: &Name) -> io::Result<Vec<PathBuf>> {
        let directory = self.certificate_directory(name);
        let before = before_tag(name);
        let files = self.medium.list(&directory).await?;
        let own = files
            .iter()
            .filter(|file| file.strip_prefix(&before).and_then(|rest| rest.strip_suffix(".key")).is_some_and(is_tag));
        Ok(own.map(|file| directory.join(file)).collect())
    }

    /// Removes the keys of former certificates. One that another host has just written may be the next one's.
    async fn remove_former_keys(&self, name: &Name, current: &Path) {
        for path in self.own_key_files(name).await.unwrap_or_default() {
            if path != current && self.is_abandoned(&path).await {
                // What can't be removed is removed next time.
                drop(self.medium.remove(&path).await);
            }
        }
    }
}

/// What the files of keys begin with before what tells them apart. Of a long name the beginning has to do.
fn before_tag(name: &Name) -> String {
    let mut before = file_name(name);
    before.truncate(BEFORE_TAG_BYTES_MAX);
    before + "."
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::{
        acme::certificate::tests::{chain, env},
        storage::{
            atomic::{CertificateWriter, Whole},
            bucket::Bucket,
            tests::storage,
        },
    };

    fn set(name: &str) -> CertificateSet {
        let key = P256Key::generate(&env(), name);
        CertificateSet::new(chain(name, &key, 90), key).unwrap()
    }

    #[tokio::test]
    async fn the_longest_names_are_stored() {
        let (_directory, storage) = storage();
        let text = [&*"a".repeat(61), &*"b".repeat(61), &*"c".repeat(61), &*"d".repeat(60)].join(".");
        let name: Name = text.parse().unwrap();
        storage.store_certificate(&name, &set(&text), &Lease::unlocked()).await.unwrap();
        assert!(storage.load_certificate(&name).await.unwrap().is_some());
        assert_eq!(storage.own_key_files(&name).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn only_what_is_named_after_a_key_counts_as_one() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        storage.store_certificate(&name, &set("a.test"), &Lease::unlocked()).await.unwrap();
        for other in ["a.test.0123456789abcde.key", "a.test.0123456789abcdeg.key", "a.test.0123456789abcdef.pem"] {
            let path = storage.certificate_directory(&name).join(other);
            storage.medium.write(&path, b"of somebody else").await.unwrap();
            assert!(!is_own_key(&path), "{other}");
        }
        let own = storage.own_key_file(&name, set("a.test").leaf());
        assert!(is_own_key(&own) && !is_own_key(&storage.certificate_file(&name, "key")));
        assert_eq!(storage.own_key_files(&name).await.unwrap(), [own]);
    }

    #[test]
    fn a_set_is_told_by_its_leaf_and_never_by_its_key() {
        let set = set("a.test");
        let told = format!("{set:?}");
        assert!(told.contains("a.test") && !told.contains("PRIVATE KEY") && !told.contains("key_pem"), "{told}");
    }

    #[tokio::test]
    async fn a_stored_set_is_loaded_again() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        assert!(storage.load_certificate(&name).await.unwrap().is_none());
        storage.store_certificate(&name, &set("a.test"), &Lease::unlocked()).await.unwrap();
        let loaded = storage.load_certificate(&name).await.unwrap().unwrap();
        assert_eq!(loaded.chain, set("a.test").chain);
        assert_eq!(loaded.key_pem, set("a.test").key_pem);
    }

    #[tokio::test]
    async fn a_bad_set_is_put_aside_and_harms_no_other_name() {
        let (_directory, storage) = storage();
        let good: Name = "good.test".parse().unwrap();
        storage.store_certificate(&good, &set("good.test"), &Lease::unlocked()).await.unwrap();
        let other_key = P256Key::generate(&env(), "another").to_pem().into_bytes();
        let [bad_set, other] = ["bad.test", "other.test"].map(set);
        let (chain, key) = (&bad_set.chain_pem, &bad_set.key_pem);
        let bad: Name = "bad.test".parse().unwrap();
        let paths = ["crt", "key"].map(|extension| storage.certificate_file(&bad, extension));
        for content in [
            [&b""[..], key],
            [b"}", key],
            [&chain[..chain.len() / 2], key],
            [chain, &other_key],
            [chain, b""],
            [&other.chain_pem, &other.key_pem],
        ] {
            for (path, content) in paths.iter().zip(content) {
                storage.medium.write(path, content).await.unwrap();
            }
            assert!(storage.load_certificate(&bad).await.unwrap().is_none());
            for (path, content) in paths.iter().zip(content) {
                let mut aside = path.clone().into_os_string();
                aside.push(".bad");
                assert!(!path.exists());
                assert_eq!(std::fs::read(&aside).unwrap(), content);
                std::fs::remove_file(aside).unwrap();
            }
        }
        assert!(storage.load_certificate(&good).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn between_any_two_writes_there_is_one_set_or_the_other_and_neither_key_is_gone() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let [old, new] = ["old", "new"].map(|purpose| {
            let key = P256Key::generate(&env(), purpose);
            CertificateSet::new(chain("a.test", &key, 90), key).unwrap()
        });
        storage.store_certificate(&name, &old, &Lease::unlocked()).await.unwrap();
        let writes = [
            (storage.own_key_file(&name, new.leaf()), &new.key_pem),
            (storage.certificate_file(&name, "crt"), &new.chain_pem),
            (storage.certificate_file(&name, "key"), &new.key_pem),
        ];
        for (number, (path, content)) in writes.iter().enumerate() {
            let current = if number < 2 { &old } else { &new };
            let loaded = storage.load_certificate(&name).await.unwrap().unwrap();
            assert_eq!(loaded.chain, current.chain);
            assert!(storage.holds_certificate(&name, current).await.unwrap());
            storage.medium.write(path, content).await.unwrap();
        }
        assert!(storage.holds_certificate(&name, &new).await.unwrap());
    }

    #[tokio::test]
    async fn writers_that_take_turns_leave_a_whole_set() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let [one, other] = ["one", "other"].map(|purpose| {
            let key = P256Key::generate(&env(), purpose);
            CertificateSet::new(chain("a.test", &key, 90), key).unwrap()
        });
        storage.store_certificate(&name, &one, &Lease::unlocked()).await.unwrap();
        storage.store_certificate(&name, &other, &Lease::unlocked()).await.unwrap();
        // The first one's last step comes late.
        storage.medium.write(&storage.certificate_file(&name, "key"), &one.key_pem).await.unwrap();
        assert!(!storage.holds_certificate(&name, &other).await.unwrap());
        assert_eq!(storage.load_certificate(&name).await.unwrap().unwrap().chain, other.chain);
        assert!(storage.holds_certificate(&name, &other).await.unwrap());
    }

    #[tokio::test]
    async fn the_key_of_a_former_certificate_goes_when_it_is_old_and_not_before() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let [former, current] = ["former", "current"].map(|purpose| {
            let key = P256Key::generate(&env(), purpose);
            CertificateSet::new(chain("a.test", &key, 90), key).unwrap()
        });
        let [former_key, current_key] = [&former, &current].map(|set| storage.own_key_file(&name, set.leaf()));
        storage.store_certificate(&name, &former, &Lease::unlocked()).await.unwrap();
        storage.store_certificate(&name, &current, &Lease::unlocked()).await.unwrap();
        assert!(former_key.exists() && current_key.exists());
        std::fs::File::open(&former_key).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        storage.store_certificate(&name, &current, &Lease::unlocked()).await.unwrap();
        assert!(!former_key.exists() && current_key.exists());
    }

    /// Fails with the first file.
    #[derive(Debug, Default)]
    struct FailsOnce {
        has_failed: AtomicBool,
    }

    impl CertificateWriter for FailsOnce {
        fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
            if self.has_failed.swap(true, Ordering::Relaxed) {
                return Whole.write(storage, path, bytes);
            }
            Box::pin(std::future::ready(Err(io::ErrorKind::StorageFull.into())))
        }
    }

    /// The same, and does not want to be asked again.
    #[derive(Debug, Default)]
    struct GivesUp(FailsOnce);

    impl CertificateWriter for GivesUp {
        fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
            self.0.write(storage, path, bytes)
        }

        fn tries_again(&self) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_once_more_unless_the_writer_gives_up() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let storage = storage.with_certificate_writer(Arc::new(FailsOnce::default()));
        storage.store_certificate(&name, &set("a.test"), &Lease::unlocked()).await.unwrap();
        assert!(storage.holds_certificate(&name, &set("a.test")).await.unwrap());
        let storage = storage.with_certificate_writer(Arc::new(GivesUp::default()));
        let failure = storage.store_certificate(&name, &set("a.test"), &Lease::unlocked()).await.unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn where_writes_are_fenced_a_set_is_one_object() {
        let (_directory, storage) = storage();
        let bucket = Bucket::new(Arc::new(object_store::memory::InMemory::new()));
        let storage = storage.on(Arc::new(bucket));
        let name: Name = "a.test".parse().unwrap();
        assert!(storage.load_certificate(&name).await.unwrap().is_none());
        storage.store_certificate(&name, &set("a.test"), &Lease::unlocked()).await.unwrap();
        assert!(storage.holds_certificate(&name, &set("a.test")).await.unwrap());
        assert!(!storage.holds_certificate(&name, &set("b.test")).await.unwrap());
        assert_eq!(storage.load_certificate(&name).await.unwrap().unwrap().chain, set("a.test").chain);
    }

    #[test]
    fn a_set_knows_its_key_and_no_other() {
        let [key, other] = ["key", "other"].map(|purpose| P256Key::generate(&env(), purpose));
        let set = CertificateSet::new(chain("a.test", &key, 90), key.clone()).unwrap();
        assert!(set.is_for(&key) && !set.is_for(&other));
        assert_eq!(set.p256_key().unwrap().to_pem(), key.to_pem());
    }

    #[test]
    fn a_set_is_the_same_in_one_file_as_in_two_and_stays_one() {
        let two = set("a.test");
        let file = two.in_one();
        let one = CertificateSet::read(&file, &file, &env().crypto_provider()).unwrap();
        assert_eq!((one.chain(), one.p256_key().unwrap().to_pem()), (two.chain(), two.p256_key().unwrap().to_pem()));
        assert_eq!(one.in_one(), file);
    }

    #[test]
    fn a_private_key_is_of_the_kind_that_its_label_says() {
        for (label, kind) in [
            ("PRIVATE KEY", Some("Pkcs8")),
            ("EC PRIVATE KEY", Some("Sec1")),
            ("RSA PRIVATE KEY", Some("Pkcs1")),
            ("CERTIFICATE", None),
        ] {
            let read = private_key(pem::Pem::new(label, [1])).map(|key| match key {
                PrivateKeyDer::Pkcs8(_) => "Pkcs8",
                PrivateKeyDer::Sec1(_) => "Sec1",
                PrivateKeyDer::Pkcs1(_) => "Pkcs1",
                other => panic!("{other:?}"),
            });
            assert_eq!(read, kind, "{label}");
        }
    }

    #[test]
    fn a_staple_is_shown_beside_the_certificate_and_only_there() {
        let until = set("a.test").leaf().not_after;
        let shown = set("a.test").shown(Some((b"response", until)));
        let stapled = shown.stapled.unwrap();
        assert_eq!((stapled.certified.ocsp.as_deref(), stapled.until), (Some(&b"response"[..]), until));
        assert_eq!(shown.certified.ocsp, None);
        assert!(set("a.test").shown(None).stapled.is_none());
    }

    #[tokio::test]
    async fn a_directory_of_caddys_is_read_whatever_kind_its_key_is_of() {
        use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
        for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let (_directory, storage) = storage();
            let name: Name = "a.test".parse().unwrap();
            let key = KeyPair::generate_for(kind).unwrap();
            let chain = CertificateParams::new(vec!["a.test".into()]).unwrap().self_signed(&key).unwrap().pem();
            for (extension, content) in [("crt", chain), ("key", key.serialize_pem())] {
                let path = storage.certificate_file(&name, extension);
                storage.medium.write(&path, content.as_bytes()).await.unwrap();
            }
            let set = storage.load_certificate(&name).await.unwrap().unwrap();
            assert!(!storage.holds_certificate(&name, &set).await.unwrap());
            storage.store_certificate(&name, &set, &Lease::unlocked()).await.unwrap();
            assert!(storage.holds_certificate(&name, &set).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_file_that_can_not_be_read_is_no_missing_file() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        std::fs::create_dir_all(storage.certificate_file(&name, "crt")).unwrap();
        assert!(storage.load_certificate(&name).await.is_err());
    }
}
