//! [`Records`]: the TXT records that are presented, and the task that removes them.
//!
//! What is about to be presented is written down first. It is removed once nobody owns its [`Presented`], in whatever
//! way that came about: success, failure, an attempt that was dropped, or a crash, after which nobody owns anything.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sim::Env;
use tokio::sync::Notify;

use super::{
    Dns01, DnsError, LABEL, TxtRecord, Unconfirmed, owner, plain,
    resolver::{Place, Resolver},
    value,
};
use crate::{
    acme::pace::{AsSuggested, Pace},
    manager::backoff::{Backoff, Failure, RetryWaits},
    name::Name,
    storage::Storage,
};

/// Minutes between attempts to remove what could not be removed; the last one repeats.
const RETRY_MINUTES: [u64; 5] = [1, 2, 5, 20, 60];
/// How long to wait for a record to be removed before it is looked again.
const REMOVAL_PAUSE: Duration = Duration::from_secs(1);

/// Presents records and removes them.
#[derive(Clone, Debug)]
pub(in crate::manager) struct Records {
    env: Env,
    settings: Dns01,
    resolver: Resolver,
    storage: Storage,
    uses: Uses,
}

/// What the records are in use for at this moment.
#[derive(Clone, Debug, Default)]
struct Uses {
    uses: Arc<Mutex<BTreeMap<TxtRecord, Use>>>,
    released: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// So many keep it in place: a CA may show one authorization in several orders.
    Owned(usize),
    Removing,
}

/// Keeps a record in place while it lives.
#[derive(Debug)]
pub(in crate::manager) struct Presented {
    record: TxtRecord,
    place: Place,
    _owning: InUse,
}

impl Presented {
    /// The record.
    pub(in crate::manager) fn record(&self) -> &TxtRecord {
        &self.record
    }
}

/// What has become of a record that was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manager) enum Removed {
    /// It is gone.
    Yes,
    /// Somebody owns it.
    InUse,
    /// It may be there.
    Failed,
}

/// Ends a use of a record with itself.
#[derive(Debug)]
struct InUse {
    record: TxtRecord,
    uses: Uses,
}

impl Uses {
    fn map(&self) -> MutexGuard<'_, BTreeMap<TxtRecord, Use>> {
        // Each change is a single step, so a panic elsewhere leaves the map whole.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while it is being removed.
    fn own(&self, record: &TxtRecord) -> Option<InUse> {
        match self.map().entry(record.clone()).or_insert(Use::Owned(0)) {
            Use::Removing => return None,
            Use::Owned(count) => *count += 1,
        }
        Some(InUse { record: record.clone(), uses: self.clone() })
    }

    /// `None` while somebody owns it.
    fn begin_removal(&self, record: &TxtRecord) -> Option<InUse> {
        match self.map().entry(record.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => {
                vacant.insert(Use::Removing);
                Some(InUse { record: record.clone(), uses: self.clone() })
            }
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut map = self.uses.map();
        match map.get_mut(&self.record) {
            Some(Use::Owned(count)) if *count > 1 => *count -= 1,
            Some(Use::Owned(_)) => {
                map.remove(&self.record);
                self.uses.released.notify_one();
            }
            Some(Use::Removing) | None => {
                map.remove(&self.record);
            }
        }
    }
}

impl Records {
    pub(in crate::manager) fn new(env: &Env, settings: Dns01, storage: Storage) -> Self {
        let resolver = Resolver { env: env.clone(), server: settings.resolver };
        Self { env: env.clone(), settings, resolver, storage, uses: Uses::default() }
    }

    /// Presents what proves control of `name`, where its aliases lead.
    pub(in crate::manager) async fn present(
        &self,
        name: &Name,
        key_authorization: &str,
    ) -> Result<Presented, DnsError> {
        let presented = self.own(self.place(LABEL, name).await?, value(key_authorization)).await;
        self.storage.store_dns_record(&presented.record).await.map_err(DnsError::Storage)?;
        self.add(&presented).await?;
        self.env.probe("manager/record-presented");
        Ok(presented)
    }

    /// Where a record at `label` below `name` belongs.
    pub(in crate::manager) async fn place(&self, label: &str, name: &Name) -> Result<Place, DnsError> {
        self.resolver.place(&owner(label, name)?).await
    }

    /// Keeps everybody from removing a record, once nobody is at it.
    pub(in crate::manager) async fn own(&self, place: Place, value: String) -> Presented {
        let record = TxtRecord { name: plain(&place.name), value };
        let owning = loop {
            match self.uses.own(&record) {
                Some(owning) => break owning,
                None => self.env.sleep(REMOVAL_PAUSE).await,
            }
        };
        Presented { record, place, _owning: owning }
    }

    /// Puts a record into its zone.
    pub(in crate::manager) async fn add(&self, presented: &Presented) -> Result<(), DnsError> {
        self.settings.provider.present(&self.env, &presented.record).await
    }

    /// Whether every name server shows a record.
    pub(in crate::manager) async fn is_seen(&self, presented: &Presented) -> bool {
        self.resolver.is_seen(&presented.place, &presented.record.value).await
    }

    /// Takes a record out of its zone if nobody owns it.
    pub(in crate::manager) async fn remove(&self, record: &TxtRecord) -> Removed {
        let Some(_removing) = self.uses.begin_removal(record) else { return Removed::InUse };
        match self.settings.provider.clean_up(&self.env, record).await {
            Ok(()) => Removed::Yes,
            Err(_) => Removed::Failed,
        }
    }

    /// Waits until every name server shows the records.
    pub(in crate::manager) async fn await_seen(&self, records: &[&Presented]) -> Result<(), DnsError> {
        let mut pace = Pace::new(&self.env, Arc::new(AsSuggested), "the TXT records", self.settings.propagation_limit);
        for presented in records {
            while !self.is_seen(presented).await {
                if pace.wait(None).await.is_ok() {
                    continue;
                }
                self.env.probe("manager/record-unconfirmed");
                return match self.settings.unconfirmed {
                    Unconfirmed::GoOn => Ok(()),
                    Unconfirmed::GiveUp => Err(DnsError::Unconfirmed(presented.record.name.clone())),
                };
            }
        }
        Ok(())
    }

    /// Removes what nobody owns, for ever.
    pub(in crate::manager) async fn clean(self) -> Infallible {
        let mut backoff = Backoff::new(&RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60)));
        loop {
            if self.clean_once().await {
                backoff.reset();
                self.uses.released.notified().await;
            } else {
                // Whether something is released meanwhile or not, it is tried again.
                let _ = self.env.timeout(backoff.after(Failure::Other), self.uses.released.notified()).await;
            }
        }
    }

    /// Waits until [`Self::clean`] has removed all that was presented.
    pub(in crate::manager) async fn all_removed(&self) {
        while !self.storage.dns_records().await.is_ok_and(|left| left.is_empty()) {
            self.env.sleep(REMOVAL_PAUSE).await;
        }
    }

    /// Says whether nothing is left to remove.
    async fn clean_once(&self) -> bool {
        let Ok(records) = self.storage.dns_records().await else { return false };
        let mut is_clean = true;
        for record in records {
            let Some(_removing) = self.uses.begin_removal(&record) else { continue };
            let removed = self.settings.provider.clean_up(&self.env, &record).await.is_ok();
            is_clean &= removed && self.storage.remove_dns_record(&record).await.is_ok();
            if removed {
                self.env.probe("manager/record-removed");
            }
        }
        is_clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_removed_only_when_the_last_owner_has_gone_and_owned_only_when_it_is_removed() {
        let uses = Uses::default();
        let record = TxtRecord { name: "_acme-challenge.a.test".into(), value: "x".into() };
        let owners = [uses.own(&record), uses.own(&record)];
        assert!(uses.begin_removal(&record).is_none());
        let [first, second] = owners;
        drop(first);
        assert!(uses.begin_removal(&record).is_none());
        drop(second);
        let removing = uses.begin_removal(&record);
        assert!(removing.is_some() && uses.own(&record).is_none());
        drop(removing);
        assert!(uses.own(&record).is_some());
    }
}
