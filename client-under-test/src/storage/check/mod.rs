//! Whether a storage is sound: what is, what is not and why, and what can be done without a CA.
//!
//! [`check`] only reads. [`repair`](repair()) carries out what the check says can be done, and checks again: so the two never
//! differ, and a second repair finds nothing to do. A private key is never removed and never replaced: what is in the way
//! of another is put aside first, as `<file>.bad`.
//!
//! Neither knows which names a manager looks after, nor asks any CA. Files in folders that no manager has are not looked at.

mod accounts;
mod certificates;
mod inventory;
mod others;
mod repair;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
};

use sim::Env;
use time::UtcDateTime;

pub use self::repair::{Repaired, Step, repair};
use self::{inventory::Inventory, repair::Remedy};
use super::{Storage, atomic, medium::read};
use crate::acme::reading::format_time;

/// The folders of a storage.
const FOLDERS: [&str; 6] = ["acme", "certificates", "challenges", "compromised-keys", "locks", "ocsp"];
/// What Caddy has besides.
const CADDYS: [&str; 3] = ["instance.uuid", "last_clean.json", "pki"];

/// Why nothing was looked at.
#[derive(Debug, thiserror::Error)]
pub enum NoStorage {
    /// The directory can't be read.
    #[error("it can't be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is some other directory.
    #[error("it is no storage: it has none of the folders {}", FOLDERS.join(", "))]
    Foreign,
}

/// How something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be; what it is.
    Sound(String),
    /// Not wrong, but worth knowing.
    Told(String),
    /// Not as it should be.
    Unsound {
        /// What should be there.
        expected: String,
        /// What is.
        found: String,
        /// What becomes of it, or what to do.
        next: String,
    },
}

impl Verdict {
    /// Whether it is not as it should be.
    #[must_use]
    pub fn is_unsound(&self) -> bool {
        matches!(self, Self::Unsound { .. })
    }
}

/// What was found in one place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The file or directory, below the storage's root.
    pub path: PathBuf,
    /// How it is.
    pub verdict: Verdict,
    remedy: Option<Remedy>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.verdict {
            Verdict::Sound(what) => write!(f, "sound      {path}: {what}"),
            Verdict::Told(what) => write!(f, "note       {path}: {what}"),
            Verdict::Unsound { expected, found, next } => {
                write!(f, "not sound  {path}: expected {expected}, found {found}\n             next: {next}")
            }
        }
    }
}

/// All that was found, sorted by path.
#[derive(Clone, Debug)]
pub struct Report {
    /// One or more for each name, account and file.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.unsound() == 0
    }

    /// How many findings say that something is wrong.
    #[must_use]
    pub fn unsound(&self) -> usize {
        self.count(Verdict::is_unsound)
    }

    /// How many of these a repair can do something about.
    #[must_use]
    pub fn repairable(&self) -> usize {
        self.findings.iter().filter(|finding| finding.remedy.is_some()).count()
    }

    fn count(&self, is_one: impl Fn(&Verdict) -> bool) -> usize {
        self.findings.iter().filter(|finding| is_one(&finding.verdict)).count()
    }
}

/// The counts.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sound = self.count(|verdict| matches!(verdict, Verdict::Sound(_)));
        let told = self.count(|verdict| matches!(verdict, Verdict::Told(_)));
        write!(f, "{sound} sound, {told} to know of, {} not sound", self.unsound())?;
        match self.repairable() {
            0 => Ok(()),
            some => write!(f, " ({some} of them a repair does something about)"),
        }
    }
}

/// Looks at all that is in the storage at `root`, and changes nothing.
///
/// # Errors
/// [`NoStorage`]. What can't be read inside is a finding.
pub async fn check(env: &Env, root: &Path) -> Result<Report, NoStorage> {
    let entries = env.disk().list(root).await?;
    if !entries.iter().any(|entry| FOLDERS.contains(&entry.as_str())) {
        return Err(NoStorage::Foreign);
    }
    let inventory = Inventory::take(env, root, &FOLDERS.map(|folder| root.join(folder))).await;
    let mut check = Check { env, root, inventory, seen: BTreeSet::new(), findings: Vec::new() };
    for entry in entries.iter().filter(|entry| !FOLDERS.contains(&entry.as_str())) {
        let whose = if CADDYS.contains(&entry.as_str()) { "Caddy's" } else { "no part of a storage" };
        check.told(&root.join(entry), format!("{whose}; it was not looked at"));
    }
    check.certificates().await;
    check.accounts().await;
    check.others().await;
    check.findings.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Report { findings: check.findings })
}

/// What is done about something that is not as it should be.
enum Next {
    /// What a repair does.
    Repair(Remedy),
    /// What a person does, or the manager.
    Words(String),
}

/// A file's content.
enum Content {
    Missing,
    /// That it is so has been told.
    Unreadable,
    Bytes(Vec<u8>),
}

/// A check under way.
struct Check<'a> {
    env: &'a Env,
    root: &'a Path,
    inventory: Inventory,
    /// The files of which it is known what they are.
    seen: BTreeSet<PathBuf>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn sound(&mut self, path: &Path, what: impl Into<String>) {
        self.find(path, Verdict::Sound(what.into()), None);
    }

    fn told(&mut self, path: &Path, what: impl Into<String>) {
        self.find(path, Verdict::Told(what.into()), None);
    }

    fn unsound(&mut self, path: &Path, expected: impl Into<String>, found: impl Into<String>, next: Next) {
        let (expected, found) = (expected.into(), found.into());
        let (next, remedy) = match next {
            Next::Words(words) => (words, None),
            Next::Repair(remedy) => (format!("a repair {}", remedy.told_below(self.root)), Some(remedy)),
        };
        self.find(path, Verdict::Unsound { expected, found, next }, remedy);
    }

    fn find(&mut self, path: &Path, verdict: Verdict, remedy: Option<Remedy>) {
        let path = path.strip_prefix(self.root).unwrap_or(path).to_owned();
        self.findings.push(Finding { path, verdict, remedy });
    }

    /// How many findings say so far that something is wrong.
    fn unsound_so_far(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict.is_unsound()).count()
    }

    /// What is in a file whose kind is known.
    async fn content(&mut self, path: &Path) -> Content {
        self.seen.insert(path.to_owned());
        match read(self.env, path).await {
            Ok(Some(bytes)) => Content::Bytes(bytes),
            Ok(None) => Content::Missing,
            Err(e) => {
                let next =
                    Next::Words("see to its permissions or to the disk; nothing that needs it is touched".into());
                self.unsound(path, "a file that can be read", e.to_string(), next);
                Content::Unreadable
            }
        }
    }

    /// A file that holds what `is_right` says, or is put aside.
    async fn judge(&mut self, path: &Path, what: &str, is_right: impl FnOnce(&[u8]) -> bool) {
        if let Content::Bytes(bytes) = self.content(path).await {
            if is_right(&bytes) {
                self.sound(path, what);
            } else {
                self.unsound(path, what, described(&bytes), Next::Repair(Remedy::PutAside(path.to_owned())));
            }
        }
    }

    /// The names of the directories in `directory`.
    fn directories_in(&self, directory: &Path) -> Vec<String> {
        let below = |path: &PathBuf| path.parent() == Some(directory);
        let names =
            self.inventory.directories.range(directory.to_owned()..).take_while(|path| path.starts_with(directory));
        names.filter(|path| below(path)).filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }

    /// The files in `directory` itself, of which it is not known yet what they are, that are neither put aside nor temporary.
    fn files_in(&self, directory: &Path) -> Vec<PathBuf> {
        let files = self.inventory.files.range(directory.to_owned()..).map(|(path, _)| path);
        files
            .take_while(|path| path.starts_with(directory))
            .filter(|path| path.parent() == Some(directory) && !self.seen.contains(*path) && !is_by_the_way(path))
            .cloned()
            .collect()
    }

    /// The part of the storage whose directories are called `issuer`.
    fn storage(&self, issuer: &str) -> Storage {
        // The CA's address is not known, and nothing that names it is written here.
        let unknown = "unknown:".parse().expect("a scheme alone is a URL");
        Storage::of_issuer(self.env, self.root.to_owned(), issuer.to_owned(), unknown)
    }

    /// How long ago a file has changed.
    fn age(&self, modified: UtcDateTime) -> time::Duration {
        self.env.utc_now() - modified
    }
}

/// What can't be read as what it should be.
fn described(bytes: &[u8]) -> String {
    match bytes.len() {
        0 => "an empty file".into(),
        1 => "1 byte that is no such thing".into(),
        len => format!("{len} bytes that are no such thing"),
    }
}

/// A file's own name.
fn file_of(path: &Path) -> &str {
    path.file_name().and_then(|file| file.to_str()).unwrap_or_default()
}

/// Whether it was put aside.
fn is_aside(path: &Path) -> bool {
    file_of(path).ends_with(".bad")
}

/// Whether it is a file that a write has left, of whichever host.
fn is_temporary(path: &Path) -> bool {
    atomic::temporary_of(file_of(path), "").is_some()
}

fn is_by_the_way(path: &Path) -> bool {
    is_aside(path) || is_temporary(path)
}

fn shown(time: UtcDateTime) -> String {
    format_time(time).unwrap_or_else(|| time.to_string())
}
