//! Many runs: every case under every seed, and what that says of each case.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    ops::Range,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use sim::trace::{Observer, Record, TraceHash, first_divergence};

use super::{
    judge::Fate,
    pool::{self, Slot},
    run::{self, Run, Verdict},
};
use crate::language::{self, Case, Mode};

/// How to run.
#[derive(Debug)]
pub struct SweepOptions<'a> {
    /// Instead of the seeds that each file names.
    pub seeds: Option<Range<u64>>,
    /// How many worlds side by side.
    pub threads: NonZeroUsize,
    /// Set from outside to begin no further run.
    pub interrupted: &'a AtomicBool,
    /// Of so many runs one is run a second time and must have the same trace; failing ones always are.
    pub repeat_one_in: u64,
    /// How long, in real time, a world may stand still before the process is ended with exit code 3.
    pub patience: Duration,
}

/// What came of a sweep.
#[derive(Debug)]
pub struct Sweep {
    /// Each case's result, in the order asked for; cases without a finished run are left out.
    pub cases: Vec<CaseResult>,
    /// How many runs were asked for.
    pub asked: usize,
    /// How many were finished.
    pub finished: usize,
}

/// What came of one case.
#[derive(Debug)]
pub struct CaseResult {
    /// The case.
    pub case: Case,
    /// Its finished runs, by seed.
    pub runs: Vec<Run>,
    /// What they say together.
    pub outcome: Outcome,
    /// Runs that were run a second time.
    pub repeated: u64,
}

/// What the runs of a case say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All as expected.
    Passed,
    /// In these seeds something failed.
    Failed(Vec<u64>),
    /// These expectations (numbers in the file) never had anything to judge, in no seed.
    Vacuous(Vec<usize>),
    /// A defect is switched on, and these laws (numbers in the file), which must catch it in every seed, did so
    /// in so many only.
    NotCaught(Vec<(usize, usize)>),
    /// The harness itself is at fault: the seed, and what is wrong.
    Harness(u64, String),
}

/// Runs every case under every seed. `progress` hears of each run as it ends.
pub fn sweep(cases: &[Case], options: &SweepOptions<'_>, mut progress: impl FnMut(&Run, usize, usize)) -> Sweep {
    let seeds_of = |case: &Case| options.seeds.clone().unwrap_or_else(|| case.run.seeds.iter());
    let jobs: Vec<(usize, u64)> =
        cases.iter().enumerate().flat_map(|(index, case)| seeds_of(case).map(move |seed| (index, seed))).collect();
    let asked = jobs.len();
    let mut finished = 0;
    let mut runs: BTreeMap<usize, Vec<(Run, bool)>> = BTreeMap::new();
    let work = |(index, seed): (usize, u64), slot: &Slot| {
        let case = &cases[index];
        let run = run::run(case, seed, slot, None);
        let repeat = !run.verdict.is_pass() || seed.is_multiple_of(options.repeat_one_in.max(1));
        if repeat { (index, repeated(case, run, slot), true) } else { (index, run, false) }
    };
    pool::run(jobs, options.threads, options.interrupted, options.patience, stuck, work, |(index, run, repeated)| {
        finished += 1;
        progress(&run, finished, asked);
        runs.entry(index).or_default().push((run, repeated));
    });
    let cases = runs
        .into_iter()
        .map(|(index, mut runs)| {
            runs.sort_by_key(|(run, _)| run.seed);
            let repeated = runs.iter().filter(|(_, repeated)| *repeated).count() as u64;
            let runs: Vec<Run> = runs.into_iter().map(|(run, _)| run).collect();
            let case = cases[index].clone();
            let outcome = outcome(&case, &runs);
            CaseResult { case, runs, outcome, repeated }
        })
        .collect();
    Sweep { cases, asked, finished }
}

/// A world that stands still can't be stopped, so the process ends, as a fault of the harness.
#[expect(clippy::needless_pass_by_value, reason = "the pool hands it over")]
pub(super) fn stuck(message: String) {
    eprintln!("{message}");
    std::process::exit(3);
}

fn outcome(case: &Case, runs: &[Run]) -> Outcome {
    if let Some((seed, message)) = runs.iter().find_map(|run| match &run.verdict {
        Verdict::Harness(message) => Some((run.seed, message.clone())),
        Verdict::Pass | Verdict::Broken(_) | Verdict::Crashed(_) => None,
    }) {
        return Outcome::Harness(seed, message);
    }
    let failed: Vec<u64> = runs.iter().filter(|run| !run.verdict.is_pass()).map(|run| run.seed).collect();
    if !failed.is_empty() {
        return Outcome::Failed(failed);
    }
    let runs_with = |index: usize, wanted: fn(&Fate) -> bool| {
        runs.iter().filter(|run| run.fates.get(index).is_some_and(wanted)).count()
    };
    let expectations = |outcome| {
        case.expectations.iter().enumerate().filter(move |(_, expectation)| expectation.outcome == outcome)
    };
    let not_caught: Vec<(usize, usize)> = expectations(language::Outcome::Violated)
        .map(|(index, _)| (index, runs_with(index, |fate| matches!(fate, Fate::Broken(_)))))
        .filter(|(_, caught)| *caught < runs.len())
        .collect();
    if !not_caught.is_empty() {
        return Outcome::NotCaught(not_caught);
    }
    let vacuous: Vec<usize> = expectations(language::Outcome::Holds)
        .filter(|(_, expectation)| expectation.mode != Mode::Never)
        .map(|(index, _)| index)
        .filter(|index| runs_with(*index, |fate| *fate != Fate::Vacuous) == 0)
        .collect();
    if vacuous.is_empty() { Outcome::Passed } else { Outcome::Vacuous(vacuous) }
}

/// Runs a second time what has been run once: its trace must be the same.
fn repeated(case: &Case, run: Run, slot: &Slot) -> Run {
    let again = run::run(case, run.seed, slot, None);
    if again.hash == run.hash {
        return run;
    }
    let message = match first_divergence(&run.checkpoints, &again.checkpoints) {
        Some(window) => first_difference(case, run.seed, slot, window),
        None => "two runs of the same seed had different traces".to_owned(),
    };
    Run { verdict: Verdict::Harness(message), ..run }
}

/// Runs twice more and compares the events in `window`, or in all of the trace if these do not differ.
fn first_difference(case: &Case, seed: u64, slot: &Slot, window: Range<u64>) -> String {
    for window in [window, 0..u64::MAX] {
        let lines = [(); 2].map(|()| {
            let kept = Kept { window: window.clone(), lines: Arc::default() };
            run::run(case, seed, slot, Some(Box::new(kept.clone())));
            std::mem::take(&mut *kept.lines.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let [one, other] = &lines;
        if let Some((a, b)) = one.iter().zip(other).find(|(a, b)| a != b) {
            return format!("two runs of seed {seed} differ; the first event that does:\n    one   {a}\n    other {b}");
        }
        if one.len() != other.len() {
            return format!("two runs of seed {seed} differ in length: {} and {} events", one.len(), other.len());
        }
    }
    format!("two runs of seed {seed} differed, and two more did not: what differs is rare")
}

/// Keeps the lines of some events.
#[derive(Clone)]
struct Kept {
    window: Range<u64>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Observer for Kept {
    fn observe(&mut self, record: &Record, line: &str) {
        if self.window.contains(&record.number) {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
        }
    }
}

impl Sweep {
    /// The exit code: 3 for the harness's own faults, then 1 for failures, then 4 for vacuity.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let code = |outcome: &Outcome| match outcome {
            Outcome::Passed => 0,
            Outcome::Vacuous(_) => 4,
            Outcome::Failed(_) | Outcome::NotCaught(_) => 1,
            Outcome::Harness(..) => 3,
        };
        let codes: Vec<u8> = self.cases.iter().map(|result| code(&result.outcome)).collect();
        [3, 1, 4].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
    }
}

impl CaseResult {
    /// The hash of the run with the lowest seed.
    #[must_use]
    pub fn first_hash(&self) -> Option<TraceHash> {
        self.runs.first().map(|run| run.hash)
    }
}
