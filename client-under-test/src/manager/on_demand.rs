//! On-demand TLS: a name's certificate is obtained when the first visitor asks for it.
//!
//! Who asks first leads: a keeper is set to work on the name, and whoever asks meanwhile waits for the same
//! attempt. After a failure nobody waits and nothing is ordered on a visitor's behalf: the keeper goes on by its own
//! back-off. No more names are looked after than the capacity allows; of those that have no order open, the one that
//! was taken up first is let go for a new one, and storage has its certificate for the next visitor. While all are
//! busy, a new visitor waits for room.
//!
//! A name that the operator has not allowed costs nothing: no task, no disk, no CA.

use std::{
    collections::{BTreeSet, VecDeque},
    convert::Infallible,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use sim::{Env, Task, watch};

use super::{
    cache::CertificateCache,
    config::Settings,
    issue::Issuer,
    maintenance::{Keeper, Standing},
};
use crate::name::{Name, Names, NotAName};

/// Which names get a certificate when a visitor asks for them, and how many at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDemand {
    /// The names; a wildcard allows each name one label below.
    pub allowed: Vec<String>,
    /// How many of them are looked after at a time.
    pub capacity: NonZeroUsize,
}

/// An [`OnDemand`] that has been understood.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    allowed: BTreeSet<Name>,
    capacity: NonZeroUsize,
}

impl TryFrom<OnDemand> for Policy {
    type Error = NotAName;

    fn try_from(on_demand: OnDemand) -> Result<Self, NotAName> {
        let allowed = on_demand.allowed.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        Ok(Self { allowed, capacity: on_demand.capacity })
    }
}

impl Policy {
    fn allows(&self, name: &Name) -> bool {
        self.allowed.contains(name) || name.wildcard().is_some_and(|wildcard| self.allowed.contains(&wildcard))
    }
}

/// Looks after the names that visitors have asked for.
#[derive(Debug)]
pub(super) struct Keepers {
    env: Env,
    policy: Policy,
    issuer: Arc<Issuer>,
    cache: Arc<dyn CertificateCache>,
    settings: Arc<Settings>,
    /// In the order in which they were taken up.
    kept: Mutex<VecDeque<Kept>>,
}

/// What there is for a name that a visitor asks for.
enum Found {
    /// Its keeper.
    Kept(watch::Receiver<Standing>),
    /// A new keeper, for which this one has to go.
    InPlaceOf(Kept, watch::Receiver<Standing>),
    /// There is no room while this one is busy.
    NoRoom(watch::Receiver<Standing>),
}

#[derive(Debug)]
struct Kept {
    name: Name,
    standing: watch::Receiver<Standing>,
    keeping: Task<Infallible>,
}

impl Keepers {
    pub(super) fn new(
        policy: Policy,
        issuer: Arc<Issuer>,
        cache: Arc<dyn CertificateCache>,
        settings: Arc<Settings>,
    ) -> Self {
        Self { env: issuer.env.clone(), policy, issuer, cache, settings, kept: Mutex::default() }
    }

    /// Returns once `name` is served, or will not be for now.
    pub(super) async fn take_up(&self, name: &str) {
        let Ok(name) = name.parse::<Name>() else { return };
        if name.is_wildcard() || !self.policy.allows(&name) {
            return;
        }
        let mut standing = loop {
            match self.keeper(&name) {
                Found::Kept(standing) => break standing,
                Found::InPlaceOf(let_go, standing) => {
                    drop(let_go.keeping);
                    self.cache.remove(&let_go.name).await;
                    self.env.probe("manager/evicted");
                    break standing;
                }
                Found::NoRoom(mut busy) => {
                    self.env.probe("manager/waits-for-room");
                    drop(busy.wait_for(|standing| !standing.is_busy()).await);
                }
            }
        };
        // A keeper that has been let go leaves its last word.
        drop(standing.wait_for(|standing| *standing != Standing::Obtaining).await);
    }

    /// The name's keeper. If there is none, one is set to work, if need be in the place of another. Who has an order
    /// open at the CA is not let go, so that none is left behind.
    fn keeper(&self, name: &Name) -> Found {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().find(|kept| kept.name == *name) {
            return Found::Kept(known.standing.clone());
        }
        let mut let_go = None;
        if kept.len() >= self.policy.capacity.get() {
            let idle = kept.iter().position(|kept| !kept.standing.borrow().is_busy());
            let_go = idle.and_then(|idle| kept.remove(idle));
            if let (None, Some(first)) = (&let_go, kept.front()) {
                return Found::NoRoom(first.standing.clone());
            }
        }
        let keeper = Keeper::new(Names::of(name.clone()), self.issuer.clone(), self.cache.clone(), &self.settings);
        let standing = keeper.standing();
        let keeping = self.env.spawn(format!("keep {name}"), keeper.run());
        kept.push_back(Kept { name: name.clone(), standing: standing.clone(), keeping });
        match let_go {
            Some(let_go) => Found::InPlaceOf(let_go, standing),
            None => Found::Kept(standing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_allows_one_label_below_it() {
        let on_demand = OnDemand { allowed: vec!["a.test".into(), "*.shop.test".into()], capacity: NonZeroUsize::MIN };
        let policy = Policy::try_from(on_demand).unwrap();
        let allows = |name: &str| policy.allows(&name.parse().unwrap());
        assert!(allows("a.test") && allows("b.shop.test"));
        assert!(!allows("b.test") && !allows("shop.test") && !allows("c.b.shop.test"));
    }
}
