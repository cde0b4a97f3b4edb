//! A scenario: a file, laid over its base, taken apart into cases.
//!
//! Nothing here stops at a mistake. All findings of all cases are gathered, each told once.

use std::{collections::BTreeSet, io, path::Path, sync::Arc};

use super::{
    case::{self, Case},
    decode::{Judge, MISSING},
    diagnostic::{Diagnostic, Diagnostics},
    document::{self, Table, Value},
    expectation::VACUOUS,
    matrix::{self, Matrix},
    merge,
    source::{Location, SourceFile},
    substitution::{self, PLACEHOLDER},
    suggestion,
    syntax::SYNTAX,
    values::{ScenarioId, Written},
    vocabulary::{Form, Meta, SECTIONS},
};

/// A scenario without mistakes.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) file: Arc<SourceFile>,
    pub(crate) merged: Table,
    cases: Vec<Case>,
}

impl Scenario {
    /// The scenario's id.
    #[must_use]
    pub fn id(&self) -> &ScenarioId {
        &self.meta().id
    }

    /// What the scenario is; a title with `{axis}` in it is the first case's.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.cases[0].meta
    }

    /// The author's file.
    #[must_use]
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Its cases, at least one; the last axis varies fastest.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Checks that the id is `expected`, which is the file's path under the catalogue without `.toml`.
    ///
    /// # Errors
    /// Points at the id and says what it should be.
    pub fn check_id(&self, expected: &str) -> Result<(), Diagnostics> {
        if self.id().as_str() == expected {
            return Ok(());
        }
        let at = match self.merged.node("meta").map(|node| &node.value) {
            Some(Value::Table(meta)) => meta.node("id").map(|node| node.at.clone()),
            Some(_) | None => None,
        };
        let at = at.unwrap_or_else(|| Location::first_line(&self.file));
        let message = format!("the id `{}` differs from the file's path under the catalogue", self.id());
        let report = Diagnostic::new("wrong-id", &at, message, "not where the file lies");
        let report = match ScenarioId::parse(expected) {
            Ok(_) => report.help(format!("write id = \"{expected}\", or move the file")),
            Err(wrong) => report.help(format!("rename the file: in {expected:?}, {}", wrong.label)),
        };
        Err(Diagnostics::of(vec![report]).expect("one report"))
    }
}

/// Reads a scenario file.
///
/// `path` names the file in messages; `read` reads the base file that it may extend, which is looked for
/// beside the file and then in each folder above it.
///
/// # Errors
/// Everything that is wrong with the file and its base.
pub fn load(path: &Path, source: &str, read: impl Fn(&Path) -> io::Result<String>) -> Result<Scenario, Diagnostics> {
    let file = Arc::new(SourceFile { name: path.display().to_string(), text: source.to_owned() });
    let mut found = Vec::new();
    let author = document::parse(&file, &mut found);
    check_version(&author, &mut found);
    let base = merge::base_of(&author, path, read, &mut found);
    let is_base_lost = base.is_none() && author.entry("extends").is_some();
    let merged = match base {
        Some(base) => {
            check_version(&base, &mut found);
            merge::merge(base, author)
        }
        None => author,
    };
    check_top_level(&merged, &mut found);
    let mut judge = Judge { found, ..Judge::default() };
    let matrix = Matrix::read(&merged, &mut judge);
    let cases = read_cases(&merged, &matrix, &mut judge);
    let is_incomplete = is_base_lost || judge.found.iter().any(|one| matches!(one.code(), SYNTAX | merge::CODE));
    let found = if is_incomplete { without_consequences(judge.found) } else { judge.found };
    match Diagnostics::of(found) {
        Some(found) => Err(found),
        None => Ok(Scenario { file, merged, cases }),
    }
}

fn check_version(root: &Table, found: &mut Vec<Diagnostic>) {
    match root.entry("scenario") {
        None => found.push(
            Diagnostic::new(
                MISSING,
                &root.at,
                "the version of the scenario language is missing",
                "no `scenario = 1` before this",
            )
            .help("begin the file with scenario = 1"),
        ),
        Some(entry) if entry.node.value == Value::Integer(1) => {}
        Some(entry) => {
            let message = format!("`scenario` must be 1, found {}", entry.node.describe());
            let report = Diagnostic::new("version", &entry.node.at, message, "not a version that this program knows");
            found.push(report.help("write scenario = 1: the only version so far"));
        }
    }
}

fn check_top_level(root: &Table, found: &mut Vec<Diagnostic>) {
    let names: Vec<&str> = SECTIONS.iter().map(|row| row.name).collect();
    for entry in &root.entries {
        let Some(row) = SECTIONS.iter().find(|row| row.name == entry.key) else {
            let message = format!("unknown section or key `{}`", entry.key);
            let help = suggestion::help(&entry.key, "a scenario file has", &names);
            found
                .push(Diagnostic::new("unknown-key", &entry.key_at, message, "not part of a scenario file").help(help));
            continue;
        };
        let (name, is_right, form) = match (row.form, &entry.node.value) {
            (Form::Value, _) => continue,
            (Form::Table, value) => (row.name, matches!(value, Value::Table(_)), format!("[{}]", row.name)),
            (Form::List, Value::Array(items)) => {
                let is_right = items.iter().all(|item| matches!(item.value, Value::Table(_)));
                (row.name, is_right, format!("[[{}]]", row.name))
            }
            (Form::List, _) => (row.name, false, format!("[[{}]]", row.name)),
        };
        if !is_right {
            let message = format!("`{name}` must be written as {form}, found {}", entry.node.describe());
            let help = format!("write {form}, and its keys on the lines below\n{}", row.doc);
            found.push(Diagnostic::new("wrong-type", &entry.key_at, message, format!("write {form}")).help(help));
        }
    }
}

/// Types every case, keeps each finding once, and looks for axes that change nothing.
fn read_cases(merged: &Table, matrix: &Matrix, judge: &mut Judge) -> Vec<Case> {
    let id = match merged.node("meta").map(|node| &node.value) {
        Some(Value::Table(meta)) => meta.node("id").and_then(document::Node::scalar),
        Some(_) | None => None,
    };
    let id = id.unwrap_or_default();
    let combinations = matrix.combinations();
    let mut cases = Vec::new();
    let mut used = BTreeSet::new();
    let mut findings: Vec<(Diagnostic, Vec<usize>)> = Vec::new();
    for (number, combination) in combinations.iter().enumerate() {
        let axes = matrix::as_text(combination);
        let mut of_case = Judge { axes: judge.axes.clone(), ..Judge::default() };
        let (tree, used_here) = substitution::substitute(merged, combination, &mut of_case);
        used.extend(used_here);
        let case = case::read(&tree, &matrix::case_id(&id, &axes), &axes, &mut of_case);
        assert!(case.is_some() || !of_case.found.is_empty(), "a case is refused for a reason");
        cases.extend(case);
        for finding in without_echoes(of_case.found) {
            let same =
                |known: &Diagnostic| known.location() == finding.location() && known.message() == finding.message();
            match findings.iter_mut().find(|(known, _)| same(known)) {
                Some((_, seen)) if seen.last() == Some(&number) => {}
                Some((_, seen)) => seen.push(number),
                None => findings.push((finding, vec![number])),
            }
        }
    }
    for (finding, seen) in findings {
        let is_in_all = seen.len() == combinations.len();
        judge.report(if is_in_all { finding } else { finding.help(where_seen(&combinations, &seen)) });
    }
    for axis in matrix.axes.iter().filter(|axis| !used.contains(&axis.name)) {
        let message = format!("the axis `{}` is never used: its cases would all be the same", axis.name);
        let help = format!("write {{{}}} where the value belongs, or take the axis away", axis.name);
        judge.report(Diagnostic::new("unused-axis", &axis.at, message, "never used").help(help));
    }
    cases
}

/// A text with an unknown placeholder is no good value either; saying so adds nothing.
fn without_echoes(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let unknown: Vec<Location> =
        found.iter().filter(|one| one.code() == PLACEHOLDER).map(|one| one.location().clone()).collect();
    found.into_iter().filter(|one| one.code() == PLACEHOLDER || !unknown.contains(one.location())).collect()
}

fn where_seen(combinations: &[matrix::Combination], seen: &[usize]) -> String {
    let axes = matrix::as_text(&combinations[seen[0]]);
    let values: Vec<String> = axes.iter().map(|(axis, value)| format!("{axis} = {value}")).collect();
    format!("seen with {} ({} of {} cases)", values.join(", "), seen.len(), combinations.len())
}

/// What may only be a consequence of text that could not be read is not worth saying yet.
fn without_consequences(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    const CONSEQUENCES: [&str; 6] = [MISSING, VACUOUS, "undefined-host", "unused-axis", PLACEHOLDER, "unknown-axis"];
    let broken: Vec<(String, usize)> = found
        .iter()
        .filter(|one| one.code() == SYNTAX)
        .map(|one| (one.location().file.name.clone(), one.location().line()))
        .collect();
    let is_broken =
        |at: &Location| broken.iter().any(|(name, line)| *name == at.file.name && at.line().abs_diff(*line) <= 1);
    let mut shown = BTreeSet::new();
    found
        .into_iter()
        .filter(|one| !CONSEQUENCES.contains(&one.code()))
        .filter(|one| {
            let at = one.location();
            // One broken line makes the parser stumble several times; the first stumble tells.
            if one.code() == SYNTAX { shown.insert((at.file.name.clone(), at.line())) } else { !is_broken(at) }
        })
        .collect()
}
