//! Where a conformance run's results go: files of several forms, and the comparison with a baseline.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use scenarios::conformance::{
    baseline::{Baseline, NotABaseline},
    case::{About, Case, Level},
    report::{self, Run},
    suite::Outcome,
};

use super::say;

const FAILED: u8 = 1;

/// Where results go.
#[derive(Debug, Args)]
pub(super) struct Outputs {
    /// Writes the results to this file as JSON, with the exchange that shows each failure.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Writes the results to this file in JUnit's form.
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<PathBuf>,
    /// Writes the results to this file as Markdown.
    #[arg(long, value_name = "FILE.md")]
    markdown: Option<PathBuf>,
    /// Writes the results to this file as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Compares the results with this file, which has the known failures; it fails if they differ.
    #[arg(long, value_name = "FILE.toml")]
    baseline: Option<PathBuf>,
    /// Writes what fails now to the baseline, with the reasons that are there.
    #[arg(long, requires = "baseline")]
    write_baseline: bool,
}

/// A run that is over, and told as its options ask.
pub(super) struct Results {
    /// What was put to the test.
    pub(super) tried: String,
    /// The command that tries one case again.
    pub(super) repeat: Box<dyn Fn(&About) -> String>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) exit_code: u8,
}

impl Results {
    pub(super) fn run(&self) -> Run<'_> {
        Run { tried: &self.tried, repeat: &self.repeat, outcomes: &self.outcomes }
    }

    /// Tells and writes them, compared with what was `known`. `is_case` says whether there is a case of an id.
    pub(super) fn told(
        mut self,
        outputs: &Outputs,
        known: &Baseline,
        is_case: impl Fn(&str) -> bool,
    ) -> Result<Self, OutputError> {
        self.exit_code = outputs.tell(&self.run(), known, is_case)?;
        Ok(self)
    }
}

/// A file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is no baseline: {why}")]
    Baseline { path: PathBuf, why: Box<NotABaseline> },
}

impl Outputs {
    /// What a run will be compared with, read before it, so that a mistake there is told then.
    pub(super) fn known(&self) -> Result<Baseline, OutputError> {
        let Some(path) = &self.baseline else { return Ok(Baseline::default()) };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.write_baseline => String::new(),
            Err(source) => return Err(OutputError::File { path: path.clone(), source }),
        };
        Baseline::read(&text).map_err(|why| OutputError::Baseline { path: path.clone(), why: Box::new(why) })
    }

    /// Tells and writes how it went, compared with what was known; the exit code. `is_case` says whether there is a case of an id.
    fn tell(&self, run: &Run<'_>, known: &Baseline, is_case: impl Fn(&str) -> bool) -> Result<u8, OutputError> {
        let pretty = |run: &Run<'_>| serde_json::to_string_pretty(&report::json(run)).expect("JSON can be written");
        write(self.json.as_deref(), || pretty(run))?;
        write(self.junit.as_deref(), || report::junit(run))?;
        write(self.markdown.as_deref(), || report::markdown(run))?;
        write(self.html.as_deref(), || report::html(run))?;
        say(&report::clauses(run));
        let is_bad = run.outcomes.iter().any(|outcome| outcome.verdict.is_bad());
        let Some(path) = &self.baseline else { return Ok(if is_bad { FAILED } else { 0 }) };
        if self.write_baseline {
            write(Some(path), || known.after(run.outcomes).to_string())?;
            return Ok(0);
        }
        let comparison = known.compare(run.outcomes, is_case);
        say(&comparison.to_string());
        Ok(if comparison.is_equal() { 0 } else { FAILED })
    }
}

/// Writes to the file that is asked for, if one is.
pub(super) fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> Result<(), OutputError> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).map_err(|source| OutputError::File { path: path.to_owned(), source })
}

/// A level as it is given on the command line.
pub(super) fn level(text: &str) -> Result<Level, String> {
    match text {
        "must" => Ok(Level::Must),
        "should" => Ok(Level::Should),
        "may" => Ok(Level::May),
        "robustness" => Ok(Level::Robustness),
        _ => Err("expected must, should, may or robustness".to_owned()),
    }
}

/// Those of `cases` that are meant: at least as binding as `level`, and below one of `only` if there is any.
///
/// # Errors
/// One of `only` that no case is below.
pub(super) fn selected<R>(
    cases: Vec<&'static Case<R>>,
    only: &[String],
    level: Level,
) -> Result<Vec<&'static Case<R>>, String> {
    for prefix in only {
        if !cases.iter().any(|case| case.is_below(prefix)) {
            return Err(prefix.clone());
        }
    }
    let is_named = |case: &Case<R>| only.is_empty() || only.iter().any(|one| case.is_below(one));
    Ok(cases.into_iter().filter(|case| case.level <= level && is_named(case)).collect())
}

/// The command that was given, without what selects cases and says where results go, as a shell reads it: for trying one
/// of its cases again.
pub(super) fn command(subcommand: &str, words: &[(&str, String)]) -> String {
    let options = words.iter().map(|(name, value)| format!(" {name} {}", quoted(value)));
    format!("gauntlet {subcommand}{}", options.collect::<String>())
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,{}".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
