//! One page that needs nothing else: the matrix of clauses, and each case with what showed it.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{Run, WORDS, counts, details, shown};
use crate::conformance::suite::Outcome;

const STYLE: &str = "
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; text-align: right }
th:first-child, td:first-child { text-align: left } tr + tr { border-top: 1px solid #ddd }
pre { background: #f4f4f4; padding: .6rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }
details { border-left: .35rem solid #bbb; padding: .2rem .8rem; margin: .3rem 0 } summary { cursor: pointer }
.pass { border-color: #2e8b57 } .note { border-color: #c9a227 } .fail, .hang { border-color: #c0392b }
dt { font-weight: 600 } dd { margin: 0 0 .4rem 0 }
";

/// The run as one HTML page without anything from elsewhere; what a peer has said is text in it.
#[must_use]
pub fn html(run: &Run<'_>) -> String {
    let title = format!("Conformance of {}", run.tried);
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p { (super::summary(run.outcomes)) "." }
                (matrix("level", run.by_level().iter().map(|(level, counts)| (level.to_string(), *counts))))
                (matrix("clause", run.by_clause().into_iter().map(|(clause, outcomes)| {
                    (clause.to_owned(), counts(outcomes.into_iter()))
                })))
                @for (clause, outcomes) in run.by_clause() {
                    h2 { (clause) }
                    @for outcome in outcomes { (case(run, outcome)) }
                }
            }
        }
    };
    page.into_string()
}

fn matrix(of: &str, rows: impl Iterator<Item = (String, super::Counts)>) -> Markup {
    markup! {
        table {
            tr { th { (of) } @for word in WORDS { th { (word) } } }
            @for (name, counts) in rows {
                tr { td { (name) } @for (_, count) in counts { td { @if count > 0 { (count) } } } }
            }
        }
    }
}

fn case(run: &Run<'_>, outcome: &Outcome) -> Markup {
    let about = outcome.case;
    let is_bad = outcome.verdict.is_bad();
    markup! {
        details class=(outcome.verdict.word()) id=(about.id) open[is_bad] {
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
