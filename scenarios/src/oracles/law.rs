//! What a law is: it watches what the reader sees and writes its verdict.
//!
//! A law holds only the state it judges by; its verdict, with findings bounded in number, belongs to
//! the [bench](super::Bench). Laws have no configuration but [`Settings`], so that a scenario file can
//! name every one of them.

use std::{sync::Arc, time::Duration};

use sim::trace::Event;

use super::reader::{Sight, dns, step::Step, visit::Visit};

/// How many findings are kept in words; the rest is counted.
const FINDINGS_MAX: usize = 20;
/// How many times of a tally are kept.
const TALLY_TIMES_MAX: usize = 1_000;

/// A rule that a run keeps or breaks.
pub trait Law: Send {
    /// Looks at what happened.
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict);

    /// The run is over: judges what could not be judged before. `end` shows the end's number and time only.
    fn finish(&mut self, _end: &Moment, _verdict: &mut Verdict) {}
}

/// When and where.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// The event's number.
    pub number: u64,
    /// Virtual time since the world began, nanoseconds.
    pub at_ns: u64,
    /// True time, Unix seconds; none before the world has told its epoch.
    pub utc_s: Option<i64>,
    /// The host concerned.
    pub host: Option<Arc<str>>,
}

/// What a law is shown.
#[derive(Debug)]
pub struct Seen<'a> {
    /// When and where.
    pub moment: &'a Moment,
    /// What.
    pub sight: Sight<'a>,
}

impl<'a> Seen<'a> {
    /// The event, if this is one.
    #[must_use]
    pub fn event(&self) -> Option<&'a Event> {
        if let Sight::Event(event) = self.sight { Some(event) } else { None }
    }

    /// The step, if this is one.
    #[must_use]
    pub fn step(&self) -> Option<&'a Step> {
        if let Sight::Step(step) = self.sight { Some(step) } else { None }
    }

    /// The visit, if this is one.
    #[must_use]
    pub fn visit(&self) -> Option<&'a Visit> {
        if let Sight::Visit(visit) = self.sight { Some(visit) } else { None }
    }

    /// The DNS message, if this is one.
    #[must_use]
    pub fn dns(&self) -> Option<&'a dns::Message> {
        if let Sight::Dns(message) = self.sight { Some(message) } else { None }
    }

    /// The host whose life ends here, if one does.
    #[must_use]
    pub fn host_ended(&self) -> Option<&'a str>
    where
        Self: 'a,
    {
        match self.event() {
            Some(Event::HostEnded { .. }) => self.moment.host.as_deref(),
            Some(_) | None => None,
        }
    }
}

/// What a scenario may set on a law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The least gap, for laws about gaps; the law's own default if none.
    pub at_least: Option<Duration>,
    /// The most that may happen, for laws about counts; no limit if none.
    pub at_most: Option<u32>,
    /// The stretch of time that `at_most` is about; the whole run if none.
    pub per: Option<Duration>,
    /// The longest that something may take, for laws about durations; the law's own limit if none.
    pub within: Option<Duration>,
    /// How much earlier than necessary, for laws about deadlines.
    pub margin: Duration,
    /// Findings before this virtual time don't count.
    pub since_ns: u64,
}

/// A law was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The law's id.
    pub law: &'static str,
    /// Virtual time, nanoseconds.
    pub at_ns: u64,
    /// The number of the event that gave it away; the last one's for what is judged at the end.
    pub event: u64,
    /// The host concerned.
    pub host: Option<Arc<str>>,
    /// What was expected and what was found.
    pub message: String,
}

/// How often something happened, and when the first times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    total: u64,
    at_ns: Vec<u64>,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, at_ns: u64) {
        self.total += 1;
        if self.at_ns.len() < TALLY_TIMES_MAX {
            self.at_ns.push(at_ns);
        }
    }

    /// How often in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// This one and another together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.total += other.total;
        self.at_ns.extend(&other.at_ns);
        self.at_ns.sort_unstable();
        self.at_ns.truncate(TALLY_TIMES_MAX);
        self
    }

    /// How often until a virtual time; only the first thousand times are told apart.
    #[must_use]
    pub fn until(&self, at_ns: u64) -> usize {
        self.at_ns.iter().take_while(|at| **at <= at_ns).count()
    }

    /// When it happened for the `nth` time, counted from 1.
    #[must_use]
    pub fn nth_ns(&self, nth: usize) -> Option<u64> {
        self.at_ns.get(nth.checked_sub(1)?).copied()
    }
}

/// What a law has found.
#[derive(Clone, Debug)]
pub struct Verdict {
    law: &'static str,
    since_ns: u64,
    findings: Vec<Finding>,
    findings_total: u64,
    /// The last finding, also when there were too many to keep.
    last: Option<Finding>,
    exercised: Tally,
    /// The number of the event that last gave it something to judge.
    exercised_last: u64,
}

impl Verdict {
    pub(super) fn new(law: &'static str, settings: Settings) -> Self {
        Self {
            law,
            since_ns: settings.since_ns,
            findings: Vec::new(),
            findings_total: 0,
            last: None,
            exercised: Tally::default(),
            exercised_last: 0,
        }
    }

    /// The law's id.
    #[must_use]
    pub fn law(&self) -> &'static str {
        self.law
    }

    /// The first findings.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// A finding from this virtual time on, if there is one: the first, or, among very many, the last.
    #[must_use]
    pub fn found_since(&self, since_ns: u64) -> Option<&Finding> {
        self.findings.iter().chain(&self.last).find(|finding| finding.at_ns >= since_ns)
    }

    /// The findings after the first so many of all: those that are kept, or else the last.
    pub(super) fn findings_after(&self, told: u64) -> impl Iterator<Item = &Finding> {
        let told = usize::try_from(told).unwrap_or(usize::MAX);
        let kept = self.findings.get(told..).unwrap_or_default();
        kept.iter().chain(self.last.iter().filter(move |_| kept.is_empty()))
    }

    /// What was found when the law last had something to judge, or at the end of the run; none if all was well then.
    #[must_use]
    pub fn found_at_last(&self) -> Option<&Finding> {
        self.last.as_ref().filter(|finding| finding.event >= self.exercised_last)
    }

    /// How many findings there were, those not kept included.
    #[must_use]
    pub fn findings_total(&self) -> u64 {
        self.findings_total
    }

    /// How often the law had something to judge; for a milestone, how often it was reached.
    #[must_use]
    pub fn exercised(&self) -> &Tally {
        &self.exercised
    }

    /// The law had something to judge, or its milestone was reached.
    pub fn exercise(&mut self, moment: &Moment) {
        self.exercised.count(moment.at_ns);
        self.exercised_last = moment.number;
    }

    /// The law was broken.
    pub fn find(&mut self, moment: &Moment, message: impl Into<String>) {
        if moment.at_ns < self.since_ns {
            return;
        }
        self.findings_total += 1;
        let finding = Finding {
            law: self.law,
            at_ns: moment.at_ns,
            event: moment.number,
            host: moment.host.clone(),
            message: message.into(),
        };
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding.clone());
        }
        self.last = Some(finding);
    }
}

/// A duration in the words of a scenario file, the two largest units: `1d 6h`, `90s`.
#[must_use]
pub fn in_words(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let mut left = ms;
    let mut parts = Vec::new();
    for (unit, name) in units {
        if left >= unit && parts.len() < 2 {
            parts.push(format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_bounded_but_counted() {
        let mut verdict = Verdict::new("x", Settings { since_ns: 5, ..Settings::default() });
        for at_ns in 0..105 {
            verdict.find(&Moment { at_ns, ..Moment::default() }, "wrong");
        }
        assert_eq!((verdict.findings().len(), verdict.findings_total()), (FINDINGS_MAX, 100));
        assert_eq!(verdict.findings()[0].at_ns, 5);
    }

    #[test]
    fn among_very_many_findings_a_late_one_is_still_seen() {
        let mut verdict = Verdict::new("x", Settings::default());
        for at_ns in 0..100 {
            verdict.find(&Moment { at_ns, ..Moment::default() }, "wrong");
        }
        let found_at = |since_ns| verdict.found_since(since_ns).map(|finding| finding.at_ns);
        assert_eq!((found_at(3), found_at(50), found_at(100)), (Some(3), Some(99), None));
    }

    #[test]
    fn what_was_well_when_last_judged_was_well_at_last() {
        let mut verdict = Verdict::new("x", Settings::default());
        let at = |number| Moment { number, at_ns: number, ..Moment::default() };
        verdict.exercise(&at(1));
        verdict.find(&at(1), "wrong");
        assert!(verdict.found_at_last().is_some());
        verdict.exercise(&at(2));
        assert_eq!(verdict.found_at_last(), None);
        verdict.find(&at(2), "missing at the end");
        assert!(verdict.found_at_last().is_some());
    }

    #[test]
    fn a_tally_tells_when_it_happened() {
        let mut tally = Tally::default();
        [3, 5, 9].into_iter().for_each(|at| tally.count(at));
        assert_eq!(
            (tally.total(), tally.until(5), tally.nth_ns(3), tally.nth_ns(4), tally.nth_ns(0)),
            (3, 2, Some(9), None, None)
        );
    }

    #[test]
    fn durations_read_as_in_a_scenario_file() {
        for (seconds, words) in [(90, "1m 30s"), (86_400 + 6 * 3_600 + 5, "1d 6h"), (59, "59s")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
        assert_eq!(in_words(Duration::from_millis(250)), "250ms");
    }
}
