//! `Turns`: which CA is asked for a certificate, and when each of them may be asked again.
//!
//! The CAs have an order. Whatever one of them fails with, the next is asked at once: a certificate is what counts, and
//! a validation that fails from one CA's network may succeed from another's. Only our own disk's failure ends the round,
//! since what can't be kept must be ordered nowhere; and what it has made fail is noted on it before anything is ordered
//! again, so that it is known to work by then. Each CA has a back-off of its own and is left alone for as long as
//! it has asked, and the next round begins with the first of those whose time has come.
//!
//! An order that failed may be left behind at its CA, to be continued. If another CA issues instead, it is given up.
//!
//! What has failed is noted in storage: so the back-off goes on where it was for whoever takes the name up again, be it after a
//! restart, for the next visitor of a name on demand, or on another host, and together they ask the CA no more often than one.

use std::{fmt::Debug, io, sync::Arc, time::Duration};

use sim::{Env, Monotonic};
use url::Url;

use super::{
    backoff::{Failure, RetryWaits},
    crew::Means,
    decision::Permission,
    events::{Announcer, Event},
    issue::{IssueError, Issuer, Obtained},
};
use crate::{
    acme::renewal_info::CertId,
    name::Names,
    storage::{
        failures::{By, Failures},
        lock::Lease,
    },
};

/// The certificate that an order replaces (RFC 9773 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// What renewal information calls it.
    pub certificate: CertId,
    /// The directory of the CA that issued it.
    pub issued_by: Url,
}

/// Which CAs hear what an order replaces.
pub trait ReplacementScope: Debug + Send + Sync {
    /// Whether the CA with the directory `asked` is told that its order replaces `replaced`.
    fn covers(&self, asked: &Url, replaced: &Replaced) -> bool;
}

/// The CA that issued the certificate, and no other: none of them knows another's certificates, and what it does not
/// know it has to refuse (RFC 9773 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuedThere;

impl ReplacementScope for IssuedThere {
    fn covers(&self, asked: &Url, replaced: &Replaced) -> bool {
        *asked == replaced.issued_by
    }
}

/// The most thousandths by which a wait is longer than the list of waits has it.
const SPREAD_MAX: u64 = 100;

/// The most failures that are remembered one by one; the waits have long reached their greatest.
const KINDS_MAX: usize = 64;

/// After a restart, waits that the CA has not asked for are no longer: an operator restarts what he has mended. Four
/// failed validations an hour are within what public CAs allow.
const WAIT_AFTER_RESTART_MAX: Duration = Duration::from_secs(15 * 60);

/// How long something is left alone after failures.
#[derive(Debug)]
pub(super) struct Pause {
    waits: Box<dyn RetryWaits>,
    /// What has failed since the last success, for the next process; `None` if nothing has.
    failures: Option<Failures>,
    /// How much longer its waits are, in thousandths: those that failed together do not all come again together.
    spread: Option<u32>,
    until: Option<Monotonic>,
}

impl Pause {
    /// Nothing has failed yet; after failures, these are the waits.
    pub(super) fn new(waits: Box<dyn RetryWaits>) -> Self {
        Self { waits, failures: None, spread: None, until: None }
    }

    /// Begins after a failure, for at least as long as was `asked`.
    pub(super) fn begin(&mut self, env: &Env, failure: Failure, asked: Option<Duration>) {
        let spread = *self.spread.get_or_insert_with(|| {
            u32::try_from(env.random_below("manager/pause", SPREAD_MAX)).expect("it is below a hundred")
        });
        let wait = self.waits.after(failure);
        // Some waits have no end.
        let wait = wait.saturating_add(wait / 1_000 * spread);
        self.until = Some(env.monotonic_now() + asked.map_or(wait, |asked| asked.max(wait)));
        let mut kinds = self.failures.take().map(|failures| failures.kinds).unwrap_or_default();
        if kinds.len() < KINDS_MAX {
            kinds.push(failure);
        }
        self.failures = Some(Failures { kinds, at: env.utc_now(), wait, spread, asked });
    }

    /// Goes on from failures that were noted, unless they are older than those it knows. Says whether it does.
    fn take_over(&mut self, env: &Env, noted: Failures, by: By) -> bool {
        if self.failures.as_ref().is_some_and(|known| known.at >= noted.at) {
            return false;
        }
        self.waits.reset();
        for kind in noted.kinds.iter().take(KINDS_MAX) {
            self.waits.after(*kind);
        }
        let own = match by {
            By::SomebodyAtWork => noted.wait,
            By::FormerProcess => noted.wait.min(WAIT_AFTER_RESTART_MAX),
        };
        let wait = noted.asked.map_or(own, |asked| asked.max(own));
        // By a clock that was set back since, or is behind that of the other host, the failure lies ahead.
        let passed = Duration::try_from(env.utc_now() - noted.at).unwrap_or_default();
        self.until = Some(env.monotonic_now() + wait.saturating_sub(passed));
        self.spread = Some(noted.spread.min(SPREAD_MAX as u32));
        self.failures = Some(noted);
        true
    }

    /// Lasts until then, though nothing has failed.
    pub(super) fn hold_until(&mut self, at: Monotonic) {
        self.until = Some(at);
    }

    /// When it ends; `None` if nothing has failed and nothing is held back.
    pub(super) fn until(&self) -> Option<Monotonic> {
        self.until
    }

    /// Whether it is over at `now`.
    pub(super) fn is_over(&self, now: Monotonic) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// The next failure counts as the first; what has been asked for still holds.
    pub(super) fn forgive(&mut self) {
        self.waits.reset();
        self.failures = None;
    }

    /// Forgets all failures.
    pub(super) fn reset(&mut self) {
        self.forgive();
        self.until = None;
    }
}

/// Why a round has brought no certificate.
#[derive(Debug)]
pub(super) enum NotObtained {
    /// No CA has issued, or none may be asked now.
    ByAnyIssuer,
    /// The disk failed.
    Storage(io::Error),
    /// It may not be ordered.
    NotAllowed,
}

/// The CAs' turns, for one certificate.
#[derive(Debug)]
pub(super) struct Turns {
    permission: Permission,
    scope: Arc<dyn ReplacementScope>,
    announcer: Announcer,
    turns: Vec<Turn>,
}

#[derive(Debug)]
struct Turn {
    issuer: Arc<Issuer>,
    pause: Pause,
    /// Whether an order may have been left behind.
    owes_an_end: bool,
    /// Whether the disk has made an attempt fail, which is not noted yet.
    owes_a_note: bool,
}

impl Turn {
    /// Goes on from what another host or an earlier process has noted since, and notes what the disk has made fail.
    ///
    /// # Errors
    /// The disk's, if it still can't be written to.
    async fn compare_notes(&mut self, env: &Env, names: &Names) -> io::Result<()> {
        let storage = &self.issuer.storage;
        if let Some((noted, by)) = storage.load_failures(names.first()).await
            && self.pause.take_over(env, noted, by)
        {
            env.probe("manager/failures-remembered");
        }
        if let Some(failures) = self.pause.failures.as_ref().filter(|_| self.owes_a_note) {
            storage.store_failures(names.first(), failures).await?;
        }
        self.owes_a_note = false;
        Ok(())
    }
}

impl Turns {
    /// The turns of one certificate.
    pub(super) fn new(permission: Permission, means: &Means) -> Self {
        let turn = |issuer: &Arc<Issuer>| Turn {
            issuer: issuer.clone(),
            pause: Pause::new((means.settings.conduct.retry_waits)(&means.settings.retry_delays)),
            // The process before this one may have left it.
            owes_an_end: true,
            owes_a_note: false,
        };
        let (scope, announcer) = (means.settings.replacement_scope.clone(), means.announcer.clone());
        let turns = means.issuers.iter().map(turn).collect();
        Self { permission, scope, announcer, turns }
    }

    /// The CAs, in their order.
    pub(super) fn issuers(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.turns.iter().map(|turn| &turn.issuer)
    }

    /// Keeps other hosts on the same storage from ordering for these names, at whichever CA, while the lease is held.
    ///
    /// # Errors
    /// The disk's; or that another host has held it for too long.
    pub(super) async fn lock(&self, names: &Names) -> io::Result<Lease> {
        match self.turns.first() {
            Some(first) => first.issuer.storage.lock_certificate(names.first()).await,
            None => Ok(Lease::unlocked()),
        }
    }

    /// Whether other hosts use the same storage.
    pub(super) fn are_hosts_many(&self) -> bool {
        self.issuers().any(|issuer| issuer.storage.is_shared())
    }

    /// When the first CA may be asked that was not to be asked; `None` while some CA never failed.
    pub(super) fn next_at(&self) -> Option<Monotonic> {
        let pauses = self.turns.iter().map(|turn| turn.pause.until());
        pauses.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// Whether some CA may be asked at `now`.
    pub(super) fn has_come(&self, now: Monotonic) -> bool {
        self.turns.iter().any(|turn| turn.pause.is_over(now))
    }

    /// Asks the CAs whose turn has come, one after another, until one has issued. What the order `replaces` is
    /// forgotten once a CA has refused it. The `lease` is on the certificate's lock. What is no
    /// renewal may have to wait for its turn; it is then as if the CA's had not come.
    ///
    /// # Errors
    /// [`NotObtained`]. What a CA failed with is remembered with its turn.
    pub(super) async fn obtain(
        &mut self,
        env: &Env,
        names: &Names,
        is_renewal: bool,
        replaces: &mut Option<Replaced>,
        lease: &Lease,
    ) -> Result<(Arc<Issuer>, Obtained), NotObtained> {
        for turn in self.turns.iter_mut().filter(|turn| turn.owes_a_note) {
            turn.compare_notes(env, names).await.map_err(NotObtained::Storage)?;
        }
        for (position, turn) in self.turns.iter_mut().enumerate() {
            if turn.pause.is_over(env.monotonic_now()) {
                turn.compare_notes(env, names).await.map_err(NotObtained::Storage)?;
            }
            if !turn.pause.is_over(env.monotonic_now()) {
                continue;
            }
            if !is_renewal && let Err(at) = turn.issuer.admit_first_order() {
                env.probe("manager/first-order-held-back");
                turn.pause.hold_until(at);
                continue;
            }
            turn.issuer.turnstile.pass("manager/order-held-back").await;
            if !self.permission.holds(env, names.first()).await {
                return Err(NotObtained::NotAllowed);
            }
            let covered = replaces.as_ref().filter(|replaced| self.scope.covers(&turn.issuer.directory_url, replaced));
            let mut told = covered.map(|replaced| replaced.certificate.clone());
            let was_told = told.is_some();
            turn.owes_an_end = true;
            let issuer = turn.issuer.directory_url.clone();
            self.announcer.tell(Event::Obtaining { names: names.clone(), issuer: issuer.clone() });
            let result = turn.issuer.obtain(names, &mut told, lease).await;
            if was_told && told.is_none() {
                *replaces = None;
            }
            match result {
                Ok(obtained) => {
                    if position > 0 {
                        env.probe("manager/obtained-by-fallback");
                    }
                    if turn.pause.failures.is_some() {
                        // A note that stays is older than the next failure.
                        drop(turn.issuer.storage.remove_failures(names.first()).await);
                    }
                    turn.pause.reset();
                    turn.owes_an_end = false;
                    let issuer = turn.issuer.clone();
                    self.turns.iter_mut().for_each(|turn| turn.pause.forgive());
                    return Ok((issuer, obtained));
                }
                Err(IssueError::Storage(e)) => {
                    turn.pause.begin(env, Failure::Other, None);
                    turn.owes_a_note = true;
                    let until = turn.pause.until();
                    // That was no failure of this CA, so its turn comes before that of the others after it.
                    for later in &mut self.turns[position + 1..] {
                        later.pause.until = later.pause.until.max(until);
                    }
                    return Err(NotObtained::Storage(e));
                }
                Err(e @ (IssueError::Acme(_) | IssueError::Dns(_) | IssueError::Request(_))) => {
                    env.probe("manager/renewal-failed");
                    self.announcer.tell(Event::Failed { names: names.clone(), issuer, reason: e.to_string() });
                    turn.pause.begin(env, e.failure(), e.retry_after());
                    if let Some(failures) = &turn.pause.failures {
                        // What can't be noted is known here at least.
                        drop(turn.issuer.storage.store_failures(names.first(), failures).await);
                    }
                }
            }
        }
        Err(NotObtained::ByAnyIssuer)
    }

    /// Gives up the orders that were left behind at other CAs than `issuer`, whose certificate is good.
    pub(super) async fn abandon_others(&mut self, env: &Env, names: &Names, issuer: &Arc<Issuer>) {
        let Some(first) = self.turns.first().map(|turn| turn.issuer.clone()) else { return };
        for turn in self.turns.iter_mut().filter(|turn| turn.owes_an_end && !Arc::ptr_eq(&turn.issuer, issuer)) {
            if !turn.pause.is_over(env.monotonic_now()) {
                continue;
            }
            let abandoned = match turn.issuer.storage.load_pending(names.first()).await {
                Ok(None) => Ok(()),
                // It may be what another host is at.
                Ok(Some(_)) => match first.storage.lock_certificate(names.first()).await {
                    Ok(_lease) => turn.issuer.abandon(names).await,
                    Err(e) => Err(e.into()),
                },
                Err(e) => Err(e.into()),
            };
            match abandoned {
                Ok(()) => turn.owes_an_end = false,
                Err(e) => turn.pause.begin(env, e.failure(), e.retry_after()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acme::certificate::tests::env, manager::backoff::Backoff};

    #[tokio::test(start_paused = true)]
    async fn a_pause_lasts_as_long_as_was_asked_and_grows_on_its_own() {
        let env = env();
        let mut pause = Pause::new(Backoff::make(&[Duration::from_secs(60), Duration::from_secs(120)]));
        assert!(pause.is_over(env.monotonic_now()));
        let mut paused_ms = |asked: Option<u64>| {
            let now = env.monotonic_now();
            pause.begin(&env, Failure::Other, asked.map(Duration::from_secs));
            assert!(!pause.is_over(now));
            pause.until().unwrap().since(now).as_millis()
        };
        let [first, asked, third] = [paused_ms(None), paused_ms(Some(3_600)), paused_ms(Some(1))];
        assert!((60_000..=66_000).contains(&first) && asked == 3_600_000 && (120_000..=132_000).contains(&third));
        assert_eq!(third, 2 * first);
        pause.reset();
        assert!(pause.is_over(env.monotonic_now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_back_off_goes_on_where_another_was() {
        let env = env();
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let pause = || Pause::new(Backoff::make(&[1, 30, 60].map(minutes)));
        let mut first = pause();
        first.begin(&env, Failure::Other, None);
        first.begin(&env, Failure::Other, None);
        let noted = first.failures.clone().unwrap();
        let remaining = |noted: &Failures, by| {
            let mut pause = pause();
            assert!(pause.take_over(&env, noted.clone(), by));
            pause.until().unwrap().since(env.monotonic_now())
        };
        assert!((minutes(29)..=minutes(33)).contains(&remaining(&noted, By::SomebodyAtWork)));
        assert!((minutes(14)..=minutes(15)).contains(&remaining(&noted, By::FormerProcess)));
        let asked = Failures { asked: Some(minutes(120)), ..noted.clone() };
        assert!((minutes(119)..=minutes(120)).contains(&remaining(&asked, By::FormerProcess)));
        let ahead = Failures { at: env.utc_now() + Duration::from_secs(86_400), ..noted.clone() };
        assert!(remaining(&ahead, By::SomebodyAtWork) <= minutes(33));

        let mut other = pause();
        assert!(other.take_over(&env, noted.clone(), By::SomebodyAtWork));
        assert!(!other.take_over(&env, noted, By::SomebodyAtWork), "it is known");
        other.begin(&env, Failure::Other, None);
        assert!(other.until().unwrap().since(env.monotonic_now()) >= minutes(60));
        assert_eq!(other.failures.as_ref().unwrap().kinds.len(), 3);
    }

    #[test]
    fn only_the_ca_that_issued_it_hears_what_is_replaced() {
        let [one, other] = ["https://ca.test/dir", "https://ca.test/other"].map(|url| url.parse::<Url>().unwrap());
        let replaced = Replaced { certificate: CertId::new(b"a", b"b"), issued_by: one.clone() };
        assert!(IssuedThere.covers(&one, &replaced) && !IssuedThere.covers(&other, &replaced));
    }
}
