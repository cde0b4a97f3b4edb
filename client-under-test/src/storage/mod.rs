//! What survives a restart: accounts, certificate sets, and orders that were begun.
//!
//! Laid out as Caddy's storage, so that either reads what the other has left: `certificates/<issuer>/<name>/…`,
//! `acme/<issuer>/users/<user>/…`, `ocsp/…` and `locks/…`. Unlike there, a set becomes current at one atomic point
//! ([`certificate`]); what else is known of a certificate is advisory and never stands between it and its visitors.

pub mod account;
pub mod atomic;
pub mod bucket;
pub mod certificate;
pub mod challenge;
pub mod check;
pub mod cleaning;
pub mod compromised;
pub mod dns_record;
pub mod failures;
pub mod lock;
pub mod medium;
pub mod metadata;
pub mod pending;
pub mod persistent_record;
pub mod redis;
pub mod staple;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use medium::Medium;
use sim::Env;
use url::Url;

use crate::name::Name;

/// How long another host's file that is there for a while only is left alone: that host may be at work.
const FOREIGN_FILE_AGE_MAX: time::Duration = time::Duration::hours(24);

/// How many bad files of one name are kept; then the last is replaced.
const QUARANTINED_MAX: u32 = 100;

/// What this host's temporary files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnFiles {
    /// What a crash has left.
    AreLeftOver,
    /// What a crash has left, or what is being written.
    MayBeInUse,
}

/// One CA's part of a storage directory.
#[derive(Clone, Debug)]
pub struct Storage {
    env: Env,
    root: PathBuf,
    issuer: String,
    directory_url: Url,
    medium: Arc<dyn Medium>,
    writer: Arc<dyn atomic::CertificateWriter>,
    reader: Arc<dyn certificate::CertificateReader>,
    requirement: Arc<dyn certificate::CertificateRequirement>,
    /// None if no other host uses this storage.
    locks: Option<Arc<dyn lock::StorageLocks>>,
    releases: lock::Releases,
    /// Tells this process's locks from those of others.
    process: u64,
    metadata_owner: Arc<dyn metadata::MetadataOwner>,
}

impl Storage {
    /// The part of the storage at `root`, on this host's disk, that belongs to the CA at `directory_url`.
    #[must_use]
    pub fn new(env: &Env, root: PathBuf, directory_url: &Url) -> Self {
        Self::of_issuer(env, root, issuer_key(directory_url), directory_url.clone())
    }

    /// The part whose directories are called `issuer`.
    fn of_issuer(env: &Env, root: PathBuf, issuer: String, directory_url: Url) -> Self {
        Self {
            env: env.clone(),
            root,
            issuer,
            directory_url,
            medium: Arc::new(medium::Disk::new(env)),
            writer: Arc::new(atomic::Whole),
            reader: Arc::new(certificate::AsItIs),
            requirement: Arc::new(certificate::SetAlone),
            metadata_owner: Arc::new(metadata::ThisCertificate),
            locks: None,
            releases: lock::Releases::default(),
            process: u64::from_le_bytes(env.entropy("storage/process")),
        }
    }

    /// The same storage, elsewhere.
    #[must_use]
    pub fn on(self, medium: Arc<dyn Medium>) -> Self {
        Self { medium, ..self }
    }

    /// The same storage, with certificate sets written otherwise.
    #[must_use]
    pub fn with_certificate_writer(self, writer: Arc<dyn atomic::CertificateWriter>) -> Self {
        Self { writer, ..self }
    }

    /// The same storage, with certificate sets read otherwise.
    #[must_use]
    pub fn with_certificate_reader(self, reader: Arc<dyn certificate::CertificateReader>) -> Self {
        Self { reader, ..self }
    }

    /// The same storage, with other conditions for a certificate set to be there.
    #[must_use]
    pub fn with_certificate_requirement(self, requirement: Arc<dyn certificate::CertificateRequirement>) -> Self {
        Self { requirement, ..self }
    }

    /// The same storage; if there are `locks`, other hosts use it too, and keep them.
    #[must_use]
    pub fn with_locks(self, locks: Option<Arc<dyn lock::StorageLocks>>) -> Self {
        Self { locks, ..self }
    }

    /// Whether other hosts use this storage too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.locks.is_some()
    }

    /// Keeps other hosts from ordering for `name` while the lease is held.
    ///
    /// # Errors
    /// The disk's; or that another host has held it for half an hour.
    pub async fn lock_certificate(&self, name: &Name) -> io::Result<lock::Lease> {
        self.lock(&format!("{}-{}", self.issuer, file_name(name))).await
    }

    async fn lock(&self, name: &str) -> io::Result<lock::Lease> {
        match &self.locks {
            Some(locks) => {
                let lease = locks.acquire(&self.env, &self.root.join("locks"), name, self.process).await?;
                Ok(lease.told_to(&self.releases))
            }
            None => Ok(lock::Lease::unlocked()),
        }
    }

    /// Waits until the disk has no lock left that this process does not hold any more.
    pub async fn locks_released(&self) {
        self.releases.all_done().await;
    }

    /// The same storage, with other metadata taken for a certificate's.
    #[must_use]
    pub fn with_metadata_owner(self, metadata_owner: Arc<dyn metadata::MetadataOwner>) -> Self {
        Self { metadata_owner, ..self }
    }

    /// The host that it is read and written from.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// What it stands on.
    #[must_use]
    pub fn medium(&self) -> &dyn Medium {
        &*self.medium
    }

    fn certificates_directory(&self) -> PathBuf {
        self.root.join("certificates").join(&self.issuer)
    }

    fn certificate_directory(&self, name: &Name) -> PathBuf {
        self.certificates_directory().join(file_name(name))
    }

    pub(crate) fn certificate_file(&self, name: &Name, extension: &str) -> PathBuf {
        self.certificate_directory(name).join(format!("{}.{extension}", file_name(name)))
    }

    fn staples_directory(&self) -> PathBuf {
        self.root.join("ocsp")
    }

    fn users_directory(&self) -> PathBuf {
        self.root.join("acme").join(&self.issuer).join("users")
    }

    fn dns_records_directory(&self) -> PathBuf {
        self.root.join("acme").join(&self.issuer).join("dns-records")
    }

    fn persistent_records_directory(&self) -> PathBuf {
        self.root.join("acme").join(&self.issuer).join("persistent-records")
    }

    /// Removes what a crash left half written beside accounts, records and staples, while this host writes none. What can't be
    /// removed is left; nothing reads it.
    pub async fn clean(&self) {
        for kind in [self.users_directory(), self.dns_records_directory(), self.persistent_records_directory()] {
            self.clean_directories(&kind).await;
        }
        self.clean_directory(&self.staples_directory(), OwnFiles::AreLeftOver).await;
    }

    /// The same beside the certificate of `name`.
    pub async fn clean_certificate(&self, name: &Name) {
        self.clean_directory(&self.certificate_directory(name), OwnFiles::AreLeftOver).await;
    }

    /// The same beside all certificates.
    pub async fn clean_certificates(&self) {
        self.clean_directories(&self.certificates_directory()).await;
    }

    async fn clean_directories(&self, above: &Path) {
        for directory in self.medium.list(above).await.unwrap_or_default() {
            self.clean_directory(&above.join(directory), OwnFiles::AreLeftOver).await;
        }
    }

    async fn clean_directory(&self, directory: &Path, own: OwnFiles) {
        // Only a disk is written to by way of temporary files.
        if self.medium.fenced().is_some() {
            return;
        }
        let Ok(files) = self.medium.list(directory).await else { return };
        for file in files {
            let path = directory.join(&file);
            let is_left_over = match (atomic::temporary_of(&file, self.env.host_name()), own) {
                (None, _) => false,
                (Some(atomic::Writer::ThisHost), OwnFiles::AreLeftOver) => true,
                (Some(atomic::Writer::ThisHost), OwnFiles::MayBeInUse) | (Some(atomic::Writer::Another), _) => {
                    self.is_abandoned(&path).await
                }
            };
            if is_left_over && self.medium.remove(&path).await.is_ok() {
                self.env.probe("manager/temporary-file-removed");
            }
        }
    }

    /// Whether a file is older than whoever wrote it would let it grow, were he still at work.
    async fn is_abandoned(&self, path: &Path) -> bool {
        let modified = self.medium.modified(path).await.ok().flatten();
        modified.is_some_and(|modified| self.env.utc_now() - modified > FOREIGN_FILE_AGE_MAX)
    }

    pub(crate) async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.medium.read(path).await
    }

    /// Puts a file that can't be read aside as `<file>.bad`, where a person finds it and no program does. What
    /// was put aside before stays: there may be a key in it.
    async fn quarantine(&self, path: &Path) {
        let mut number = 1;
        while number < QUARANTINED_MAX && matches!(self.medium.modified(&aside(path, number)).await, Ok(Some(_))) {
            number += 1;
        }
        self.env.probe("manager/quarantined");
        // If even this fails, the next write replaces the file.
        drop(self.medium.rename(path, &aside(path, number)).await);
    }
}

/// What a file is called once it is put aside, as the first of its name or a later one.
fn aside(path: &Path, number: u32) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(if number == 1 { ".bad".to_owned() } else { format!(".{number}.bad") });
    PathBuf::from(aside)
}

/// Octets as a file's name: in hexadecimal digits.
fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A name as a file's name; `*`, and the colons of an address, become what no name contains.
fn file_name(name: &Name) -> String {
    name.as_str().replace('*', "wildcard_").replace(':', "_")
}

/// The name whose directory is called so.
fn name_of(directory: &str) -> Option<Name> {
    let plain = directory.replace("wildcard_", "*");
    let name: Name = plain.parse().or_else(|_| plain.replace('_', ":").parse()).ok()?;
    (file_name(&name) == directory).then_some(name)
}

/// A CA's directory address as a file's name: host, port and path, as Caddy writes them.
pub(crate) fn issuer_key(directory_url: &Url) -> String {
    let port = directory_url.port().map(|port| format!("-{port}")).unwrap_or_default();
    let text = format!("{}{port}{}", directory_url.host_str().unwrap_or_default(), directory_url.path());
    text.trim_end_matches('/').chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{medium::FILE_BYTES_MAX, *};
    use crate::acme::certificate::tests::env;

    pub(crate) fn storage() -> (tempfile::TempDir, Storage) {
        let directory = tempfile::tempdir().unwrap();
        let url = "https://ca.test:14000/dir".parse().unwrap();
        let storage = Storage::new(&env(), directory.path().join("acme"), &url);
        (directory, storage)
    }

    #[test]
    fn names_and_issuers_become_files_as_in_caddy() {
        assert_eq!(file_name(&"*.example.com".parse().unwrap()), "wildcard_.example.com");
        assert_eq!(file_name(&"2001:db8::1".parse().unwrap()), "2001_db8__1");
        for name in ["*.example.com", "a.test", "192.0.2.1", "2001:db8::1"].map(|name| name.parse().unwrap()) {
            assert_eq!(name_of(&file_name(&name)), Some(name));
        }
        assert_eq!((name_of("A.test"), name_of("a_b"), name_of("")), (None, None, None));
        for (url, key) in [
            ("https://acme-v02.api.letsencrypt.org/directory", "acme-v02.api.letsencrypt.org-directory"),
            ("https://ca.test:14000/dir", "ca.test-14000-dir"),
            ("https://ca.test/../..//", "ca.test"),
        ] {
            assert_eq!(issuer_key(&url.parse().unwrap()), key);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_is_a_named_error_and_not_read() {
        let (directory, storage) = storage();
        let path = directory.path().join("x.pem");
        let file = std::fs::File::create(&path).unwrap();
        // Sparse: it takes no room on the disk, and would take all of it in memory.
        file.set_len(FILE_BYTES_MAX).unwrap();
        assert_eq!(storage.read(&path).await.unwrap().map(|bytes| bytes.len() as u64), Some(FILE_BYTES_MAX));
        for len in [FILE_BYTES_MAX + 1, 1 << 40] {
            file.set_len(len).unwrap();
            let refused = storage.read(&path).await.unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::FileTooLarge);
            let words = refused.to_string();
            assert!(words.contains("x.pem") && words.contains("1048576 bytes"), "{words}");
        }
    }

    #[tokio::test]
    async fn what_was_put_aside_is_not_replaced_by_what_is_put_aside_later() {
        let (directory, storage) = storage();
        let path = directory.path().join("x.pem");
        for content in ["one", "two", "three"] {
            std::fs::write(&path, content).unwrap();
            storage.quarantine(&path).await;
        }
        let aside = ["x.pem.bad", "x.pem.2.bad", "x.pem.3.bad"];
        let kept = aside.map(|file| std::fs::read_to_string(directory.path().join(file)).unwrap());
        assert_eq!(kept, ["one", "two", "three"]);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_what_a_crash_left_is_cleaned() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        let disk = storage.env.disk();
        let directory = storage.certificate_directory(&name);
        disk.create_directories(&directory).await.unwrap();
        for file in ["a.test.crt", ".a.test.crt.client-0011.tmp", ".a.test.crt.neighbour-0011.tmp", "notes.tmp"] {
            let mode = sim::disk::OpenMode::CreateNew;
            disk.open(&directory.join(file), mode, sim::disk::Access::Private).await.unwrap();
        }
        storage.clean_certificate(&name).await;
        let left = disk.list(&directory).await.unwrap();
        assert_eq!(left, [".a.test.crt.neighbour-0011.tmp", "a.test.crt", "notes.tmp"]);
    }
}
