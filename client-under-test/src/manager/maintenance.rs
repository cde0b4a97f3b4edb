//! [`Keeper`]: sees to it that the names of one certificate always have a valid one.
//!
//! Each certificate has a keeper and a task of its own, so that none waits for another's CA, disk or
//! mistakes. A keeper wakes at the schedule's interval, and sooner only to try again what failed.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use sim::{Env, Monotonic};
use tokio::sync::watch;

use super::{
    ari::{Ari, AriComparison},
    backoff::{Backoff, Failure},
    cache::{CertificateCache, Work},
    config::Settings,
    issue::{IssueError, Issuer},
    schedule::RenewalSchedule,
};
use crate::{
    acme::renewal_info::{CertId, POLL_MAX, POLL_MIN},
    name::Names,
    storage::certificate::CertificateSet,
};

/// After this many reads that failed, a set that can't be read counts as lost.
const READS_TRIED_MAX: u32 = 3;

/// How often it is looked whether storage still holds what memory does.
pub(super) const STORAGE_LOOK_INTERVAL: Duration = Duration::from_secs(3_600);

/// Minutes between questions for renewal information that failed; the last one repeats.
const POLL_RETRY_MINUTES: [u64; 6] = [1, 5, 20, 60, 180, 360];

/// Looks after one certificate.
#[derive(Debug)]
pub(super) struct Keeper {
    env: Env,
    names: Names,
    issuer: Arc<Issuer>,
    cache: Arc<dyn CertificateCache>,
    schedule: Arc<dyn RenewalSchedule>,
    comparison: Arc<dyn AriComparison>,
    backoff: Backoff,
    /// After a failed attempt: when the next one may be made.
    retry_at: Option<Monotonic>,
    current: Option<Current>,
    reads_failed: u32,
    /// When to look again whether storage holds what is shown.
    storage_look_at: Monotonic,
    standing: watch::Sender<Standing>,
}

/// How far a keeper has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is nothing to serve yet: it looks into storage, or asks the CA.
    #[default]
    Obtaining,
    /// Its name is served, and it asks the CA for a newer certificate.
    Renewing,
    /// Its name is served.
    Served,
    /// Its last attempt failed, and there is nothing to serve.
    Failed,
}

impl Standing {
    /// Whether an order may be open, which would be left behind.
    pub(super) fn is_busy(self) -> bool {
        match self {
            Self::Obtaining | Self::Renewing => true,
            Self::Served | Self::Failed => false,
        }
    }
}

/// The certificate that visitors are shown.
#[derive(Debug)]
struct Current {
    set: CertificateSet,
    ari: Option<Ari>,
    polls_failed: Backoff,
    /// After a failed poll: when the next one may be made.
    poll_retry_at: Option<Monotonic>,
    /// What its renewal says that it replaces; emptied once the CA has refused that.
    replaces: Option<CertId>,
    /// Whether storage has it too.
    is_stored: bool,
}

impl Keeper {
    pub(super) fn new(
        names: Names,
        issuer: Arc<Issuer>,
        cache: Arc<dyn CertificateCache>,
        settings: &Settings,
    ) -> Self {
        Self {
            env: issuer.env.clone(),
            names,
            storage_look_at: issuer.env.monotonic_now() + STORAGE_LOOK_INTERVAL,
            issuer,
            cache,
            schedule: settings.renewal_schedule.clone(),
            comparison: settings.ari_comparison.clone(),
            backoff: Backoff::new(&settings.retry_delays),
            retry_at: None,
            current: None,
            reads_failed: 0,
            standing: watch::Sender::default(),
        }
    }

    /// Tells how far it has come.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Shows visitors what storage holds. Says whether it held anything.
    pub(super) async fn load(&mut self) -> bool {
        // What can't be read now is read again before a new one is asked for.
        matches!(self.look_into_storage().await, Ok(true))
    }

    /// Looks after the certificate for ever.
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            self.check().await;
            self.standing.send_replace(if self.current.is_some() { Standing::Served } else { Standing::Failed });
            let tick = self.env.monotonic_now() + self.schedule.check_interval();
            self.env.sleep_until(self.retry_at.map_or(tick, |retry| retry.min(tick))).await;
        }
    }

    async fn check(&mut self) {
        self.look_after_storage().await;
        self.store_again().await;
        self.poll_ari().await;
        if !self.is_due() {
            self.retry_at = None;
            return;
        }
        if self.retry_at.is_some_and(|retry| self.env.monotonic_now() < retry) {
            return;
        }
        match self.attempt().await {
            Ok(()) => {
                self.backoff.reset();
                self.retry_at = None;
                self.poll_ari().await;
            }
            Err(e) => {
                self.env.probe("manager/renewal-failed");
                let wait = self.backoff.after(e.failure());
                let asked = match &e {
                    IssueError::Acme(e) => e.retry_after(),
                    IssueError::Storage(_) | IssueError::Dns(_) | IssueError::Request(_) => None,
                };
                self.retry_at = Some(self.env.monotonic_now() + asked.map_or(wait, |asked| asked.max(wait)));
            }
        }
    }

    fn is_due(&self) -> bool {
        let Some(current) = &self.current else { return true };
        let suggestion = current.ari.as_ref().and_then(|ari| ari.suggestion.as_ref());
        self.schedule.is_due(current.set.leaf(), suggestion, self.env.utc_now())
    }

    async fn attempt(&mut self) -> Result<(), IssueError> {
        let lease = self.issuer.storage.lock_certificate(self.names.first()).await?;
        if let Err(e) = self.look_into_storage().await {
            self.reads_failed += 1;
            if self.current.is_none() && self.reads_failed < READS_TRIED_MAX {
                return Err(e.into());
            }
        }
        if !self.is_due() {
            return Ok(());
        }
        let is_renewal = self.current.is_some();
        self.standing.send_replace(if is_renewal { Standing::Renewing } else { Standing::Obtaining });
        let mut unknown = None;
        let replaces = self.current.as_mut().map_or(&mut unknown, |current| &mut current.replaces);
        let hold = if is_renewal { Some(self.cache.hold(Work::Renewal).await) } else { None };
        let obtained = self.issuer.obtain(&self.names, replaces, &lease).await;
        drop(hold);
        let obtained = obtained?;
        self.env.probe(if is_renewal { "manager/renewed" } else { "manager/obtained" });
        self.show(obtained.set, obtained.stored.is_ok()).await;
        Ok(())
    }

    /// Takes over what storage holds, if it lasts longer than what is shown: at the start, or when
    /// another host on the same storage has renewed. Says whether it did.
    async fn look_into_storage(&mut self) -> io::Result<bool> {
        let hold = if self.current.is_some() { Some(self.cache.hold(Work::StorageRead).await) } else { None };
        let loaded = self.issuer.storage.load_certificate(self.names.first()).await;
        drop(hold);
        let Some(set) = loaded? else { return Ok(false) };
        // The operator may have added a name since it was stored.
        if !set.leaf().covers(self.names.all()) {
            return Ok(false);
        }
        let lasts_longer =
            self.current.as_ref().is_none_or(|current| current.set.leaf().not_after < set.leaf().not_after);
        if lasts_longer {
            self.show(set, true).await;
        }
        Ok(lasts_longer)
    }

    async fn show(&mut self, set: CertificateSet, is_stored: bool) {
        for name in self.names.all() {
            self.cache.insert(name, &set).await;
        }
        self.standing.send_replace(Standing::Served);
        self.reads_failed = 0;
        let replaces = set.leaf().id.clone();
        let ari = match &replaces {
            Some(id) => Some(match self.issuer.storage.load_ari(self.names.first(), id).await {
                Some(known) => known,
                None => Ari::unknown(id.clone()),
            }),
            None => None,
        };
        let polls_failed = Backoff::new(&POLL_RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60)));
        self.current = Some(Current { set, ari, polls_failed, poll_retry_at: None, replaces, is_stored });
    }

    /// Looks whether storage still holds what is shown, for a disk may fail and a person may err. What is lost is
    /// stored again; a set that lasts longer, from another host, is taken over.
    async fn look_after_storage(&mut self) {
        let now = self.env.monotonic_now();
        if now < self.storage_look_at {
            return;
        }
        self.storage_look_at = now + STORAGE_LOOK_INTERVAL;
        let storage = &self.issuer.storage;
        let Some(current) = &self.current else { return };
        let hold = self.cache.hold(Work::StorageRead).await;
        if let Some(ari) = current.ari.as_ref().filter(|ari| ari.answered.is_some())
            && storage.load_ari(self.names.first(), &ari.certificate).await.is_none()
        {
            self.env.probe("manager/storage-mended");
            drop(storage.store_ari(self.names.first(), ari).await);
        }
        let held = storage.holds_certificate(self.names.first(), &current.set).await;
        drop(hold);
        if !matches!(held, Ok(false)) {
            return;
        }
        if let (Ok(false), Some(current)) = (self.look_into_storage().await, &mut self.current) {
            self.env.probe("manager/storage-mended");
            current.is_stored = false;
        }
    }

    /// Stores what could not be stored when it was obtained: it is served meanwhile.
    async fn store_again(&mut self) {
        let Some(current) = self.current.as_mut().filter(|current| !current.is_stored) else { return };
        if self.issuer.storage.store_certificate(self.names.first(), &current.set).await.is_ok() {
            current.is_stored = true;
            self.env.probe("manager/certificate-stored");
            drop(self.issuer.storage.remove_pending(self.names.first()).await);
        }
    }

    /// Asks the CA when to renew, if it is time to ask. Without an answer the last one stands.
    async fn poll_ari(&mut self) {
        let now = self.env.utc_now();
        let Some(current) = &mut self.current else { return };
        let Some(ari) = &mut current.ari else { return };
        if !ari.is_due(now) || current.set.leaf().not_after <= now {
            return;
        }
        if current.poll_retry_at.is_some_and(|retry| self.env.monotonic_now() < retry) {
            return;
        }
        if let Some(stored) = self.issuer.storage.load_ari(self.names.first(), &ari.certificate).await
            && self.comparison.is_newer(&stored, ari)
        {
            *ari = stored;
            if !ari.is_due(self.env.utc_now()) {
                return;
            }
        }
        match self.issuer.renewal_info(&ari.certificate).await {
            Ok(Some(info)) => {
                self.env.probe("manager/ari-polled");
                ari.take(&self.env, &info);
                current.polls_failed.reset();
            }
            Ok(None) => {
                ari.take_nothing(&self.env);
            }
            Err(e) => {
                self.env.probe("manager/ari-failed");
                let wait = current.polls_failed.after(Failure::Other);
                let wait = e.retry_after().map_or(wait, |asked| asked.max(wait)).clamp(POLL_MIN, POLL_MAX);
                current.poll_retry_at = Some(self.env.monotonic_now() + wait);
                return;
            }
        }
        // Advisory: if it can't be stored, the CA is asked once more after a restart.
        drop(self.issuer.storage.store_ari(self.names.first(), ari).await);
    }
}
