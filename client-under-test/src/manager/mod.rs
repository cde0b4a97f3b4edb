//! The certificate manager: holds valid certificates for its names, and shows it to visitors.
//!
//! [`Manager::run`] loads what storage holds, answers challenges and visitors, and renews, for ever. It
//! keeps nothing that it could not lose: after a power cut at any moment it goes on from its storage.

pub mod ari;
mod attempt;
pub mod backoff;
pub mod cache;
mod challenges;
pub mod config;
pub mod dns01;
pub mod endpoint;
pub mod http01;
pub mod issue;
mod maintenance;
pub mod on_demand;
pub mod rollover;
pub mod schedule;
pub mod tls_alpn01;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use challenges::Answers;
pub use challenges::Solver;
use config::Settings;
pub use config::{Config, ConfigError};
pub use dns01::{Dns01, DnsProvider};
use endpoint::Endpoint;
use http01::Tokens;
use issue::Issuer;
use maintenance::Keeper;
pub use on_demand::OnDemand;
pub use rollover::RolloverRecord;
pub use schedule::{AriThenRatio, RenewalSchedule};
use sim::{Env, net::TcpListener};

use crate::storage::Storage;

/// A certificate manager, not yet at work.
#[derive(Debug)]
pub struct Manager {
    env: Env,
    settings: Settings,
}

impl Manager {
    /// A manager on `env`'s host.
    ///
    /// # Errors
    /// [`ConfigError`] for what can't be understood.
    pub fn new(env: Env, config: Config) -> Result<Self, ConfigError> {
        Ok(Self { env, settings: config.try_into()? })
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

    /// Takes the ports and works for ever.
    ///
    /// # Errors
    /// The operating system's, if a port can't be had.
    pub async fn run(self) -> io::Result<Infallible> {
        Ok(self.listen().await?.run().await)
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

    /// Works for ever. Dropping the future stops all of it.
    pub async fn run(self) -> Infallible {
        let Manager { env, settings } = self.manager;
        let settings = Arc::new(settings);
        let storage = Storage::new(&env, settings.storage_root.clone(), &settings.directory_url)
            .with_certificate_writer(settings.certificate_writer.clone())
            .with_certificate_requirement(settings.certificate_requirement.clone())
            .with_locks(settings.storage_locks.clone());
        storage.clean().await;
        let tokens = Tokens::default();
        let cache = (settings.certificate_cache)(&env);
        let records = settings.dns01.clone().map(|dns01| dns01::Records::new(&env, dns01, storage.clone()));
        let answers = Answers::new(&env, settings.solver, tokens.clone(), cache.clone(), records.clone());
        let issuer = Arc::new(Issuer::new(&env, &settings, storage.clone(), answers.with_shared(&storage)));

        let mut keepers = Vec::new();
        let mut loaded = 0;
        for names in &settings.certificates {
            let mut keeper = Keeper::new(names.clone(), issuer.clone(), cache.clone(), &settings);
            loaded += usize::from(keeper.load().await);
            keepers.push((names.first(), keeper));
        }
        if loaded > 0 {
            env.probe("manager/restarted-from-storage");
        }

        let on_demand = settings
            .on_demand
            .clone()
            .map(|policy| Arc::new(on_demand::Keepers::new(policy, issuer.clone(), cache.clone(), settings.clone())));
        let default = settings.certificates.first().map(|names| names.first().clone());
        let endpoint = Endpoint::new(&env, cache, default, settings.application.clone())
            .with_on_demand(on_demand)
            .with_shared(&storage);
        let _serving = (
            env.spawn("http-01", http01::serve(env.clone(), self.http, tokens, storage)),
            env.spawn("endpoint", endpoint.serve(self.tls)),
            env.spawn("keep the account", issuer.clone().keep_account()),
            records.map(|records| env.spawn("remove TXT records", records.clean())),
        );
        let _keeping: Vec<_> =
            keepers.into_iter().map(|(name, keeper)| env.spawn(format!("keep {name}"), keeper.run())).collect();
        let _rolling_over = settings
            .account_key_lifetime
            .map(|lifetime| env.spawn("account key", rollover::keep_young(issuer, lifetime)));
        std::future::pending().await
    }
}
