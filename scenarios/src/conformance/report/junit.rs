//! The form of JUnit, which CI services read.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Run, details, shown};
use crate::conformance::{suite::Outcome, verdict::Verdict};

/// The run as JUnit's XML: a suite for each clause. What is no XML of what a peer has said is left out.
///
/// # Panics
/// Never: what is written was made here.
#[must_use]
pub fn junit(run: &Run<'_>) -> String {
    let mut report = Report::new(format!("conformance of {}", run.tried));
    for (clause, outcomes) in run.by_clause() {
        let mut suite = TestSuite::new(clause);
        suite.add_test_cases(outcomes.into_iter().map(|outcome| test_case(run, outcome)));
        report.add_test_suite(suite);
    }
    report.to_string().expect("XML that was just made can be written")
}

fn test_case(run: &Run<'_>, outcome: &Outcome) -> TestCase {
    let told = details(outcome).join("\n");
    let status = match &outcome.verdict {
        Verdict::Pass | Verdict::Note(_) => TestCaseStatus::success(),
        Verdict::Skipped(_) | Verdict::Blocked { .. } => TestCaseStatus::skipped(),
        // What gives no answer is no failed assertion but an error, in JUnit's words.
        Verdict::Fail(_) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Hang(_) => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    let mut case = TestCase::new(outcome.case.id, status);
    case.set_classname(outcome.case.clause()).set_time(outcome.took);
    if outcome.verdict.is_bad() {
        case.status.set_message(told);
        case.status.set_description(format!("{}\n{}", outcome.case, (run.repeat)(&outcome.case)));
        if let Some(exchange) = shown(outcome) {
            case.set_system_out(format!("{}\n\n{}", exchange.request, exchange.response));
        }
    } else if outcome.verdict.word() == "skipped" {
        case.status.set_message(told);
    } else {
        case.set_system_out(told);
    }
    case
}
