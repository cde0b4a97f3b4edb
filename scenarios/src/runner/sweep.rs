//! Many runs: every case under every seed, and what that says of each case.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sim::trace::{Observer, Record, first_divergence};

use super::{
    explore::{self, Exploration, Figures, Mishap, MishapKind},
    judge::Fate,
    pool::{self, Slot},
    run::{self, Job, Run, Verdict},
};
use crate::language::{Case, CrashPhase, Mode};

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
    /// How many runs were asked for; explorations ask for more as they see what there is.
    pub asked: usize,
    /// How many were finished.
    pub finished: usize,
}

/// What came of one case.
#[derive(Debug)]
pub struct CaseResult {
    /// The case.
    pub case: Case,
    /// Its finished runs, by seed and power cuts.
    pub runs: Vec<Run>,
    /// What they say together.
    pub outcome: Outcome,
    /// Runs that were run a second time.
    pub repeated: u64,
    /// Real time that its runs took, one after the other.
    pub took: Duration,
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
    /// A defect is switched on, and these laws (numbers in the file), which must catch it in a share of the seeds,
    /// did so in so many, which that share does not admit.
    NotCaught(Vec<(usize, usize)>),
    /// Something was to befall a disk in these phases, which no run reached.
    Unexplored(Vec<CrashPhase>),
    /// The harness itself is at fault: the seed, and what is wrong.
    Harness(u64, String),
}

/// Runs every case under every seed. `progress` hears of each run as it ends.
pub fn sweep(cases: &[Case], options: &SweepOptions<'_>, mut progress: impl FnMut(&Run, usize, usize)) -> Sweep {
    let seeds_of = |case: &Case| options.seeds.clone().unwrap_or_else(|| case.run.seeds.iter());
    let mut jobs: Vec<(usize, u64, Vec<Mishap>)> = (cases.iter().enumerate())
        .flat_map(|(index, case)| seeds_of(case).map(move |seed| (index, seed, Vec::new())))
        .collect();
    let mut asked = jobs.len();
    let mut finished = 0;
    let mut runs: BTreeMap<usize, Vec<(Run, bool)>> = BTreeMap::new();
    let mut took: BTreeMap<usize, Duration> = BTreeMap::new();
    let work = |(index, seed, mishaps): (usize, u64, Vec<Mishap>), slot: &Slot| {
        let job = Job { case: &cases[index], seed, mishaps: &mishaps };
        let (run, took) = timed(|| run::run(job, slot, None));
        let number = |kind| match kind {
            MishapKind::PowerCut(state) => state as u64,
            MishapKind::Error(error) => error as u64,
        };
        let turn = seed + mishaps.iter().map(|mishap| mishap.operation + number(mishap.kind)).sum::<u64>();
        let repeat = !run.verdict.is_pass() || turn.is_multiple_of(options.repeat_one_in.max(1));
        if repeat { (index, repeated(job, run, slot), true, took) } else { (index, run, false, took) }
    };
    while !jobs.is_empty() {
        let mut following = Vec::new();
        let done = |(index, run, repeated, took_one): (usize, Run, bool, Duration)| {
            finished += 1;
            *took.entry(index).or_default() += took_one;
            if let Some(exploration) = Exploration::of(&cases[index]) {
                let next = explore::following(exploration, &run);
                asked += next.len();
                following.extend(next.into_iter().map(|mishaps| (index, run.seed, mishaps)));
            }
            progress(&run, finished, asked);
            runs.entry(index).or_default().push((run, repeated));
        };
        pool::run(jobs, options.threads, options.interrupted, options.patience, stuck, work, done);
        let is_interrupted = options.interrupted.load(Ordering::Relaxed);
        jobs = if is_interrupted { Vec::new() } else { following };
    }
    let cases = runs
        .into_iter()
        .map(|(index, mut runs)| {
            runs.sort_by(|(a, _), (b, _)| (a.seed, &a.mishaps).cmp(&(b.seed, &b.mishaps)));
            let repeated = runs.iter().filter(|(_, repeated)| *repeated).count() as u64;
            let runs: Vec<Run> = runs.into_iter().map(|(run, _)| run).collect();
            let case = cases[index].clone();
            let outcome = outcome(&case, &runs);
            CaseResult { case, runs, outcome, repeated, took: took[&index] }
        })
        .collect();
    Sweep { cases, asked, finished }
}

#[expect(clippy::disallowed_types, reason = "what a run costs in real time is told, and decides nothing")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = std::time::Instant::now();
    let done = work();
    (done, begin.elapsed())
}

/// How many of so many are done in a second; none if it took no time.
pub(super) fn per_second(count: usize, took: Duration) -> Option<f64> {
    let took = took.as_secs_f64();
    (took > 0.0).then(|| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took)
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
    let failed = seeds(runs, |run| !run.verdict.is_pass());
    if !failed.is_empty() {
        return Outcome::Failed(failed);
    }
    let phases = Exploration::of(case).into_iter().flat_map(Exploration::phases);
    let reached = |phase: &&CrashPhase| runs.iter().any(|run| run.explored.phases.contains(phase));
    let unexplored: Vec<CrashPhase> = phases.filter(|phase| !reached(phase)).copied().collect();
    if !unexplored.is_empty() {
        return Outcome::Unexplored(unexplored);
    }
    let seeds_with =
        |index: usize, wanted: fn(&Fate) -> bool| seeds(runs, |run| run.fates.get(index).is_some_and(wanted)).len();
    let all = seeds(runs, |_| true).len();
    let not_caught: Vec<(usize, usize)> = (case.expectations.iter().enumerate())
        .filter_map(|(index, expectation)| {
            let caught = seeds_with(index, |fate| matches!(fate, Fate::Broken(_)));
            (!expectation.violated_in()?.admits(caught, all)).then_some((index, caught))
        })
        .collect();
    if !not_caught.is_empty() {
        return Outcome::NotCaught(not_caught);
    }
    let vacuous: Vec<usize> = (case.expectations.iter().enumerate())
        .filter(|(_, expectation)| expectation.violated_in().is_none() && expectation.mode != Mode::Never)
        .map(|(index, _)| index)
        .filter(|index| seeds_with(*index, |fate| *fate != Fate::Vacuous) == 0)
        .collect();
    if vacuous.is_empty() { Outcome::Passed } else { Outcome::Vacuous(vacuous) }
}

/// The seeds of those runs, each once.
pub(super) fn seeds(runs: &[Run], wanted: impl Fn(&Run) -> bool) -> Vec<u64> {
    let mut seeds: Vec<u64> = runs.iter().filter(|run| wanted(run)).map(|run| run.seed).collect();
    seeds.dedup();
    seeds
}

/// Runs a second time what has been run once: its trace must be the same.
fn repeated(job: Job<'_>, run: Run, slot: &Slot) -> Run {
    let again = run::run(job, slot, None);
    if again.hash == run.hash {
        return run;
    }
    let message = match first_divergence(&run.checkpoints, &again.checkpoints) {
        Some(window) => first_difference(job, slot, window),
        None => "two runs of the same seed had different traces".to_owned(),
    };
    Run { verdict: Verdict::Harness(message), ..run }
}

/// Runs twice more and compares the events in `window`, or in all of the trace if these do not differ.
fn first_difference(job: Job<'_>, slot: &Slot, window: Range<u64>) -> String {
    let seed = job.seed;
    for window in [window, 0..u64::MAX] {
        let lines = [(); 2].map(|()| {
            let kept = Kept { window: window.clone(), lines: Arc::default() };
            run::run(job, slot, Some(Box::new(kept.clone())));
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
            Outcome::Vacuous(_) | Outcome::Unexplored(_) => 4,
            Outcome::Failed(_) | Outcome::NotCaught(_) => 1,
            Outcome::Harness(..) => 3,
        };
        let codes: Vec<u8> = self.cases.iter().map(|result| code(&result.outcome)).collect();
        [3, 1, 4].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
    }
}

impl CaseResult {
    /// How much was explored, if the case explores anything.
    #[must_use]
    pub fn exploration(&self) -> Option<Figures> {
        Exploration::of(&self.case).map(|_| explore::figures(&self.runs))
    }

    /// How many seeds broke this expectation (a number in the file), and how many there were.
    #[must_use]
    pub fn broken(&self, expectation: usize) -> (usize, usize) {
        let is_broken = |run: &Run| matches!(run.fates.get(expectation), Some(Fate::Broken(_)));
        (seeds(&self.runs, is_broken).len(), seeds(&self.runs, |_| true).len())
    }

    /// The runs in which a law that has to catch the defect did so.
    pub fn catches(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| {
            let mut fates = self.case.expectations.iter().zip(&run.fates);
            fates.any(|(expectation, fate)| expectation.violated_in().is_some() && matches!(fate, Fate::Broken(_)))
        })
    }

    /// How many seeds one has to try until the defect is caught for the first time, beginning at each of the seeds
    /// in turn: the median and the worst. None if there is no defect, or no seed catches it.
    #[must_use]
    pub fn seeds_to_first_catch(&self) -> Option<(usize, usize)> {
        let all = seeds(&self.runs, |_| true);
        let mut caught: Vec<u64> = self.catches().map(|run| run.seed).collect();
        caught.dedup();
        let is_caught: Vec<bool> = all.iter().map(|seed| caught.contains(seed)).collect();
        let tries = |first: usize| is_caught.iter().cycle().skip(first).take_while(|caught| !**caught).count() + 1;
        if caught.is_empty() {
            return None;
        }
        let mut tries: Vec<usize> = (0..all.len()).map(tries).collect();
        tries.sort_unstable();
        Some((tries[tries.len() / 2], *tries.last()?))
    }
}
