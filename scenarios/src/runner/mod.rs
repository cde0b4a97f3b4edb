//! Runs cases: one world per seed, many side by side, each verdict reproducible.

mod ask;
mod bucket;
pub mod ca;
mod console;
mod explore;
mod faulty;
mod judge;
mod manager;
mod operator;
mod operators_ca;
mod phases;
mod pool;
mod run;
mod stage;
mod steps;
mod summary;
mod sweep;
mod visitor;

use std::{io, num::NonZeroUsize, path::Path, sync::atomic::AtomicBool, time::Duration};

use sim::trace::Observer;

pub use console::{report, report_run};
pub use explore::{Explored, Figures, Mishap, MishapKind};
pub use judge::{Breach, Fate};
pub use run::{Run, Verdict};
pub use summary::summary;
pub use sweep::{CaseResult, Outcome, Sweep, SweepOptions, sweep};

use crate::{
    catalogue::{Catalogue, CatalogueError},
    language::Case,
    trace_file::{Flushed, TraceFile},
};

/// Runs one case of the shipped catalogue under one seed.
///
/// # Errors
/// [`CatalogueError`] if the catalogue can't be read or has no such case.
pub fn run_by_id(id: &str, seed: u64) -> Result<Run, CatalogueError> {
    Ok(run_once(&find(id)?, seed))
}

/// The case with exactly this id: one of the shipped catalogue, or `FILE.toml` with `::axis=value` where it has axes.
///
/// # Errors
/// [`CatalogueError`] if there is none.
pub fn find(id: &str) -> Result<Case, CatalogueError> {
    let (file, _) = id.split_once("::").unwrap_or((id, ""));
    let selection = if file.ends_with(".toml") { file } else { id };
    let cases = Catalogue::select(&[selection.to_owned()])?;
    cases.into_iter().find(|case| case.id == id).ok_or_else(|| CatalogueError::Unknown(id.to_owned()))
}

/// Runs one case under one seed.
#[must_use]
pub fn run_once(case: &Case, seed: u64) -> Run {
    run::run(run::Job { case, seed, mishaps: &[] }, &pool::Slot::default(), None)
}

/// Runs one case under one seed; `observer` sees every event.
pub fn observe(case: &Case, seed: u64, observer: Box<dyn Observer>) -> Run {
    run::run(run::Job { case, seed, mishaps: &[] }, &pool::Slot::default(), Some(observer))
}

/// Runs one case under one seed, with these mishaps, and, if a file is given, writes every event to it as JSON Lines. If the
/// world stands still for `patience` of real time, the process ends with exit code 3.
///
/// # Errors
/// If the file can't be written.
pub fn replay(case: &Case, seed: u64, mishaps: &[Mishap], trace: Option<&Path>, patience: Duration) -> io::Result<Run> {
    let writer = match trace {
        Some(file) => Some(TraceFile::create(file, Flushed::AtTheEnd)?),
        None => None,
    };
    let mut result = None;
    let observer = writer.clone().map(|writer| Box::new(writer) as Box<dyn Observer>);
    pool::run(
        vec![observer],
        NonZeroUsize::MIN,
        &AtomicBool::new(false),
        patience,
        sweep::stuck,
        |observer, slot| run::run(run::Job { case, seed, mishaps }, slot, observer),
        |run| result = Some(run),
    );
    if let Some(writer) = writer {
        writer.finish()?;
    }
    Ok(result.expect("the one job has been carried out"))
}
