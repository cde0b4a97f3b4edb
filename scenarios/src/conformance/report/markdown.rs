//! A page of Markdown, for a pull request or a release.

use std::{borrow::Borrow, fmt::Write as _};

use super::{Matrix, Run, WORDS, details, shown};
use crate::conformance::{suite::Outcome, verdict::Verdict};

/// The run as Markdown: counts by level and by clause, then each case that is not passed.
#[must_use]
pub fn markdown(run: &Run<'_>) -> String {
    let mut text = format!("# Conformance of {}\n\n", inline(run.tried));
    head(&mut text, "level", &WORDS);
    for (level, counts) in run.by_level() {
        row(&mut text, &level.to_string(), &counts);
    }
    text.push('\n');
    head(&mut text, "clause", &WORDS);
    for (clause, outcomes) in run.by_clause() {
        row(&mut text, clause, &super::counts(outcomes.into_iter()));
    }
    for outcome in run.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass) {
        section(&mut text, run, outcome);
    }
    text
}

/// Several runs as Markdown: a table with a row for each case that not all have passed, then those cases of each run.
#[must_use]
pub fn matrix_markdown(matrix: &Matrix<'_>) -> String {
    let mut text = "# Conformance\n".to_owned();
    for (kind, columns) in matrix.iter().filter(|(_, columns)| !columns.is_empty()) {
        let _ = writeln!(text, "\n# {kind}\n");
        let names: Vec<String> = columns.iter().map(|column| inline(column.name)).collect();
        head(&mut text, "case", &names);
        for (id, outcomes) in super::rows(columns) {
            let words: Vec<&str> = outcomes.into_iter().map(super::word).collect();
            if words.iter().any(|word| *word != "pass") {
                let _ = writeln!(text, "| {id} | {} |", words.join(" | "));
            }
        }
        for column in columns {
            let _ = writeln!(text, "\n# {}\n\n{}", inline(column.name), super::summary(column.run.outcomes));
            for outcome in column.run.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass) {
                section(&mut text, &column.run, outcome);
            }
        }
    }
    text
}

fn head<S: Borrow<str>>(text: &mut String, of: &str, columns: &[S]) {
    let _ = writeln!(text, "| {of} | {} |\n|{}", columns.join(" | "), " --- |".repeat(columns.len() + 1));
}

fn row(text: &mut String, of: &str, counts: &super::Counts) {
    let counts: Vec<String> = counts.iter().map(|(_, count)| count.to_string()).collect();
    let _ = writeln!(text, "| {of} | {} |", counts.join(" | "));
}

fn section(text: &mut String, run: &Run<'_>, outcome: &Outcome) {
    let case = outcome.case;
    let _ = writeln!(text, "\n## {}: {} ({})\n", outcome.verdict.word(), case.id, case.level);
    for detail in details(outcome) {
        let _ = writeln!(text, "- {}", inline(&detail));
    }
    if !outcome.verdict.is_bad() {
        return;
    }
    let _ = writeln!(text, "\nSent: {}  \nExpected: {}  \nWhy: {}", case.sent, case.expected, case.why);
    let _ = writeln!(text, "\n{}", block(&(run.repeat)(&case)));
    if let Some(exchange) = shown(outcome) {
        let _ = writeln!(text, "\n{}", block(&format!("{}\n\n{}", exchange.request, exchange.response)));
    }
}

/// Text that shows as it is within a line: as code, whose fence is longer than any run of its backticks.
fn inline(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace('|', "\\|").replace('`', "\\`").replace('*', "\\*").replace('_', "\\_").replace('[', "\\[")
}

/// Text that shows as it is: an indented block, within which nothing means anything.
fn block(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let lines = text.lines().map(|line| format!("    {}", line.chars().map(printable).collect::<String>()));
    lines.collect::<Vec<_>>().join("\n")
}
