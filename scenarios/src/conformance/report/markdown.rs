//! A page of Markdown, for a pull request or a release.

use std::fmt::Write as _;

use super::{Run, WORDS, details, shown};
use crate::conformance::{suite::Outcome, verdict::Verdict};

/// The run as Markdown: counts by level and by clause, then each case that is not passed.
#[must_use]
pub fn markdown(run: &Run<'_>) -> String {
    let mut text = format!("# Conformance of {}\n\n", inline(run.tried));
    let head = |text: &mut String, of: &str| {
        let _ = writeln!(text, "| {of} | {} |\n|{}", WORDS.join(" | "), " --- |".repeat(WORDS.len() + 1));
    };
    head(&mut text, "level");
    for (level, counts) in run.by_level() {
        row(&mut text, &level.to_string(), &counts);
    }
    text.push('\n');
    head(&mut text, "clause");
    for (clause, outcomes) in run.by_clause() {
        row(&mut text, clause, &super::counts(outcomes.into_iter()));
    }
    for outcome in run.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass) {
        section(&mut text, run, outcome);
    }
    text
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
