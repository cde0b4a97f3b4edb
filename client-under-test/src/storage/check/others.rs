//! What is there besides certificates and accounts, what nobody knows, and who may read the keys.

use std::path::{Path, PathBuf};

use super::{
    Check, Content, Next, Remedy,
    inventory::{may_hold_a_key, private_keys},
    is_aside, is_by_the_way, is_temporary, shown,
};
use crate::{
    manager::dns01::TxtRecord,
    status::ocsp,
    storage::{
        FOREIGN_FILE_AGE_MAX, challenge::is_answer, compromised::file_of_key, lock::LEASE_TIME, medium::read,
        persistent_record::are_records,
    },
};

const CADDYS_TOKENS: &str = "challenge_tokens";
/// Where the manager leaves nothing lying about that it does not know.
const CLEANED: [&str; 2] = ["challenges", "ocsp"];

impl Check<'_> {
    pub(super) async fn others(&mut self) {
        self.dns().await;
        self.staples().await;
        self.challenges().await;
        self.compromised_keys().await;
        self.locks().await;
        self.left_over().await;
        self.keys_are_private();
        for (path, e) in std::mem::take(&mut self.inventory.unknown) {
            let next = "see to its permissions or to the disk; what is in it is not known";
            self.unsound(&path, "something that can be read", e.to_string(), Next::Words(next.into()));
        }
    }

    async fn dns(&mut self) {
        for issuer in self.directories_in(&self.root.join("acme")) {
            let storage = self.storage(&issuer);
            let directory = storage.dns_records_directory();
            for host in self.directories_in(&directory) {
                let is_json = |path: &PathBuf| super::file_of(path).ends_with(".json");
                for path in self.files_in(&directory.join(host)).into_iter().filter(is_json) {
                    let is_record = |bytes: &[u8]| serde_json::from_slice::<TxtRecord>(bytes).is_ok();
                    self.judge(&path, "a TXT record that its host has to remove", is_record).await;
                }
            }
            let directory = storage.persistent_records_directory();
            for domain in self.directories_in(&directory) {
                let path = directory.join(&domain).join(format!("{domain}.json"));
                self.judge(&path, "TXT records that stay", are_records).await;
            }
            for path in self.files_in(&self.root.join("acme").join(&issuer).join(CADDYS_TOKENS)) {
                self.seen.insert(path.clone());
                self.told(&path, "a challenge of Caddy's");
            }
        }
    }

    async fn staples(&mut self) {
        for path in self.files_in(&self.root.join("ocsp")) {
            let Content::Bytes(bytes) = self.content(&path).await else { continue };
            match ocsp::ends(&bytes) {
                Some(end) if end <= self.env.utc_now() => {
                    self.told(
                        &path,
                        format!("an OCSP response that held until {}; the manager removes it", shown(end)),
                    );
                }
                Some(end) => self.sound(&path, format!("an OCSP response, holds until {}", shown(end))),
                None => {
                    self.unsound(&path, "an OCSP response", super::described(&bytes), remove(&path, &bytes));
                }
            }
        }
    }

    async fn challenges(&mut self) {
        for path in self.files_in(&self.root.join("challenges")) {
            let Content::Bytes(bytes) = self.content(&path).await else { continue };
            if !is_answer(&bytes) {
                self.unsound(&path, "an answer to a challenge", super::described(&bytes), remove(&path, &bytes));
            } else if self.is_old(&path) {
                let found = "one that is over a day old";
                self.unsound(&path, "an answer to a challenge under way", found, remove(&path, &bytes));
            } else {
                self.told(&path, "an answer to a challenge; the manager that gave it removes it");
            }
        }
    }

    async fn compromised_keys(&mut self) {
        for path in self.files_in(&self.root.join("compromised-keys")) {
            let Content::Bytes(bytes) = self.content(&path).await else { continue };
            let keys = private_keys(&bytes, &self.env.crypto_provider());
            if keys.iter().any(|key| super::file_of(&path) == file_of_key(&key.public)) {
                self.sound(&path, "a key that somebody else may have; it is kept, and never certified again");
            } else {
                let next = "its name alone keeps the key from being certified again: leave it, or put the key back from a backup";
                self.unsound(&path, "the compromised key that it is named after", "another", Next::Words(next.into()));
            }
        }
    }

    async fn locks(&mut self) {
        for path in self.files_in(&self.root.join("locks")) {
            if !super::file_of(&path).ends_with(".lock") {
                continue;
            }
            let Content::Bytes(bytes) = self.content(&path).await else { continue };
            let age = self.age(self.inventory.files[&path].metadata.modified);
            if age > FOREIGN_FILE_AGE_MAX {
                let found = "one of which nobody has given a sign for more than a day";
                self.unsound(&path, "a lock that is held", found, remove(&path, &bytes));
            } else if age > LEASE_TIME {
                self.told(&path, "a lock that has lapsed; whoever needs it next waits a minute and takes it");
            } else {
                self.told(&path, "a lock that is held: a manager is running");
            }
        }
    }

    /// Temporary files, what was put aside, and what nobody knows.
    async fn left_over(&mut self) {
        let files: Vec<_> = self.inventory.files.keys().filter(|path| !self.seen.contains(*path)).cloned().collect();
        for path in files {
            let keys = if self.inventory.files[&path].holds_keys { "a private key is in it; " } else { "" };
            if is_aside(&path) {
                self.told(&path, format!("was put aside; {keys}no program reads it, and none removes it"));
            } else if !is_temporary(&path) {
                self.told(&path, format!("no manager writes such a file; {keys}it is left alone"));
            } else if !self.is_old(&path) {
                self.told(&path, "a write under way, or left by a crash within the last day");
            } else {
                let next = match read(self.env, &path).await {
                    Ok(Some(bytes)) => remove(&path, &bytes),
                    // There may be a key in it.
                    Ok(None) | Err(_) => Next::Repair(Remedy::PutAside(path.clone())),
                };
                self.unsound(&path, "a write under way", "one that a crash has left", next);
            }
        }
    }

    /// Files that nobody knows may be for others to read.
    fn keys_are_private(&mut self) {
        let readable = self.inventory.files.iter().filter(|(path, file)| {
            let holds_keys = file.holds_keys || super::file_of(path).ends_with(".key");
            holds_keys && file.metadata.mode != 0o600 && (self.seen.contains(*path) || is_by_the_way(path))
        });
        let readable: Vec<_> = readable.map(|(path, file)| (path.clone(), file.metadata.mode)).collect();
        for (path, mode) in readable {
            let next = Next::Repair(Remedy::Restrict(path.clone()));
            self.unsound(&path, "a private key with mode 0600", format!("mode 0{mode:03o}"), next);
        }
    }

    fn is_old(&self, path: &Path) -> bool {
        self.inventory.files.get(path).is_some_and(|file| self.age(file.metadata.modified) > FOREIGN_FILE_AGE_MAX)
    }
}

/// Removes a file that is of no use, unless there may be a key in it.
fn remove(path: &Path, bytes: &[u8]) -> Next {
    let is_cleaned = |folder: &str| path.parent().is_some_and(|parent| parent.ends_with(folder));
    if !may_hold_a_key(bytes) {
        Next::Repair(Remedy::Remove(path.to_owned()))
    } else if CLEANED.into_iter().any(is_cleaned) {
        Next::Words(
            "there may be a private key in it: move it away, for the manager removes what it does not know here".into(),
        )
    } else {
        Next::Repair(Remedy::PutAside(path.to_owned()))
    }
}
