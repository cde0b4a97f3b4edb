//! `storage.files-parse` (S1): what a storage holds is an old value or a new one, whole.
//!
//! A file is judged when a program reads it, and once nobody has written to it for a second. Judged are files
//! that tell by their ending what they hold: JSON (`.json`, `.pending`, `.failures`) or PEM (`.pem`, `.crt`, `.key`).
//! Temporary files, which begin with a dot, may hold anything, and so may a file that the scenario damaged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sim::{
    disk::OpenMode,
    trace::{DiskOperation, Event},
};

use crate::oracles::{
    law::{Law, Moment, Seen, Verdict},
    reader::{
        certificate::PemFile,
        files::{File, FileName, Files},
    },
};

const REST: Duration = Duration::from_secs(1);

/// The law.
#[derive(Debug, Default)]
pub(crate) struct FilesParse {
    files: Files,
    /// Files that were changed and not judged since.
    changed: BTreeMap<FileName, Moment>,
    damaged: BTreeSet<FileName>,
}

impl Law for FilesParse {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge_resting(seen.moment, verdict);
        let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) else { return };
        self.files.observe(Some(host), event);
        if let Event::DiskDamaged { path, .. } = event {
            self.damaged.insert(self.files.name(host, path));
        }
        let Event::Disk { operation, path, to, mode, error: None, .. } = event else { return };
        let name = self.files.name(host, path);
        match operation {
            DiskOperation::Read => self.judge(&name, seen.moment, verdict),
            DiskOperation::Open => {
                if *mode != Some(OpenMode::Overwrite) {
                    self.damaged.remove(&name);
                }
                self.changed.insert(name, seen.moment.clone());
            }
            DiskOperation::Write => drop(self.changed.insert(name, seen.moment.clone())),
            DiskOperation::Rename => {
                let to = self.files.name(host, to.as_deref().unwrap_or_default());
                self.changed.remove(&name);
                if self.damaged.remove(&name) {
                    self.damaged.insert(to);
                } else {
                    self.damaged.remove(&to);
                    self.changed.insert(to, seen.moment.clone());
                }
            }
            DiskOperation::RemoveFile => {
                self.changed.remove(&name);
                self.damaged.remove(&name);
            }
            DiskOperation::Sync
            | DiskOperation::RemoveDirectory
            | DiskOperation::CreateDirectory
            | DiskOperation::List
            | DiskOperation::SyncDirectory
            | DiskOperation::Restrict
            | DiskOperation::Metadata => {}
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        self.judge_resting(end, verdict);
    }
}

impl FilesParse {
    fn judge_resting(&mut self, now: &Moment, verdict: &mut Verdict) {
        let is_resting = |since: &Moment| u128::from(now.at_ns.saturating_sub(since.at_ns)) > REST.as_nanos();
        let resting: Vec<_> = self.changed.extract_if(.., |_, since| is_resting(since)).collect();
        for (name, since) in resting {
            let at = Moment { host: since.host, ..now.clone() };
            self.judge(&name, &at, verdict);
        }
    }

    fn judge(&self, name: &FileName, moment: &Moment, verdict: &mut Verdict) {
        let Some(content) = self.files.content(name).filter(|_| !self.damaged.contains(name)) else { return };
        let (_, path) = name;
        let Some(is_whole) = is_whole(path, content) else { return };
        verdict.exercise(moment);
        if !is_whole {
            let content = content.bytes();
            let end = String::from_utf8_lossy(&content[content.len().saturating_sub(24)..]).into_owned();
            let len = content.len();
            verdict.find(
                moment,
                format!(
                    "{path} should hold an old value or a new one, but its {len} bytes are neither, and end in {end:?}"
                ),
            );
        }
    }
}

/// Whether a file of a known kind holds a whole value of its kind.
pub(super) fn is_whole(path: &str, content: &File) -> Option<bool> {
    let (_, file) = path.rsplit_once('/')?;
    let (_, ending) = file.rsplit_once('.').filter(|_| !file.starts_with('.'))?;
    match ending {
        "json" | "pending" | "failures" => Some(serde_json::from_slice::<serde_json::Value>(content.bytes()).is_ok()),
        "pem" | "crt" | "key" => {
            let count =
                |word: &str| content.bytes().windows(word.len()).filter(|bytes| *bytes == word.as_bytes()).count();
            let is_something = |pem: &PemFile| !pem.certificates.is_empty() || pem.has_private_key;
            Some(content.pem().is_some_and(is_something) && count("-----BEGIN ") == count("-----END "))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "storage.files-parse";

    fn event(operation: DiskOperation, mode: Option<OpenMode>, bytes: &str) -> Event {
        let (path, bytes) = ("/s/a.json".to_owned(), bytes.as_bytes().to_vec());
        let offset = (operation == DiskOperation::Write).then_some(0);
        Event::Disk { number: 0, operation, path, to: None, mode, access: None, offset, bytes, error: None }
    }

    const TRUNCATE: Option<OpenMode> = Some(OpenMode::Truncate);

    fn mounted_twice() -> Story {
        let mut story = Story::new();
        for host in ["manager", "node2"] {
            story.event(Some(host), Event::DiskMounted { disk: "nfs".into() });
        }
        story
    }

    #[test]
    fn two_writers_in_place_leave_a_brace_too_many() {
        let mut story = mounted_twice();
        story.event(Some("manager"), event(DiskOperation::Open, TRUNCATE, ""));
        story.event(Some("node2"), event(DiskOperation::Open, TRUNCATE, ""));
        story.event(Some("manager"), event(DiskOperation::Write, None, "{\"a\":10}"));
        story.event(Some("node2"), event(DiskOperation::Write, None, "{\"a\":1}"));
        story.wait(10);
        story.event(None, Event::probe("later"));
        story.breaks(LAW, "}}");
    }

    #[test]
    fn a_reader_between_emptying_and_writing_sees_no_value() {
        let mut story = mounted_twice();
        story.event(Some("manager"), event(DiskOperation::Open, TRUNCATE, ""));
        story.event(Some("node2"), event(DiskOperation::Read, None, ""));
        story.breaks(LAW, "its 0 bytes");
    }

    #[test]
    fn whole_files_temporary_ones_and_damaged_ones_are_no_matter() {
        let certificate = Issued::new(&["a.test"], 0, 4_000_000_000);
        let mut story = Story::new();
        story.write_file("/s/a.pem", &(certificate.key_pem.clone() + &certificate.pem));
        story.write_file("/s/.a.json.tmp", "{");
        story.write_file("/s/a.json", "{}");
        story.event(Some("manager"), Event::DiskDamaged { path: "/s/a.json".into(), content: Some(b"{".to_vec()) });
        story.event(Some("manager"), event(DiskOperation::Read, None, ""));
        story.wait(10);
        story.event(None, Event::probe("later"));
        story.keeps(LAW);
        story.write_file("/s/b.pem", &certificate.pem[..certificate.pem.len() / 2]);
        story.wait(10);
        story.event(None, Event::probe("later"));
        story.breaks(LAW, "/s/b.pem");
    }
}
