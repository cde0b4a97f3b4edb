//! What came of a run, for people and for machines.

mod html;
mod junit;
mod markdown;

use std::{collections::BTreeMap, fmt::Write as _};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{
    case::{About, Level},
    driver::Exchange,
    suite::Outcome,
    verdict::Verdict,
};
pub use html::{html, matrix_html};
pub use junit::junit;
pub use markdown::{markdown, matrix_markdown};

/// A run that is over.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// What was put to the test: a directory's URL, or a command.
    pub tried: &'a str,
    /// The command that tries one case again.
    pub repeat: &'a dyn Fn(&About) -> String,
    /// What came of each case, in order.
    pub outcomes: &'a [Outcome],
}

/// A run among several.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    /// What was put to the test, as people call it.
    pub name: &'a str,
    /// What came of it.
    pub run: Run<'a>,
}

/// Runs of the same kind, side by side, under what they are called together.
pub type Matrix<'a> = [(&'a str, Vec<Column<'a>>)];

/// All words for verdicts, the good ones first.
const WORDS: [&str; 5] = ["pass", "note", "fail", "hang", "skipped"];

/// How many there are of each verdict, by its word; all words are there.
type Counts = [(&'static str, usize); WORDS.len()];

fn counts<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Counts {
    let mut counts = WORDS.map(|word| (word, 0));
    for outcome in outcomes {
        counts.iter_mut().filter(|(word, _)| *word == outcome.verdict.word()).for_each(|(_, count)| *count += 1);
    }
    counts
}

/// How many of each, in words: those that there are.
fn in_words(counts: &Counts) -> String {
    let words: Vec<String> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}")).collect();
    words.join(", ")
}

impl Run<'_> {
    /// The outcomes by clause, in the order of the cases.
    fn by_clause(&self) -> IndexMap<&'static str, Vec<&Outcome>> {
        let mut clauses: IndexMap<&'static str, Vec<&Outcome>> = IndexMap::new();
        for outcome in self.outcomes {
            clauses.entry(outcome.case.clause()).or_default().push(outcome);
        }
        clauses
    }

    /// By level: how many cases of it came out how. Levels without a case are left out.
    fn by_level(&self) -> BTreeMap<Level, Counts> {
        let mut levels: BTreeMap<Level, Vec<&Outcome>> = BTreeMap::new();
        for outcome in self.outcomes {
            levels.entry(outcome.case.level).or_default().push(outcome);
        }
        levels.into_iter().map(|(level, outcomes)| (level, counts(outcomes.into_iter()))).collect()
    }
}

/// The cases that were tried in any of the runs, in their order, each with its outcome in every run.
fn rows<'a>(columns: &[Column<'a>]) -> IndexMap<&'static str, Vec<Option<&'a Outcome>>> {
    let mut rows: IndexMap<&str, Vec<Option<&Outcome>>> = IndexMap::new();
    for (index, column) in columns.iter().enumerate() {
        for outcome in column.run.outcomes {
            rows.entry(outcome.case.id).or_insert_with(|| vec![None; columns.len()])[index] = Some(outcome);
        }
    }
    rows
}

/// The verdict's word; nothing if the case was not tried.
fn word(outcome: Option<&Outcome>) -> &'static str {
    outcome.map_or("", |outcome| outcome.verdict.word())
}

/// What is to be said of an outcome beside its verdict, a line each.
fn details(outcome: &Outcome) -> Vec<String> {
    let verdict = &outcome.verdict;
    match verdict {
        Verdict::Pass => Vec::new(),
        Verdict::Note(notes) => notes.clone(),
        Verdict::Skipped(reason) => vec![reason.clone()],
        Verdict::Blocked { by, .. } => vec![blocked(by, verdict)],
        Verdict::Fail(finding) | Verdict::Hang(finding) => vec![finding.to_string()],
    }
}

/// Why a case was not tried that another one blocks.
fn blocked(by: &str, verdict: &Verdict) -> String {
    match verdict.finding() {
        Some(why) => format!("it needs what {by} is about, which is not passed: {why}"),
        None => format!("what is refused here shows nothing while {by} is not passed: it may be refused always"),
    }
}

/// The exchange that shows what was found.
fn shown(outcome: &Outcome) -> Option<&Exchange> {
    outcome.exchanges.get(outcome.verdict.finding()?.exchange?)
}

/// One line for a case, and what stands below it if it is not as expected.
#[must_use]
pub fn line(outcome: &Outcome) -> String {
    let Outcome { case, verdict, .. } = outcome;
    let mut text = format!("{:<8}{:<11}{}\n", verdict.word(), case.level.to_string(), case.id);
    for detail in details(outcome) {
        // What a peer says must not steer the terminal.
        let detail: String = detail.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(text, "        {detail}");
    }
    if verdict.is_bad() {
        let _ = writeln!(text, "        sent: {}", case.sent);
        let _ = writeln!(text, "        why:  {}", case.why);
    }
    text
}

/// How many of each verdict there are.
#[must_use]
pub fn summary(outcomes: &[Outcome]) -> String {
    format!("{} cases: {}", outcomes.len(), in_words(&counts(outcomes.iter())))
}

/// The clauses with something else than passes, and how many cases of each verdict there are: for the end of a run.
#[must_use]
pub fn clauses(run: &Run<'_>) -> String {
    let mut text = String::new();
    for (clause, outcomes) in run.by_clause() {
        if outcomes.iter().any(|outcome| outcome.verdict != Verdict::Pass) {
            let _ = writeln!(text, "  {clause:<44}{}", in_words(&counts(outcomes.into_iter())));
        }
    }
    format!("{}\n{text}", summary(run.outcomes))
}

/// The run as JSON: each case with its verdict, and for those that are not passed the exchange that shows it.
#[must_use]
pub fn json(run: &Run<'_>) -> Value {
    let cases = run.outcomes.iter().map(|outcome| {
        let Outcome { case, verdict, took, .. } = outcome;
        let mut value = json!({
            "id": case.id,
            "level": case.level.to_string(),
            "requirements": case.requirements,
            "verdict": verdict.word(),
            "seconds": took.as_secs_f64(),
        });
        match verdict {
            Verdict::Pass => {}
            Verdict::Skipped(reason) => value["reason"] = json!(reason),
            Verdict::Blocked { by, .. } => value["reason"] = json!(blocked(by, verdict)),
            Verdict::Note(notes) => value["notes"] = json!(notes),
            Verdict::Fail(finding) | Verdict::Hang(finding) => {
                value["expected"] = json!(finding.expected);
                value["found"] = json!(finding.found);
                value["repeat"] = json!((run.repeat)(case));
                if let Some(shown) = shown(outcome) {
                    value["exchange"] = json!({"request": shown.request, "response": shown.response});
                }
            }
        }
        value
    });
    json!({"tried": run.tried, "cases": cases.collect::<Vec<_>>(), "summary": summary(run.outcomes)})
}

/// All runs as JSON, under the names of their kinds in lower case.
#[must_use]
pub fn matrix_json(matrix: &Matrix<'_>) -> Value {
    let kinds = matrix.iter().map(|(kind, columns)| {
        let runs = columns.iter().map(|column| {
            let mut run = json(&column.run);
            run["name"] = json!(column.name);
            run
        });
        (kind.to_lowercase(), runs.collect())
    });
    Value::Object(kinds.collect())
}

/// A line for each run.
#[must_use]
pub fn matrix_summary(matrix: &Matrix<'_>) -> String {
    let columns = matrix.iter().flat_map(|(_, columns)| columns);
    columns.map(|column| format!("{}: {}\n", column.name, summary(column.run.outcomes))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conformance::{server, verdict::Finding};

    /// One outcome of each kind, with what a hostile peer may have put into it.
    fn outcomes() -> Vec<Outcome> {
        let nasty = "<script>alert(1)</script> ]]> \u{0}\u{1b}[31m | `x` &amp;";
        let finding = || Finding { expected: "201".to_owned(), found: nasty.to_owned(), exchange: Some(0) };
        let verdicts = [
            Verdict::Pass,
            Verdict::Note(vec![nasty.to_owned()]),
            Verdict::Fail(finding()),
            Verdict::Hang(finding()),
            Verdict::Skipped("nothing to try".to_owned()),
            Verdict::Blocked { by: "rfc8555/7.1.3/order-object", otherwise: Box::new(Verdict::Fail(finding())) },
        ];
        let exchange = Exchange { request: "POST /x HTTP/1.1\r\n\r\n{}".to_owned(), response: nasty.to_owned() };
        // All of one clause, whatever cases come before.
        let cases = server::cases().into_iter().filter(|case| case.id.starts_with("rfc8555/7.4/"));
        verdicts
            .into_iter()
            .zip(cases)
            .map(|(verdict, case)| Outcome {
                case: case.about(),
                verdict,
                exchanges: vec![exchange.clone()],
                took: Duration::from_millis(1500),
            })
            .collect()
    }

    #[test]
    fn what_a_peer_says_stays_text_in_every_form_of_report() {
        let outcomes = outcomes();
        let repeat = |about: &About| format!("gauntlet conform --directory 'https://ca.test/' --only {}", about.id);
        let run = Run { tried: "https://ca.test/<dir>", repeat: &repeat, outcomes: &outcomes };
        let page = html(&run);
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains(&format!("--only {}", outcomes[2].case.id)));
        let junit = junit(&run);
        let read = quick_junit::Report::deserialize_from_str(&junit).unwrap();
        assert_eq!((read.tests, read.failures, read.errors), (6, 1, 1), "{junit}");
        let markdown = markdown(&run);
        assert!(markdown.contains("| rfc8555/7.4 | 1 | 1 | 1 | 1 | 2 |"), "{markdown}");
        // Within an indented block everything is text.
        let mut raw = markdown.lines().filter(|line| line.contains("<script>"));
        assert!(raw.all(|line| line.starts_with("    ")), "{markdown}");
        assert_eq!(json(&run)["cases"][2]["exchange"]["request"], json!("POST /x HTTP/1.1\r\n\r\n{}"));
        let reason = json(&run)["cases"][5]["reason"].to_string();
        assert!(reason.contains("it needs what rfc8555/7.1.3/order-object is about"), "{reason}");
        assert!(clauses(&run).starts_with("6 cases: 1 pass, 1 note, 1 fail, 1 hang, 2 skipped\n"));
    }
}
