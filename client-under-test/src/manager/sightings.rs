//! [`Sightings`]: which answers to challenges somebody has come for.
//!
//! A client that sees its CA ask does not poll before (RFC 8555 §7.5.1). The CA may ask elsewhere, another host on the same
//! storage, or not at all, so nobody waits for it for long.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sim::watch;

use super::challenges::Solver;

/// The answers that are in place and waited for: by what they are asked for with, and in the order of their coming.
type Awaited = BTreeMap<(&'static str, String, u64), watch::Sender<bool>>;

/// Knows what has been asked for. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sightings(Arc<Mutex<(u64, Awaited)>>);

impl Sightings {
    /// Waits for somebody who asks for the answer with this label.
    pub(super) fn expect(&self, solver: Solver, label: &str) -> Expected {
        let (sender, seen) = watch::channel(false);
        let mut awaited = self.awaited();
        awaited.0 += 1;
        let key = (solver.name(), label.to_owned(), awaited.0);
        awaited.1.insert(key.clone(), sender);
        Expected { sightings: self.clone(), key, seen }
    }

    /// Somebody has asked for it.
    pub(super) fn saw(&self, solver: Solver, label: &str) {
        let of_label = |number| (solver.name(), label.to_owned(), number);
        for (_, sender) in self.awaited().1.range(of_label(0)..=of_label(u64::MAX)) {
            sender.send_replace(true);
        }
    }

    fn awaited(&self) -> MutexGuard<'_, (u64, Awaited)> {
        // No change to it can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that somebody is to come for, until it is dropped.
#[derive(Debug)]
pub(super) struct Expected {
    sightings: Sightings,
    key: (&'static str, String, u64),
    seen: watch::Receiver<bool>,
}

impl Expected {
    /// Waits until somebody has come.
    pub(super) async fn seen(&self) {
        drop(self.seen.clone().wait_for(|seen| *seen).await);
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.sightings.awaited().1.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// RFC 8555 §7.5.1.
    #[tokio::test]
    async fn an_answer_is_awaited_until_it_is_asked_for_and_no_other_one_counts() {
        let sightings = Sightings::default();
        let [one, same] = [(); 2].map(|()| sightings.expect(Solver::Http01, "abc"));
        let other = sightings.expect(Solver::TlsAlpn01, "abc");
        sightings.saw(Solver::Http01, "ab");
        assert_eq!(one.seen().now_or_never(), None);
        sightings.saw(Solver::Http01, "abc");
        assert_eq!([&one, &same, &other].map(|one| one.seen().now_or_never()), [Some(()), Some(()), None]);
        drop((one, same, other));
        assert!(sightings.awaited().1.is_empty());
    }
}
