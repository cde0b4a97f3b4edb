//! `[explore.crash]`: the power is cut after each operation of a host's disk, once for each legal state of it.
//!
//! A first, undisturbed run finds the points: the operations that lie in the phases, and how many states
//! the disk may be left in at each. Then there is one run for each point and state. What the file expects
//! must hold in all of them. A cut *before* an operation needs no run of its own: it is the cut after it
//! with nothing surviving.
//!
//! With `also-twice`, a run with one cut is followed by one with a second cut, at an operation of its recovery
//! and with a state that the seed draws: all of them would be the square of the whole.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use sim::{
    entropy::Stream,
    world::{CrashPoint, CrashStates, Survival},
};

use super::{judge::Issuance, run::Run};
use crate::language::{CrashExploration, CrashOutcome, CrashPhase, CrashPoint as Which};

/// A phase is so much longer than the exchange with the CA, at both ends.
const MARGIN: Duration = Duration::from_secs(60);

/// For so long after its start a host recovers.
const RECOVERY: Duration = Duration::from_secs(600);

/// A power cut: `17:3` is after disk operation 17, leaving the disk in its state 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// The operation's number, as in the trace.
    pub operation: u64,
    /// Which of the legal states, from 0, among those that the file's `survives` names.
    pub state: usize,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.state)
    }
}

impl FromStr for Cut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once(':')
            .and_then(|(operation, state)| {
                Some(Self { operation: operation.parse().ok()?, state: state.parse().ok()? })
            })
            .ok_or_else(|| format!("`{text}` is no power cut: it is written OPERATION:STATE, such as 17:3"))
    }
}

/// Cuts as the command takes them: `17:3,21:0`.
pub(super) fn in_words(cuts: &[Cut]) -> String {
    cuts.iter().map(Cut::to_string).collect::<Vec<_>>().join(",")
}

/// What a run showed of the points at which the power can be cut next.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// The phases that the run reached.
    pub phases: Vec<CrashPhase>,
    /// The operations after which the power can be cut: in an undisturbed run those of the phases, after a cut
    /// those of the recovery.
    pub points: Vec<CrashPoint>,
    /// Cuts that were asked for and did not come about: there is no such operation, or no such state.
    pub missed: Vec<Cut>,
}

/// Looks through all that was counted in a run.
pub(super) fn explored(
    exploration: &CrashExploration,
    cuts: &[Cut],
    counted: &[CrashPoint],
    issuance: &Issuance,
) -> Explored {
    let is_wanted = |point: &&CrashPoint| match exploration.point {
        Which::EveryFsOp => true,
        Which::EveryFsChange => point.changes,
    };
    let point_of = |cut: &Cut| counted.iter().find(|point| point.operation == cut.operation);
    let missed =
        cuts.iter().filter(|cut| point_of(cut).is_none_or(|point| point.states <= cut.state)).copied().collect();
    let (phases, stretches): (Vec<CrashPhase>, Vec<(Duration, Duration)>) = match cuts.last() {
        None => exploration.during.iter().filter_map(|phase| Some((*phase, stretch(*phase, issuance)?))).unzip(),
        Some(last) => {
            let restart = point_of(last).map(|point| point.at + exploration.restart_after);
            (Vec::new(), restart.map(|at| (at, at + RECOVERY)).into_iter().collect())
        }
    };
    let lies_in = |at: Duration| stretches.iter().any(|(from, to)| *from <= at && at <= *to);
    let points = counted.iter().filter(is_wanted).filter(|point| lies_in(point.at)).copied().collect();
    Explored { phases, points, missed }
}

/// From when to when a phase lasts; none if the run did not get to its end.
fn stretch(phase: CrashPhase, issuance: &Issuance) -> Option<(Duration, Duration)> {
    match phase {
        CrashPhase::FirstIssue => Some((Duration::ZERO, issuance.first? + MARGIN)),
        CrashPhase::Renewal => Some((issuance.renewal_ordered?.saturating_sub(MARGIN), issuance.renewal? + MARGIN)),
    }
}

/// The runs that follow a finished one: each one's cuts.
pub(super) fn following(exploration: &CrashExploration, run: &Run) -> Vec<Vec<Cut>> {
    let points = &run.explored.points;
    let all: Vec<Cut> = points
        .iter()
        .flat_map(|point| (0..point.states).map(|state| Cut { operation: point.operation, state }))
        .collect();
    let next: Vec<Cut> = match run.cuts.as_slice() {
        _ if !run.verdict.is_pass() => Vec::new(),
        [] => all,
        [_] if exploration.also_twice && !all.is_empty() => {
            let mut stream = Stream::new(run.seed, "second power cut", &in_words(&run.cuts));
            let drawn = usize::try_from(stream.below(all.len() as u64)).expect("an index");
            vec![all[drawn]]
        }
        _ => Vec::new(),
    };
    next.into_iter().map(|cut| run.cuts.iter().copied().chain([cut]).collect()).collect()
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
pub(super) fn survival(exploration: &CrashExploration, cut: &Cut) -> Survival {
    Survival::State { among: states(exploration), number: cut.state }
}

/// The size of an exploration that was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// At how many operations the power was cut, all seeds together.
    pub points: usize,
    /// The legal states of the disk at these, each a run of its own.
    pub states: usize,
    /// The runs in which the power was cut a second time.
    pub twice: usize,
}

/// Counts the runs of one case.
pub(super) fn figures(runs: &[Run]) -> Figures {
    let once = || runs.iter().filter(|run| run.cuts.len() == 1);
    let points: BTreeSet<(u64, u64)> =
        once().flat_map(|run| run.cuts.first().map(|cut| (run.seed, cut.operation))).collect();
    let twice = runs.iter().filter(|run| run.cuts.len() > 1).count();
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
        CrashPoint { operation, changes: operation.is_multiple_of(2), states: 2, at: Duration::from_secs(at_s) }
    }

    fn operations(explored: &Explored) -> Vec<u64> {
        explored.points.iter().map(|point| point.operation).collect()
    }

    #[test]
    fn a_phase_has_the_operations_of_its_time_and_an_unreached_one_none() {
        let s = Duration::from_secs;
        let counted = [point(1, 0), point(2, 5), point(3, 100), point(4, 950), point(5, 1_010), point(6, 2_000)];
        let issuance = Issuance { first: Some(s(10)), renewal_ordered: Some(s(1_000)), renewal: Some(s(1_005)) };
        let with = |phase, which| explored(&exploration(&[phase], which), &[], &counted, &issuance);
        assert_eq!(operations(&with(CrashPhase::FirstIssue, Which::EveryFsOp)), [1, 2]);
        assert_eq!(operations(&with(CrashPhase::Renewal, Which::EveryFsOp)), [4, 5]);
        assert_eq!(operations(&with(CrashPhase::Renewal, Which::EveryFsChange)), [4]);
        let both = exploration(&[CrashPhase::FirstIssue, CrashPhase::Renewal], Which::EveryFsOp);
        let only_first = Issuance { renewal: None, ..issuance };
        assert_eq!(explored(&both, &[], &counted, &only_first).phases, [CrashPhase::FirstIssue]);
    }

    #[test]
    fn after_a_cut_the_recovery_is_what_can_be_cut_and_impossible_cuts_are_told() {
        let exploration = exploration(&[CrashPhase::FirstIssue], Which::EveryFsOp);
        let counted = [point(1, 0), point(2, 5), point(3, 36), point(4, 700)];
        let seen = explored(&exploration, &[Cut { operation: 2, state: 1 }], &counted, &Issuance::default());
        assert_eq!((operations(&seen), seen.missed.len()), (vec![3], 0));
        for cut in ["2:2", "9:0"].map(|text| text.parse::<Cut>().expect("a cut")) {
            assert_eq!(explored(&exploration, &[cut], &counted, &Issuance::default()).missed, [cut]);
        }
        assert!("17".parse::<Cut>().is_err() && "x:1".parse::<Cut>().is_err());
    }
}
