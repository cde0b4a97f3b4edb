//! Certificates: whether each chain is for its name, and where its key is.
//!
//! A chain whose key is nowhere stays where it is: the key may be in a backup. A key beside which there is no chain is put aside, for
//! the next certificate's key would be written over it.

use std::path::{Path, PathBuf};

use super::{Check, Content, Next, Remedy, described, inventory::private_keys, is_aside, shown};
use crate::{
    acme::certificate::{Chain, pem_blocks},
    name::Name,
    storage::{
        Storage,
        certificate::signing_key,
        failures::{self, Failures},
        medium::read,
        metadata::is_metadata,
        name_of, pending,
    },
};

/// How a key file stands to a chain.
enum KeyFile {
    Missing,
    /// It can't be read, which has been told.
    Unreadable,
    /// It has no key.
    NoKey(String),
    /// It has another's key.
    Another,
    Fits,
}

impl KeyFile {
    fn words(&self) -> &str {
        match self {
            Self::Missing => "no file",
            Self::Unreadable => "a file that can't be read",
            Self::NoKey(why) => why,
            Self::Another => "the key of another certificate",
            Self::Fits => "that",
        }
    }
}

impl Check<'_> {
    pub(super) async fn certificates(&mut self) {
        let certificates = self.root.join("certificates");
        for issuer in self.directories_in(&certificates) {
            let storage = self.storage(&issuer);
            for directory in self.directories_in(&certificates.join(&issuer)) {
                match name_of(&directory) {
                    Some(name) => self.certificate(&storage, &name).await,
                    None => self.told(
                        &certificates.join(&issuer).join(directory),
                        "no name that a certificate can be for; it is left alone",
                    ),
                }
            }
        }
    }

    async fn certificate(&mut self, storage: &Storage, name: &Name) {
        let before = self.unsound_so_far();
        let directory = storage.certificate_directory(name);
        let chain_file = storage.certificate_file(name, "crt");
        let chain = match self.content(&chain_file).await {
            Content::Bytes(bytes) => match pem_blocks(&bytes).and_then(Chain::of_blocks) {
                Ok(chain) if chain.leaf().names.contains(name) => Some(chain),
                Ok(chain) => {
                    let found = format!("one for {:?}", chain.leaf().names);
                    self.misplaced_chain(name, &chain_file, found);
                    None
                }
                Err(e) => {
                    self.misplaced_chain(name, &chain_file, e.to_string());
                    None
                }
            },
            Content::Missing | Content::Unreadable => None,
        };
        match &chain {
            Some(chain) => self.key_of(storage, name, chain).await,
            // Until it is known what the chain is, the key stays.
            None if self.unsound_so_far() > before => {
                self.seen.insert(storage.certificate_file(name, "key"));
            }
            None => self.chainless(storage, name).await,
        }
        self.other_keys(storage, name, chain.as_ref()).await;
        self.beside(storage, name, chain.is_some()).await;
        let Some(chain) = chain.filter(|_| self.unsound_so_far() == before) else { return };
        let (leaf, now) = (chain.leaf(), self.env.utc_now());
        if leaf.not_after <= now {
            let words = "the manager renews it if it looks after the name, and else removes it two weeks later";
            self.told(&directory, format!("its certificate expired at {}; {words}", shown(leaf.not_after)));
        } else if now < leaf.not_before {
            self.told(&directory, format!("its certificate becomes valid at {} only", shown(leaf.not_before)));
        } else {
            self.sound(&directory, format!("a certificate with its key, valid until {}", shown(leaf.not_after)));
        }
    }

    fn misplaced_chain(&mut self, name: &Name, chain_file: &Path, found: String) {
        let expected = format!("a certificate chain for {name}");
        self.unsound(chain_file, expected, found, Next::Repair(Remedy::PutAside(chain_file.to_owned())));
    }

    /// Whether the chain's key is where it should be, and if not, where it is.
    async fn key_of(&mut self, storage: &Storage, name: &Name, chain: &Chain) {
        let (key_file, own_file) = (storage.certificate_file(name, "key"), storage.own_key_file(name, chain.leaf()));
        let compromised = storage.compromised_file(chain.leaf().public_key());
        let (key, own) = (self.key_file(&key_file, chain).await, self.key_file(&own_file, chain).await);
        let expected = format!("the key of {}", super::file_of(&storage.certificate_file(name, "crt")));
        if let KeyFile::NoKey(why) = &own {
            let next = Next::Repair(Remedy::PutAside(own_file.clone()));
            self.unsound(&own_file, expected.clone(), why.clone(), next);
        } else if let KeyFile::Another = own {
            let next = Next::Repair(Remedy::PutAside(own_file.clone()));
            self.unsound(&own_file, expected.clone(), own.words(), next);
        }
        if self.inventory.files.contains_key(&compromised) {
            let words = "its key is known to be compromised; the manager replaces it and asks for that key no more";
            self.told(&storage.certificate_file(name, "crt"), words);
        }
        if matches!(key, KeyFile::Fits | KeyFile::Unreadable) {
            return;
        }
        let source =
            self.inventory.key_at(chain.leaf().public_key(), &storage.certificate_directory(name), &compromised);
        let place = match source.cloned() {
            Some(source) => self.key_from(&source, chain.leaf().public_key(), &key_file).await,
            None => None,
        };
        let next = match (place, &key) {
            (Some(place), _) => Next::Repair(place),
            (None, KeyFile::NoKey(_)) => Next::Repair(Remedy::PutAside(key_file.clone())),
            (None, KeyFile::Missing | KeyFile::Another | KeyFile::Unreadable | KeyFile::Fits) => Next::Words(
                "it is nowhere in this storage: put it there from a backup, or let the manager order a new certificate at its \
                 next start"
                    .into(),
            ),
        };
        self.unsound(&key_file, expected, key.words(), next);
    }

    /// Puts the key from `source` to where it should be.
    async fn key_from(&self, source: &Path, public: &[u8], to: &Path) -> Option<Remedy> {
        let bytes = read(self.env, source).await.ok()??;
        let key = private_keys(&bytes, &self.env.crypto_provider()).into_iter().find(|key| key.public == public)?;
        // As it was written, if nothing else is there.
        let is_alone = pem_blocks(&bytes).is_ok_and(|blocks| blocks.len() == 1);
        let bytes = if is_alone { bytes } else { key.pem.into_bytes() };
        Some(Remedy::Place { bytes, from: source.to_owned(), to: to.to_owned() })
    }

    async fn key_file(&mut self, path: &Path, chain: &Chain) -> KeyFile {
        match self.content(path).await {
            Content::Missing => KeyFile::Missing,
            Content::Unreadable => KeyFile::Unreadable,
            Content::Bytes(bytes) => match signing_key(&bytes, chain, &self.env.crypto_provider()) {
                Ok(_) => KeyFile::Fits,
                Err(_) if !private_keys(&bytes, &self.env.crypto_provider()).is_empty() => KeyFile::Another,
                Err(_) => KeyFile::NoKey(described(&bytes)),
            },
        }
    }

    /// A name without a chain: perhaps one that was put aside has its key again.
    async fn chainless(&mut self, storage: &Storage, name: &Name) {
        let (chain_file, key_file) = (storage.certificate_file(name, "crt"), storage.certificate_file(name, "key"));
        let directory = storage.certificate_directory(name);
        let aside: Vec<PathBuf> = self
            .inventory
            .files
            .keys()
            .filter(|path| path.parent() == Some(&directory) && is_aside(path))
            .cloned()
            .collect();
        if let Some((bytes, from)) = self.usable_chain(storage, name, &aside).await {
            self.seen.insert(key_file);
            let found = "no file, and one that was put aside whose key is here";
            let next = Next::Repair(Remedy::Place { bytes, from, to: chain_file.clone() });
            return self.unsound(&chain_file, format!("a certificate chain for {name}"), found, next);
        }
        if let Content::Bytes(_) = self.content(&key_file).await {
            let next = Next::Repair(Remedy::PutAside(key_file.clone()));
            self.unsound(&key_file, "a key beside its certificate", "a key alone", next);
        } else if aside.is_empty() {
            self.told(&directory, "no certificate yet; the manager orders one if it looks after the name");
        } else {
            let next =
                "the manager orders one at its next start, if it looks after the name; else the directory may go";
            self.unsound(&directory, "a certificate", "none: what was there was put aside", Next::Words(next.into()));
        }
    }

    /// The chain that lasts longest among those that were put aside and whose keys are here.
    async fn usable_chain(&self, storage: &Storage, name: &Name, aside: &[PathBuf]) -> Option<(Vec<u8>, PathBuf)> {
        let mut best: Option<(Chain, Vec<u8>, PathBuf)> = None;
        for path in aside.iter().filter(|path| super::file_of(path).contains(".crt.")) {
            let Ok(Some(bytes)) = read(self.env, path).await else { continue };
            let Ok(chain) = pem_blocks(&bytes).and_then(Chain::of_blocks) else { continue };
            let (leaf, directory) = (chain.leaf(), storage.certificate_directory(name));
            let compromised = storage.compromised_file(leaf.public_key());
            let is_usable = leaf.names.contains(name)
                && self.env.utc_now() < leaf.not_after
                && !self.inventory.files.contains_key(&compromised)
                && self.inventory.key_at(leaf.public_key(), &directory, &compromised).is_some();
            if is_usable && best.as_ref().is_none_or(|(best, ..)| best.leaf().not_after < leaf.not_after) {
                best = Some((chain, bytes, path.clone()));
            }
        }
        best.map(|(_, bytes, path)| (bytes, path))
    }

    /// Keys that are named after themselves and are not the chain's.
    async fn other_keys(&mut self, storage: &Storage, name: &Name, chain: Option<&Chain>) {
        let current = chain.map(|chain| storage.own_key_file(name, chain.leaf()));
        for path in storage.own_key_files(name).await.unwrap_or_default() {
            if Some(&path) == current.as_ref() {
                continue;
            }
            let Content::Bytes(bytes) = self.content(&path).await else { continue };
            if private_keys(&bytes, &self.env.crypto_provider()).is_empty() {
                let next = Next::Repair(Remedy::PutAside(path.clone()));
                self.unsound(&path, "a private key", described(&bytes), next);
            } else {
                let words =
                    "a key whose certificate is not here; the manager removes it once another certificate is stored";
                self.told(&path, words);
            }
        }
    }

    /// What is known of the certificate, and the order that was begun.
    async fn beside(&mut self, storage: &Storage, name: &Name, has_chain: bool) {
        let metadata_file = storage.certificate_file(name, "json");
        match self.content(&metadata_file).await {
            Content::Bytes(bytes) if !is_metadata(&bytes) => {
                let next = Next::Repair(Remedy::PutAside(metadata_file.clone()));
                self.unsound(&metadata_file, "what is known of the certificate", described(&bytes), next);
            }
            Content::Missing if has_chain => {
                let words = "is not there; Caddy shows no certificate without it, the manager does and asks the CA";
                self.told(&metadata_file, words);
            }
            Content::Bytes(_) | Content::Missing | Content::Unreadable => {}
        }
        let pending_file = storage.certificate_file(name, "pending");
        if let Content::Bytes(bytes) = self.content(&pending_file).await {
            match pending::parse(&bytes, name) {
                Some(order) => {
                    let words = format!("the order {}, begun at {}", order.url, shown(order.begun));
                    self.told(&pending_file, words + "; the manager goes on with it or gives it up at its next start");
                }
                None => {
                    let next = Next::Repair(Remedy::PutAside(pending_file.clone()));
                    self.unsound(&pending_file, format!("an order for {name}"), described(&bytes), next);
                }
            }
        }
        let failures_file = storage.certificate_file(name, "failures");
        if let Content::Bytes(bytes) = self.content(&failures_file).await {
            match failures::parse(&bytes) {
                Some(Failures { kinds, at, .. }) => {
                    let words = format!("{} attempts failed, the last at {}", kinds.len(), shown(at));
                    self.told(
                        &failures_file,
                        words + "; the manager waits before the next, and not if this file is removed",
                    );
                }
                None => {
                    let next = Next::Repair(Remedy::PutAside(failures_file.clone()));
                    self.unsound(&failures_file, "what the CA failed with", described(&bytes), next);
                }
            }
        }
    }
}
