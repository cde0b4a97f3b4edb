//! On-demand TLS: a name's certificate is obtained when the first visitor asks for it.
//!
//! Who asks first leads: a keeper is set to work on the name, and whoever asks meanwhile waits for the same
//! attempt. After a failure nobody waits and nothing is ordered on a visitor's behalf: the keeper goes on by its own
//! back-off. No more names are looked after than the capacity allows; of those that have no order open, the one that
//! was taken up first is let go for a new one, and storage has its certificate for the next visitor. While all are
//! busy, a new visitor waits for room. No more visitors wait than may: who comes beyond that is refused at once.
//!
//! A name that is not on the operator's list is looked for in storage, and else decided about, once for all visitors
//! who ask for it meanwhile. One that is denied costs no more: no task that stays, no CA, and nobody's place. It is
//! decided about anew before each order.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sim::{Monotonic, Task, watch};
use tokio::sync::Semaphore;

use super::{
    crew::{LEAVE_LIMIT, Means, Stop},
    decision::{Asked, Decision, Permission},
    events::Event,
    lookup::Source,
    maintenance::{Keeper, Standing},
    visitors::Tie,
};
use crate::name::{Name, Names, NotAName};

/// How long storage and the decision may take together.
const DECISION_LIMIT: Duration = Duration::from_secs(20);

/// Which names get a certificate when a visitor asks for them, and how many at a time.
#[derive(Clone, Debug)]
pub struct OnDemand {
    /// The names that nothing has to be decided about; a wildcard allows each name one label below.
    pub allowed: Vec<String>,
    /// Decides about all other names; without it, they are denied.
    pub decision: Option<Arc<dyn Decision>>,
    /// How many names are looked after at a time.
    pub capacity: NonZeroUsize,
    /// How many visitors may wait at a time.
    pub waiting_max: NonZeroUsize,
}

impl OnDemand {
    /// These names and no others, a hundred of them at a time and a thousand visitors.
    #[must_use]
    pub fn of(allowed: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let most = |most| NonZeroUsize::new(most).expect("it is not zero");
        Self {
            allowed: allowed.into_iter().map(Into::into).collect(),
            decision: None,
            capacity: most(100),
            waiting_max: most(1_000),
        }
    }
}

/// An [`OnDemand`] that has been understood.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    listed: BTreeSet<Name>,
    decision: Option<Arc<dyn Decision>>,
    capacity: NonZeroUsize,
    waiting_max: NonZeroUsize,
}

impl TryFrom<OnDemand> for Policy {
    type Error = NotAName;

    fn try_from(on_demand: OnDemand) -> Result<Self, NotAName> {
        let OnDemand { allowed, decision, capacity, waiting_max } = on_demand;
        let listed = allowed.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        Ok(Self { listed, decision, capacity, waiting_max })
    }
}

impl Policy {
    fn lists(&self, name: &Name) -> bool {
        self.listed.contains(name) || name.wildcard().is_some_and(|wildcard| self.listed.contains(&wildcard))
    }
}

/// Looks after the names that visitors have asked for.
#[derive(Debug)]
pub(super) struct Keepers {
    means: Means,
    policy: Policy,
    /// In the order in which they were taken up.
    kept: Mutex<VecDeque<Kept>>,
    /// What is being decided.
    open: Mutex<BTreeMap<Name, watch::Receiver<Option<Answer>>>>,
    waiting: Semaphore,
    stop: watch::Sender<Stop>,
}

/// What was found out about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Storage has a certificate, which was allowed when it was ordered.
    Stored,
    /// It was allowed at this moment.
    Allowed(Monotonic),
    /// It was denied, or nobody decided.
    Denied,
}

/// What there is for a name that a visitor asks for.
enum Found {
    /// Its keeper.
    Kept(watch::Receiver<Standing>),
    /// A new keeper, for which another one may have to go.
    Begun { standing: watch::Receiver<Standing>, tie: Tie, let_go: Option<Kept> },
    /// There is no room while this one is busy.
    NoRoom(watch::Receiver<Standing>),
}

#[derive(Debug)]
struct Kept {
    name: Name,
    standing: watch::Receiver<Standing>,
    keeping: Task<()>,
}

impl Keepers {
    pub(super) fn new(means: &Means, policy: Policy) -> Self {
        let waiting = Semaphore::new(policy.waiting_max.get().min(Semaphore::MAX_PERMITS));
        let (kept, open, stop) = (Mutex::default(), Mutex::default(), watch::Sender::default());
        Self { means: means.clone(), policy, kept, open, waiting, stop }
    }

    /// Returns once `name` is served, or will not be for now.
    pub(super) async fn take_up(self: &Arc<Self>, name: &str, visitor: SocketAddr) {
        let Ok(name) = name.parse::<Name>() else { return };
        if name.is_wildcard() || self.is_managed(&name) {
            return;
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            self.means.env.probe("manager/visitor-turned-away");
            return;
        };
        let Some(permission) = self.permission(&name, visitor).await else { return };
        let (mut standing, _tie) = loop {
            match self.keeper(&name, &permission) {
                Found::Kept(standing) => break (standing, None),
                Found::Begun { standing, tie, let_go } => {
                    if let Some(let_go) = let_go {
                        drop(let_go.keeping);
                        self.means.cache.remove(&let_go.name, Source::Managed).await;
                        self.means.env.probe("manager/evicted");
                        self.means.announcer.tell(Event::Evicted { name: let_go.name });
                    }
                    break (standing, Some(tie));
                }
                Found::NoRoom(mut busy) => {
                    self.means.env.probe("manager/waits-for-room");
                    drop(busy.wait_for(|standing| !standing.is_busy()).await);
                }
            }
        };
        let is_over = |standing: &Standing| match standing {
            Standing::Obtaining => false,
            Standing::Failed => !self.means.settings.conduct.patience.outlasts_failure(),
            Standing::Renewing | Standing::Served => true,
        };
        // A keeper that has been let go leaves its last word.
        drop(standing.wait_for(is_over).await);
    }

    /// What a keeper of `name` may do; `None` if there must be none.
    async fn permission(self: &Arc<Self>, name: &Name, visitor: SocketAddr) -> Option<Permission> {
        if self.policy.lists(name) {
            return Some(Permission::Given);
        }
        let decision = self.policy.decision.as_ref()?;
        let is_kept = self.kept().iter().any(|kept| kept.name == *name);
        let allowed_at = if is_kept {
            None
        } else {
            match self.answer(decision, Asked { name: name.clone(), visitor: Some(visitor) }).await {
                Answer::Stored => None,
                Answer::Allowed(at) => Some(at),
                Answer::Denied => return None,
            }
        };
        Some(Permission::Asked { decision: decision.clone(), allowed_at })
    }

    /// Decides, or waits for what is being decided about the same name.
    async fn answer(self: &Arc<Self>, decision: &Arc<dyn Decision>, asked: Asked) -> Answer {
        let mut answer = {
            let mut open = self.open();
            match open.get(&asked.name) {
                Some(answer) => answer.clone(),
                None if open.len() >= self.policy.waiting_max.get() => return Answer::Denied,
                None => {
                    let (sender, answer) = watch::channel(None);
                    open.insert(asked.name.clone(), answer.clone());
                    let (keepers, decision) = (self.clone(), decision.clone());
                    // A task of its own, so that a visitor who leaves takes nobody's answer along.
                    let deciding = async move {
                        let entry = Open { keepers, name: asked.name.clone() };
                        let found = entry.keepers.decide(&*decision, &asked).await;
                        sender.send_replace(Some(found));
                    };
                    self.means.env.spawn("decide", deciding).detach();
                    answer
                }
            }
        };
        // What ends without a word denies.
        answer.wait_for(Option::is_some).await.ok().and_then(|answer| *answer).unwrap_or(Answer::Denied)
    }

    async fn decide(&self, decision: &dyn Decision, asked: &Asked) -> Answer {
        let deciding = async {
            if self.is_stored(&asked.name).await {
                Answer::Stored
            } else if decision.allows(&self.means.env, asked).await {
                Answer::Allowed(self.means.env.monotonic_now())
            } else {
                Answer::Denied
            }
        };
        self.means.env.timeout(DECISION_LIMIT, deciding).await.unwrap_or(Answer::Denied)
    }

    async fn is_stored(&self, name: &Name) -> bool {
        for issuer in &*self.means.issuers {
            if let Ok(Some(set)) = issuer.storage.load_certificate(name).await
                && self.means.env.utc_now() < set.leaf().not_after
            {
                return true;
            }
        }
        false
    }

    /// Whether somebody sees to the name whoever visits it; two would order for it at once.
    fn is_managed(&self, name: &Name) -> bool {
        self.means.wanted.borrow().certificates.has_name(name)
    }

    /// The name's keeper. If there is none, one is set to work, if need be in the place of another. Who has an order
    /// open at the CA is not let go, so that none is left behind.
    fn keeper(&self, name: &Name, permission: &Permission) -> Found {
        let mut kept = self.kept();
        // Whoever has come to an end, in whatever way, makes room for another try.
        kept.retain(|kept| !kept.standing.is_closed());
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
        let keeper = Keeper::new(&self.means, Names::of(name.clone()), permission.clone());
        let standing = keeper.standing();
        let (work, tie) = self.means.settings.conduct.lead.tie(Box::pin(keeper.run(self.stop.subscribe())));
        let keeping = self.means.env.spawn(format!("keep {name}"), work);
        kept.push_back(Kept { name: name.clone(), standing: standing.clone(), keeping });
        Found::Begun { standing, tie, let_go }
    }

    /// Takes up nothing more, and sees all keepers out: they end what they have begun, within the limit.
    pub(super) async fn leave(&self) {
        self.waiting.close();
        self.stop.send_replace(Stop::WhenIdle);
        let env = &self.means.env;
        let end = env.monotonic_now() + LEAVE_LIMIT;
        let kept = std::mem::take(&mut *self.kept());
        for mut kept in kept {
            if env.timeout(end.since(env.monotonic_now()), &mut kept.keeping).await.is_err() {
                self.stop.send_replace(Stop::Now);
                kept.keeping.await;
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        // No change to it can be left half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Name, watch::Receiver<Option<Answer>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name that is being decided about, until this is dropped.
struct Open {
    keepers: Arc<Keepers>,
    name: Name,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.keepers.open().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_allows_one_label_below_it() {
        let policy = Policy::try_from(OnDemand::of(["a.test", "*.shop.test"])).unwrap();
        let lists = |name: &str| policy.lists(&name.parse().unwrap());
        assert!(lists("a.test") && lists("b.shop.test"));
        assert!(!lists("b.test") && !lists("shop.test") && !lists("c.b.shop.test"));
    }
}
