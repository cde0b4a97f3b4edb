//! The report that a person reads: what held, what did not, where in the file, and how to see it again.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{
    explore::{self, Figures},
    judge::Breach,
    run::{Job, Run, Verdict},
    sweep::{self, CaseResult, Outcome, Sweep},
};
use crate::language::{Case, Failure, Share, Style, format_duration, render_in_place};

/// How many failing seeds of a case are shown in full.
const SHOWN_MAX: usize = 1;

/// How many of the rest are named.
const NAMED_MAX: usize = 100;

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
    if let Some(words) = crashes_in_words(&sweep.cases) {
        let _ = writeln!(out, "{words}");
    }
    out
}

/// All power cuts together, but those of cases in which a defect is to lose something; nothing if there were none.
fn crashes_in_words(cases: &[CaseResult]) -> Option<String> {
    let has_no_defect =
        |result: &&CaseResult| result.case.expectations.iter().all(|expectation| expectation.violated_in().is_none());
    let explore = |result: &&CaseResult| result.case.crash_exploration.is_some();
    let explored: Vec<&CaseResult> = cases.iter().filter(explore).filter(has_no_defect).collect();
    let all = explored.iter().filter_map(|result| result.exploration());
    let all = all.reduce(|all, more| Figures {
        points: all.points + more.points,
        states: all.states + more.states,
        twice: all.twice + more.twice,
    })?;
    let took: Duration = explored.iter().map(|result| result.took).sum();
    let failed = explored.iter().map(|result| failed_when_disturbed(result)).sum();
    let words = power_cuts_in_words(all, failed);
    let rate = sweep::per_second(all.states + all.twice, took)?;
    Some(format!("{words}, {rate:.0} a second on one core"))
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed(_) => "failed",
        Outcome::Vacuous(_) => "vacuous",
        Outcome::NotCaught(_) => "not caught",
        Outcome::Unexplored(_) => "unexplored",
        Outcome::Harness(..) => "harness fault",
    }
}

fn write_case(out: &mut String, result: &CaseResult, style: Style) {
    let CaseResult { case, runs, outcome, .. } = result;
    let mark = if *outcome == Outcome::Passed { "ok  " } else { "FAIL" };
    let caught = caught_in_words(result);
    let explored = explored_in_words(result);
    let seeds = sweep::seeds(runs, |_| true).len();
    let _ = writeln!(out, "{mark} {} ({seeds} seeds{explored}{caught})", case.id);
    match outcome {
        Outcome::Passed => {}
        Outcome::Failed(_) => {
            let failed = || runs.iter().filter(|run| !run.verdict.is_pass());
            failed().take(SHOWN_MAX).for_each(|run| write_failure(out, case, run, style));
            let more: Vec<String> = failed().skip(SHOWN_MAX).take(NAMED_MAX).map(seed_in_words).collect();
            if !more.is_empty() {
                let left = failed().count() - SHOWN_MAX - more.len();
                let left = if left == 0 { String::new() } else { format!(" and {left} more") };
                let _ = writeln!(out, "  also failed with seeds {}{left}", more.join(", "));
            }
        }
        Outcome::Unexplored(phases) => {
            for phase in phases {
                let phase = phase.name();
                let _ = writeln!(out, "  no run reached the phase `{phase}`: nothing befell the disk in it");
            }
        }
        Outcome::Vacuous(indices) => {
            for index in indices {
                let seen = format!("nothing of this happened, in none of {seeds} seeds: the run proves nothing");
                write_in_place(out, case, *index, format!("VACUOUS {}", case.id), seen, Vec::new(), style);
            }
        }
        Outcome::NotCaught(indices) => {
            for (index, caught) in indices {
                let share = case.expectations[*index].violated_in().filter(|share| *share != Share::ALL);
                let expected = share.map_or_else(|| "every seed".to_owned(), |share| share.to_string());
                let seen = format!(
                    "a defect is switched on, and this caught it in {caught} of {seeds} seeds, not in {expected}"
                );
                write_in_place(out, case, *index, format!("NOT CAUGHT {}", case.id), seen, Vec::new(), style);
            }
        }
        Outcome::Harness(seed, message) => {
            let _ = writeln!(out, "  the harness itself is at fault: {message}");
            let run = runs.iter().find(|run| matches!(run.verdict, Verdict::Harness(_)));
            let mishaps = run.map_or(&[][..], |run| &run.mishaps);
            let _ = writeln!(out, "  replay  {}", Job { case, seed: *seed, mishaps }.command());
        }
    }
}

/// In how many seeds a defect that is switched on was caught, and how often a harm of chance came about.
fn caught_in_words(result: &CaseResult) -> String {
    let Some(first) = result.catches().next() else {
        let is_on = result.case.expectations.iter().any(|expectation| expectation.violated_in().is_some());
        return if is_on { ", defect not caught".to_owned() } else { String::new() };
    };
    let mut seeds: Vec<u64> = result.catches().map(|run| run.seed).collect();
    seeds.dedup();
    let mut words = format!(", defect caught in {}", seeds.len());
    if !first.mishaps.is_empty() {
        let command = Job { case: &result.case, seed: first.seed, mishaps: &first.mishaps }.command();
        let _ = write!(words, ", in {} runs, first by {command}", result.catches().count());
    }
    for (index, expectation) in result.case.expectations.iter().enumerate() {
        if let Some(share) = expectation.violated_in().filter(|share| *share != Share::ALL) {
            let (broken, seeds) = result.broken(index);
            let _ = write!(words, "; `{}` violated in {broken} of {seeds}, expected {share}", expectation.id.as_str());
        }
    }
    words
}

fn explored_in_words(result: &CaseResult) -> String {
    let Some(figures) = result.exploration() else { return String::new() };
    let failed = failed_when_disturbed(result);
    if result.case.crash_exploration.is_some() {
        format!("; {}", power_cuts_in_words(figures, failed))
    } else {
        let Figures { points, states, .. } = figures;
        format!("; {points} disk operations failed, with {states} errors: {}", sound_in_words(failed))
    }
}

fn power_cuts_in_words(Figures { points, states, twice }: Figures, failed: usize) -> String {
    let twice = if twice == 0 { String::new() } else { format!(", {twice} with a second cut") };
    format!("power cut at {points} points, {states} disk states{twice}: {}", sound_in_words(failed))
}

fn sound_in_words(failed: usize) -> String {
    if failed == 0 { "all sound".to_owned() } else { format!("{failed} failed") }
}

fn failed_when_disturbed(result: &CaseResult) -> usize {
    result.runs.iter().filter(|run| !run.verdict.is_pass() && !run.mishaps.is_empty()).count()
}

fn seed_in_words(run: &Run) -> String {
    if run.mishaps.is_empty() {
        run.seed.to_string()
    } else {
        format!("{} {} {}", run.seed, explore::flag(&run.mishaps), explore::in_words(&run.mishaps))
    }
}

fn write_failure(out: &mut String, case: &Case, run: &Run, style: Style) {
    let command = Job { case, seed: run.seed, mishaps: &run.mishaps }.command();
    let replay = format!("replay  {command} --expect-hash {}", run.hash);
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
