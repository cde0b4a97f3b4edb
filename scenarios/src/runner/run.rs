//! One run: one case under one seed, from an empty world to a verdict.

use std::{collections::BTreeMap, time::Duration};

use sim::{
    trace::{Checkpoint, Observer, TraceHash},
    world::Crash,
};

use super::{
    explore::{self, Exploration, Explored, Mishap},
    judge::{Breach, Court, Facts, Fate},
    pool::Slot,
    stage::{self, StageError},
};
use crate::language::{Case, Claim, Law, Outcome};

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The case's id.
    pub case: String,
    /// The seed.
    pub seed: u64,
    /// What befell a disk, if `[explore]` asks for that.
    pub mishaps: Vec<Mishap>,
    /// What can befall it next.
    pub explored: Explored,
    /// Whether all was as expected.
    pub verdict: Verdict,
    /// How each expectation fared, in the order of the file.
    pub fates: Vec<Fate>,
    /// The hash over the whole trace.
    pub hash: TraceHash,
    /// The hash along the way.
    pub checkpoints: Vec<Checkpoint>,
    /// How many events there were.
    pub events: u64,
    /// Virtual time at the end.
    pub simulated: Duration,
    /// How often each probe fired.
    pub probes: BTreeMap<String, u64>,
    /// The steps of the timeline that were carried out: the number in the file, and when.
    pub steps: Vec<(usize, Duration)>,
}

/// Whether all was as expected in one run. Vacuity is judged over all seeds of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing failed that was to hold.
    Pass,
    /// Expectations were broken: the number in the file, and how.
    Broken(Vec<(usize, Breach)>),
    /// The implementation under test panicked, deadlocked or got stuck.
    Crashed(Crash),
    /// The world could not be built, or the harness itself is at fault.
    Harness(String),
}

impl Verdict {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        *self == Self::Pass
    }
}

/// What to run: a case under a seed, and what befalls a disk if it explores that.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) case: &'a Case,
    pub(super) seed: u64,
    pub(super) mishaps: &'a [Mishap],
}

impl Job<'_> {
    /// The command that runs it.
    pub(super) fn command(&self) -> String {
        let crash = if self.mishaps.is_empty() {
            String::new()
        } else {
            format!(" {} {}", explore::flag(self.mishaps), explore::in_words(self.mishaps))
        };
        format!("gauntlet replay '{}' --seed {}{crash}", self.case.id, self.seed)
    }
}

/// Carries out one run. `observer` sees the trace, if one is given.
pub(super) fn run(job: Job<'_>, slot: &Slot, observer: Option<Box<dyn Observer>>) -> Run {
    let Job { case, seed, mishaps } = job;
    let court = Court::new(case);
    let mut staged = match stage::build(case, seed, &court.bench, observer) {
        Ok(staged) => staged,
        Err(StageError(message)) => return unbuilt(job, message),
    };
    let exploration = Exploration::of(case);
    if let Some(exploration) = exploration {
        staged.explore(exploration, mishaps);
    }
    slot.watch(job.command(), staged.world.progress());
    staged.start(case);
    let ended = staged.world.run_until(case.run.until);
    slot.release();

    let steps = staged.steps();
    let facts = Facts { end: staged.world.now(), last_step: steps.last().map(|(_, at)| *at) };
    let (judgement, fates) = court.judge(&facts);
    let explored = exploration.map(|exploration| {
        let landmarks = court.landmarks(&judgement);
        explore::explored(exploration, mishaps, &staged.points(exploration), |phase| landmarks.stretches(phase))
    });
    let explored = explored.unwrap_or_default();
    let verdict = match ended {
        _ if !explored.missed.is_empty() => {
            Verdict::Harness(format!("this did not come about: {}", explore::in_words(&explored.missed)))
        }
        Err(crash) if !is_expected(case, &fates) => Verdict::Crashed(crash),
        Err(_) => Verdict::Pass,
        Ok(()) => verdict(case, &fates),
    };
    Run {
        case: case.id.clone(),
        seed,
        mishaps: mishaps.to_vec(),
        explored,
        verdict,
        fates,
        hash: staged.world.trace_hash(),
        checkpoints: staged.world.checkpoints(),
        events: staged.world.events(),
        simulated: staged.world.now(),
        probes: judgement.probes().iter().map(|(name, tally)| (name.clone(), tally.total())).collect(),
        steps,
    }
}

/// Whether a crash is what an expectation of this case waits for, since a defect is switched on.
fn is_expected(case: &Case, fates: &[Fate]) -> bool {
    case.expectations.iter().zip(fates).any(|(expectation, fate)| {
        let about_crashes = match &expectation.claim {
            Claim::Law(Law::WorldNoPanic {} | Law::WorldNoDeadlock {}) => true,
            Claim::Law(_) | Claim::Probe(_) => false,
        };
        about_crashes && expectation.violated_in().is_some() && matches!(fate, Fate::Broken(_))
    })
}

/// A law that a defect must break is judged over all seeds of the case; the others here.
fn verdict(case: &Case, fates: &[Fate]) -> Verdict {
    let broken: Vec<(usize, Breach)> = case
        .expectations
        .iter()
        .zip(fates)
        .enumerate()
        .filter_map(|(index, (expectation, fate))| match (fate, expectation.outcome) {
            (Fate::Broken(breach), Outcome::Holds) => Some((index, breach.clone())),
            (Fate::Broken(_), Outcome::Violated(_)) | (Fate::Held | Fate::Vacuous, _) => None,
        })
        .collect();
    if broken.is_empty() { Verdict::Pass } else { Verdict::Broken(broken) }
}

fn unbuilt(job: Job<'_>, message: String) -> Run {
    Run {
        case: job.case.id.clone(),
        seed: job.seed,
        mishaps: job.mishaps.to_vec(),
        explored: Explored::default(),
        verdict: Verdict::Harness(message),
        fates: Vec::new(),
        hash: TraceHash([0; 32]),
        checkpoints: Vec::new(),
        events: 0,
        simulated: Duration::ZERO,
        probes: BTreeMap::new(),
        steps: Vec::new(),
    }
}
