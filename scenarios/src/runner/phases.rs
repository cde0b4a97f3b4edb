//! From when to when the phases of a run lasted, as its laws and probes tell.
//!
//! A phase that an exchange with a CA makes has a minute more at both ends, for what is read before and written after.

use std::{collections::BTreeMap, time::Duration};

use crate::{language::CrashPhase, oracles::Tally};

/// A phase is so much longer than what it is named after, at both ends.
const MARGIN: Duration = Duration::from_secs(60);

/// So long before a storage's lock is held it is being taken, and so long after it is let go it is being removed.
const LOCK_MARGIN: Duration = Duration::from_secs(1);

/// A time of a run, with both ends.
pub(super) type Stretch = (Duration, Duration);

/// What tells the phases of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landmarks<'a> {
    /// First certificates.
    pub(super) obtained: &'a Tally,
    /// Renewed ones.
    pub(super) renewed: &'a Tally,
    /// Every probe and mark.
    pub(super) probes: &'a BTreeMap<String, Tally>,
}

impl Landmarks<'_> {
    /// When a phase was; never, if the run did not get to its end.
    pub(super) fn stretches(&self, phase: CrashPhase) -> Vec<Stretch> {
        let after_first_issue = || Some(nth(self.obtained, 1)? + MARGIN);
        let once = |stretch: Option<Stretch>| stretch.into_iter().collect();
        match phase {
            CrashPhase::FirstIssue => once(after_first_issue().map(|end| (Duration::ZERO, end))),
            CrashPhase::Renewal => once(self.renewal()),
            CrashPhase::KeyRollover => {
                let begun = self.first_since("manager/rollover-begun", Duration::ZERO);
                let changed = begun.and_then(|begun| self.first_since("manager/account-key-changed", begun));
                once(begun.zip(changed).map(|(begun, changed)| with_margin(begun, changed)))
            }
            CrashPhase::AriUpdate => {
                let polled = after_first_issue().and_then(|since| self.first_since("manager/ari-polled", since));
                once(polled.map(|at| with_margin(at, at)))
            }
            CrashPhase::StapleRefresh => {
                let stapled = after_first_issue().and_then(|since| self.first_since("manager/stapled", since));
                once(stapled.map(|at| with_margin(at, at)))
            }
            CrashPhase::Lock => {
                let held = self.all("manager/storage-lock-held");
                held.map(|at| (at.saturating_sub(LOCK_MARGIN), at)).collect()
            }
            CrashPhase::Unlock => self.all("manager/storage-lock-released").map(|at| (at, at + LOCK_MARGIN)).collect(),
            CrashPhase::Cleaning => {
                let removed = self.first_since("manager/expired-set-removed", Duration::ZERO);
                once(removed.map(|at| with_margin(at, at)))
            }
            CrashPhase::Repair => {
                let found = ["manager/quarantined", "manager/storage-mended"];
                let found = found.iter().filter_map(|probe| self.first_since(probe, Duration::ZERO)).min();
                let stored = found.and_then(|found| self.first_since("manager/certificate-stored", found));
                once(found.zip(stored).map(|(found, stored)| with_margin(found, stored)))
            }
        }
    }

    fn renewal(&self) -> Option<Stretch> {
        let renewed = nth(self.renewed, 1)?;
        let orders = self.probes.get("acme/new-order/ok")?;
        // The order that led to it was the last before it.
        let ordered = nth(orders, orders.until(ns(renewed)))?;
        Some(with_margin(ordered, renewed))
    }

    fn first_since(&self, probe: &str, since: Duration) -> Option<Duration> {
        self.all(probe).find(|at| *at >= since)
    }

    fn all(&self, probe: &str) -> impl Iterator<Item = Duration> {
        let tally = self.probes.get(probe);
        (1..).map_while(move |number| nth(tally?, number))
    }
}

fn with_margin(from: Duration, to: Duration) -> Stretch {
    (from.saturating_sub(MARGIN), to + MARGIN)
}

fn nth(tally: &Tally, number: usize) -> Option<Duration> {
    tally.nth_ns(number).map(Duration::from_nanos)
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[u64]) -> Tally {
        let mut tally = Tally::default();
        seconds.iter().for_each(|s| tally.count(s * 1_000_000_000));
        tally
    }

    /// In seconds, with a first certificate at 100, and a second at 5000 if it is renewed.
    fn stretches(phase: CrashPhase, renewed: &[u64], probes: &[(&str, &[u64])]) -> Vec<(u64, u64)> {
        let probes = probes.iter().map(|(name, seconds)| ((*name).to_owned(), at(seconds))).collect();
        let landmarks = Landmarks { obtained: &at(&[100]), renewed: &at(renewed), probes: &probes };
        landmarks.stretches(phase).iter().map(|(from, to)| (from.as_secs(), to.as_secs())).collect()
    }

    #[test]
    fn a_renewal_begins_before_its_own_order() {
        let orders: &[(&str, &[u64])] = &[("acme/new-order/ok", &[90, 4_000, 4_990, 6_000])];
        assert_eq!(stretches(CrashPhase::Renewal, &[5_000], orders), [(4_930, 5_060)]);
        assert_eq!(stretches(CrashPhase::Renewal, &[], orders), []);
        assert_eq!(stretches(CrashPhase::FirstIssue, &[], orders), [(0, 160)]);
    }

    #[test]
    fn what_belongs_to_the_first_issue_is_no_update_and_no_refresh() {
        let probes: &[(&str, &[u64])] = &[("manager/ari-polled", &[101, 3_700]), ("manager/stapled", &[102])];
        assert_eq!(stretches(CrashPhase::AriUpdate, &[], probes), [(3_640, 3_760)]);
        assert_eq!(stretches(CrashPhase::StapleRefresh, &[], probes), []);
    }

    #[test]
    fn each_lock_is_taken_and_let_go() {
        let probes: &[(&str, &[u64])] =
            &[("manager/storage-lock-held", &[10, 20]), ("manager/storage-lock-released", &[15, 25])];
        assert_eq!(stretches(CrashPhase::Lock, &[], probes), [(9, 10), (19, 20)]);
        assert_eq!(stretches(CrashPhase::Unlock, &[], probes), [(15, 16), (25, 26)]);
    }

    #[test]
    fn what_was_not_finished_is_no_phase() {
        let begun: &[(&str, &[u64])] = &[("manager/rollover-begun", &[200]), ("manager/account-key-changed", &[150])];
        assert_eq!(stretches(CrashPhase::KeyRollover, &[], begun), []);
        let found: &[(&str, &[u64])] =
            &[("manager/certificate-stored", &[99, 400]), ("manager/storage-mended", &[300])];
        assert_eq!(stretches(CrashPhase::Repair, &[], found), [(240, 460)]);
        assert_eq!(stretches(CrashPhase::Repair, &[], &found[..1]), []);
        assert_eq!(stretches(CrashPhase::Cleaning, &[], &[("manager/expired-set-removed", &[500])]), [(440, 560)]);
    }
}
