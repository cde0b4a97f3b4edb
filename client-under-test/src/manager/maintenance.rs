//! [`Keeper`]: sees to it that the names of one certificate always have a valid one.
//!
//! Each certificate has a keeper and a task of its own, so that none waits for another's CA, disk or
//! mistakes. A keeper wakes at the schedule's interval, and sooner only to try again what failed.
//!
//! Of several CAs, any may have issued the certificate: it lies in that CA's part of the storage, and that CA is asked
//! when to renew it.

use std::{io, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use sim::{Env, Monotonic, watch};
use time::UtcDateTime;

use super::{
    ari::{Ari, AriComparison, AriPolling, CertificateName},
    backoff::{Backoff, Failure, RetryWaits},
    cache::{CertificateCache, Work},
    crew::{Means, Stop},
    decision::Permission,
    events::{Announcer, Event},
    issue::Issuer,
    lists::Lists,
    lookup::Source,
    schedule::RenewalSchedule,
    stapling::Stapling,
    status::{Looked, StatusWatch},
    turns::{NotObtained, Pause, Replaced, Turns},
};
use crate::{
    acme::{
        Error,
        renewal_info::{POLL_MAX, POLL_MIN, poll_after_error},
        revocation::RevocationReason,
    },
    name::Names,
    status::Reason,
    storage::{certificate::CertificateSet, metadata::MetadataPlace},
};

/// After this many reads that failed, a set that can't be read counts as lost.
const READS_TRIED_MAX: u32 = 3;

/// How often it is looked whether storage still holds what memory does.
pub(super) const STORAGE_LOOK_INTERVAL: Duration = Duration::from_secs(3_600);

/// Minutes between questions for renewal information that failed; the last one repeats.
const POLL_RETRY_MINUTES: [u64; 6] = [1, 5, 20, 60, 180, 360];

/// Hours that pass between orders for names whose certificates are revoked one after another; the last one repeats. Such a CA, or
/// its responder, is in trouble.
const REVOKED_HOURS: [u64; 4] = [1, 6, 24, 7 * 24];

/// The shortest rest before a moment of the wall clock.
const COMING_MIN: Duration = Duration::from_secs(1);

/// Looks after one certificate.
#[derive(Debug)]
pub(super) struct Keeper {
    env: Env,
    names: Names,
    turns: Turns,
    cache: Arc<dyn CertificateCache>,
    announcer: Announcer,
    schedule: Arc<dyn RenewalSchedule>,
    comparison: Arc<dyn AriComparison>,
    ari_polling: Arc<dyn AriPolling>,
    certificate_name: Arc<dyn CertificateName>,
    metadata_place: Arc<dyn MetadataPlace>,
    stapling: Arc<dyn Stapling>,
    lists: Arc<Lists>,
    /// After a certificate has taken the place of a revoked one: when the next may, if it is revoked too.
    revoked_pause: Pause,
    /// After an attempt for which no CA could be asked.
    pause: Pause,
    current: Option<Current>,
    reads_failed: u32,
    /// When to look again whether storage holds what is shown.
    storage_look_at: Monotonic,
    standing: watch::Sender<Standing>,
    /// Why the operator wants the certificate revoked, until that is done.
    revocation: Arc<watch::Sender<Option<RevocationReason>>>,
    /// After the CA has failed to revoke.
    revocation_pause: Pause,
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
    /// Whose it is.
    issuer: Arc<Issuer>,
    status: StatusWatch,
    ari: Option<Ari>,
    /// Why the CA suggests that, as it was told last.
    explanation: Option<String>,
    polls_failed: Backoff,
    /// After a failed poll: when the next one may be made.
    poll_retry_at: Option<Monotonic>,
    /// What its renewal says that it replaces; emptied once the CA has refused that.
    replaces: Option<Replaced>,
    /// Whether storage has it too.
    is_stored: bool,
    /// Whether it has been looked up whether its key was put aside.
    is_key_checked: bool,
    /// Whether its key is compromised, and storage does not know yet.
    owes_key: bool,
}

impl Keeper {
    pub(super) fn new(means: &Means, names: Names, permission: Permission) -> Self {
        let Means { env, settings, cache, lists, announcer, .. } = means;
        Self {
            env: env.clone(),
            storage_look_at: env.monotonic_now() + STORAGE_LOOK_INTERVAL,
            turns: Turns::new(permission, means),
            names,
            cache: cache.clone(),
            announcer: announcer.clone(),
            schedule: settings.renewal_schedule.clone(),
            comparison: settings.ari_comparison.clone(),
            ari_polling: settings.conduct.ari_polling.clone(),
            certificate_name: settings.conduct.certificate_name.clone(),
            metadata_place: settings.conduct.metadata_place.clone(),
            stapling: settings.conduct.stapling.clone(),
            lists: lists.clone(),
            revoked_pause: Pause::new(Backoff::make(&REVOKED_HOURS.map(|hours| Duration::from_secs(hours * 3_600)))),
            pause: Pause::new((settings.conduct.retry_waits)(&settings.retry_delays)),
            current: None,
            reads_failed: 0,
            standing: watch::Sender::default(),
            revocation: Arc::default(),
            revocation_pause: Pause::new((settings.conduct.retry_waits)(&settings.retry_delays)),
        }
    }

    /// Tells how far it has come.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Takes the operator's word that the certificate is to be revoked.
    pub(super) fn revocation(&self) -> Arc<watch::Sender<Option<RevocationReason>>> {
        self.revocation.clone()
    }

    /// Shows visitors what storage holds.
    pub(super) async fn load(&mut self) {
        // What can't be read now is read again before a new one is asked for.
        drop(self.look_into_storage().await);
    }

    /// The same where visitors are shown nothing yet, and no more than that.
    pub(super) async fn show_first(&self) {
        let Ok(Some((set, issuer))) = self.newest_stored().await else { return };
        let mut status = self.watch(&set);
        status.load(&issuer.storage, self.names.first(), &set).await;
        let shown = set.shown(status.staple());
        for name in self.names.all() {
            self.cache.insert_first(name, Source::Managed, &shown).await;
        }
    }

    /// Looks after the certificate until it is told to stop. It is as if it were told at once if nobody can tell it.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<Stop>) {
        for issuer in self.turns.issuers() {
            issuer.storage.clean_certificate(self.names.first()).await;
        }
        let mut told = self.revocation.subscribe();
        while *stop.borrow() == Stop::No && !stop.is_closed() {
            let mut stopped = stop.clone();
            let at_once = pin!(stopped.wait_for(|stop| *stop == Stop::Now));
            if let Either::Right(_) = select(pin!(self.check()), at_once).await {
                return;
            }
            self.standing.send_replace(if self.current.is_some() { Standing::Served } else { Standing::Failed });
            let tick = self.env.monotonic_now() + self.schedule.check_interval();
            let next = [self.retry_at(), self.look_at(), self.poll_at(), self.suggested_at(), self.revoke_at()];
            let next = next.into_iter().flatten().fold(tick, Monotonic::min);
            let rest = pin!(self.env.sleep_until(next));
            let told = pin!(told.changed());
            drop(select(select(rest, told), pin!(stop.wait_for(|stop| *stop != Stop::No))).await);
        }
    }

    /// After a failed attempt: when the next one may be made.
    fn retry_at(&self) -> Option<Monotonic> {
        let next = self.pause.until().max(self.turns.next_at());
        next.filter(|_| self.is_due())
    }

    /// When somebody is to be asked about the certificate's status.
    fn look_at(&self) -> Option<Monotonic> {
        let current = self.current.as_ref()?;
        current.status.next_at(&current.set)
    }

    /// When the CA is to be asked for its suggestion again.
    fn poll_at(&self) -> Option<Monotonic> {
        let current = self.current.as_ref()?;
        if current.set.leaf().not_after <= self.env.utc_now() {
            return None;
        }
        let next = self.coming(self.ari_polling.next_at(current.ari.as_ref()?)?);
        // Until then, who failed to answer is left alone.
        let retry = current.poll_retry_at.filter(|retry| *retry > self.env.monotonic_now());
        next.max(retry)
    }

    /// When a renewal may be due because the CA has suggested it.
    fn suggested_at(&self) -> Option<Monotonic> {
        let suggestion = self.current.as_ref()?.ari.as_ref()?.suggestion.as_ref()?;
        self.coming(self.schedule.is_to_be_asked_at(suggestion)?)
    }

    /// When the CA is to be asked again to revoke what it has failed to revoke.
    fn revoke_at(&self) -> Option<Monotonic> {
        self.revocation_pause.until().filter(|_| self.revocation.borrow().is_some())
    }

    /// Has the certificate revoked, if the operator wants that.
    async fn revoke(&mut self) {
        let Some(reason) = *self.revocation.borrow() else { return };
        let Some(mut current) = self.current.take() else {
            // There is none any more.
            self.revocation.send_replace(None);
            return;
        };
        if self.revocation_pause.is_over(self.env.monotonic_now()) {
            match current.issuer.revoke(&current.set, reason).await {
                Ok(()) => {
                    self.env.probe("manager/revoked-by-operator");
                    self.revocation_pause.reset();
                    self.revocation.send_replace(None);
                    let reason = Reason::of_code(reason.code());
                    current.status.condemn(reason);
                    self.take_in(&Looked::Revoked(reason), &mut current).await;
                }
                Err(e) => {
                    self.env.probe("manager/revocation-failed");
                    self.revocation_pause.begin(&self.env, Failure::Other, e.retry_after());
                    let (names, issuer) = (self.names.clone(), current.issuer.directory_url.clone());
                    self.announcer.tell(Event::NotRevoked { names, issuer, reason: e.to_string() });
                }
            }
        }
        self.current = Some(current);
    }

    /// When the wall clock will show `at`, if it goes on like this; `None` if that is over.
    fn coming(&self, at: UtcDateTime) -> Option<Monotonic> {
        let wait = Duration::try_from(at - self.env.utc_now()).ok().filter(|wait| !wait.is_zero())?;
        // A clock that is slow does not make many looks of one.
        Some(self.env.monotonic_now() + wait.max(COMING_MIN))
    }

    async fn check(&mut self) {
        self.look_after_storage().await;
        self.store_again().await;
        self.revoke().await;
        self.look_at_status().await;
        self.poll_ari().await;
        let now = self.env.monotonic_now();
        if self.is_due() && self.pause.is_over(now) && self.turns.has_come(now) {
            match self.attempt().await {
                Ok(()) | Err(NotObtained::ByAnyIssuer) => self.pause.reset(),
                Err(NotObtained::Storage(e)) => {
                    self.begin_pause(Event::StorageTrouble { names: self.names.clone(), reason: e.to_string() });
                }
                Err(NotObtained::NotAllowed) => self.begin_pause(Event::Denied { names: self.names.clone() }),
            }
        }
        if let Some(current) = &self.current
            && !self.is_due()
        {
            self.turns.abandon_others(&self.env, &self.names, &current.issuer).await;
        }
    }

    /// No CA could be asked, and this is why.
    fn begin_pause(&mut self, event: Event) {
        self.env.probe("manager/renewal-failed");
        self.announcer.tell(event);
        self.pause.begin(&self.env, Failure::Other, None);
    }

    fn is_due(&self) -> bool {
        let Some(current) = &self.current else { return true };
        if current.status.revoked().is_some() && self.revoked_pause.is_over(self.env.monotonic_now()) {
            return true;
        }
        let suggestion = current.ari.as_ref().and_then(|ari| ari.suggestion.as_ref());
        self.schedule.is_due(current.set.leaf(), suggestion, self.env.utc_now())
    }

    /// Makes an attempt at each CA whose turn has come, unless storage has what is wanted.
    ///
    /// # Errors
    /// [`NotObtained`]. What a CA failed with is remembered with its turn.
    async fn attempt(&mut self) -> Result<(), NotObtained> {
        let lease = self.turns.lock(&self.names).await.map_err(NotObtained::Storage)?;
        if let Err(e) = self.look_into_storage().await {
            self.reads_failed += 1;
            if self.current.is_none() && self.reads_failed < READS_TRIED_MAX {
                return Err(NotObtained::Storage(e));
            }
        }
        if !self.is_due() {
            self.poll_ari_alone().await;
            return Ok(());
        }
        self.forget_its_order().await.map_err(NotObtained::Storage)?;
        let is_renewal = self.current.is_some();
        let was_revoked = self.current.as_ref().is_some_and(|current| current.status.revoked().is_some());
        self.standing.send_replace(if is_renewal { Standing::Renewing } else { Standing::Obtaining });
        let mut unknown = None;
        let replaces = self.current.as_mut().map_or(&mut unknown, |current| &mut current.replaces);
        let hold = if is_renewal { Some(self.cache.hold(Work::Renewal).await) } else { None };
        let result = self.turns.obtain(&self.env, &self.names, is_renewal, replaces, &lease).await;
        drop(hold);
        let (issuer, obtained) = result?;
        if was_revoked {
            self.env.probe("manager/revoked-replaced");
            self.revoked_pause.begin(&self.env, Failure::Other, None);
        }
        self.env.probe(if is_renewal { "manager/renewed" } else { "manager/obtained" });
        self.announcer.tell(Event::Obtained {
            names: self.names.clone(),
            issuer: issuer.directory_url.clone(),
            not_after: obtained.set.leaf().not_after,
            is_renewal,
        });
        let mut status = self.watch(&obtained.set);
        if obtained.set.leaf().status_sources.must_staple {
            // Without it, visitors may turn away. If it can't be had now, it is asked for again.
            let looked = status.look(&issuer.storage, self.names.first(), &obtained.set).await;
            self.tell_of(&looked, &issuer);
        }
        self.show(obtained.set, issuer, status, obtained.stored.is_ok()).await;
        // Others on the same storage find the answer there once they are let in, and need not ask.
        self.poll_ari_alone().await;
        drop(lease);
        self.look_at_status().await;
        Ok(())
    }

    /// Removes the record of the order that led to what is shown, which stays where that could not be stored: the next order would
    /// be taken for this one, and lead to the same certificate.
    async fn forget_its_order(&self) -> io::Result<()> {
        let Some(current) = self.current.as_ref().filter(|current| !current.is_stored) else { return Ok(()) };
        let (storage, name) = (&current.issuer.storage, self.names.first());
        match storage.load_pending(name).await? {
            Some(pending) if current.set.is_for(&pending.key) => storage.remove_pending(name).await,
            _ => Ok(()),
        }
    }

    /// Takes over what storage holds, of whichever CA, if it is newer than what is shown: at the start, or when
    /// another host on the same storage has renewed. Says whether it did.
    async fn look_into_storage(&mut self) -> io::Result<bool> {
        let hold = if self.current.is_some() { Some(self.cache.hold(Work::StorageRead).await) } else { None };
        let newest = self.newest_stored().await;
        drop(hold);
        let Some((set, issuer)) = newest? else { return Ok(false) };
        let mut status = self.watch(&set);
        status.load(&issuer.storage, self.names.first(), &set).await;
        self.show(set, issuer, status, true).await;
        Ok(true)
    }

    /// What storage holds, of whichever CA, if it is newer than what is shown.
    async fn newest_stored(&self) -> io::Result<Option<(CertificateSet, Arc<Issuer>)>> {
        let now = self.env.utc_now();
        let mut newest: Option<(CertificateSet, Arc<Issuer>)> = None;
        let mut failed = None;
        for issuer in self.turns.issuers() {
            let shown = newest.as_ref().map(|(set, _)| set).or(self.current.as_ref().map(|current| &current.set));
            match issuer.storage.load_certificate(self.names.first()).await {
                Ok(Some(set))
                    // The operator may have added a name since it was stored.
                    if set.leaf().covers(self.names.all())
                        && shown.is_none_or(|shown| set.leaf().supersedes(shown.leaf(), now)) =>
                {
                    newest = Some((set, issuer.clone()));
                }
                Ok(_) => {}
                Err(e) => failed = Some(e),
            }
        }
        match (newest, failed) {
            (None, Some(e)) => Err(e),
            (newest, _) => Ok(newest),
        }
    }

    async fn show(&mut self, set: CertificateSet, issuer: Arc<Issuer>, status: StatusWatch, is_stored: bool) {
        self.put_on_show(&set, &status).await;
        self.standing.send_replace(Standing::Served);
        self.reads_failed = 0;
        let id = self.certificate_name.of(set.leaf());
        let ari = match &id {
            Some(id) => Some(match issuer.storage.load_ari(self.names.first(), id).await {
                Some(known) => known,
                None => Ari::unknown(id.clone()),
            }),
            None => None,
        };
        let issued_by = issuer.directory_url.clone();
        let replaces = id.map(|certificate| Replaced { certificate, issued_by });
        let polls_failed = Backoff::new(&POLL_RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60)));
        self.current = Some(Current {
            set,
            issuer,
            status,
            ari,
            explanation: None,
            polls_failed,
            poll_retry_at: None,
            replaces,
            is_stored,
            is_key_checked: false,
            owes_key: false,
        });
    }

    async fn put_on_show(&self, set: &CertificateSet, status: &StatusWatch) {
        let shown = set.shown(status.staple());
        for name in self.names.all() {
            self.cache.insert(name, Source::Managed, &shown, self.env.utc_now()).await;
        }
    }

    /// Nothing is known yet of the certificate of `set`.
    fn watch(&self, set: &CertificateSet) -> StatusWatch {
        StatusWatch::new(&self.env, self.stapling.clone(), self.lists.clone(), set)
    }

    /// Asks whether the certificate still holds, if it is time to ask, and shows visitors the answer.
    async fn look_at_status(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        if !current.is_key_checked
            && let Ok(is_compromised) = current.issuer.storage.is_compromised(current.set.leaf().public_key()).await
        {
            current.is_key_checked = true;
            if is_compromised {
                // A copy of what has been replaced, for example.
                current.status.condemn(Reason::KeyCompromise);
                self.tell_of(&Looked::Revoked(Reason::KeyCompromise), &current.issuer);
            }
        }
        let looked = current.status.look(&current.issuer.storage, self.names.first(), &current.set).await;
        self.take_in(&looked, &mut current).await;
        if current.owes_key && current.issuer.storage.put_key_aside(&current.set).await.is_ok() {
            current.owes_key = false;
            self.env.probe("manager/key-put-aside");
            self.announcer.tell(Event::KeyPutAside { names: self.names.clone() });
        }
        self.current = Some(current);
    }

    /// Shows visitors what was learned of the certificate's status, and tells of it.
    async fn take_in(&mut self, looked: &Looked, current: &mut Current) {
        match looked {
            Looked::NotNow => {}
            Looked::NotListed => self.revoked_pause.reset(),
            Looked::Stapled => {
                self.revoked_pause.reset();
                self.put_on_show(&current.set, &current.status).await;
            }
            Looked::Revoked(reason) => {
                self.put_on_show(&current.set, &current.status).await;
                current.owes_key = *reason == Reason::KeyCompromise;
            }
            Looked::Failed(_) => self.put_on_show(&current.set, &current.status).await,
        }
        self.tell_of(looked, &current.issuer);
    }

    fn tell_of(&self, looked: &Looked, issuer: &Issuer) {
        let names = self.names.clone();
        match looked {
            Looked::NotNow | Looked::NotListed => {}
            Looked::Stapled => self.env.probe("manager/stapled"),
            Looked::Failed(e) => {
                let reason = e.to_string();
                self.env.probe_about("manager/staple-refused", || [("reason", reason.clone())]);
                self.announcer.tell(Event::StapleRefused { names, reason });
            }
            Looked::Revoked(reason) => {
                self.env.probe("manager/revoked");
                let (issuer, reason) = (issuer.directory_url.clone(), reason.to_string());
                self.announcer.tell(Event::Revoked { names, issuer, reason });
            }
        }
    }

    /// Looks whether storage still holds what is shown, for a disk may fail and a person may err. What is lost is
    /// stored again; a set that lasts longer, from another host, is taken over.
    async fn look_after_storage(&mut self) {
        let now = self.env.monotonic_now();
        if now < self.storage_look_at {
            return;
        }
        self.storage_look_at = now + STORAGE_LOOK_INTERVAL;
        // Another host may be storing the next certificate, with what the CA has said about that.
        if !self.is_ari_stored().await
            && let Ok(_lease) = self.turns.lock(&self.names).await
            && self.store_ari().await
        {
            self.env.probe("manager/storage-mended");
        }
        self.compare_with_storage().await;
    }

    /// Shows what another host has stored since, and sees that storage gets what it should hold and does not.
    async fn compare_with_storage(&mut self) {
        let Some(current) = &self.current else { return };
        let hold = self.cache.hold(Work::StorageRead).await;
        let held = current.issuer.storage.holds_certificate(self.names.first(), &current.set).await;
        drop(hold);
        if !matches!(held, Ok(false)) {
            return;
        }
        if let (Ok(false), Some(current)) = (self.look_into_storage().await, &mut self.current) {
            self.env.probe("manager/storage-mended");
            current.is_stored = false;
        }
    }

    /// Whether storage has what the CA said about the certificate, if it has said anything.
    async fn is_ari_stored(&self) -> bool {
        let Some(current) = &self.current else { return true };
        let Some(ari) = current.ari.as_ref().filter(|ari| ari.answered.is_some()) else { return true };
        let _hold = self.cache.hold(Work::StorageRead).await;
        current.issuer.storage.load_ari(self.names.first(), &ari.certificate).await.is_some()
    }

    /// Stores what could not be stored when it was obtained: it is served meanwhile.
    async fn store_again(&mut self) {
        let Some(current) = self.current.as_mut().filter(|current| !current.is_stored) else { return };
        let Ok(lease) = self.turns.lock(&self.names).await else { return };
        let storage = &current.issuer.storage;
        if storage.store_certificate(self.names.first(), &current.set, &lease).await.is_ok() {
            current.is_stored = true;
            self.env.probe("manager/certificate-stored");
            drop(storage.remove_pending(self.names.first()).await);
        }
    }

    /// Asks the CA when to renew, if it is time to ask. Without an answer the last one stands.
    ///
    /// Of the hosts that share a storage, one asks, and the others read there what it was told.
    async fn poll_ari(&mut self) {
        if !self.is_poll_due() {
            return;
        }
        self.take_over_ari().await;
        if let Some(current) = self.current.as_ref().filter(|_| self.is_poll_due()) {
            current.issuer.polls.pass("manager/poll-held-back").await;
        } else {
            return;
        }
        match self.turns.lock(&self.names).await {
            Ok(_lease) => self.poll_ari_alone().await,
            Err(_) => self.poll_failed(None),
        }
    }

    /// The same, while no other host does so.
    async fn poll_ari_alone(&mut self) {
        if self.turns.are_hosts_many() && self.is_poll_due() {
            self.compare_with_storage().await;
            self.take_over_ari().await;
        }
        if !self.is_poll_due() {
            return;
        }
        let Some(current) = &mut self.current else { return };
        let Some(ari) = &mut current.ari else { return };
        match current.issuer.renewal_info(&ari.certificate).await {
            Ok(Some(info)) => {
                self.env.probe("manager/ari-polled");
                current.polls_failed.reset();
                ari.take(&self.env, &info);
                let former = std::mem::replace(&mut current.explanation, info.explanation.clone());
                if let Some(explanation) = info.explanation.filter(|_| former != current.explanation) {
                    self.env.probe("manager/renewal-explained");
                    let (names, issuer) = (self.names.clone(), current.issuer.directory_url.clone());
                    self.announcer.tell(Event::RenewalExplained { names, issuer, explanation });
                }
            }
            Ok(None) => {
                ari.take_nothing(&self.env);
            }
            Err(e) => {
                self.env.probe("manager/ari-failed");
                self.poll_failed(Some(&e));
            }
        }
        self.store_ari().await;
    }

    /// Whether it is time to ask the CA when to renew.
    fn is_poll_due(&self) -> bool {
        let Some(current) = &self.current else { return false };
        let now = self.env.utc_now();
        current.set.leaf().not_after > now
            && current.ari.as_ref().is_some_and(|ari| self.ari_polling.is_due(ari, now))
            && current.poll_retry_at.is_none_or(|retry| retry <= self.env.monotonic_now())
    }

    /// Takes over a newer answer of the CA that storage has, which may be another host's.
    async fn take_over_ari(&mut self) {
        let Some(current) = &mut self.current else { return };
        let Some(ari) = &mut current.ari else { return };
        if let Some(stored) = current.issuer.storage.load_ari(self.names.first(), &ari.certificate).await
            && self.comparison.is_newer(&stored, ari)
        {
            *ari = stored;
        }
    }

    /// Puts the next poll off, for as long as the CA asked in its `error` at least. What the CA answered, the other hosts will
    /// read; who did not get that far waits alone.
    fn poll_failed(&mut self, error: Option<&Error>) {
        let Some(current) = &mut self.current else { return };
        let wait = error.and_then(poll_after_error).unwrap_or_else(|| {
            let wait = current.polls_failed.after(Failure::Other);
            let asked = error.and_then(Error::retry_after);
            asked.map_or(wait, |asked| asked.max(wait)).clamp(POLL_MIN, POLL_MAX)
        });
        match &mut current.ari {
            Some(ari) if error.is_some_and(Error::is_answer) => ari.put_off(&self.env, wait),
            _ => current.poll_retry_at = Some(self.env.monotonic_now() + wait),
        }
    }

    /// Stores what the CA has said about the certificate, unless that takes the place of what it has said about the next
    /// one. Says whether it is stored.
    ///
    /// Advisory: if it can't be stored, the CA is asked once more after a restart.
    async fn store_ari(&self) -> bool {
        let Some(current) = &self.current else { return false };
        let Some(ari) = &current.ari else { return false };
        let (storage, name) = (&current.issuer.storage, self.names.first());
        // Whoever slept too long has lost the lock.
        let is_beside_its_own = matches!(storage.holds_certificate(name, &current.set).await, Ok(true));
        self.metadata_place.may_be_written(is_beside_its_own) && storage.store_ari(name, ari).await.is_ok()
    }
}
