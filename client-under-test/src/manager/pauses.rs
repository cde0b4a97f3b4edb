//! [`Pauses`]: failures outlive whoever looked after a name.
//!
//! A name on demand is let go to make room for another, and comes back with its next visitor. What it failed with at each CA is
//! kept meanwhile, so that its back-off goes on where it was, and visitors can't make it order at each visit. So it is with a
//! name that leaves the operator's list and returns. How many names are kept is bounded: of too many, the one goes whose
//! pause ends first. Nothing is kept over a restart.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::turns::Pause;
use crate::name::Name;

/// The most names that are kept.
const KEPT_MAX: usize = 10_000;

/// The pauses of names that nobody looks after at this moment, one for each CA. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pauses(Arc<Mutex<BTreeMap<Name, Vec<Pause>>>>);

impl Pauses {
    /// The pauses of `name`, which are not kept any longer.
    pub(super) fn take(&self, name: &Name) -> Option<Vec<Pause>> {
        self.map().remove(name)
    }

    /// Keeps the pauses of `name`, if anything has failed.
    pub(super) fn keep(&self, name: &Name, pauses: Vec<Pause>) {
        self.keep_of_at_most(KEPT_MAX, name, pauses);
    }

    fn keep_of_at_most(&self, most: usize, name: &Name, pauses: Vec<Pause>) {
        let mut map = self.map();
        if end(&pauses).is_none() {
            return;
        }
        map.insert(name.clone(), pauses);
        if map.len() > most {
            let first = map.iter().min_by_key(|(_, pauses)| end(pauses)).map(|(name, _)| name.clone());
            first.map(|first| map.remove(&first));
        }
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Name, Vec<Pause>>> {
        // Each change is a single insertion or removal, so a panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the last of them ends; `None` if nothing has failed.
fn end(pauses: &[Pause]) -> Option<sim::Monotonic> {
    pauses.iter().filter_map(Pause::until).max()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        acme::certificate::tests::env,
        manager::backoff::{Backoff, Failure},
    };

    fn failed(seconds: u64) -> Vec<Pause> {
        let mut pause = Pause::new(Backoff::make(&[Duration::from_secs(seconds), Duration::from_secs(2 * seconds)]));
        pause.begin(&env(), Failure::Other, None);
        vec![pause]
    }

    #[tokio::test(start_paused = true)]
    async fn a_back_off_goes_on_where_it_was() {
        let (pauses, name) = (Pauses::default(), "a.test".parse().unwrap());
        pauses.keep(&name, failed(60));
        let mut kept = pauses.take(&name).unwrap();
        assert!(pauses.take(&name).is_none());
        let env = env();
        let now = env.monotonic_now();
        kept[0].begin(&env, Failure::Other, None);
        let wait = kept[0].until().unwrap().since(now);
        assert!(wait >= Duration::from_secs(120), "{wait:?} is the first wait once more");
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_names_that_goes_whose_pause_ends_first() {
        let pauses = Pauses::default();
        let name = |text: &str| text.parse::<Name>().unwrap();
        for (text, seconds) in [("a.test", 120), ("b.test", 60), ("c.test", 180)] {
            pauses.keep_of_at_most(2, &name(text), failed(seconds));
        }
        pauses.keep_of_at_most(2, &name("d.test"), vec![Pause::new(Backoff::make(&[Duration::from_secs(9)]))]);
        let kept = ["a.test", "b.test", "c.test", "d.test"].map(|text| pauses.take(&name(text)).is_some());
        assert_eq!(kept, [true, false, true, false]);
    }
}
