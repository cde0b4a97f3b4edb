//! The laws that bind a CA, applied to a log of its events: a served CA's, or a simulated run's trace.
//!
//! A log shows what one CA has seen and done. Where a law needs more than that, or the CA was told not to do what the
//! law is about, it is not judged, and why is data: [`SERVER_LAWS`] has the needs, [`unjudged`] the other laws' reasons.

use std::{collections::BTreeSet, fmt};

use sim::trace::{Event, Observer, Record};

use super::{
    bench::{Bench, SeatId},
    law::{Finding, Settings},
    registry::{self, LAWS},
};

/// What a log must have for a law to be judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// All that happened from the CA's start on.
    Beginning,
    /// A CA that looks whether challenges are met.
    Validation,
    /// A CA that looks up CAA.
    CaaLookup,
}

impl Evidence {
    /// Why there is nothing to judge by without it.
    #[must_use]
    pub fn missing(self) -> &'static str {
        match self {
            Self::Beginning => "the log does not begin with event 1, and what the CA did before is not known",
            Self::Validation => "the CA was set up to hold every challenge for met without looking",
            Self::CaaLookup => "the CA was set up without a name server to ask (-dnsserver), and looks up no CAA",
        }
    }
}

/// A law that binds a CA.
#[derive(Clone, Copy, Debug)]
pub struct ServerLaw {
    /// Its id in the [registry].
    pub id: &'static str,
    /// Where it is written down.
    pub source: &'static str,
    /// What a log must have.
    pub needs: &'static [Evidence],
}

/// All of them, by id.
pub const SERVER_LAWS: &[ServerLaw] = &[
    ServerLaw { id: "ca.ari-window-sane", source: "RFC 9773 §4.2", needs: &[] },
    ServerLaw { id: "ca.issues-only-ordered-names", source: "RFC 8555 §7.4", needs: &[] },
    ServerLaw { id: "ca.legal-transitions", source: "RFC 8555 §7.1.6", needs: &[] },
    ServerLaw {
        id: "ca.never-issues-against-caa",
        source: "RFC 8659 §3",
        needs: &[Evidence::Beginning, Evidence::CaaLookup],
    },
    ServerLaw { id: "ca.new-key-accepted", source: "RFC 8555 §7.3.5", needs: &[] },
    ServerLaw { id: "ca.nonces-single-use", source: "RFC 8555 §6.5", needs: &[] },
    ServerLaw { id: "ca.old-key-refused", source: "RFC 8555 §7.3.5", needs: &[] },
    ServerLaw { id: "ca.order-within-authorizations", source: "RFC 8555 §7.1.3", needs: &[] },
    ServerLaw {
        id: "ca.rechecks-caa",
        source: "Baseline Requirements §3.2.2.8",
        needs: &[Evidence::Beginning, Evidence::CaaLookup],
    },
    ServerLaw {
        id: "ca.refuses-only-for-caa",
        source: "RFC 8659 §4",
        needs: &[Evidence::Beginning, Evidence::CaaLookup],
    },
    ServerLaw { id: "ca.serial-numbers", source: "RFC 5280 §4.1.2.2, Baseline Requirements §7.1", needs: &[] },
    ServerLaw {
        id: "ca.validates-before-issuing",
        source: "RFC 8555 §7.1.6, Baseline Requirements §3.2.2.4",
        needs: &[Evidence::Beginning, Evidence::Validation],
    },
];

/// The laws that are not judged here, by how their ids begin, and why a CA's log does not show it.
const UNJUDGED: &[(&str, &str)] = &[
    ("ca.certificate-lifetime", "how long its certificates last is for the CA to promise, and a log does not say it"),
    ("ca.clocks-agree", "whoever serves the CA may move its clock"),
    ("ca.issues-only-corroborated", "a log does not say how many remote perspectives the CA has"),
    ("manager.", "it binds one client, and a log may show many and never what they keep"),
    ("nodes.", "it binds whoever serves the certificates"),
    ("nonces.", "it binds one client, and a log may show many and never what they keep"),
    ("storage.", "it binds a client's disk"),
    ("visitors.", "it binds whoever serves the certificates"),
    ("world.", "it binds the simulator's hosts"),
];

/// Why the law of this id is not judged, if a CA's log does not show whether it was kept.
#[must_use]
pub fn unjudged(id: &str) -> Option<&'static str> {
    UNJUDGED.iter().find(|(beginning, _)| id.starts_with(beginning)).map(|(_, why)| *why)
}

/// A CA has broken a law.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The law.
    pub law: ServerLaw,
    /// When, where, and what was expected and found.
    pub finding: Finding,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.law.id, self.law.source, self.finding.message)
    }
}

/// How a law fared.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The law's id.
    pub id: &'static str,
    /// How often there was something to judge.
    pub judged: u64,
    /// How often it was broken.
    pub violated: u64,
    /// Why it was not judged, in words; empty if it was.
    pub unjudged: Vec<&'static str>,
}

/// What became of a whole log.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Each law of the registry, by id.
    pub rulings: Vec<Ruling>,
    /// The rules whose injected faults have struck; a violation may be what one of them was meant to be.
    pub faults: Vec<String>,
}

/// Reads a log, event by event, and says what is wrong as soon as it shows. Memory is bounded.
#[derive(Debug)]
pub struct Judge {
    bench: Bench,
    seats: Vec<(&'static ServerLaw, SeatId)>,
    missing: BTreeSet<Evidence>,
    has_begun: bool,
}

impl Default for Judge {
    fn default() -> Self {
        let bench = Bench::default();
        let seat = |law: &'static ServerLaw| {
            (law, bench.seat(law.id, Settings::default()).expect("the table's laws are the registry's"))
        };
        let seats = SERVER_LAWS.iter().map(seat).collect();
        Self { bench, seats, missing: BTreeSet::new(), has_begun: false }
    }
}

impl Judge {
    /// Takes in one event.
    pub fn take(&mut self, record: &Record) -> Vec<Violation> {
        if !std::mem::replace(&mut self.has_begun, true) && record.number != 1 {
            self.missing.insert(Evidence::Beginning);
        }
        if let Event::Probe { name, about } = &record.event
            && name == "ca/started"
        {
            let is_off = |what: &str| about.get(what).is_some_and(|word| word == "no");
            self.missing.extend(is_off("validates").then_some(Evidence::Validation));
            self.missing.extend(is_off("looks-up-caa").then_some(Evidence::CaaLookup));
        }
        self.bench.observe(record);
        self.violations(self.bench.new_findings())
    }

    /// The log is over: what could not be judged before, and how each law fared.
    #[must_use]
    pub fn finish(self) -> (Vec<Violation>, Judged) {
        let judgement = self.bench.finish(0);
        let violations = self.violations(self.bench.new_findings());
        let ruling = |entry: &registry::LawEntry| {
            let seat = self.seats.iter().find(|(law, _)| law.id == entry.id);
            let Some((law, seat)) = seat else {
                let unjudged = unjudged(entry.id).into_iter().collect();
                return Ruling { id: entry.id, judged: 0, violated: 0, unjudged };
            };
            let unjudged: Vec<_> = self.missing_for(law).map(Evidence::missing).collect();
            let verdict = judgement.verdict(*seat);
            let (judged, violated) = match unjudged.is_empty() {
                true => (verdict.exercised().total(), verdict.findings_total()),
                false => (0, 0),
            };
            Ruling { id: entry.id, judged, violated, unjudged }
        };
        let faults = judgement.probes().keys().filter_map(|name| name.strip_prefix("ca/fault/"));
        let faults = faults.map(str::to_owned).collect();
        (violations, Judged { rulings: LAWS.iter().map(ruling).collect(), faults })
    }

    fn violations(&self, findings: Vec<Finding>) -> Vec<Violation> {
        let violation = |finding: Finding| {
            let (law, _) = self.seats.iter().find(|(law, _)| law.id == finding.law)?;
            self.missing_for(law).next().is_none().then_some(Violation { law: **law, finding })
        };
        findings.into_iter().filter_map(violation).collect()
    }

    fn missing_for(&self, law: &ServerLaw) -> impl Iterator<Item = Evidence> {
        law.needs.iter().copied().filter(|need| self.missing.contains(need))
    }
}

/// Judges while things happen, and tells each violation at once.
pub struct LiveJudge {
    judge: Judge,
    tell: Box<dyn Fn(&Violation) + Send>,
}

impl LiveJudge {
    /// A judge that tells violations so.
    #[must_use]
    pub fn new(tell: impl Fn(&Violation) + Send + 'static) -> Self {
        Self { judge: Judge::default(), tell: Box::new(tell) }
    }
}

impl Observer for LiveJudge {
    fn observe(&mut self, record: &Record, _line: &str) {
        self.judge.take(record).iter().for_each(|violation| (self.tell)(violation));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::oracles::testing::{Issued, Story};

    #[test]
    fn every_law_is_judged_or_it_is_said_why_not() {
        assert!(SERVER_LAWS.is_sorted_by(|one, other| one.id < other.id));
        for entry in LAWS {
            let is_judged = SERVER_LAWS.iter().any(|law| law.id == entry.id);
            assert_ne!(is_judged, unjudged(entry.id).is_some(), "{} needs a row in server_side.rs", entry.id);
        }
    }

    fn issued_without_proof() -> Vec<Record> {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        let order = story.new_order(&["a.test"]);
        story.finalize(&["a.test"], &["a.test"], order);
        story.download(order, &Issued::new(&["a.test"], 0, 1));
        story.records
    }

    fn violated(records: &[Record]) -> Vec<&'static str> {
        let mut judge = Judge::default();
        records.iter().flat_map(|record| judge.take(record)).map(|violation| violation.law.id).collect()
    }

    /// What becomes of a law in the end.
    fn ruling(records: &[Record], law: &str) -> Ruling {
        let mut judge = Judge::default();
        records.iter().for_each(|record| drop(judge.take(record)));
        let (_, judged) = judge.finish();
        judged.rulings.into_iter().find(|ruling| ruling.id == law).unwrap()
    }

    #[test]
    fn a_violation_is_told_at_once_with_its_source() {
        let (told, hear) = std::sync::mpsc::channel();
        let mut judge = LiveJudge::new(move |violation: &Violation| told.send(violation.to_string()).unwrap());
        for record in issued_without_proof() {
            judge.observe(&record, "");
        }
        let told: Vec<String> = hear.try_iter().collect();
        let beginning = "ca.validates-before-issuing (RFC 8555 §7.1.6, Baseline Requirements §3.2.2.4): ";
        assert!(told.iter().any(|violation| violation.starts_with(beginning)), "{told:?}");
    }

    #[test]
    fn what_a_log_cannot_show_accuses_nobody() {
        let records = issued_without_proof();
        assert!(violated(&records).contains(&"ca.validates-before-issuing"));
        assert_eq!(violated(&records[1..]), Vec::<&str>::new(), "the beginning is missing");

        let about = ["validates", "looks-up-caa"].map(|what| (what.to_owned(), "no".to_owned()));
        let event = Event::Probe { name: "ca/started".to_owned(), about: BTreeMap::from(about) };
        let started = Record { number: 1, at_ns: 0, host: Some("ca".into()), event };
        let always_valid: Vec<Record> = std::iter::once(started).chain(records.clone()).collect();
        assert_eq!(violated(&always_valid), Vec::<&str>::new());

        let by_proof = |records: &[Record]| ruling(records, "ca.validates-before-issuing");
        let Ruling { judged, violated, unjudged, .. } = by_proof(&records);
        assert_eq!((judged, violated, unjudged), (1, 1, vec![]));
        for (records, why) in [
            (&records[1..], "the log does not begin with event 1, and what the CA did before is not known"),
            (&always_valid, "the CA was set up to hold every challenge for met without looking"),
        ] {
            let Ruling { judged, violated, unjudged, .. } = by_proof(records);
            assert_eq!((judged, violated, unjudged), (0, 0, vec![why]));
        }
        let Ruling { unjudged, .. } = ruling(&always_valid, "ca.never-issues-against-caa");
        let why = "the CA was set up without a name server to ask (-dnsserver), and looks up no CAA";
        assert_eq!(unjudged, [why]);
        let Ruling { unjudged, .. } = ruling(&records, "world.no-panic");
        assert_eq!(unjudged, ["it binds the simulator's hosts"]);
    }
}
