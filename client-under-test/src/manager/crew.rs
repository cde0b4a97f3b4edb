//! [`Crew`]: the keepers of the certificates that the operator has set up, and how they come and go.
//!
//! Whoever stays on the list is not disturbed when it changes. Whoever leaves it ends what has been begun and then goes;
//! if another certificate takes over its first name, and with that its files, it waits until then. At the end all leave,
//! and who has not come to an end in time is broken off: an order's record stays, for the next start to go on from.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures_util::future::select;
use sim::{Env, Task, watch};
use tokio::sync::Semaphore;

use super::{
    Wanted,
    cache::CertificateCache,
    certificate_list::CertificateList,
    config::Settings,
    decision::Permission,
    events::{Announcer, Event},
    issue::Issuers,
    lists::Lists,
    lookup::Source,
    maintenance::Keeper,
};
use crate::{
    acme::revocation::RevocationReason,
    name::{Name, Names},
};

/// How long what has been begun may go on when all leave.
pub(super) const LEAVE_LIMIT: Duration = Duration::from_secs(30);

/// How many look at a time for what storage has, when there are many who have not looked yet.
const FIRST_LOOKS_MAX: usize = 4;

/// What whoever looks after names works with.
#[derive(Clone, Debug)]
pub(super) struct Means {
    pub(super) env: Env,
    pub(super) settings: Arc<Settings>,
    pub(super) issuers: Issuers,
    pub(super) cache: Arc<dyn CertificateCache>,
    pub(super) lists: Arc<Lists>,
    /// What the operator wants now.
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) announcer: Announcer,
}

/// Whether a keeper goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// It does.
    #[default]
    No,
    /// It ends what it has begun.
    WhenIdle,
    /// It breaks off.
    Now,
}

/// The keepers at work.
#[derive(Debug)]
pub(super) struct Crew {
    means: Means,
    /// For those who look into storage for the first time.
    first_looks: Arc<Semaphore>,
    /// By their first names.
    members: BTreeMap<Name, Member>,
    /// Who ends what it has begun; of those with one first name, each waits for the one before.
    leaving: Vec<Leaving>,
}

#[derive(Debug)]
struct Member {
    names: Names,
    stop: watch::Sender<Stop>,
    revocation: Arc<watch::Sender<Option<RevocationReason>>>,
    keeping: Task<()>,
}

#[derive(Debug)]
struct Leaving {
    member: Member,
    /// Ends when the member has left.
    left: watch::Receiver<()>,
}

impl Crew {
    pub(super) fn new(means: &Means) -> Self {
        let first_looks = Arc::new(Semaphore::new(FIRST_LOOKS_MAX));
        Self { means: means.clone(), first_looks, members: BTreeMap::new(), leaving: Vec::new() }
    }

    /// Sets a keeper to work.
    fn take_on(&mut self, names: Names) {
        let mut keeper = Keeper::new(&self.means, names.clone(), Permission::Given);
        let stop = watch::Sender::default();
        let (told, mut stopped) = (stop.subscribe(), stop.subscribe());
        let first_looks = self.first_looks.clone();
        let predecessor = self.leaving.iter().rfind(|leaving| leaving.member.names.first() == names.first());
        let predecessor = predecessor.map(|leaving| leaving.left.clone());
        let revocation = keeper.revocation();
        let keeping = async move {
            if let Some(mut left) = predecessor {
                while left.changed().await.is_ok() {}
            }
            let first_look = async {
                let _place = first_looks.acquire().await.expect("nobody closes it");
                keeper.load().await;
            };
            select(pin!(first_look), pin!(stopped.wait_for(|stop| *stop != Stop::No))).await;
            keeper.run(told).await;
        };
        let keeping = self.means.env.spawn(format!("keep {}", names.first()), keeping);
        self.members.insert(names.first().clone(), Member { names, stop, revocation, keeping });
    }

    /// Has the certificate for `name` revoked, if one is looked after.
    pub(super) fn revoke(&self, name: &Name, reason: RevocationReason) {
        for member in self.members.values().filter(|member| member.names.all().contains(name)) {
            member.revocation.send_replace(Some(reason));
        }
    }

    /// From now on, exactly these certificates are looked after.
    pub(super) fn change_to(&mut self, certificates: &CertificateList) {
        self.leaving.retain(|leaving| !leaving.member.keeping.is_finished());
        let gone = self.members.extract_if(.., |first, member| certificates.kept_under(first) != Some(&member.names));
        for (_, member) in gone.collect::<Vec<_>>() {
            self.retire(member);
        }
        for names in certificates.in_order() {
            if !self.members.contains_key(names.first()) {
                self.take_on(names.clone());
            }
        }
    }

    /// Lets a keeper end what it has begun.
    fn retire(&mut self, member: Member) {
        let Member { names, stop, revocation, keeping } = member;
        stop.send_replace(Stop::WhenIdle);
        let (leaves, left) = watch::channel(());
        let (means, retired) = (self.means.clone(), names.clone());
        let retiring = async move {
            keeping.await;
            let is_wanted = |name| means.wanted.borrow().certificates.has_name(name);
            for name in retired.all() {
                if !is_wanted(name) {
                    means.cache.remove(name, Source::Managed).await;
                }
            }
            means.env.probe("manager/retired");
            means.announcer.tell(Event::Retired { names: retired });
            drop(leaves);
        };
        let keeping = self.means.env.spawn(format!("retire {}", names.first()), retiring);
        self.leaving.push(Leaving { member: Member { names, stop, revocation, keeping }, left });
    }

    /// Sees all of them out: they end what they have begun, within the limit.
    pub(super) async fn leave(self) {
        let Self { means: Means { env, .. }, members, leaving, .. } = self;
        // Predecessors first: who waits for one comes to an end after it.
        let leaving = leaving.into_iter().map(|leaving| leaving.member);
        let everybody: Vec<Member> = leaving.chain(members.into_values()).collect();
        for member in &everybody {
            member.stop.send_replace(Stop::WhenIdle);
        }
        let limit = env.monotonic_now() + LEAVE_LIMIT;
        for mut member in everybody {
            if env.timeout(limit.since(env.monotonic_now()), &mut member.keeping).await.is_err() {
                member.stop.send_replace(Stop::Now);
                member.keeping.await;
            }
        }
    }
}
