//! The bench: where laws sit and watch a run.
//!
//! The trace owns its observers, and the world owns the trace; so a bench is a handle that shares its
//! state, one clone observing and another telling the judgement after the world has gone.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sim::trace::{Event, Observer, Record};

use super::{
    law::{Finding, Law, Moment, Seen, Settings, Tally, Verdict},
    marks,
    reader::{Reader, Reading, Sight},
    registry,
};

/// How many names of probes are told apart.
const PROBES_MAX: usize = 10_000;

/// A law's place on its bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeatId(usize);

/// No law has this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no law `{0}`")]
pub struct UnknownLaw(pub String);

/// Laws watching one run. Clones share it.
#[derive(Clone, Default)]
pub struct Bench {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    reader: Reader,
    epoch_s: Option<i64>,
    last: Moment,
    seats: Vec<Seat>,
    probes: BTreeMap<String, Tally>,
    is_finished: bool,
}

struct Seat {
    law: Box<dyn Law>,
    verdict: Verdict,
    /// How many of its findings have been told as new ones.
    told: u64,
}

/// What a bench has to say of a run.
#[derive(Clone, Debug)]
pub struct Judgement {
    verdicts: Vec<Verdict>,
    probes: BTreeMap<String, Tally>,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bench({} laws)", self.lock().seats.len())
    }
}

impl Bench {
    /// Seats the law with this id. It judges what happens from now on.
    ///
    /// # Errors
    /// [`UnknownLaw`] if no law is called so.
    pub fn seat(&self, id: &str, settings: Settings) -> Result<SeatId, UnknownLaw> {
        let entry = registry::find(id).ok_or_else(|| UnknownLaw(id.to_owned()))?;
        let mut shared = self.lock();
        shared.seats.push(Seat { law: (entry.make)(settings), verdict: Verdict::new(entry.id, settings), told: 0 });
        Ok(SeatId(shared.seats.len() - 1))
    }

    /// Takes in one event.
    pub fn observe(&self, record: &Record) {
        self.lock().observe(record);
    }

    /// How often a law has had something to judge so far.
    ///
    /// # Panics
    /// If the seat is another bench's.
    #[must_use]
    pub fn exercised(&self, seat: SeatId) -> u64 {
        self.lock().seats.get(seat.0).expect("a seat is used with the bench that gave it").verdict.exercised().total()
    }

    /// What was found since this was last asked; among very many, the last one for the rest.
    #[must_use]
    pub fn new_findings(&self) -> Vec<Finding> {
        let mut shared = self.lock();
        let mut new = Vec::new();
        for Seat { verdict, told, .. } in &mut shared.seats {
            if *told < verdict.findings_total() {
                new.extend(verdict.findings_after(*told).cloned());
                *told = verdict.findings_total();
            }
        }
        new
    }

    /// The run is over at `at_ns` of virtual time. May be called again; the laws finish once.
    #[must_use]
    pub fn finish(&self, at_ns: u64) -> Judgement {
        let mut shared = self.lock();
        shared.finish(at_ns);
        Judgement {
            verdicts: shared.seats.iter().map(|seat| seat.verdict.clone()).collect(),
            probes: shared.probes.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Bench {
    fn observe(&mut self, record: &Record, _line: &str) {
        Bench::observe(self, record);
    }
}

impl Judgement {
    /// The verdict of a seat.
    ///
    /// # Panics
    /// If the seat is another bench's.
    #[must_use]
    pub fn verdict(&self, seat: SeatId) -> &Verdict {
        self.verdicts.get(seat.0).expect("a seat is used with the bench that gave it")
    }

    /// All verdicts, in the order of seating.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// How often each probe fired and each mark was reached, by name.
    #[must_use]
    pub fn probes(&self) -> &BTreeMap<String, Tally> {
        &self.probes
    }

    /// How often the probes and marks of these names fired, together.
    #[must_use]
    pub fn probed(&self, is_meant: impl Fn(&str) -> bool) -> Tally {
        let meant = self.probes.iter().filter(|(name, _)| is_meant(name));
        meant.fold(Tally::default(), |all, (_, tally)| all.and(tally))
    }
}

impl Shared {
    fn observe(&mut self, record: &Record) {
        if let Event::World { epoch, .. } = &record.event {
            self.epoch_s = time::UtcDateTime::parse(epoch, &time::format_description::well_known::Rfc3339)
                .ok()
                .map(|epoch| epoch.unix_timestamp());
        }
        let moment = Moment {
            number: record.number,
            at_ns: record.at_ns,
            utc_s: self.utc_s(record.at_ns),
            host: record.host.clone(),
        };
        let Reading { steps, visit, dns } = self.reader.read(record);
        self.show(&moment, Sight::Event(&record.event));
        for step in &steps {
            self.show(&moment, Sight::Step(step));
        }
        if let Some(visit) = &visit {
            self.show(&moment, Sight::Visit(visit));
        }
        if let Some(message) = &dns {
            self.show(&moment, Sight::Dns(message));
        }
        self.last = moment;
    }

    fn show(&mut self, moment: &Moment, sight: Sight<'_>) {
        let seen = Seen { moment, sight };
        for name in marks::of(&seen) {
            if let Some(tally) = self.probes.get_mut(name.as_ref()) {
                tally.count(moment.at_ns);
            } else if self.probes.len() < PROBES_MAX {
                self.probes.entry(name.into_owned()).or_default().count(moment.at_ns);
            }
        }
        for seat in &mut self.seats {
            seat.law.observe(&seen, &mut seat.verdict);
        }
    }

    fn finish(&mut self, at_ns: u64) {
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        let at_ns = at_ns.max(self.last.at_ns);
        let end = Moment { number: self.last.number, at_ns, utc_s: self.utc_s(at_ns), host: None };
        for seat in &mut self.seats {
            seat.law.finish(&end, &mut seat.verdict);
        }
    }

    fn utc_s(&self, at_ns: u64) -> Option<i64> {
        let elapsed_s = i64::try_from(at_ns / 1_000_000_000).unwrap_or(i64::MAX);
        self.epoch_s.map(|epoch| epoch.saturating_add(elapsed_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::Story;

    #[test]
    fn the_judgement_outlives_the_trace() {
        let bench = Bench::default();
        let seat = bench.seat("world.no-panic", Settings::default()).unwrap();
        {
            let mut trace = sim::trace::Trace::default();
            trace.add_observer(Box::new(bench.clone()));
            trace.record(5, Some("m".into()), Event::Panic { task: "t".into(), message: "boom".into() });
            trace.record(6, None, Event::probe("ari-answer/rejected"));
        }
        let judgement = bench.finish(7);
        let finding = &judgement.verdict(seat).findings()[0];
        assert_eq!((finding.law, finding.at_ns, finding.event), ("world.no-panic", 5, 1));
        let probed = |name: &str| judgement.probed(|probe| probe.starts_with(name)).total();
        assert_eq!((probed("ari-answer/"), probed("ari-answers")), (1, 0));
    }

    #[test]
    fn an_unknown_law_is_named() {
        let refused = Bench::default().seat("world.no-panics", Settings::default());
        assert_eq!(refused.unwrap_err().to_string(), "there is no law `world.no-panics`");
    }

    #[test]
    fn marks_count_what_happened_without_a_probe() {
        let mut story = Story::new();
        let certificate = story.issuance(&["a.test"], 90);
        story.visit("a.test", &certificate);
        let bench = Bench::default();
        story.records.iter().for_each(|record| bench.observe(record));
        let judgement = bench.finish(0);
        for mark in ["acme/new-order/ok", "acme/certificate/ok", "visitor/served", "validation/http-01"] {
            assert_eq!(judgement.probes()[mark].total(), 1, "{mark}: {:?}", judgement.probes().keys());
        }
    }

    #[test]
    fn what_is_found_is_new_once() {
        let bench = Bench::default();
        let seats = ["world.no-deadlock", "world.no-panic"].map(|law| bench.seat(law, Settings::default()).unwrap());
        let panic = |number| {
            let event = Event::Panic { task: "t".into(), message: "boom".into() };
            Record { number, at_ns: number, host: None, event }
        };
        let new = || bench.new_findings().iter().map(|finding| finding.event).collect::<Vec<_>>();
        bench.observe(&panic(1));
        assert_eq!((new(), new()), (vec![1], vec![]));
        bench.observe(&panic(2));
        bench.observe(&panic(3));
        assert_eq!((new(), new()), (vec![2, 3], vec![]));

        let judgement = bench.finish(3);
        let laws = judgement.verdicts().iter().map(Verdict::law);
        assert_eq!(laws.collect::<Vec<_>>(), ["world.no-deadlock", "world.no-panic"]);
        assert_eq!(seats.map(|seat| judgement.verdict(seat).findings_total()), [0, 3]);
    }
}
