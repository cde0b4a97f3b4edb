//! [`Grants`]: presents the records that stay, and looks after them.
//!
//! A record stays from the first order on, also over restarts. Another takes its place before it ends, if the CA has another
//! account for us, or if it grants too little or too much. It goes once nobody wants its domain. Whatever takes a record's
//! place is seen at all name servers before that one goes, so that the CA finds one of them at any time.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::select;
use sim::{Env, watch};
use tokio::sync::Notify;

use super::{Grant, LABEL, grantable};
use crate::{
    acme::{address::Address, challenge::Grantee},
    manager::{
        Wanted,
        backoff::{Backoff, Failure, RetryWaits},
        challenges::Solver,
        config::Settings,
        dns01::{DnsError, Presented, Records, Removed},
        issue::{Issuer, Issuers},
    },
    name::Name,
    storage::{Storage, persistent_record::PersistentRecord},
};

/// How often all records are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(24 * 3_600);
/// Minutes between looks while something could not be done; the last one repeats.
const RETRY_MINUTES: [u64; 5] = [1, 2, 5, 20, 60];
/// How long to wait while somebody else is at a domain's records.
const TURN_PAUSE: Duration = Duration::from_secs(1);
/// The record of a name on demand stays for so long at least: its certificate may not be there yet.
const RECENT_S: i64 = 3_600;

/// Presents records that stay.
#[derive(Clone, Debug)]
pub(in crate::manager) struct Grants {
    env: Env,
    records: Records,
    /// How long a record is good; for ever if none.
    lifetime: Option<Duration>,
    /// Whether the operator wants them; if not, those are removed that are there.
    is_chosen: bool,
    /// Whether names may be wanted that are on no list.
    is_on_demand: bool,
    wanted: watch::Receiver<Wanted>,
    /// The domains whose records somebody is at.
    busy: Arc<Mutex<BTreeSet<Name>>>,
    /// Tells that a record has lost its place to another.
    superseded: Arc<Notify>,
}

/// Keeps others of this process from changing a domain's records while it lives.
struct Turn {
    grants: Grants,
    domain: Name,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.grants.busy().remove(&self.domain);
    }
}

impl Grants {
    pub(in crate::manager) fn new(
        env: &Env,
        settings: &Settings,
        records: Records,
        wanted: watch::Receiver<Wanted>,
    ) -> Self {
        Self {
            env: env.clone(),
            records,
            lifetime: settings.persistent_record_lifetime,
            is_chosen: settings.solver == Solver::DnsPersist01,
            is_on_demand: settings.on_demand.is_some(),
            wanted,
            busy: Arc::default(),
            superseded: Arc::default(),
        }
    }

    /// Whether challenges are to be answered by records that stay.
    pub(in crate::manager) fn is_chosen(&self) -> bool {
        self.is_chosen
    }

    fn busy(&self) -> MutexGuard<'_, BTreeSet<Name>> {
        // Each change is a single step, so a panic elsewhere leaves the set whole.
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self, domain: &Name) -> Turn {
        while !self.busy().insert(domain.clone()) {
            self.env.sleep(TURN_PAUSE).await;
        }
        Turn { grants: self.clone(), domain: domain.clone() }
    }

    /// Sees to it that a record grants `name` to `account`, which `offered` asks for: that which is there, or a new one.
    pub(in crate::manager) async fn grant(
        &self,
        issuer: &Issuer,
        name: &Name,
        offered: &Grantee,
        account: &Address,
    ) -> Result<Presented, DnsError> {
        let account = grantable(account, &issuer.directory_url)?;
        let domain = name.domain();
        let _turn = self.turn(&domain).await;
        let _lease = issuer.storage.lock_persistent_records(&domain).await.map_err(DnsError::Storage)?;
        let known = issuer.storage.persistent_records(&domain).await.map_err(DnsError::Storage)?;
        let place = self.records.place(LABEL, &domain).await?;
        let current = known.last().filter(|current| {
            current.grants(offered, account, name.is_wildcard(), self.env.utc_now())
                && current.until.is_some() == self.lifetime.is_some()
        });
        if let Some(current) = current {
            let presented = self.records.own(place.clone(), current.record.value.clone()).await;
            if *presented.record() == current.record {
                if self.records.is_seen(&presented).await {
                    self.env.probe("manager/persistent-record-found");
                } else {
                    // A crash came between, or somebody has removed it.
                    self.records.add(&presented).await?;
                    self.env.probe("manager/persistent-record-mended");
                }
                return Ok(presented);
            }
        }
        let is_for_wildcard = name.is_wildcard() || self.wants_wildcard(&domain);
        let Some(issuer_name) = offered.issuers.first() else {
            return Err(DnsError::NotGranted { account: account.to_owned(), why: "the CA has no name" });
        };
        let until = self.until();
        let grant = Grant { issuer: issuer_name, account, is_for_wildcard, until };
        let presented = self.records.own(place, grant.text()).await;
        self.present(&issuer.storage, &domain, known, grant, &presented).await?;
        Ok(presented)
    }

    /// Presents a record in the place of those that are `known`.
    async fn present(
        &self,
        storage: &Storage,
        domain: &Name,
        mut known: Vec<PersistentRecord>,
        grant: Grant<'_>,
        presented: &Presented,
    ) -> Result<(), DnsError> {
        // If it is one of those, it counts from now on.
        known.retain(|known| known.record != *presented.record());
        let supersedes = !known.is_empty();
        known.push(PersistentRecord {
            record: presented.record().clone(),
            issuer: grant.issuer.to_owned(),
            account: grant.account.to_owned(),
            is_for_wildcard: grant.is_for_wildcard,
            begun: self.env.utc_now().unix_timestamp(),
            until: grant.until,
            presented_by: self.env.host_name().to_owned(),
        });
        storage.store_persistent_records(domain, &known).await.map_err(DnsError::Storage)?;
        self.records.add(presented).await?;
        self.env.probe("manager/persistent-record-presented");
        if supersedes {
            self.superseded.notify_one();
        }
        Ok(())
    }

    /// When a record ends that begins now.
    fn until(&self) -> Option<i64> {
        let lifetime = i64::try_from(self.lifetime?.as_secs()).unwrap_or(i64::MAX);
        Some(self.env.utc_now().unix_timestamp().saturating_add(lifetime))
    }

    /// Renews and removes records, for ever.
    pub(in crate::manager) async fn keep(self, issuers: Issuers) -> Infallible {
        let mut backoff = Backoff::new(&RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60)));
        let mut wanted = self.wanted.clone();
        loop {
            wanted.borrow_and_update();
            let mut is_done = true;
            for issuer in &*issuers {
                is_done &= self.look_after_all(issuer).await.unwrap_or(false);
            }
            let wait = if is_done {
                backoff.reset();
                LOOK_INTERVAL
            } else {
                backoff.after(Failure::Other)
            };
            let changed = pin!(async {
                if wanted.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            });
            let _ = self.env.timeout(wait, select(changed, pin!(self.superseded.notified()))).await;
        }
    }

    /// Says whether nothing is left to do.
    async fn look_after_all(&self, issuer: &Issuer) -> io::Result<bool> {
        let account = issuer.storage.load_account_url(&issuer.user).await;
        let mut is_done = true;
        for (domain, known) in issuer.storage.all_persistent_records().await? {
            // What is as it should be costs no lock.
            let fate = self.fate(&issuer.storage, &domain, &known, account.as_ref()).await;
            if known.len() == 1 && fate == Fate::Stays {
                continue;
            }
            is_done &= self.look_after(&issuer.storage, &domain, account.as_ref()).await.unwrap_or(false);
        }
        Ok(is_done)
    }

    /// Says whether nothing is left to do.
    async fn look_after(&self, storage: &Storage, domain: &Name, account: Option<&Address>) -> Result<bool, DnsError> {
        let _turn = self.turn(domain).await;
        let _lease = storage.lock_persistent_records(domain).await.map_err(DnsError::Storage)?;
        let mut known = storage.persistent_records(domain).await.map_err(DnsError::Storage)?;
        let fate = self.fate(storage, domain, &known, account).await;
        let mut removable = known.len();
        if let Some(last) = known.last().filter(|_| fate != Fate::Goes) {
            let place = self.records.place(LABEL, domain).await?;
            let presented = if fate == Fate::IsReplaced {
                let last = last.clone();
                let is_for_wildcard = last.is_for_wildcard && self.wants_wildcard(domain);
                let (issuer, account, until) = (&*last.issuer, &*last.account, self.until());
                let grant = Grant { issuer, account, is_for_wildcard, until };
                let presented = self.records.own(place, grant.text()).await;
                self.present(storage, domain, known, grant, &presented).await?;
                known = storage.persistent_records(domain).await.map_err(DnsError::Storage)?;
                presented
            } else {
                self.records.own(place, last.record.value.clone()).await
            };
            if !self.records.is_seen(&presented).await {
                return Ok(false);
            }
            removable = known.len().saturating_sub(1);
        }
        let (count, mut left) = (known.len(), Vec::new());
        for (number, old) in known.into_iter().enumerate() {
            match if number < removable { self.records.remove(&old.record).await } else { Removed::InUse } {
                Removed::Yes => self.env.probe("manager/persistent-record-removed"),
                Removed::InUse | Removed::Failed => left.push(old),
            }
        }
        if left.len() < count {
            storage.store_persistent_records(domain, &left).await.map_err(DnsError::Storage)?;
        }
        Ok(left.len() <= usize::from(fate != Fate::Goes))
    }

    /// What is to become of the record that counts.
    async fn fate(
        &self,
        storage: &Storage,
        domain: &Name,
        known: &[PersistentRecord],
        account: Option<&Address>,
    ) -> Fate {
        let Some(last) = known.last() else { return Fate::Goes };
        if account.is_some_and(|account| account.as_str() != last.account) {
            return Fate::Goes;
        }
        if !self.is_wanted(storage, domain, last).await {
            return Fate::Goes;
        }
        if last.is_ending(self.env.utc_now()) || last.is_for_wildcard && !self.wants_wildcard(domain) {
            Fate::IsReplaced
        } else {
            Fate::Stays
        }
    }

    fn wants_wildcard(&self, domain: &Name) -> bool {
        let wildcard = domain.wildcard_below();
        wildcard.is_some_and(|wildcard| self.wanted.borrow().certificates.has_name(&wildcard))
    }

    /// Whether orders may need the record. What is on another host's list is that host's.
    async fn is_wanted(&self, storage: &Storage, domain: &Name, last: &PersistentRecord) -> bool {
        let is_listed = || self.wanted.borrow().certificates.has_name(domain) || self.wants_wildcard(domain);
        if self.is_chosen && is_listed() {
            return true;
        }
        if storage.is_shared() && last.presented_by != self.env.host_name() {
            return true;
        }
        let now = self.env.utc_now();
        let is_in_use = async || match storage.load_certificate(domain).await {
            Ok(found) => found.is_some_and(|set| now < set.leaf().not_after),
            Err(_) => true,
        };
        self.is_chosen && self.is_on_demand && (now.unix_timestamp() - last.begun < RECENT_S || is_in_use().await)
    }
}

/// What is to become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// By another for the same account.
    IsReplaced,
    Goes,
}
