//! One page that needs nothing else: the matrix of clauses, and each case with what showed it.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{Matrix, Run, WORDS, counts, details, shown};
use crate::conformance::{suite::Outcome, verdict::Verdict};

const STYLE: &str = "
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; text-align: right }
th:first-child, td:first-child { text-align: left } tr + tr { border-top: 1px solid #ddd }
pre { background: #f4f4f4; padding: .6rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }
details { border-left: .35rem solid #bbb; padding: .2rem .8rem; margin: .3rem 0 } summary { cursor: pointer }
.pass { border-color: #2e8b57 } .note { border-color: #c9a227 } .fail, .hang { border-color: #c0392b }
td.fail, td.hang { background: #f6d5d1 } td.note { background: #f7ecc4 }
dt { font-weight: 600 } dd { margin: 0 0 .4rem 0 }
";

/// The run as one HTML page without anything from elsewhere; what a peer has said is text in it.
#[must_use]
pub fn html(run: &Run<'_>) -> String {
    let title = format!("Conformance of {}", run.tried);
    page(
        &title,
        &markup! {
            h1 { (title) }
            p { (super::summary(run.outcomes)) "." }
            (table("level", run.by_level().iter().map(|(level, counts)| (level.to_string(), *counts))))
            (table("clause", run.by_clause().into_iter().map(|(clause, outcomes)| {
                (clause.to_owned(), counts(outcomes.into_iter()))
            })))
            @for (clause, outcomes) in run.by_clause() {
                h2 { (clause) }
                @for outcome in outcomes { (case(run, outcome, outcome.case.id)) }
            }
        },
    )
}

/// Several runs as one such page: a table with a row for each case, then each run's cases that did not pass.
#[must_use]
pub fn matrix_html(matrix: &Matrix<'_>) -> String {
    let place = |kind: &str, index: usize, id: &str| format!("{}-{index}/{id}", kind.to_lowercase());
    page(
        "Conformance",
        &markup! {
            h1 { "Conformance" }
            @for (kind, columns) in matrix.iter().filter(|(_, columns)| !columns.is_empty()) {
                h2 { (kind) }
                table {
                    tr { th { "case" } @for column in columns { th { (column.name) } } }
                    @for (id, outcomes) in super::rows(columns) {
                        tr {
                            td { code { (id) } }
                            @for (index, outcome) in outcomes.into_iter().enumerate() {
                                @let word = super::word(outcome);
                                td class=(word) {
                                    @if ["", "pass"].contains(&word) { (word) } @else {
                                        a href={ "#" (place(kind, index, id)) } { (word) }
                                    }
                                }
                            }
                        }
                    }
                }
                @for (index, column) in columns.iter().enumerate() {
                    h2 { (column.name) }
                    p { (super::summary(column.run.outcomes)) ", of " code { (column.run.tried) } "." }
                    @for outcome in column.run.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass) {
                        (case(&column.run, outcome, &place(kind, index, outcome.case.id)))
                    }
                }
            }
        },
    )
}

fn page(title: &str, body: &Markup) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

fn table(of: &str, rows: impl Iterator<Item = (String, super::Counts)>) -> Markup {
    markup! {
        table {
            tr { th { (of) } @for word in WORDS { th { (word) } } }
            @for (name, counts) in rows {
                tr { td { (name) } @for (_, count) in counts { td { @if count > 0 { (count) } } } }
            }
        }
    }
}

fn case(run: &Run<'_>, outcome: &Outcome, place: &str) -> Markup {
    let about = outcome.case;
    let is_bad = outcome.verdict.is_bad();
    markup! {
        details class=(outcome.verdict.word()) id=(place) open[is_bad] {
            summary { (outcome.verdict.word()) " · " (about.level) " · " code { (about.id) } }
            @for detail in details(outcome) { p { (detail) } }
            dl {
                dt { "Sent" } dd { (about.sent) }
                dt { "Expected" } dd { (about.expected) }
                dt { "Why" } dd { (about.why) }
                dt { "Requirements" } dd { (about.requirements.join(", ")) }
                @if is_bad { dt { "Again" } dd { code { ((run.repeat)(&about)) } } }
            }
            @if let Some(exchange) = shown(outcome) {
                pre { (exchange.request) }
                pre { (exchange.response) }
            }
        }
    }
}
