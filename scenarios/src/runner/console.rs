//! The report that a person reads: what held, what did not, where in the file, and how to see it again.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{
    judge::Breach,
    run::{Run, Verdict},
    sweep::{CaseResult, Outcome, Sweep},
};
use crate::language::{Case, Failure, Style, format_duration, render_in_place};

/// How many failing seeds of a case are shown in full; the rest are named.
const SHOWN_MAX: usize = 1;

/// The whole report.
#[must_use]
pub fn report(sweep: &Sweep, style: Style) -> String {
    let mut out = String::new();
    for result in &sweep.cases {
        write_case(&mut out, result, style);
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for result in &sweep.cases {
        *counts.entry(word(&result.outcome)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let simulated: Duration = sweep.cases.iter().flat_map(|result| &result.runs).map(|run| run.simulated).sum();
    let events: u64 = sweep.cases.iter().flat_map(|result| &result.runs).map(|run| run.events).sum();
    let _ = writeln!(
        out,
        "{} cases: {}; {} of {} runs, {:.1} simulated years, {events} events",
        sweep.cases.len(),
        if counts.is_empty() { "none finished".to_owned() } else { counts.join(", ") },
        sweep.finished,
        sweep.asked,
        simulated.as_secs_f64() / 31_557_600.0,
    );
    out
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed(_) => "failed",
        Outcome::Vacuous(_) => "vacuous",
        Outcome::NotCaught(_) => "not caught",
        Outcome::Harness(..) => "harness fault",
    }
}

fn write_case(out: &mut String, result: &CaseResult, style: Style) {
    let CaseResult { case, runs, outcome, .. } = result;
    let mark = if *outcome == Outcome::Passed { "ok  " } else { "FAIL" };
    let caught = caught_in_words(result);
    let _ = writeln!(out, "{mark} {} ({} seeds{caught})", case.id, runs.len());
    match outcome {
        Outcome::Passed => {}
        Outcome::Failed(seeds) => {
            for run in runs.iter().filter(|run| seeds.contains(&run.seed)).take(SHOWN_MAX) {
                write_failure(out, case, run, style);
            }
            if seeds.len() > SHOWN_MAX {
                let more: Vec<String> = seeds[SHOWN_MAX..].iter().map(u64::to_string).collect();
                let _ = writeln!(out, "  also failed with seeds {}", more.join(", "));
            }
        }
        Outcome::Vacuous(indices) => {
            for index in indices {
                let seen = format!("nothing of this happened, in none of {} seeds: the run proves nothing", runs.len());
                write_in_place(out, case, *index, format!("VACUOUS {}", case.id), seen, Vec::new(), style);
            }
        }
        Outcome::NotCaught(indices) => {
            for (index, caught) in indices {
                let seen = format!("a defect is switched on, and this caught it in {caught} of {} seeds only", runs.len());
                write_in_place(out, case, *index, format!("NOT CAUGHT {}", case.id), seen, Vec::new(), style);
            }
        }
        Outcome::Harness(seed, message) => {
            let _ = writeln!(out, "  the harness itself is at fault: {message}");
            let _ = writeln!(out, "  replay  {}", replay(case, *seed, None));
        }
    }
}

/// In how many seeds a defect that is switched on was caught.
fn caught_in_words(result: &CaseResult) -> String {
    let must_break: Vec<usize> = (result.case.expectations.iter().enumerate())
        .filter(|(_, expectation)| expectation.outcome == crate::language::Outcome::Violated)
        .map(|(index, _)| index)
        .collect();
    if must_break.is_empty() {
        return String::new();
    }
    let caught = (result.runs.iter())
        .filter(|run| must_break.iter().any(|index| matches!(run.fates.get(*index), Some(super::Fate::Broken(_)))))
        .count();
    format!(", defect caught in {caught}")
}

fn write_failure(out: &mut String, case: &Case, run: &Run, style: Style) {
    let replay = format!("replay  {}", replay(case, run.seed, Some(run)));
    match &run.verdict {
        Verdict::Pass | Verdict::Harness(_) => {}
        Verdict::Crashed(crash) => {
            let _ = writeln!(out, "  {crash}\n  {replay}");
        }
        Verdict::Broken(breaches) => {
            for (index, breach) in breaches {
                let Breach { seen, at, event, findings } = breach;
                let expectation = &case.expectations[*index];
                let headline = format!("FAIL {} seed {}: expectation `{}`", case.id, run.seed, expectation.id.as_str());
                let mut seen = format!("{seen}; at {}", format_duration(whole_ms(*at)));
                if *event > 0 {
                    let _ = write!(seen, " (event {event})");
                }
                if *findings > 1 {
                    let _ = write!(seen, "; {findings} findings in all");
                }
                let last_step = run.steps.iter().rev().find(|(_, when)| when <= at).map(|(step, when)| {
                    let text = format!("the last step before it ran at {}", format_duration(whole_ms(*when)));
                    (&case.timeline[*step].location, text)
                });
                let failure = Failure {
                    headline,
                    expectation: &expectation.location,
                    seen,
                    last_step,
                    notes: vec![replay.clone()],
                };
                out.push_str(&render_in_place(&failure, style));
            }
        }
    }
}

fn write_in_place(
    out: &mut String,
    case: &Case,
    index: usize,
    headline: String,
    seen: String,
    notes: Vec<String>,
    style: Style,
) {
    let expectation = &case.expectations[index];
    let headline = format!("{headline}: expectation `{}`", expectation.id.as_str());
    let failure = Failure { headline, expectation: &expectation.location, seen, last_step: None, notes };
    out.push_str(&render_in_place(&failure, style));
}

fn whole_ms(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// The command that shows it again.
fn replay(case: &Case, seed: u64, run: Option<&Run>) -> String {
    let hash = run.map(|run| format!(" --expect-hash {}", run.hash)).unwrap_or_default();
    format!("gauntlet replay '{}' --seed {seed}{hash}", case.id)
}

/// The report of a single run.
#[must_use]
pub fn report_run(case: &Case, run: &Run, style: Style) -> String {
    let mut out = String::new();
    write_failure(&mut out, case, run, style);
    if let Verdict::Harness(message) = &run.verdict {
        let _ = writeln!(out, "the harness itself is at fault: {message}");
    }
    for (index, expectation) in case.expectations.iter().enumerate() {
        let fate = match run.fates.get(index) {
            Some(super::Fate::Held) => "held".to_owned(),
            Some(super::Fate::Vacuous) => "nothing to judge".to_owned(),
            Some(super::Fate::Broken(breach)) => {
                format!("broken at {}: {}", format_duration(whole_ms(breach.at)), breach.seen)
            }
            None => "not judged".to_owned(),
        };
        let _ = writeln!(out, "{:<28} {fate}", expectation.id.as_str());
    }
    let _ = writeln!(out, "{} events in {}", run.events, format_duration(whole_ms(run.simulated)));
    out
}
