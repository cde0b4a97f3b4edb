//! The README's tables of what the catalogue proves: which law catches which defect and how soon, what CAs may do to the
//! client, and how many power cuts were survived.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use scenarios::{
    language::{Case, Share},
    runner::{CaseResult, Outcome, Sweep},
};

use crate::results::Measured;

/// The cases that the tables are about: those with a defect or a CA's behaviour switched on, and those that explore power
/// cuts.
#[must_use]
pub fn are_told(case: &Case) -> bool {
    !case.bugs.is_empty() || !case.behaviours.is_empty() || case.crash_exploration.is_some()
}

/// All tables. Cases of one scenario with the same defect make one line.
///
/// # Panics
/// If a case did not come out as its file expects, since its figures then mean nothing.
#[must_use]
pub fn report(sweep: &Sweep) -> String {
    let mut caught: BTreeMap<String, Vec<&CaseResult>> = BTreeMap::new();
    let mut lived_with: BTreeMap<String, Vec<&CaseResult>> = BTreeMap::new();
    let mut explored: BTreeMap<String, Vec<&CaseResult>> = BTreeMap::new();
    for result in &sweep.cases {
        assert_eq!(result.outcome, Outcome::Passed, "{}", result.case.id);
        match (result.case.bugs.first(), result.case.behaviours.first()) {
            (Some(bug), _) => caught.entry(format!("`{}`", bug.name())).or_default().push(result),
            (None, Some(behaviour)) => lived_with.entry(format!("`{}`", behaviour.name())).or_default().push(result),
            (None, None) => explored.entry(format!("`{}`", result.case.id)).or_default().push(result),
        }
    }
    let mut out = String::new();
    let mut row = |cells: &[String]| writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
    let head = ["defect", "caught by", "in seeds", "seeds to first catch: median, worst"];
    row(&head.map(str::to_owned));
    row(&["---"; 4].map(str::to_owned));
    for (defect, results) in &caught {
        let seeds: usize = results.iter().map(|result| seeds(result).len()).sum();
        let hits: usize = results.iter().map(|result| caught_seeds(result)).sum();
        let mut medians: Vec<(usize, usize)> =
            results.iter().filter_map(|result| result.seeds_to_first_catch()).collect();
        medians.sort_unstable();
        let median = medians.get(medians.len() / 2).map_or(0, |(median, _)| *median);
        let worst = medians.iter().map(|(_, worst)| *worst).max().unwrap_or(0);
        row(&[defect.clone(), laws(results), format!("{hits} of {seeds}"), format!("{median}, {worst}")]);
    }
    let mut out = out + "\n";
    let mut row = |cells: &[String]| writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
    row(&["what a CA does", "the client lives with it in", "in seeds"].map(str::to_owned));
    row(&["---"; 3].map(str::to_owned));
    for (behaviour, results) in &lived_with {
        let scenarios: BTreeSet<String> = results.iter().map(|result| format!("`{}`", result.case.meta.id)).collect();
        let seeds: usize = results.iter().map(|result| seeds(result).len()).sum();
        let scenarios = scenarios.into_iter().collect::<Vec<_>>().join(", ");
        row(&[behaviour.clone(), scenarios, format!("{seeds} of {seeds}")]);
    }
    let mut out = out + "\n";
    let mut row = |cells: &[String]| writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
    let head = ["power cuts", "seeds", "points", "states of the disk", "second cuts", "all sound in"];
    row(&head.map(str::to_owned));
    row(&["---"; 6].map(str::to_owned));
    for (case, results) in &explored {
        for result in results {
            let figures = result.exploration().expect("the case explores");
            let seeds = seeds(result).len();
            let cells = [seeds, figures.points, figures.states, figures.twice].map(|count| count.to_string());
            let took = format!("{:.0} s", result.took.as_secs_f64());
            row(&[std::slice::from_ref(case), &cells, &[took]].concat());
        }
    }
    out
}

/// As figures for the release report.
#[must_use]
pub fn measured(sweep: &Sweep) -> Measured {
    let names =
        |of: fn(&CaseResult) -> Option<&'static str>| sweep.cases.iter().filter_map(of).collect::<BTreeSet<_>>();
    let defects = names(|result| result.case.bugs.first().map(|bug| bug.name()));
    let behaviours = names(|result| result.case.behaviours.first().map(|behaviour| behaviour.name()));
    let explored = || sweep.cases.iter().filter_map(|result| Some((result.exploration()?, result.took)));
    let states: usize = explored().map(|(figures, _)| figures.states).sum();
    let took: Duration = explored().map(|(_, took)| took).sum();
    let mut measured = Measured::by("defects");
    measured.higher("defects caught, all that are known", "defects", defects.len() as f64);
    measured.higher("behaviours of CAs that the client lives with", "behaviours", behaviours.len() as f64);
    measured.higher("states that power cuts left the disk in, all sound", "states", states as f64);
    measured.higher("such states tried in a second, one core", "1/s", states as f64 / took.as_secs_f64());
    measured
}

fn seeds(result: &CaseResult) -> Vec<u64> {
    let mut seeds: Vec<u64> = result.runs.iter().map(|run| run.seed).collect();
    seeds.dedup();
    seeds
}

fn caught_seeds(result: &CaseResult) -> usize {
    let mut seeds: Vec<u64> = result.catches().map(|run| run.seed).collect();
    seeds.dedup();
    seeds.len()
}

/// The laws that must catch it; for harm that comes by chance, in how many seeds of each case it came about.
fn laws(results: &[&CaseResult]) -> String {
    let mut laws: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for result in results {
        for (index, expectation) in result.case.expectations.iter().enumerate() {
            let Some(share) = expectation.violated_in() else { continue };
            let measured = laws.entry(format!("`{}`", expectation.claim.name())).or_default();
            if share != Share::ALL {
                let (broken, seeds) = result.broken(index);
                measured.push(format!("{broken} of {seeds}, expected {share}"));
            }
        }
    }
    let words = laws.into_iter().map(|(law, measured)| {
        if measured.is_empty() { law } else { format!("{law} (by chance: {})", measured.join("; ")) }
    });
    words.collect::<Vec<_>>().join(", ")
}
