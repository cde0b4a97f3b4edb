//! [`Issuer`]: everything that is asked of one CA, for all managed names.
//!
//! Owns the account, which all names share, and makes one `Attempt` at a time for a certificate. Which CA is asked
//! and when, and what follows a failed attempt, is not decided here.

use std::{convert::Infallible, io, num::NonZeroUsize, sync::Arc, time::Duration};

use sim::{
    Env, Monotonic,
    crypto::P256Key,
    lock::{Mutex, RwLock},
};
use url::Url;

use super::{
    attempt::Attempt,
    backoff::Failure,
    challenges::Answers,
    conduct::Conduct,
    config::{IssuerSettings, Settings},
    dns01::DnsError,
    events::{Announcer, Event},
    maintenance::STORAGE_LOOK_INTERVAL,
    order_rate::{OrderRate, Turnstile},
    rollover::RolloverRecord,
};
use crate::{
    acme::{
        Error,
        account::{Account, Applicant, Consent, SETTLING_TIME},
        address::Address,
        client::Client,
        http::HttpClient,
        preferred_chain::PreferredChain,
        renewal_info::{CertId, RenewalInfo},
        revocation::RevocationReason,
    },
    name::Names,
    storage::{Storage, account::User, certificate::CertificateSet, lock::Lease},
};

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The CA, or the way to it.
    #[error(transparent)]
    Acme(#[from] Error),
    /// Something that must be kept could not be kept, or what is kept could not be read.
    #[error("the storage: {0}")]
    Storage(#[from] io::Error),
    /// The TXT records that prove control.
    #[error("the DNS: {0}")]
    Dns(#[from] DnsError),
    /// The signing request could not be made.
    #[error("the signing request: {0}")]
    Request(#[from] rcgen::Error),
}

impl IssueError {
    /// What kind of failure this is to the back-off.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Acme(Error::NotAuthorized { .. }) => Failure::Validation,
            Self::Acme(_) | Self::Storage(_) | Self::Dns(_) | Self::Request(_) => Failure::Other,
        }
    }

    /// How long the CA wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Acme(e) => e.retry_after(),
            Self::Storage(_) | Self::Dns(_) | Self::Request(_) => None,
        }
    }
}

/// A new certificate.
#[derive(Debug)]
pub struct Obtained {
    /// The set.
    pub set: CertificateSet,
    /// Whether it could be stored. If not, it is still good to serve.
    pub stored: io::Result<()>,
}

/// How often a CA is asked for renewal information of all names.
const POLL_RATE: OrderRate =
    OrderRate { orders: NonZeroUsize::new(10).expect("ten is not zero"), per: Duration::from_secs(1) };

/// The CAs, in the order in which they are asked.
pub(super) type Issuers = Arc<[Arc<Issuer>]>;

/// Asks one CA, as one account.
#[derive(Debug)]
pub struct Issuer {
    pub(super) env: Env,
    pub(super) storage: Storage,
    pub(super) answers: Answers,
    pub(super) conduct: Conduct,
    pub(super) rollover_record: Arc<dyn RolloverRecord>,
    /// To be passed before each attempt.
    pub(super) turnstile: Turnstile,
    /// To be passed before the CA is asked when to renew: what was issued at once is asked about at once.
    pub(super) polls: Turnstile,
    /// To be passed as well before an attempt for names that there is no certificate for yet.
    first_orders: Option<Turnstile>,
    pub(super) http: HttpClient,
    pub(super) directory_url: Url,
    pub(super) user: User,
    pub(super) account: Mutex<Option<Account>>,
    /// Held shared by whoever speaks as the account, and alone by whoever changes its key: challenges are
    /// answered by the key that they were begun with (RFC 8555 §8.1).
    pub(super) account_key: RwLock<()>,
    /// The kind of certificates to order; left to the CA if none.
    pub(super) profile: Option<String>,
    pub(super) preferred_chain: Option<PreferredChain>,
    pub(super) must_staple: bool,
    applicant: Applicant,
    announcer: Announcer,
    /// Where the terms of service were when they were last looked at.
    terms: Mutex<Option<String>>,
}

impl Issuer {
    pub(super) fn new(
        env: &Env,
        settings: &Settings,
        ca: &IssuerSettings,
        answers: Answers,
        announcer: Announcer,
    ) -> Self {
        Self {
            env: env.clone(),
            storage: settings.storage(env, ca),
            answers,
            conduct: settings.conduct.clone(),
            rollover_record: settings.rollover_record.clone(),
            turnstile: Turnstile::new(env, ca.order_rate),
            polls: Turnstile::new(env, POLL_RATE),
            first_orders: ca.first_order_rate.map(|rate| Turnstile::new(env, rate)),
            http: HttpClient::new(env, ca.roots.clone()),
            directory_url: ca.directory_url.clone(),
            profile: ca.profile.clone(),
            preferred_chain: ca.preferred_chain.clone(),
            must_staple: ca.must_staple,
            applicant: ca.applicant.clone(),
            announcer,
            terms: Mutex::new(env, "manager/terms-of-service", None),
            user: User::of_contact(&ca.applicant.contact),
            account: Mutex::new(env, "manager/account", None),
            account_key: RwLock::new(env, "manager/account-key", ()),
        }
    }

    /// Lets an attempt begin, if one more may for names that there is no certificate for yet.
    ///
    /// # Errors
    /// When to ask again.
    pub(super) fn admit_first_order(&self) -> Result<(), Monotonic> {
        self.first_orders.as_ref().map_or(Ok(()), Turnstile::pass_at_once)
    }

    /// Makes one attempt to obtain a certificate for `names`. If it `replaces` one, the CA is told so
    /// (RFC 9773 §5); once the CA has refused that, `replaces` is emptied, for it will refuse it again. The `lease` is
    /// on the certificate's lock.
    ///
    /// # Errors
    /// [`IssueError`]; what was begun at the CA is then given up, or kept to be continued.
    pub async fn obtain(
        &self,
        names: &Names,
        replaces: &mut Option<CertId>,
        lease: &Lease,
    ) -> Result<Obtained, IssueError> {
        let _operation = self.env.operation(format!("obtain {names}"));
        let _key_stays = self.account_key.read().await;
        let mut client = self.connect().await?;
        self.look_at_terms(client.directory().terms_of_service.clone()).await;
        let account = match self.account(&mut client).await {
            // Nobody knew its address any more, and the CA that was asked for it says that it is over.
            Err(IssueError::Acme(e)) if e.is("unauthorized") => {
                let Some(key) = self.storage.load_account_key(&self.user).await? else { return Err(e.into()) };
                let successor = self.succeed(&mut client, &key, None).await?.ok_or(e)?;
                *replaces = None;
                successor
            }
            other => other?,
        };
        self.check(lease, names).await?;
        let mut result = Attempt::new(self, account.session(&mut client), names).run(replaces).await;
        if let Err(IssueError::Acme(e)) = &result
            && e.is("accountDoesNotExist")
        {
            // The CA has lost its accounts, or is another one at the same address.
            self.env.probe("manager/account-lost");
            let account = self.register(&mut client, account.key().clone()).await?;
            *self.account.lock().await = Some(account.clone());
            // What is replaced was issued to an account that is no more (RFC 9773 §5).
            *replaces = None;
            result = Attempt::new(self, account.session(&mut client), names).run(replaces).await;
        } else if let Err(IssueError::Acme(e)) = &result
            && e.is("unauthorized")
            && let Some(successor) = self.succeed(&mut client, account.key(), Some(account.url())).await?
        {
            *replaces = None;
            result = Attempt::new(self, successor.session(&mut client), names).run(replaces).await;
        }
        if let Err(IssueError::Acme(e)) = &result
            && (e.is("malformed") || e.is("unauthorized"))
        {
            self.forget_replaced_key().await?;
        }
        let set = result?;
        self.check(lease, names).await?;
        let stored = self.storage.store_certificate(names.first(), &set, lease).await;
        if stored.is_ok() {
            self.env.probe("manager/certificate-stored");
            // A record that stays leads to nothing worse than one look at an order that is over.
            drop(self.storage.remove_pending(names.first()).await);
        }
        Ok(Obtained { set, stored })
    }

    /// Gives up the order for `names` that an attempt left behind, if there is one: another CA has issued instead.
    ///
    /// # Errors
    /// [`IssueError`]; the order's record is then kept.
    pub(super) async fn abandon(&self, names: &Names) -> Result<(), IssueError> {
        let _operation = self.env.operation(format!("abandon the order for {names}"));
        let _key_stays = self.account_key.read().await;
        let mut client = self.connect().await?;
        let account = self.account(&mut client).await?;
        Attempt::new(self, account.session(&mut client), names).abandon().await
    }

    /// Fails if this host was asleep and another has the lock now: that one goes on with the same order, if there is
    /// one, and ends with the same certificate.
    async fn check(&self, lease: &Lease, names: &Names) -> Result<(), IssueError> {
        match lease.is_held().await {
            Ok(false) => {
                self.env.probe("manager/storage-lock-lost");
                Err(io::Error::other(format!("another host has taken the lock of {names}")).into())
            }
            // If that can't be found out, double work is the lesser evil.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    /// Revokes the certificate of `set`: as the account, or with the certificate's own key if it was ordered by another one.
    ///
    /// # Errors
    /// [`IssueError`] if the CA refuses, or can't be asked.
    pub(super) async fn revoke(&self, set: &CertificateSet, reason: RevocationReason) -> Result<(), IssueError> {
        let _operation = self.env.operation("revoke a certificate");
        let _key_stays = self.account_key.read().await;
        let mut client = self.connect().await?;
        let account = self.account(&mut client).await?;
        match account.session(&mut client).revoke(set.chain(), Some(reason)).await {
            Err(e)
                if (e.is("unauthorized") || e.is("accountDoesNotExist") || e.is("malformed"))
                    && let Some(key) = set.p256_key() =>
            {
                Ok(client.revoke_by_key(&key, set.chain(), Some(reason)).await?)
            }
            other => Ok(other?),
        }
    }

    /// Asks when the CA suggests to renew a certificate; `None` if it makes no suggestions.
    ///
    /// # Errors
    /// [`Error`] if it does not answer, refuses, or says something unusable.
    pub async fn renewal_info(&self, id: &CertId) -> Result<Option<RenewalInfo>, Error> {
        let _operation = self.env.operation(format!("ask for renewal information of {}", id.as_str()));
        self.connect().await?.renewal_info(id).await
    }

    /// Tells of terms of service that the operator has not been known to agree to, once each. That is the operator's doing: a
    /// CA that minds refuses orders until then (RFC 8555 §7.3.3).
    async fn look_at_terms(&self, terms: Option<String>) {
        let Some(terms) = terms else { return };
        let mut seen = self.terms.lock().await;
        let former = seen.replace(terms.clone());
        let is_covered = |consent: &Consent| match consent {
            Consent::To(_) => consent.covers(&terms),
            // Then at least a change is worth a word.
            Consent::ToAny => former.as_ref().is_none_or(|former| *former == terms),
        };
        if former.as_ref() != Some(&terms) && !self.applicant.consent.as_ref().is_some_and(is_covered) {
            self.env.probe("manager/terms-of-service-changed");
            let issuer = self.directory_url.clone();
            self.announcer.tell(Event::TermsOfService { issuer, terms });
        }
    }

    /// Begins a conversation with the CA.
    pub(super) async fn connect(&self) -> Result<Client, Error> {
        let client = Client::connect(&self.env, &self.http, &self.directory_url).await?;
        Ok(client.with_nonces((self.conduct.nonces)()))
    }

    /// The account: from memory, from storage, or registered now. One name at a time, so that no two
    /// keys are registered.
    pub(super) async fn account(&self, client: &mut Client) -> Result<Account, IssueError> {
        let mut known = self.account.lock().await;
        if let Some(account) = &*known {
            return Ok(account.clone());
        }
        let mut stored = self.storage.load_account_key(&self.user).await?;
        let mut _lease = Lease::unlocked();
        if stored.is_none() {
            _lease = self.storage.lock_account(&self.user).await?;
            stored = self.storage.load_account_key(&self.user).await?;
        }
        // A binding may be good for one account only, which this key may have already.
        let may_be_bound = stored.is_some() && self.applicant.external.is_some();
        let key = match stored {
            Some(key) => key,
            None => {
                let key = P256Key::generate(&self.env, "manager/account-key");
                self.storage.store_account_key(&self.user, &key).await?;
                key
            }
        };
        let account = match self.interrupted_rollover(client).await? {
            Some(changed) => changed,
            None => match self.storage.load_account_url(&self.user).await {
                Some(url) => self.settling(Account::known(key, url)).await,
                None if may_be_bound => self.find_or_register(client, key).await?,
                None => self.register(client, key).await?,
            },
        };
        *known = Some(account.clone());
        Ok(account)
    }

    /// The account that takes the place of the one with the key `former`, if that is over and another one may follow it, or has.
    async fn succeed(
        &self,
        client: &mut Client,
        former: &P256Key,
        url: Option<&Address>,
    ) -> Result<Option<Account>, IssueError> {
        let mut known = self.account.lock().await;
        let is_former = |key: &P256Key| key.public_point() == former.public_point();
        if let Some(successor) = known.as_ref().filter(|known| !is_former(known.key())) {
            return Ok(Some(successor.clone()));
        }
        let _lease = self.storage.lock_account(&self.user).await?;
        let stored = self.storage.load_account_key(&self.user).await?;
        if stored.is_some_and(|stored| !is_former(&stored)) || !Account::is_over(client, former).await? {
            return Ok(None);
        }
        self.env.probe("manager/account-over");
        let age = self.storage.account_key_age(&self.user).await?.unwrap_or_default();
        if !self.conduct.account_succession.may_follow(age) {
            return Ok(None);
        }
        // Whatever becomes of this, nobody speaks as the former one any more.
        *known = None;
        self.storage.put_account_key_aside(&self.user).await?;
        let key = P256Key::generate(&self.env, "manager/account-key");
        self.storage.store_account_key(&self.user, &key).await?;
        let successor = self.register(client, key).await?;
        self.env.probe("manager/account-replaced");
        let (issuer, former) = (self.directory_url.clone(), url.cloned());
        self.announcer.tell(Event::AccountReplaced { issuer, former });
        *known = Some(successor.clone());
        Ok(Some(successor))
    }

    /// Another host on the same storage may have changed the account's key: then the next attempt is made by that.
    async fn forget_replaced_key(&self) -> io::Result<()> {
        let mut known = self.account.lock().await;
        if let Some(account) = &*known
            && self.is_key_replaced(account).await?
        {
            self.env.probe("manager/account-key-replaced");
            *known = None;
        }
        Ok(())
    }

    /// Whether another host on the same storage has changed the account's key. What the CA then refuses, it refuses because of
    /// the former key, whatever it says.
    pub(super) async fn is_key_replaced(&self, account: &Account) -> io::Result<bool> {
        let stored = self.storage.load_account_key(&self.user).await?;
        Ok(stored.is_some_and(|stored| stored.public_point() != account.key().public_point()))
    }

    /// An account from storage, whose key may be so new that the CA refuses it by mistake.
    async fn settling(&self, account: Account) -> Account {
        // A key whose age can't be told is not new: it was read a moment ago.
        let age = self.storage.account_key_age(&self.user).await.ok().flatten();
        match age.and_then(|age| SETTLING_TIME.checked_sub(age)) {
            Some(left) => account.settling_until(self.env.monotonic_now() + left),
            None => account,
        }
    }

    /// Sees to it, for ever, that both storage and memory have the account: a key that only one of them has is lost
    /// with it.
    pub(super) async fn keep_account(self: Arc<Self>) -> Infallible {
        let mut in_order = None;
        loop {
            let files = self.storage.account_files(&self.user).await.ok().flatten();
            // What can't be read or written now is looked at again.
            if (files.is_none() || files != in_order) && self.look_after_account().await.is_ok_and(|found| found) {
                in_order = files;
            }
            self.env.sleep_until(self.env.monotonic_now() + STORAGE_LOOK_INTERVAL).await;
        }
    }

    /// Says whether the account's files were in order.
    async fn look_after_account(&self) -> io::Result<bool> {
        let mut known = self.account.lock().await;
        let key = self.storage.load_account_key(&self.user).await?;
        let url = self.storage.load_account_url(&self.user).await;
        let Some(account) = &*known else {
            // With a change in doubt only the CA can say which key is the account's.
            let is_in_doubt = self.storage.load_pending_account_key(&self.user).await?.is_some();
            if let Some((key, url)) = key.zip(url).filter(|_| !is_in_doubt) {
                *known = Some(self.settling(Account::known(key, url)).await);
            }
            return Ok(known.is_some());
        };
        match (key, url) {
            (None, _) => {
                self.env.probe("manager/account-key-mended");
                self.storage.store_account_key(&self.user, account.key()).await?;
            }
            // Another key is another host's, on the same storage: it stands.
            (Some(key), None) if key.public_point() == account.key().public_point() => {}
            (Some(_), _) => return Ok(true),
        }
        self.storage.store_account_url(&self.user, account.url()).await?;
        Ok(false)
    }

    /// Uses the binding up only if the key has no account yet.
    async fn find_or_register(&self, client: &mut Client, key: P256Key) -> Result<Account, IssueError> {
        let Some(account) = Account::find(client, key.clone()).await? else { return self.register(client, key).await };
        self.env.probe("manager/account-found");
        drop(self.storage.store_account_url(&self.user, account.url()).await);
        Ok(account)
    }

    async fn register(&self, client: &mut Client, key: P256Key) -> Result<Account, IssueError> {
        let account = Account::register(client, key, &self.applicant).await?;
        self.env.probe("manager/account-registered");
        // The key is stored; whoever has it can ask for the address again.
        drop(self.storage.store_account_url(&self.user, account.url()).await);
        Ok(account)
    }
}
