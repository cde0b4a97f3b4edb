//! `gauntlet storage`: whether a certificate manager's storage is sound, and what can be done about it.
//!
//! What is judged and how, the manager knows: `client_under_test::storage::check`. Here it is told.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use client_under_test::storage::check::{NoStorage, Report, Step, check, repair};
use sim::real;
use tokio::runtime::Runtime;

use super::{WRONG_INPUT, say};

const UNSOUND: u8 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Tells what is sound, what is not and why. Changes nothing.
    Check {
        /// The storage's root, where `certificates` and `acme` are.
        directory: PathBuf,
    },
    /// Does what can be done without a CA, and tells it. No private key is removed. No manager may be running.
    Repair {
        /// The storage's root, where `certificates` and `acme` are.
        directory: PathBuf,
    },
}

/// Nothing was looked at, and why.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it can't be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    NoStorage(#[from] NoStorage),
    #[error(
        "it belongs to user {owner} and this runs as user {user}, whose files the manager could not read: run it as user {owner}"
    )]
    AnothersStorage { owner: u32, user: u32 },
}

/// Checks or repairs, and tells; the exit code.
pub(super) fn main(action: &Action) -> u8 {
    let (Action::Check { directory } | Action::Repair { directory }) = action;
    match carry_out(action) {
        Ok((text, report)) => say(&text).max(if report.is_sound() { 0 } else { UNSOUND }),
        Err(why) => {
            eprintln!("{}: {why}", directory.display());
            WRONG_INPUT
        }
    }
}

fn carry_out(action: &Action) -> Result<(String, Report), Refused> {
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let env = real::env("storage", real::Options::default());
        match action {
            Action::Check { directory } => {
                let report = check(&env, &fs::canonicalize(directory)?).await?;
                let lines: String = report.findings.iter().map(|finding| format!("{finding}\n")).collect();
                Ok((format!("{lines}{report}\n"), report))
            }
            Action::Repair { directory } => {
                let directory = fs::canonicalize(directory)?;
                refuse_anothers(&directory)?;
                say("no manager may be running on this storage meanwhile, and no Caddy\n");
                let repaired = repair(&env, &directory).await?;
                let steps: String = repaired.steps.iter().map(|step: &Step| format!("{step}\n")).collect();
                let done = if steps.is_empty() { "nothing to be done\n" } else { &steps };
                let left = repaired.left.findings.iter().filter(|finding| finding.verdict.is_unsound());
                let left: String = left.map(|finding| format!("{finding}\n")).collect();
                Ok((format!("{done}{left}{}\n", repaired.left), repaired.left))
            }
        }
    })
}

/// What is written here belongs to whoever runs this.
fn refuse_anothers(directory: &Path) -> Result<(), Refused> {
    let (owner, user) = (fs::metadata(directory)?.uid(), rustix::process::geteuid().as_raw());
    if owner == user { Ok(()) } else { Err(Refused::AnothersStorage { owner, user }) }
}
