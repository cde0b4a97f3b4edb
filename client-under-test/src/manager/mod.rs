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
pub mod decision;
pub mod endpoint;
pub mod http01;
pub mod issue;
mod maintenance;
pub mod on_demand;
pub mod order_rate;
pub mod rollover;
pub mod schedule;
pub mod tls_alpn01;
pub mod turns;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use challenges::Answers;
pub use challenges::Solver;
use config::Settings;
pub use config::{Config, ConfigError, IssuerConfig};
use decision::Permission;
use endpoint::Endpoint;
use http01::Tokens;
use issue::{Issuer, Issuers};
use maintenance::Keeper;
pub use decision::{AskEndpoint, Decision};
pub use on_demand::OnDemand;
pub use order_rate::OrderRate;
pub use rollover::RolloverRecord;
pub use schedule::{AriThenRatio, RenewalSchedule};
use sim::{Env, net::TcpListener};

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
        let tokens = Tokens::default();
        let cache = (settings.certificate_cache)(&env);
        let answers = Answers::new(&env, settings.solver, tokens.clone(), cache.clone());
        let issuer = |ca| Arc::new(Issuer::new(&env, &settings, ca, answers.clone()));
        let issuers: Issuers = settings.issuers.iter().map(issuer).collect();
        for issuer in &*issuers {
            issuer.storage.clean().await;
        }

        let mut keepers = Vec::new();
        let mut loaded = 0;
        for names in &settings.certificates {
            let permission = Permission::Given;
            let mut keeper = Keeper::new(&env, names.clone(), permission, &issuers, cache.clone(), &settings);
            loaded += usize::from(keeper.load().await);
            keepers.push((names.first(), keeper));
        }
        if loaded > 0 {
            env.probe("manager/restarted-from-storage");
        }

        let on_demand = settings
            .on_demand
            .clone()
            .map(|policy| on_demand::Keepers::new(&env, policy, issuers.clone(), cache.clone(), settings.clone()))
            .map(Arc::new);
        let endpoint = Endpoint::new(&env, cache, settings.certificates.first().map(|names| names.first().clone()))
            .with_on_demand(on_demand);
        let _serving = (
            env.spawn("http-01", http01::serve(env.clone(), self.http, tokens)),
            env.spawn("endpoint", endpoint.serve(self.tls)),
        );
        let mut keeping_accounts = Vec::new();
        for issuer in &*issuers {
            keeping_accounts.push(env.spawn("keep the account", issuer.clone().keep_account()));
            if let Some(lifetime) = settings.account_key_lifetime {
                keeping_accounts.push(env.spawn("account key", rollover::keep_young(issuer.clone(), lifetime)));
            }
        }
        let _keeping: Vec<_> =
            keepers.into_iter().map(|(name, keeper)| env.spawn(format!("keep {name}"), keeper.run())).collect();
        std::future::pending().await
    }
}
