//! What can be done about what is not sound.
//!
//! Each remedy leaves every private key that was there, and is whole at one point; after a crash the next repair goes on.

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
};

use sim::Env;

use super::{NoStorage, Report, check};
use crate::storage::{
    aside, atomic,
    medium::{Disk, Medium},
};

/// How often what was done is looked at again: one remedy may show what is wrong below it.
const PASSES_MAX: usize = 16;
/// How many files of one name may be put aside.
const ASIDE_MAX: u32 = 10_000;

/// Something that can be done without a CA.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remedy {
    /// Renames a file so that no program reads it.
    PutAside(PathBuf),
    /// Makes a file its owner's alone.
    Restrict(PathBuf),
    /// Removes a file in which no key can be.
    Remove(PathBuf),
    /// Writes these bytes, found in one file, to another; what is there is put aside first.
    Place { bytes: Vec<u8>, from: PathBuf, to: PathBuf },
}

impl Remedy {
    fn path(&self) -> &Path {
        match self {
            Self::PutAside(path) | Self::Restrict(path) | Self::Remove(path) => path,
            Self::Place { to, .. } => to,
        }
    }

    /// What it does, with paths below `root`.
    pub(super) fn told_below(&self, root: &Path) -> String {
        match self {
            Self::PutAside(_) => "puts it aside as .bad".into(),
            Self::Restrict(_) => "sets its mode to 0600".into(),
            Self::Remove(_) => "removes it".into(),
            Self::Place { from, .. } => {
                format!("puts it there from {}", from.strip_prefix(root).unwrap_or(from).display())
            }
        }
    }

    /// Does it, and says what was done.
    async fn carry_out(&self, env: &Env, root: &Path) -> io::Result<Vec<String>> {
        let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        match self {
            Self::PutAside(path) => {
                let aside = put_aside(env, path).await?;
                Ok(vec![format!("put aside {} as {}", below(path), super::file_of(&aside))])
            }
            Self::Restrict(path) => {
                env.disk().restrict(path).await?;
                Ok(vec![format!("set the mode of {} to 0600", below(path))])
            }
            Self::Remove(path) => {
                atomic::remove(env, path).await?;
                Ok(vec![format!("removed {}", below(path))])
            }
            Self::Place { bytes, from, to } => {
                let mut done = Vec::new();
                if Disk::new(env).modified(to).await?.is_some() {
                    let aside = put_aside(env, to).await?;
                    done.push(format!("put aside {} as {}", below(to), super::file_of(&aside)));
                }
                atomic::replace(env, to, bytes).await?;
                done.push(format!("wrote {} from {}", below(to), below(from)));
                Ok(done)
            }
        }
    }
}

/// Renames a file to the first name that is free; nothing is replaced.
async fn put_aside(env: &Env, path: &Path) -> io::Result<PathBuf> {
    let disk = Disk::new(env);
    for number in 1..ASIDE_MAX {
        let aside = aside(path, number);
        if disk.modified(&aside).await?.is_none() {
            disk.rename(path, &aside).await?;
            return Ok(aside);
        }
    }
    Err(io::Error::other("too many files of this name were put aside already"))
}

/// Something that was done, or could not be.
#[derive(Debug)]
pub enum Step {
    /// What was done.
    Done(String),
    /// What could not be, and why.
    Failed {
        /// The file, below the storage's root.
        path: PathBuf,
        /// What should have become of it.
        what: String,
        /// The disk's answer.
        why: io::Error,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(what) => f.write_str(what),
            Self::Failed { path, what, why } => write!(f, "failed: {}: a repair {what}, but {why}", path.display()),
        }
    }
}

/// A repair that is over.
#[derive(Debug)]
pub struct Repaired {
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// What a check finds now.
    pub left: Report,
}

/// Does what can be done about the storage at `root` without a CA. No manager may be running there.
///
/// # Errors
/// [`NoStorage`]. What can't be done inside is a step that failed.
pub async fn repair(env: &Env, root: &Path) -> Result<Repaired, NoStorage> {
    let (mut steps, mut failed) = (Vec::new(), BTreeSet::new());
    for _ in 0..PASSES_MAX {
        let report = check(env, root).await?;
        let remedies: BTreeSet<Remedy> = report.findings.iter().filter_map(|finding| finding.remedy.clone()).collect();
        let mut touched = BTreeSet::new();
        for remedy in remedies.difference(&failed.clone()) {
            // What else is to be done about a file is seen once this is.
            if !touched.insert(remedy.path().to_owned()) {
                continue;
            }
            match remedy.carry_out(env, root).await {
                Ok(done) => steps.extend(done.into_iter().map(Step::Done)),
                Err(why) => {
                    let path = remedy.path().strip_prefix(root).unwrap_or(remedy.path()).to_owned();
                    steps.push(Step::Failed { path, what: remedy.told_below(root), why });
                    failed.insert(remedy.clone());
                }
            }
        }
        if touched.is_empty() {
            return Ok(Repaired { steps, left: report });
        }
    }
    Ok(Repaired { steps, left: check(env, root).await? })
}
