//! Snapshots: what the CA remembers at a moment, kept under a name to go back to as often as a test wants.
//!
//! A snapshot has everything in the store but the nonces, and how the clock stands to the host's: whether it is frozen,
//! and how far it was moved. The dice are never set back, so that no nonce, URL or serial number is given out twice: a
//! client that still holds something of what was undone is told that it does not exist. Equal seeds and equal calls
//! from the start, those to snapshots included, still give equal answers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sim::{Env, UtcDateTime, trace::Event};

use crate::{Ca, finalization, nonces::Nonces, store::Store, validation};

/// Each is a copy of the whole store.
const SNAPSHOTS_MAX: usize = 16;

/// All snapshots of a CA, by name.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<BTreeMap<String, Snapshot>>);

#[derive(Debug)]
struct Snapshot {
    taken: UtcDateTime,
    clock: sim::Setting,
    store: Store,
}

/// There are as many snapshots as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {SNAPSHOTS_MAX} snapshots already")]
pub struct TooManySnapshots;

impl Snapshots {
    /// The names, each with when it was taken, by the CA's clock.
    pub(crate) fn list(&self) -> Vec<(String, UtcDateTime)> {
        self.all().iter().map(|(name, snapshot)| (name.clone(), snapshot.taken)).collect()
    }

    /// Whether there was one of this name.
    pub(crate) fn remove(&self, name: &str) -> bool {
        self.all().remove(name).is_some()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ca {
    /// Keeps the present under a name; what was kept under it is forgotten.
    pub(crate) fn take_snapshot(&self, env: &Env, name: &str) -> Result<(), TooManySnapshots> {
        let mut all = self.snapshots().all();
        if all.len() >= SNAPSHOTS_MAX && !all.contains_key(name) {
            return Err(TooManySnapshots);
        }
        let store = self.with_store(|store| Store { nonces: Nonces::new(1, None), ..store.clone() });
        let snapshot = Snapshot { taken: env.utc_now(), clock: self.clock().setting(), store };
        all.insert(name.to_owned(), snapshot);
        env.probe_about("ca/snapshot-taken", || [("name", name.to_owned())]);
        Ok(())
    }

    /// Goes back to what was kept under a name. What was being validated and issued then begins again, as after a crash.
    /// Whether there is such a snapshot.
    pub(crate) fn restore_snapshot(&self, env: &Env, name: &str) -> bool {
        let all = self.snapshots().all();
        let Some(Snapshot { clock, store, .. }) = all.get(name) else { return false };
        self.clock().restore(*clock);
        self.with_store(|present| {
            let nonces = std::mem::replace(&mut present.nonces, Nonces::new(1, None));
            *present = Store { nonces, ..store.clone() };
            // In the same step, so that nothing that is asked afterwards is recorded before it.
            env.record(Event::SetBack { what: format!("the CA, to the snapshot {name}") });
        });
        env.probe_about("ca/snapshot-restored", || [("name", name.to_owned())]);
        validation::resume(self, env);
        finalization::resume(self, env);
        true
    }
}
