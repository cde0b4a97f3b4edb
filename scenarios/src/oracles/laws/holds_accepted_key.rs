//! `manager.holds-accepted-key` (M15): the disk durably holds the private key that the CA knows an account by.
//!
//! Judged from the CA's answer that creates the account or changes its key (RFC 8555 §7.3, §7.3.5) on, at each change
//! of the disk of the host that asked. Held is a key that is in a file as it looks now, and in one that no power
//! loss takes away: its content was synced, and its directory after it came there by this name. What a power loss has
//! left of the rest is not told by the trace; all that may be there counts then. P-256 keys on disks that are a
//! host's own are judged.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sim::{
    disk::OpenMode,
    trace::{DiskOperation, Ending, Event},
};

use crate::oracles::{
    law::{Law, Moment, Seen, Verdict},
    reader::{
        certificate::read_pem,
        http,
        jws::Jws,
        place::Place,
        step::{Resource, Step},
    },
};

/// A file with more is no private key.
const LEN_MAX: usize = 16 * 1024;

/// The law.
#[derive(Debug, Default)]
pub(crate) struct HoldsAcceptedKey {
    disks: BTreeMap<Arc<str>, Disk>,
    /// The keys by which CAs know accounts, with the host that has the account.
    accounts: BTreeMap<Place, Account>,
    mounting: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
struct Account {
    host: Arc<str>,
    /// The point of its public key.
    key: Vec<u8>,
    is_found: bool,
}

impl Law for HoldsAcceptedKey {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(step) = seen.step() {
            if let Some((place, account)) = accepted(step).filter(|(_, account)| !self.mounting.contains(&account.host))
            {
                let host = account.host.clone();
                self.accounts.insert(place, account);
                verdict.exercise(seen.moment);
                self.judge(&host, seen.moment, verdict);
            }
        } else if let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) {
            if let Event::DiskMounted { .. } = event {
                self.mounting.insert(host.clone());
            } else if self.disks.entry(host.clone()).or_default().observe(event) {
                self.judge(host, seen.moment, verdict);
            }
        }
    }
}

impl HoldsAcceptedKey {
    fn judge(&mut self, host: &Arc<str>, moment: &Moment, verdict: &mut Verdict) {
        let disk = self.disks.entry(host.clone()).or_default();
        for (place, account) in self.accounts.iter_mut().filter(|(_, account)| account.host == *host) {
            let is_lost = !disk.holds(&account.key);
            if is_lost && !account.is_found {
                let at = Moment { host: Some(host.clone()), ..moment.clone() };
                verdict.find(
                    &at,
                    format!("the disk of {host} should durably hold the key of account {place}, but does not"),
                );
            }
            account.is_found = is_lost;
        }
    }
}

/// The account whose key the CA says it has taken in, by this answer.
fn accepted(step: &Step) -> Option<(Place, Account)> {
    if step.moment != http::Moment::Answered || !step.is_success() {
        return None;
    }
    let (place, key) = if step.resource == Resource::NewAccount {
        (step.location()?, step.jws()?.point()?)
    } else if step.resource == Resource::KeyChange {
        (Place::of_url(step.jws()?.kid()?)?, Jws::of_json(step.payload()?)?.point()?)
    } else {
        return None;
    };
    Some((place, Account { host: step.client.clone()?, key, is_found: false }))
}

/// What may be on a host's disk, as far as private keys go; by path.
#[derive(Debug, Default)]
struct Disk {
    visible: BTreeMap<String, File>,
    lasting: BTreeMap<String, File>,
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// The keys that were in it when it was synced; several if a power loss has left it open which.
    keys: BTreeSet<Vec<u8>>,
}

impl Disk {
    fn holds(&self, key: &[u8]) -> bool {
        [&self.visible, &self.lasting].iter().all(|files| files.values().any(|file| file.keys.contains(key)))
    }

    /// Takes in an event and says whether keys may have come or gone.
    fn observe(&mut self, event: &Event) -> bool {
        if let Event::HostEnded { ending: Ending::PowerLost } = event {
            for (path, mut file) in std::mem::take(&mut self.visible) {
                file.sync();
                self.lasting.entry(path).or_default().keys.extend(file.keys);
            }
            self.visible.clone_from(&self.lasting);
            return true;
        }
        let Event::Disk { operation, path, to, mode, offset, bytes, error: None, .. } = event else { return false };
        match operation {
            DiskOperation::Open if *mode == Some(OpenMode::Overwrite) => false,
            DiskOperation::Open => self.visible.insert(path.clone(), File::default()).is_some(),
            DiskOperation::Write => {
                if let Some(file) = self.visible.get_mut(path) {
                    file.write(*offset, bytes);
                }
                false
            }
            DiskOperation::Sync => {
                let Some(file) = self.visible.get_mut(path) else { return false };
                file.sync();
                if let Some(lasting) = self.lasting.get_mut(path) {
                    lasting.keys.clone_from(&file.keys);
                }
                true
            }
            DiskOperation::Rename => {
                if let (Some(file), Some(to)) = (self.visible.remove(path), to) {
                    self.visible.insert(to.clone(), file);
                }
                true
            }
            DiskOperation::RemoveFile => self.visible.remove(path).is_some(),
            DiskOperation::SyncDirectory => {
                let is_in = |file: &str| file.rsplit_once('/').is_some_and(|(directory, _)| directory == path);
                self.lasting.retain(|file, _| !is_in(file));
                let files = self.visible.iter().filter(|(file, _)| is_in(file));
                self.lasting.extend(files.map(|(path, file)| (path.clone(), file.clone())));
                true
            }
            DiskOperation::Read
            | DiskOperation::RemoveDirectory
            | DiskOperation::CreateDirectory
            | DiskOperation::List
            | DiskOperation::Restrict
            | DiskOperation::Metadata => false,
        }
    }
}

impl File {
    fn write(&mut self, offset: Option<u64>, bytes: &[u8]) {
        let start = offset.map_or(self.bytes.len(), |offset| usize::try_from(offset).unwrap_or(LEN_MAX));
        let end = start.saturating_add(bytes.len());
        if end <= LEN_MAX {
            self.bytes.resize(self.bytes.len().max(end), 0);
            self.bytes[start..end].copy_from_slice(bytes);
        }
    }

    fn sync(&mut self) {
        self.keys.extend(read_pem(&self.bytes).and_then(|pem| pem.public_key));
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Story, key};

    const LAW: &str = "manager.holds-accepted-key";

    /// The key is written to a temporary file and renamed to `path`, durably or not.
    fn store(story: &mut Story, path: &str, key: &rcgen::KeyPair, is_durable: bool) {
        story.write_file("/s/x.tmp", &key.serialize_pem());
        story.disk(DiskOperation::Sync, "/s/x.tmp", None, "");
        story.disk(DiskOperation::Rename, "/s/x.tmp", Some(path), "");
        if is_durable {
            story.disk(DiskOperation::SyncDirectory, "/s", None, "");
        }
    }

    /// A story with an account whose key is on disk.
    fn registered() -> Story {
        let mut story = Story::new();
        let old = key();
        store(&mut story, "/s/a.key", &old, true);
        story.key = Some(old);
        story.new_account("mailto:a@a.test", 201);
        story
    }

    #[test]
    fn a_key_stored_beside_the_old_one_before_the_change_is_held_throughout() {
        let mut story = registered();
        let new = key();
        store(&mut story, "/s/a.pending.key", &new, true);
        story.change_key(new);
        story.disk(DiskOperation::Rename, "/s/a.pending.key", Some("/s/a.key"), "");
        story.event(Some("manager"), Event::HostEnded { ending: Ending::PowerLost });
        story.start("manager");
        story.disk(DiskOperation::Rename, "/s/a.pending.key", Some("/s/a.key"), "");
        story.disk(DiskOperation::SyncDirectory, "/s", None, "");
        story.keeps(LAW);
    }

    #[test]
    fn a_key_that_is_not_on_disk_or_not_durably_is_found_when_the_ca_takes_it_in() {
        for is_written in [false, true] {
            let mut story = registered();
            let new = key();
            if is_written {
                store(&mut story, "/s/a.pending.key", &new, false);
            }
            story.change_key(new);
            story.breaks(LAW, "should durably hold the key of account");
            assert_eq!(story.accused(LAW), [Some("manager".to_owned())], "whose disk it is");
        }
    }

    #[test]
    fn an_old_key_that_takes_the_new_ones_place_is_found() {
        let mut story = registered();
        let other = key();
        store(&mut story, "/s/a.key", &other, true);
        story.breaks(LAW, "should durably hold");
    }

    #[test]
    fn a_file_of_more_than_16_kib_is_no_private_key() {
        for (len, is_one) in [(16_384, true), (16_385, false)] {
            let mut story = Story::new();
            let key = key();
            let pem = key.serialize_pem();
            story.write_file("/s/a.key", &format!("{}{pem}", "\n".repeat(len - pem.len())));
            story.disk(DiskOperation::Sync, "/s/a.key", None, "");
            story.disk(DiskOperation::SyncDirectory, "/s", None, "");
            story.key = Some(key);
            story.new_account("mailto:a@a.test", 201);
            if is_one { story.keeps(LAW) } else { story.breaks(LAW, "should durably hold the key of account") }
        }
    }
}
