//! [`Ca`]: a certificate authority, its keys and its database.

use std::{
    fmt, io,
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use sim::{Env, MovableClock, UtcDateTime};

use crate::{
    ari::SuggestedWindow,
    certificates::{Certificate, Revocation, RevocationReason, Serial},
    config::Config,
    faults::{FaultRule, TooManyRules},
    front_end::{Bound, FrontDesk},
    issuance::{ApiIdentity, Issuance, LeafUrls},
    management::BoundManagement,
    perspective::{OpenPerspective, RemotePerspectives},
    renewal_info_policy::RenewalInfoPolicy,
    revocation_status::{BoundRevocationStatus, OcspAnswers},
    snapshots::Snapshots,
    store::Store,
    terms_of_service::{self, TermsOfService},
};

/// A certificate authority. All clones are the same one.
///
/// It is what survives when the process that serves it is killed: serve it again from another [`Env`], and
/// interrupted validations and issuances begin again.
#[derive(Clone)]
pub struct Ca(Arc<Inner>);

struct Inner {
    config: Config,
    clock: MovableClock,
    api: ApiIdentity,
    issuance: Issuance,
    store: Mutex<Store>,
    snapshots: Snapshots,
    remote_perspectives: RemotePerspectives,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ca({})", self.0.config.directory_host)
    }
}

impl Ca {
    /// A new CA, whose keys are drawn from the host's entropy and whose own certificates are dated by its clock.
    ///
    /// # Panics
    /// If [`Config::directory_host`] or one of [`Config::api_names`] is neither a DNS name in ASCII nor an IP address,
    /// [`Config::terms_of_service`] is no URL, or one of [`Config::leaf_urls`] is not ASCII.
    #[must_use]
    pub fn new(env: &Env, config: Config) -> Self {
        Self::with_clock(env, config, MovableClock::default())
    }

    /// A new CA that lives by this clock.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn with_clock(env: &Env, config: Config, clock: MovableClock) -> Self {
        if let Some(terms) = &config.terms_of_service {
            assert!(TermsOfService::parse(terms).is_some(), "{terms:?} is not a URL");
        }
        let LeafUrls { ocsp, issuer, crl } = &config.leaf_urls;
        for url in [ocsp, issuer, crl].into_iter().flatten() {
            assert!(url.is_ascii(), "{url:?} is not ASCII");
        }
        Self(Arc::new(Inner {
            clock,
            api: ApiIdentity::new(env, &config),
            issuance: Issuance::new(env, &config.hierarchy),
            store: Mutex::new(Store::new(&config, env.utc_now())),
            snapshots: Snapshots::default(),
            remote_perspectives: RemotePerspectives::default(),
            config,
        }))
    }

    /// The clock by which it lives wherever it is served: for certificates, lifetimes, fault rules and limits.
    #[must_use]
    pub fn clock(&self) -> &MovableClock {
        &self.0.clock
    }

    /// What kind of CA this is.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The trust anchor of the API's own HTTPS certificate, PEM; of no use with [`Config::api_certificate`].
    #[must_use]
    pub fn api_root_pem(&self) -> &str {
        &self.0.api.root_pem
    }

    /// The trust anchor of the certificates that are issued, PEM: the first chain's root.
    #[must_use]
    pub fn issuer_root_pem(&self) -> String {
        self.0.issuance.root_pem()
    }

    /// Answers questions for renewal information so from now on.
    pub fn set_renewal_info(&self, policy: RenewalInfoPolicy) {
        self.with_store(|store| store.renewal_info = policy);
    }

    /// Answers questions to the OCSP responder so from now on.
    pub fn set_ocsp_answers(&self, answers: OcspAnswers) {
        self.with_store(|store| store.ocsp_answers = answers);
    }

    /// Takes back, at `now` and of its own accord, all certificates in force that are for one of `names` at least.
    pub fn revoke(&self, names: &[String], reason: RevocationReason, now: UtcDateTime) {
        self.with_store(|store| {
            let is_meant = |certificate: &&Certificate| {
                certificate.revocation.is_none()
                    && certificate.not_after >= now
                    && certificate.identifiers.iter().any(|one| names.iter().any(|name| one.as_str() == name))
            };
            let meant = store.certificates.iter().filter(is_meant).map(|certificate| certificate.id.serial.clone());
            for serial in meant.collect::<Vec<Serial>>() {
                store.certificates.revoke(&serial, Revocation { at: now, reason });
            }
        });
    }

    /// Wants each certificate that there is by now replaced between these moments, as before a mass revocation: that is the
    /// window that is suggested for it from now on (RFC 9773 §4.2).
    pub fn advance_renewals(&self, window: RangeInclusive<UtcDateTime>) {
        let window = SuggestedWindow::between(*window.start(), *window.end());
        self.with_store(|store| store.certificates.advance(window));
    }

    /// Every account that there is ends, as if its holder had deactivated it (RFC 8555 §7.3.6).
    pub fn deactivate_accounts(&self) {
        self.with_store(|store| {
            let all: Vec<_> = store.accounts.iter().map(|account| account.id).collect();
            all.into_iter().for_each(|id| store.deactivate_account(id));
        });
    }

    /// Accounts have to agree to these terms from now on. Those that have agreed to others get no orders until they do.
    pub fn set_terms_of_service(&self, terms: TermsOfService) {
        self.with_store(|store| store.terms_of_service = Some(terms));
    }

    /// Every account agrees to the terms as they are now.
    pub fn agree_to_terms_of_service(&self) {
        self.with_store(|store| terms_of_service::agree(store, None));
    }

    /// From `now` on, requests that the rule is about are answered as it says.
    ///
    /// # Errors
    /// If there are too many rules.
    pub fn add_fault(&self, rule: FaultRule, now: UtcDateTime) -> Result<(), TooManyRules> {
        self.with_store(|store| store.faults.add(rule, now))
    }

    /// Takes back the rule of this name, if there is one, or all of them.
    pub fn remove_faults(&self, name: Option<&str>) {
        self.with_store(|store| match name {
            Some(name) => drop(store.faults.remove(name)),
            None => store.faults.clear(),
        });
    }

    /// Listens on the configured address and port.
    ///
    /// # Errors
    /// As the operating system: address in use or not local.
    pub async fn bind(&self, env: &Env) -> io::Result<Bound> {
        Bound::new(self.clone(), self.0.clock.around(env)).await
    }

    /// Listens and serves for ever.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub async fn serve(&self, env: Env) -> io::Result<()> {
        self.bind(&env).await?.serve().await;
        Ok(())
    }

    /// The front end of this CA on `env`'s host, without listening.
    #[must_use]
    pub fn front_desk(&self, env: &Env) -> FrontDesk {
        FrontDesk::new(self.clone(), self.0.clock.around(env))
    }

    /// Listens with the management API on `address`.
    ///
    /// # Errors
    /// As the operating system: address in use or not local.
    pub async fn bind_management(&self, env: &Env, address: SocketAddr) -> io::Result<BoundManagement> {
        BoundManagement::new(self.clone(), self.0.clock.around(env), address).await
    }

    /// Lets `env`'s host, which asks `dns_server`, be one of the [`Config::remote_perspectives`] for as long as the
    /// returned value lives.
    pub fn open_perspective(&self, env: &Env, dns_server: SocketAddr) -> OpenPerspective {
        self.0.remote_perspectives.open(self, env, dns_server)
    }

    pub(crate) fn remote_perspectives(&self) -> &RemotePerspectives {
        &self.0.remote_perspectives
    }

    /// Listens on `address` with revocation status: `/crl`, `/ocsp` and `/issuer`, without TLS.
    ///
    /// # Errors
    /// As the operating system: address in use or not local.
    pub async fn bind_revocation_status(&self, env: &Env, address: SocketAddr) -> io::Result<BoundRevocationStatus> {
        BoundRevocationStatus::new(self.clone(), env.clone(), address).await
    }

    pub(crate) fn api(&self) -> &ApiIdentity {
        &self.0.api
    }

    pub(crate) fn issuance(&self) -> &Issuance {
        &self.0.issuance
    }

    pub(crate) fn snapshots(&self) -> &Snapshots {
        &self.0.snapshots
    }

    /// One step on the database. It must not wait for anything.
    pub(crate) fn with_store<T>(&self, step: impl FnOnce(&mut Store) -> T) -> T {
        step(&mut self.0.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
