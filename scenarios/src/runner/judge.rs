//! From what the laws saw to what the author expected.

use std::time::Duration;

use super::phases::Landmarks;
use crate::{
    language::{Case, Claim, Deadline, Expectation, Law, Mode, Moment},
    oracles::{Bench, Judgement, SeatId, Settings, Tally},
};

/// How one expectation fared in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It held, and something was there to be judged.
    Held,
    /// It held because nothing happened that it is about.
    Vacuous,
    /// It did not hold.
    Broken(Breach),
}

/// Where and how an expectation was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What was seen, in words.
    pub seen: String,
    /// Virtual time of it.
    pub at: Duration,
    /// The number of the event that gave it away.
    pub event: u64,
    /// How many findings there are in all.
    pub findings: u64,
}

/// The laws of one case, watching one run.
pub(super) struct Court<'a> {
    case: &'a Case,
    pub(super) bench: Bench,
    /// For each expectation, where its law sits; a probe needs no seat.
    seats: Vec<Option<SeatId>>,
    first_issue: SeatId,
    renewal: SeatId,
}

/// What only the runner knows of a run.
pub(super) struct Facts {
    pub(super) end: Duration,
    pub(super) last_step: Option<Duration>,
}

impl<'a> Court<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        let bench = Bench::default();
        let seat = |id: &str, settings| bench.seat(id, settings).expect("the vocabulary names laws of the registry");
        let seats = case
            .expectations
            .iter()
            .map(|expectation| match &expectation.claim {
                Claim::Law(law) => Some(seat(law.name(), settings(law, expectation))),
                Claim::Probe(_) => None,
            })
            .collect();
        let first_issue = seat("manager.certificate-obtained", Settings::default());
        let renewal = seat("manager.certificate-renewed", Settings::default());
        Self { case, bench, seats, first_issue, renewal }
    }

    /// The fate of each expectation, in the order of the file.
    pub(super) fn judge(&self, facts: &Facts) -> (Judgement, Vec<Fate>) {
        let judgement = self.bench.finish(ns(facts.end));
        let fates = (self.case.expectations.iter().zip(&self.seats))
            .map(|(expectation, seat)| self.fate(expectation, *seat, &judgement, facts))
            .collect();
        (judgement, fates)
    }

    /// What tells the phases of this run.
    pub(super) fn landmarks<'j>(&self, judgement: &'j Judgement) -> Landmarks<'j> {
        Landmarks {
            obtained: judgement.verdict(self.first_issue).exercised(),
            renewed: judgement.verdict(self.renewal).exercised(),
            probes: judgement.probes(),
        }
    }

    fn fate(&self, expectation: &Expectation, seat: Option<SeatId>, judgement: &Judgement, facts: &Facts) -> Fate {
        let tally = match (&expectation.claim, seat) {
            (Claim::Probe(probe), _) => &judgement.probed(|name| probe.matches(name)),
            (Claim::Law(_), Some(seat)) => judgement.verdict(seat).exercised(),
            (Claim::Law(_), None) => unreachable!("every law is seated"),
        };
        let broken = |seen: String, at: Duration| Fate::Broken(Breach { seen, at, event: 0, findings: 1 });
        match &expectation.mode {
            Mode::Always | Mode::Finally => {
                let verdict = judgement.verdict(seat.expect("only laws hold always"));
                let Some(since) = self.resolve(expectation.after.as_ref(), judgement, facts) else {
                    return Fate::Vacuous;
                };
                let finding = if expectation.mode == Mode::Finally {
                    verdict.found_at_last()
                } else {
                    verdict.found_since(ns(since))
                };
                match finding {
                    Some(finding) => Fate::Broken(Breach {
                        seen: finding.message.clone(),
                        at: Duration::from_nanos(finding.at_ns),
                        event: finding.event,
                        findings: verdict.findings_total(),
                    }),
                    None if tally.total() == 0 => Fate::Vacuous,
                    None => Fate::Held,
                }
            }
            Mode::Never => {
                let Some(since) = self.resolve(expectation.after.as_ref(), judgement, facts) else {
                    return Fate::Vacuous;
                };
                let before = tally.until(ns(since));
                match tally.nth_ns(before + 1) {
                    Some(at_ns) => broken("it happened".into(), Duration::from_nanos(at_ns)),
                    None => Fate::Held,
                }
            }
            Mode::Eventually { by } => {
                let anchor = Deadline { after: by.after.clone(), delay: Duration::ZERO };
                let Some(from) = self.resolve(Some(&anchor), judgement, facts) else {
                    return broken(format!("`{}` itself never happened", in_words(by)), facts.end);
                };
                let by = from + by.delay;
                let before = if from.is_zero() { 0 } else { tally.until(ns(from)) };
                let reached = tally.until(ns(by.min(facts.end))) - before;
                match times(&expectation.claim) {
                    None if reached > 0 => Fate::Held,
                    Some(times) if reached == times => Fate::Held,
                    None => broken("not seen by then".into(), by.min(facts.end)),
                    Some(times) => broken(format!("seen {reached} times by then, not {times}"), by.min(facts.end)),
                }
            }
            Mode::Sometimes if tally.total() > 0 => Fate::Held,
            Mode::Sometimes => Fate::Vacuous,
        }
    }

    /// The virtual time that a deadline stands for in this run; none if its moment never came.
    fn resolve(&self, deadline: Option<&Deadline>, judgement: &Judgement, facts: &Facts) -> Option<Duration> {
        let Some(Deadline { after, delay }) = deadline else { return Some(Duration::ZERO) };
        let first = |tally: &Tally| tally.nth_ns(1).map(Duration::from_nanos);
        let moment = match after {
            None => Some(Duration::ZERO),
            Some(Moment::FirstIssue) => first(judgement.verdict(self.first_issue).exercised()),
            Some(Moment::Renewal) => first(judgement.verdict(self.renewal).exercised()),
            Some(Moment::Restart) => judgement.probes().get("host/restarted").and_then(first),
            Some(Moment::LastStep) => facts.last_step,
            Some(Moment::Probe(probe)) => first(&judgement.probed(|name| probe.matches(name))),
        };
        moment.map(|moment| moment + *delay)
    }
}

fn settings(law: &Law, expectation: &Expectation) -> Settings {
    // A moment that the run brings about is only known afterwards; `fate` looks at it then.
    let since_ns = match &expectation.after {
        Some(Deadline { after: None, delay }) => ns(*delay),
        Some(Deadline { after: Some(_), .. }) | None => 0,
    };
    let (at_most, per) = law.at_most();
    Settings {
        at_least: law.at_least(),
        at_most,
        per,
        perspectives: law.perspectives(),
        within: law.within(),
        margin: law.margin(),
        since_ns,
    }
}

fn times(claim: &Claim) -> Option<usize> {
    match claim {
        Claim::Law(law) => law.times().map(|times| times.get() as usize),
        Claim::Probe(_) => None,
    }
}

fn in_words(deadline: &Deadline) -> String {
    deadline.after.as_ref().map_or_else(|| "the beginning".to_owned(), ToString::to_string)
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
