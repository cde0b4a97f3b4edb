//! `[explore]`: what befalls a disk at each of its operations in the phases, one run for each.
//!
//! `[explore.crash]`: the power is cut after each operation of a host's disk, once for each legal state of it.
//!
//! A first, undisturbed run finds the points: the operations that lie in the phases, and how many states
//! the disk may be left in at each. Then there is one run for each point and state. What the file expects
//! must hold in all of them. A cut *before* an operation needs no run of its own: it is the cut after it
//! with nothing surviving.
//!
//! With `also-twice`, a run with one cut is followed by one with a second cut, at an operation of its recovery
//! and with a state that the seed draws: all of them would be the square of the whole.
//!
//! `[explore.disk-error]`: each operation fails in a run of its own, once with each error that it can have.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use sim::{
    entropy::Stream,
    trace::DiskOperation,
    world::{CrashPoint, CrashStates, Survival},
};

use super::{phases::Stretch, run::Run};
use crate::language::{
    Case, CrashExploration, CrashOutcome, CrashPhase, CrashPoint as Which, DiskError, DiskErrorExploration,
};

/// For so long after its start a host recovers.
const RECOVERY: Duration = Duration::from_secs(600);

/// What befalls a disk at one of its operations: after `17:3` the power is cut, by `17:io` operation 17 fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mishap {
    /// The operation's number, as in the trace.
    pub operation: u64,
    /// What befalls it.
    pub kind: MishapKind,
}

/// What befalls an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MishapKind {
    /// The power is cut after it, which leaves the disk in this one of the legal states, from 0, among those that the file's
    /// `survives` names.
    PowerCut(usize),
    /// It fails with this error.
    Error(DiskError),
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            MishapKind::PowerCut(state) => write!(f, "{}:{state}", self.operation),
            MishapKind::Error(error) => write!(f, "{}:{}", self.operation, error.name()),
        }
    }
}

impl FromStr for Mishap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = |kind: &str| match kind.parse() {
            Ok(state) => Some(MishapKind::PowerCut(state)),
            Err(_) => DiskError::ALL.iter().find(|error| error.name() == kind).copied().map(MishapKind::Error),
        };
        text.split_once(':')
            .and_then(|(operation, rest)| Some(Self { operation: operation.parse().ok()?, kind: kind(rest)? }))
            .ok_or_else(|| {
                format!("`{text}` is neither OPERATION:STATE, such as 17:3, nor OPERATION:ERROR, such as 17:io")
            })
    }
}

/// Mishaps as the command takes them: `17:3,21:0`.
pub(super) fn in_words(mishaps: &[Mishap]) -> String {
    mishaps.iter().map(Mishap::to_string).collect::<Vec<_>>().join(",")
}

/// The command's flag for them.
pub(super) fn flag(mishaps: &[Mishap]) -> &'static str {
    match mishaps.first().map(|mishap| mishap.kind) {
        Some(MishapKind::Error(_)) => "--disk-error",
        Some(MishapKind::PowerCut(_)) | None => "--crash",
    }
}

/// What a case explores.
#[derive(Clone, Copy, Debug)]
pub(super) enum Exploration<'a> {
    PowerCuts(&'a CrashExploration),
    DiskErrors(&'a DiskErrorExploration),
}

impl<'a> Exploration<'a> {
    pub(super) fn of(case: &'a Case) -> Option<Self> {
        let errors = || case.disk_error_exploration.as_ref().map(Self::DiskErrors);
        case.crash_exploration.as_ref().map(Self::PowerCuts).or_else(errors)
    }

    /// Whose disk it is.
    pub(super) fn host(self) -> &'a str {
        match self {
            Self::PowerCuts(exploration) => exploration.host.as_str(),
            Self::DiskErrors(exploration) => exploration.host.as_str(),
        }
    }

    /// The phases in which it is to be.
    pub(super) fn phases(self) -> &'a [CrashPhase] {
        match self {
            Self::PowerCuts(exploration) => &exploration.during,
            Self::DiskErrors(exploration) => &exploration.during,
        }
    }

    /// What can befall the disk at this point.
    fn kinds(self, point: &CrashPoint) -> Vec<MishapKind> {
        match self {
            Self::PowerCuts(_) => (0..point.states).map(MishapKind::PowerCut).collect(),
            Self::DiskErrors(exploration) => {
                let errors = exploration.errors.iter().filter(|error| can_fail(point.kind, **error));
                errors.map(|error| MishapKind::Error(*error)).collect()
            }
        }
    }
}

/// Whether an operating system's operation can have this error.
fn can_fail(operation: DiskOperation, error: DiskError) -> bool {
    use DiskOperation::{
        CreateDirectory, List, Metadata, Open, Read, RemoveDirectory, RemoveFile, Rename, Restrict, Sync,
        SyncDirectory, Write,
    };
    match (error, operation) {
        (DiskError::Io, _) => true,
        // Names take room as well, and what is written may find none until it is synced.
        (DiskError::NoSpace, Open | Write | Sync | Rename | CreateDirectory | SyncDirectory) => true,
        (DiskError::NoSpace, Read | RemoveFile | RemoveDirectory | List | Restrict | Metadata) => false,
        (DiskError::ReadOnly, Read | List | Metadata) => false,
        (
            DiskError::ReadOnly,
            Open | Write | Sync | Rename | RemoveFile | RemoveDirectory | CreateDirectory | SyncDirectory | Restrict,
        ) => true,
        // A file that is open has been allowed.
        (DiskError::Permission, Write | Sync) => false,
        (
            DiskError::Permission,
            Open | Read | Rename | RemoveFile | RemoveDirectory | CreateDirectory | List | SyncDirectory | Restrict
            | Metadata,
        ) => true,
    }
}

/// What a run showed of the points at which the power can be cut next.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// The phases that the run reached.
    pub phases: Vec<CrashPhase>,
    /// The operations after which the power can be cut: in an undisturbed run those of the phases, after a cut
    /// those of the recovery.
    pub points: Vec<CrashPoint>,
    /// Mishaps that were asked for and did not come about: there is no such operation, no such state, or no such error of it.
    pub missed: Vec<Mishap>,
}

/// Looks through all that was counted in a run, whose phases were `when`.
pub(super) fn explored(
    exploration: Exploration<'_>,
    mishaps: &[Mishap],
    counted: &[CrashPoint],
    when: impl Fn(CrashPhase) -> Vec<Stretch>,
) -> Explored {
    let is_wanted = |point: &&CrashPoint| match exploration {
        Exploration::PowerCuts(CrashExploration { point: Which::EveryFsChange, .. }) => point.changes,
        Exploration::PowerCuts(CrashExploration { point: Which::EveryFsOp, .. }) | Exploration::DiskErrors(_) => true,
    };
    let point_of = |mishap: &Mishap| counted.iter().find(|point| point.operation == mishap.operation);
    let came_about =
        |mishap: &Mishap| point_of(mishap).is_some_and(|point| exploration.kinds(point).contains(&mishap.kind));
    let missed = mishaps.iter().filter(|mishap| !came_about(mishap)).copied().collect();
    let (phases, stretches): (Vec<CrashPhase>, Vec<Stretch>) = match (mishaps.last(), exploration) {
        (None, _) => {
            let phases = exploration.phases().iter().copied().filter(|phase| !when(*phase).is_empty());
            (phases.collect(), exploration.phases().iter().flat_map(|phase| when(*phase)).collect())
        }
        (Some(last), Exploration::PowerCuts(CrashExploration { restart_after, .. })) => {
            let restart = point_of(last).map(|point| point.at + *restart_after);
            (Vec::new(), restart.map(|at| (at, at + RECOVERY)).into_iter().collect())
        }
        (Some(_), Exploration::DiskErrors(_)) => (Vec::new(), Vec::new()),
    };
    let lies_in = |at: Duration| stretches.iter().any(|(from, to)| *from <= at && at <= *to);
    let points = counted.iter().filter(is_wanted).filter(|point| lies_in(point.at)).copied().collect();
    Explored { phases, points, missed }
}

/// The runs that follow a finished one: each one's mishaps.
pub(super) fn following(exploration: Exploration<'_>, run: &Run) -> Vec<Vec<Mishap>> {
    let mishaps_at = |point: &CrashPoint| {
        let operation = point.operation;
        exploration.kinds(point).into_iter().map(move |kind| Mishap { operation, kind })
    };
    let all: Vec<Mishap> = run.explored.points.iter().flat_map(mishaps_at).collect();
    let also_twice = match exploration {
        Exploration::PowerCuts(exploration) => exploration.also_twice,
        Exploration::DiskErrors(_) => false,
    };
    let next: Vec<Mishap> = match run.mishaps.as_slice() {
        _ if !run.verdict.is_pass() => Vec::new(),
        [] => all,
        [_] if also_twice && !all.is_empty() => {
            let mut stream = Stream::new(run.seed, "second power cut", &in_words(&run.mishaps));
            let drawn = usize::try_from(stream.below(all.len() as u64)).expect("an index");
            vec![all[drawn]]
        }
        _ => Vec::new(),
    };
    next.into_iter().map(|mishap| run.mishaps.iter().copied().chain([mishap]).collect()).collect()
}

/// The states that the file asks for.
pub(super) fn states(exploration: &CrashExploration) -> CrashStates {
    let has = |outcome| exploration.survives.contains(&outcome);
    CrashStates {
        nothing: has(CrashOutcome::NothingUnsynced),
        everything: has(CrashOutcome::AllUnsynced),
        subsets: has(CrashOutcome::EverySubset),
        torn_writes: has(CrashOutcome::Torn4096),
    }
}

/// What survives a cut.
pub(super) fn survival(exploration: &CrashExploration, state: usize) -> Survival {
    Survival::State { among: states(exploration), number: state }
}

/// The size of an exploration that was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// At how many operations something befell the disk, all seeds together.
    pub points: usize,
    /// The legal states of the disk at these, or the errors, each a run of its own.
    pub states: usize,
    /// The runs in which the power was cut a second time.
    pub twice: usize,
}

/// Counts the runs of one case.
pub(super) fn figures(runs: &[Run]) -> Figures {
    let once = || runs.iter().filter(|run| run.mishaps.len() == 1);
    let points: BTreeSet<(u64, u64)> =
        once().flat_map(|run| run.mishaps.first().map(|mishap| (run.seed, mishap.operation))).collect();
    let twice = runs.iter().filter(|run| run.mishaps.len() > 1).count();
    Figures { points: points.len(), states: once().count(), twice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exploration(during: &[CrashPhase], point: Which) -> CrashExploration {
        let text = |phase: &CrashPhase| format!("\"{}\"", phase.name());
        let during: Vec<String> = during.iter().map(text).collect();
        let scenario = format!(
            "scenario = 1\nextends = \"_base/one-manager-one-ca.toml\"\n[meta]\nid = \"t\"\ntitle = \"t\"\n[run]\nuntil = \"1d\"\n\
             [[expect]]\nid = \"guard\"\nsometimes = \"manager.certificate-obtained\"\n\
             [explore.crash]\nhost = \"manager\"\npoint = \"{}\"\nduring = [{}]\nsurvives = [\"nothing-unsynced\"]\n",
            point.name(),
            during.join(", "),
        );
        let path = std::path::Path::new("catalog/t/t.toml");
        let scenario = crate::language::load(path, &scenario, |path| std::fs::read_to_string(path)).expect("right");
        scenario.cases()[0].crash_exploration.clone().expect("written")
    }

    fn point(operation: u64, at_s: u64) -> CrashPoint {
        CrashPoint {
            operation,
            kind: DiskOperation::Write,
            changes: operation.is_multiple_of(2),
            states: 2,
            at: Duration::from_secs(at_s),
        }
    }

    fn operations(explored: &Explored) -> Vec<u64> {
        explored.points.iter().map(|point| point.operation).collect()
    }

    #[test]
    fn a_phase_has_the_operations_of_its_time_and_an_unreached_one_none() {
        let s = Duration::from_secs;
        let counted = [point(1, 0), point(2, 5), point(3, 100), point(4, 950), point(5, 1_010), point(6, 2_000)];
        let when = |phase| if phase == CrashPhase::FirstIssue { vec![(s(0), s(70))] } else { vec![(s(940), s(1_065))] };
        let with = |phase, which| explored(Exploration::PowerCuts(&exploration(&[phase], which)), &[], &counted, when);
        assert_eq!(operations(&with(CrashPhase::FirstIssue, Which::EveryFsOp)), [1, 2]);
        assert_eq!(operations(&with(CrashPhase::Renewal, Which::EveryFsOp)), [4, 5]);
        assert_eq!(operations(&with(CrashPhase::Renewal, Which::EveryFsChange)), [4]);
        let both = exploration(&[CrashPhase::FirstIssue, CrashPhase::Renewal], Which::EveryFsOp);
        let only_first = |phase| if phase == CrashPhase::FirstIssue { when(phase) } else { Vec::new() };
        assert_eq!(explored(Exploration::PowerCuts(&both), &[], &counted, only_first).phases, [CrashPhase::FirstIssue]);
    }

    #[test]
    fn an_operation_fails_with_the_errors_that_it_can_have() {
        let errors = |operation| {
            let can = |error: &&DiskError| can_fail(operation, **error);
            DiskError::ALL.iter().filter(can).map(|error| error.name()).collect::<Vec<_>>()
        };
        assert_eq!(errors(DiskOperation::Read), ["io", "permission"]);
        assert_eq!(errors(DiskOperation::Write), ["no-space", "io", "read-only"]);
        assert_eq!(errors(DiskOperation::Rename), ["no-space", "io", "read-only", "permission"]);
    }

    #[test]
    fn after_a_cut_the_recovery_is_what_can_be_cut_and_impossible_cuts_are_told() {
        let exploration = exploration(&[CrashPhase::FirstIssue], Which::EveryFsOp);
        let counted = [point(1, 0), point(2, 5), point(3, 36), point(4, 700)];
        let exploration = Exploration::PowerCuts(&exploration);
        let cut = "2:1".parse().expect("a cut");
        let seen = explored(exploration, &[cut], &counted, |_| Vec::new());
        assert_eq!((operations(&seen), seen.missed.len()), (vec![3], 0));
        for cut in ["2:2", "9:0", "2:io"].map(|text| text.parse::<Mishap>().expect("a mishap")) {
            assert_eq!(explored(exploration, &[cut], &counted, |_| Vec::new()).missed, [cut]);
        }
        assert!(["17", "x:1", "17:x"].iter().all(|text| text.parse::<Mishap>().is_err()));
    }
}
