//! What lies in a storage, and which private keys: found once, then looked up.
//!
//! Keys are found wherever they stand: in files that were put aside, in the records of orders, beside what is broken. Contents
//! are not kept, for a storage may be large.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use rustls::{crypto::CryptoProvider, pki_types::PrivateKeyDer};
use sim::{Env, crypto::P256Key, disk::Metadata};
use x509_parser::{prelude::FromDer, x509::SubjectPublicKeyInfo};

use crate::storage::{certificate::private_key, medium::read};

/// How deep files lie at most; below that nothing is looked at.
const DEPTH_MAX: usize = 8;
const BEGIN: &str = "-----BEGIN ";
const KEY_LINE: &[u8] = b"PRIVATE KEY-----";

/// A file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) metadata: Metadata,
    /// Whether private keys are in it.
    pub(super) holds_keys: bool,
}

/// A private key in some file.
#[derive(Debug)]
pub(super) struct FoundKey {
    /// The bits of its public half, as certificates have them.
    pub(super) public: Vec<u8>,
    pub(super) pem: String,
}

/// What lies in a storage.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) files: BTreeMap<PathBuf, Found>,
    pub(super) directories: BTreeSet<PathBuf>,
    /// What is not known of, and why.
    pub(super) unknown: Vec<(PathBuf, io::Error)>,
    /// Where each private key is, by its public half.
    keys: BTreeMap<Vec<u8>, Vec<PathBuf>>,
}

impl Inventory {
    /// Looks through these directories below `root`, if they are there.
    pub(super) async fn take(env: &Env, root: &Path, directories: &[PathBuf]) -> Self {
        let mut inventory = Self::default();
        let mut todo = directories.to_vec();
        while let Some(path) = todo.pop() {
            let metadata = match env.disk().metadata(&path).await {
                Ok(metadata) => metadata,
                Err(e) if e.kind() == io::ErrorKind::NotFound && directories.contains(&path) => continue,
                Err(e) => {
                    inventory.unknown.push((path, e));
                    continue;
                }
            };
            if !metadata.is_directory {
                inventory.add(env, path, metadata).await;
                continue;
            }
            let depth = path.strip_prefix(root).map_or(0, |below| below.components().count());
            let entries = match env.disk().list(&path).await {
                Ok(_) if depth >= DEPTH_MAX => Err(io::Error::other("it lies too deep to be looked at")),
                other => other,
            };
            match entries {
                Ok(entries) => {
                    todo.extend(entries.iter().map(|entry| path.join(entry)));
                    inventory.directories.insert(path);
                }
                Err(e) => inventory.unknown.push((path, e)),
            }
        }
        inventory
    }

    async fn add(&mut self, env: &Env, path: PathBuf, metadata: Metadata) {
        // What can't be read is told where it is known what it should be.
        let bytes = read(env, &path).await.ok().flatten().unwrap_or_default();
        let keys = private_keys(&bytes, &env.crypto_provider());
        let holds_keys = !keys.is_empty();
        for key in keys {
            self.keys.entry(key.public).or_default().push(path.clone());
        }
        self.files.insert(path, Found { metadata, holds_keys });
    }

    /// Where the private key is whose public half this is: in `directory` if it is there, and never where it is said to be
    /// compromised.
    pub(super) fn key_at(&self, public: &[u8], directory: &Path, compromised: &Path) -> Option<&PathBuf> {
        let places = self.keys.get(public)?.iter().filter(|place| place.parent() != compromised.parent());
        places.min_by_key(|place| (!place.starts_with(directory), *place))
    }
}

/// The private keys in `bytes`, whatever stands beside them.
pub(super) fn private_keys(bytes: &[u8], provider: &CryptoProvider) -> Vec<FoundKey> {
    if !bytes.windows(KEY_LINE.len()).any(|window| window == KEY_LINE) {
        return Vec::new();
    }
    // In JSON, lines end otherwise.
    let text = String::from_utf8_lossy(bytes).replace("\\n", "\n");
    let begins = text.match_indices(BEGIN).map(|(at, _)| at);
    begins.filter_map(|at| found_key(pem::parse(&text[at..]).ok()?, provider)).collect()
}

/// Whether there may be a whole private key in `bytes`, of whatever kind.
pub(super) fn may_hold_a_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY_LINE.len()).filter(|window| *window == KEY_LINE).count() > 1
}

fn found_key(block: pem::Pem, provider: &CryptoProvider) -> Option<FoundKey> {
    let pem = pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF));
    Some(FoundKey { public: public_half(private_key(block)?, provider)?, pem })
}

fn public_half(key: PrivateKeyDer<'static>, provider: &CryptoProvider) -> Option<Vec<u8>> {
    if let Ok(key) = P256Key::from_der(key.secret_der()) {
        return Some(key.public_point().to_vec());
    }
    let key = provider.key_provider.load_private_key(key).ok()?;
    let info = key.public_key()?;
    let (_, info) = SubjectPublicKeyInfo::from_der(info.as_ref()).ok()?;
    Some(info.subject_public_key.data.to_vec())
}
