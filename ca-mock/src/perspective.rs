//! [`Perspective`]: from where a validation looks at the Internet (Baseline Requirements §3.2.2.9).

use std::net::SocketAddr;

use sim::Env;

use crate::{Ca, config::Config, dns::resolver::Resolver};

/// A host, and the name server that it asks.
#[derive(Clone, Debug)]
pub(crate) struct Perspective {
    pub(crate) env: Env,
    pub(crate) ca: Ca,
    pub(crate) dns_server: SocketAddr,
}

impl Perspective {
    /// The CA's own host.
    pub(crate) fn primary(ca: &Ca, env: &Env) -> Self {
        Self { env: env.clone(), ca: ca.clone(), dns_server: ca.config().dns_server }
    }

    pub(crate) fn config(&self) -> &Config {
        self.ca.config()
    }

    pub(crate) fn resolver(&self) -> Resolver {
        let Config { dns_timeout, dns_attempts, .. } = *self.config();
        Resolver { env: self.env.clone(), server: self.dns_server, timeout: dns_timeout, attempts: dns_attempts }
    }
}
