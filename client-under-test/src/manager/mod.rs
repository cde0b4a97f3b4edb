//! The certificate manager: holds valid certificates for its names, and shows it to visitors.
//!
//! [`Manager::run`] loads what storage holds, answers challenges and visitors, and renews, until its [`Handle`] says
//! otherwise. It keeps nothing that it could not lose: after a power cut at any moment it goes on from its storage.
//!
//! A reload without a gap is [`Handle::change_certificates`]: the list of names is what changes while a manager works, and
//! it is exchanged under way. No port is given up, no visitor of a name that stays is shown anything else, no order is broken
//! off, and a list with a mistake changes nothing. The files of an [`ExternalCertificate`] are read again by themselves. All
//! else in a [`Config`], its CAs and ports among it, holds for as long as the manager works: [`Handle::shut_down`], wait for
//! [`Listening::run`] to return, and start another one on the same storage. That one shows what storage holds from its first
//! handshake on, and orders nothing anew; between the two, connections are refused.

pub mod account_succession;
pub mod ari;
mod attempt;
pub mod authorization_look;
pub mod backoff;
pub mod cache;
pub mod certificate_key;
mod certificate_list;
mod challenges;
pub mod conduct;
pub mod config;
mod crew;
pub mod decision;
pub mod dns01;
mod dns_persist01;
pub mod endpoint;
pub mod events;
pub mod external;
pub mod http01;
pub mod issue;
mod lists;
pub mod lookup;
mod maintenance;
pub mod on_demand;
pub mod order_end;
pub mod order_note;
pub mod order_rate;
pub mod replacement;
pub mod resolver;
pub mod rollover;
pub mod schedule;
mod sightings;
pub mod stapling;
mod status;
pub mod tls_alpn01;
pub mod turns;
mod unread;
pub mod visitors;

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use certificate_list::CertificateList;
use challenges::Answers;
pub use challenges::Solver;
pub use conduct::Conduct;
use config::Settings;
pub use config::{Config, ConfigError, IssuerConfig};
use crew::{Crew, Means};
pub use decision::{AskEndpoint, Decision};
use dns_persist01::Grants;
pub use dns01::{Dns01, DnsProvider};
use endpoint::Endpoint;
use events::Announcer;
pub use events::{Event, Events, Heard};
pub use external::ExternalCertificate;
use external::ExternalKeeper;
use http01::Tokens;
use issue::{Issuer, Issuers};
use lists::Lists;
use lookup::Certificates;
use on_demand::Keepers;
pub use on_demand::OnDemand;
pub use order_rate::OrderRate;
pub use resolver::Resolver;
pub use rollover::RolloverRecord;
use rustls::sign::CertifiedKey;
pub use schedule::{AriThenRatio, RenewalSchedule};
use sightings::Sightings;
use sim::{Env, net::TcpListener, watch};
use unread::Unread;

use crate::{acme::revocation::RevocationReason, name::Name};

/// How often the storage is cleaned.
const CLEANING_INTERVAL: Duration = Duration::from_secs(24 * 3_600);

/// A certificate manager, not yet at work.
#[derive(Debug)]
pub struct Manager {
    env: Env,
    settings: Settings,
    handle: Handle,
    certificates: Arc<Certificates<CertifiedKey>>,
}

impl Manager {
    /// A manager on `env`'s host.
    ///
    /// # Errors
    /// [`ConfigError`] for what can't be understood.
    pub fn new(env: Env, config: Config) -> Result<Self, ConfigError> {
        let settings = Settings::try_from(config)?;
        let certificates = settings.certificates.clone();
        let wanted = Wanted { certificates, revocations: BTreeMap::new(), is_over: false };
        let announcer = Announcer::new(settings.conduct.telling.clone());
        let handle = Handle { wanted: Arc::new(watch::Sender::new(wanted)), announcer };
        let seed = u64::from_le_bytes(env.entropy("manager/certificates"));
        let certificates = Arc::new(Certificates::new(seed, settings.stand_ins.clone()));
        Ok(Self { env, settings, handle, certificates })
    }

    /// What it can be spoken to with while it works.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Shows this manager's certificates on any other server of the same program, once it is at work and has read them from
    /// storage; the first ones first. The manager's own endpoint reads what a visitor asks for at once.
    #[must_use]
    pub fn resolver(&self) -> Arc<Resolver> {
        Arc::new(Resolver::new(&self.env, self.certificates.clone()))
    }

    /// Takes the ports. Nothing is answered yet, but connections may come.
    ///
    /// # Errors
    /// The operating system's, if a port can't be had.
    pub async fn listen(self) -> io::Result<Listening> {
        let http = self.env.listen(self.settings.http_address).await?;
        let tls = self.env.listen(self.settings.tls_address).await?;
        Ok(Listening { manager: self, http, tls })
    }

    /// Takes the ports and works until it is told to shut down.
    ///
    /// # Errors
    /// The operating system's, if a port can't be had.
    pub async fn run(self) -> io::Result<()> {
        self.listen().await?.run().await;
        Ok(())
    }
}

/// Speaks to a manager at work. What it says holds from a moment later on; to a manager that is gone it says nothing.
#[derive(Clone, Debug)]
pub struct Handle {
    wanted: Arc<watch::Sender<Wanted>>,
    announcer: Announcer,
}

/// What a manager is told.
#[derive(Clone, Debug)]
struct Wanted {
    certificates: CertificateList,
    /// What is to be revoked, by one of its names.
    revocations: BTreeMap<Name, RevocationReason>,
    is_over: bool,
}

impl Handle {
    /// From now on, these certificates are held, as [`Config::certificates`] has them. What was held before and is among
    /// them is not disturbed, an order under way included; what is not is renewed and shown no more.
    ///
    /// # Errors
    /// [`ConfigError`] for what can't be understood; then nothing changes.
    pub fn change_certificates(&self, certificates: &[Vec<String>]) -> Result<(), ConfigError> {
        let certificates = CertificateList::new(certificates)?;
        self.wanted.send_modify(|wanted| wanted.certificates = certificates);
        Ok(())
    }

    /// Revokes the certificate for `name` at its CA (RFC 8555 §7.6), and has another one take its place at once. If its key
    /// is compromised, the key is put aside and never used again. What fails is told and tried again, until the CA has
    /// revoked; what comes of it is told by [`Event::Revoked`].
    ///
    /// # Errors
    /// [`ConfigError`] if no certificate of [`Config::certificates`] is for this name.
    pub fn revoke(&self, name: &str, reason: RevocationReason) -> Result<(), ConfigError> {
        let name: Name = name.parse()?;
        if !self.wanted.borrow().certificates.has_name(&name) {
            return Err(ConfigError::NotManaged(name));
        }
        self.wanted.send_modify(|wanted| {
            wanted.revocations.insert(name, reason);
        });
        Ok(())
    }

    /// Ends the manager's work: no order is begun any more, what has been begun may come to its end within half a minute,
    /// and then [`Listening::run`] returns. Nothing is left behind but what storage is for.
    pub fn shut_down(&self) {
        self.wanted.send_modify(|wanted| wanted.is_over = true);
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.announcer.listener()
    }
}

/// A manager that has its ports.
#[derive(Debug)]
pub struct Listening {
    manager: Manager,
    http: TcpListener,
    tls: TcpListener,
}

impl Listening {
    /// Where http-01 challenges are answered.
    ///
    /// # Errors
    /// The operating system's.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.local_address()
    }

    /// Where visitors are answered.
    ///
    /// # Errors
    /// The operating system's.
    pub fn tls_address(&self) -> io::Result<SocketAddr> {
        self.tls.local_address()
    }

    /// Works until it is told to shut down. Dropping the future stops all of it at once.
    pub async fn run(self) {
        let Manager { env, settings, handle, certificates } = self.manager;
        let settings = Arc::new(settings);
        let tokens = Tokens::default();
        let cache = (settings.certificate_cache)(&env, certificates);
        let first = settings.issuers.first().expect("there is one");
        let storage = settings.storage(&env, first);
        let records = settings.dns01.clone().map(|dns01| dns01::Records::new(&env, dns01, storage.clone()));
        let grants = records.as_ref();
        let grants = grants.map(|records| Grants::new(&env, &settings, records.clone(), handle.wanted.subscribe()));
        let shared = storage.is_shared().then_some(storage);
        let sightings = Sightings::default();
        let answers = Answers::new(
            &env,
            settings.solver,
            tokens.clone(),
            cache.clone(),
            records.clone(),
            shared.clone(),
            sightings.clone(),
        )
        .with_grants(grants.as_ref());
        let announcer = handle.announcer.clone();
        let issuer = |ca| Arc::new(Issuer::new(&env, &settings, ca, answers.clone(), announcer.clone()));
        let issuers: Issuers = settings.issuers.iter().map(issuer).collect();
        for issuer in &*issuers {
            issuer.storage.clean().await;
        }
        if let Some(shared) = &shared {
            shared.clean_challenges().await;
        }
        let mut wanted = handle.wanted.subscribe();
        let lists = Arc::new(Lists::new(&env));
        let means = Means { env, settings: settings.clone(), issuers, cache, lists, wanted: wanted.clone(), announcer };
        let Means { env, issuers, cache, .. } = &means;

        let mut given = Vec::new();
        for (number, files) in settings.external_certificates.iter().enumerate() {
            let mut keeper = ExternalKeeper::new(env, cache.clone(), number, files.clone());
            keeper.look().await;
            given.push((number, keeper));
        }

        let on_demand = settings.on_demand.clone().map(|policy| Arc::new(Keepers::new(&means, policy)));
        let connections_max = settings.connections_max;
        let endpoint = Endpoint::new(env, cache.clone(), settings.application.clone(), connections_max)
            .with_unread(Unread::new(&means))
            .with_on_demand(on_demand.clone())
            .with_shared(shared.clone())
            .with_sightings(sightings.clone());
        let serving = (
            env.spawn(
                "http-01",
                http01::serve(env.clone(), self.http, tokens, shared.clone(), sightings, connections_max),
            ),
            env.spawn("endpoint", endpoint.serve(self.tls)),
            records.clone().map(|records| env.spawn("remove TXT records", records.clean())),
            grants.map(|grants| env.spawn("keep TXT records", grants.keep(issuers.clone()))),
        );
        let watching: Vec<_> = given
            .into_iter()
            .map(|(number, keeper)| env.spawn(format!("external certificate {number}"), keeper.run()))
            .collect();
        let mut keeping_accounts = Vec::new();
        for issuer in &**issuers {
            keeping_accounts.push(env.spawn("keep the account", issuer.clone().keep_account()));
            if let Some(lifetime) = settings.account_key_lifetime {
                keeping_accounts.push(env.spawn("account key", rollover::keep_young(issuer.clone(), lifetime)));
            }
        }
        let cleaning = env.spawn("clean the storage", clean(env.clone(), issuers.clone(), handle.wanted.subscribe()));
        let mut crew = Crew::new(&means);
        while !wanted.borrow_and_update().is_over {
            let certificates = wanted.borrow().certificates.clone();
            crew.change_to(&certificates);
            let revocations = wanted.borrow().revocations.clone();
            if !revocations.is_empty() {
                handle.wanted.send_modify(|wanted| {
                    wanted.revocations.retain(|name, reason| revocations.get(name) != Some(reason));
                });
                revocations.iter().for_each(|(name, reason)| crew.revoke(name, *reason));
            }
            wanted.changed().await.expect("the handle that tells is held here");
        }

        // Challenges are answered until nobody waits for it.
        crew.leave().await;
        if let Some(on_demand) = on_demand {
            on_demand.leave().await;
        }
        if let Some(records) = &records {
            // What the DNS is too slow for is removed at the next start.
            let _ = env.timeout(crew::LEAVE_LIMIT, records.all_removed()).await;
        }
        drop((serving, keeping_accounts, watching, cleaning));
        for issuer in &**issuers {
            issuer.storage.clean().await;
            issuer.storage.clean_certificates().await;
            // What the disk is too slow for lapses.
            let _ = env.timeout(crew::LEAVE_LIMIT, issuer.storage.locks_released()).await;
        }
        if let Some(shared) = &shared {
            shared.clean_challenges().await;
        }
        env.probe("manager/shut-down");
    }
}

/// Removes what has long expired and nobody wants, and staples that do not hold any more, once a day.
async fn clean(env: Env, issuers: Issuers, wanted: watch::Receiver<Wanted>) -> Infallible {
    loop {
        env.sleep(CLEANING_INTERVAL).await;
        for issuer in &*issuers {
            let is_wanted = |name: &Name| wanted.borrow().certificates.kept_under(name).is_some();
            issuer.storage.remove_expired(is_wanted).await;
        }
        if let Some(any) = issuers.first() {
            any.storage.remove_stale_staples().await;
        }
    }
}
