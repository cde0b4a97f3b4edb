//! [`Deadlines`]: what hosts have to do by some time, and which wait for a host that is away.

use std::{borrow::Borrow, sync::Arc, time::Duration};

use sim::trace::Event;

use super::{law::Moment, recent::Recent};

const OPEN_MAX: usize = 20_000;

/// Deadlines, by what is to be done. Each comes some time after the moment in which it is due.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    within_ns: u64,
    open: Recent<K, Deadline>,
    /// The first of them.
    next_ns: u64,
}

#[derive(Debug)]
struct Deadline {
    host: Option<Arc<str>>,
    /// Were the host never away.
    latest_ns: u64,
    deadline_ns: u64,
}

impl<K: Ord + Clone> Deadlines<K> {
    /// None yet; each is so long after what is due.
    pub(super) fn new(within: Duration) -> Self {
        let within_ns = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        Self { within_ns, open: Recent::new(OPEN_MAX), next_ns: u64::MAX }
    }

    /// How long after what is due a deadline is.
    pub(super) fn within(&self) -> Duration {
        Duration::from_nanos(self.within_ns)
    }

    /// `host` has to do it from `due_ns` on, virtual time. A former deadline for the same is no more.
    pub(super) fn set(&mut self, key: K, host: Option<Arc<str>>, due_ns: u64) {
        let latest_ns = due_ns.saturating_add(self.within_ns);
        self.open.insert(key, Deadline { host, latest_ns, deadline_ns: latest_ns });
        self.next_ns = self.next_ns.min(latest_ns);
    }

    /// It has been done, or need not be. Says whether there was a deadline for it.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.open.remove(key).is_some()
    }

    /// Those that are meant need not be met any more. Says whether there were any.
    pub(super) fn drop_those(&mut self, is_meant: impl Fn(&K) -> bool) -> bool {
        let mut were_any = false;
        self.open.retain(|key, _| {
            let is_dropped = is_meant(key);
            were_any |= is_dropped;
            !is_dropped
        });
        were_any
    }

    /// Takes it in if a host goes, which then has no deadlines, or is back, which then has the usual time at least.
    pub(super) fn follow(&mut self, event: &Event, moment: &Moment) {
        let is_back = matches!(event, Event::HostStarted { .. } | Event::HostResumed);
        if !is_back && !matches!(event, Event::HostEnded { .. } | Event::HostSuspended) {
            return;
        }
        let soon_ns = moment.at_ns.saturating_add(self.within_ns);
        let own = self.open.iter_mut().filter(|(_, deadline)| deadline.host == moment.host);
        own.for_each(|(_, deadline)| {
            deadline.deadline_ns = if is_back { deadline.latest_ns.max(soon_ns) } else { u64::MAX };
        });
        self.find_next();
    }

    /// Takes out what has been missed by `moment`, each with that moment as its host's.
    pub(super) fn take_missed(&mut self, moment: &Moment) -> Vec<(K, Moment)> {
        let mut missed = Vec::new();
        if moment.at_ns > self.next_ns {
            self.open.retain(|key, deadline| {
                let is_met = deadline.deadline_ns >= moment.at_ns;
                if !is_met {
                    missed.push((key.clone(), Moment { host: deadline.host.clone(), ..moment.clone() }));
                }
                is_met
            });
            self.find_next();
        }
        missed
    }

    fn find_next(&mut self) {
        self.next_ns = self.open.iter().map(|(_, deadline)| deadline.deadline_ns).min().unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use sim::trace::Ending;

    use super::*;

    fn missed(deadlines: &mut Deadlines<&'static str>, at_ns: u64) -> Vec<&'static str> {
        let moment = Moment { at_ns, ..Moment::default() };
        deadlines.take_missed(&moment).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn what_is_not_done_in_time_is_missed_once() {
        let mut deadlines = Deadlines::new(Duration::from_nanos(10));
        [("a", 100), ("b", 200), ("c", 100)].into_iter().for_each(|(key, due_ns)| deadlines.set(key, None, due_ns));
        assert!(deadlines.remove("c"));
        assert_eq!(missed(&mut deadlines, 110), [""; 0]);
        assert_eq!(missed(&mut deadlines, 111), ["a"]);
        assert_eq!(missed(&mut deadlines, 211), ["b"]);
    }

    #[test]
    fn whoever_is_away_misses_nothing_and_has_time_when_it_is_back() {
        let mut deadlines = Deadlines::new(Duration::from_nanos(10));
        let host: Option<Arc<str>> = Some("a".into());
        [("soon", 100), ("late", 1_000)].into_iter().for_each(|(key, due)| deadlines.set(key, host.clone(), due));
        let at = |at_ns| Moment { at_ns, host: host.clone(), ..Moment::default() };
        deadlines.follow(&Event::HostEnded { ending: Ending::Killed }, &at(50));
        assert_eq!(missed(&mut deadlines, 500), [""; 0]);
        deadlines.follow(&Event::HostStarted { incarnation: 2 }, &at(500));
        assert_eq!(missed(&mut deadlines, 510), [""; 0]);
        assert_eq!(missed(&mut deadlines, 511), ["soon"]);
        assert_eq!(missed(&mut deadlines, 1_011), ["late"]);
    }
}
