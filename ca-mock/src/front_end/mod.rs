//! The front end: HTTPS in, HTTPS out (RFC 8555 §6).
//!
//! This file has the listening and the connections, `balancer` hands requests to one front end or another of
//! several. `requests` reads and authenticates what arrives, and the
//! files named after resources translate between JSON and the rooms behind.

mod account;
mod account_lookup;
mod answer;
mod authorization;
mod balancer;
mod certificate;
mod connection;
mod directory;
mod key_change;
mod order;
mod renewal_info;
mod requests;
mod revocation;
mod routes;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::sign::SingleCertAndKey;
use sim::{Env, net::TcpListener, tls};

use crate::{Ca, finalization, validation};
pub use account_lookup::MakeAccountLookup;
pub(crate) use account_lookup::{AccountLookup, Found, FromStore};
use balancer::Balancer;
use routes::{ACCOUNT_PATH, Route, Urls};

/// A CA that listens.
#[derive(Debug)]
pub struct Bound {
    balancer: Arc<Balancer>,
    listener: TcpListener,
}

/// One of the processes that answer requests. They share the CA's store and nothing else.
#[derive(Debug)]
struct FrontEnd {
    ca: Ca,
    env: Env,
    urls: Urls,
    accounts: Box<dyn AccountLookup>,
}

impl Bound {
    pub(crate) async fn new(ca: Ca, env: Env) -> io::Result<Self> {
        let config = ca.config();
        let listener = env.listen(SocketAddr::new(config.listen, config.https_port)).await?;
        let urls = Urls::new(&config.directory_host, listener.local_address()?.port());
        ca.with_store(|store| store.account_url_prefix = urls.of_path(ACCOUNT_PATH));
        let resolver = SingleCertAndKey::from(ca.api().certified_key.clone());
        let tls = tls::Server::new(&env, Arc::new(resolver), &["http/1.1"]).map_err(io::Error::other)?;
        Ok(Self { balancer: Arc::new(Balancer::new(ca, env, urls, tls)), listener })
    }

    /// The address that is listened on, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_address()
    }

    /// The one URL that a client is configured with (RFC 8555 §7.1.1).
    #[must_use]
    pub fn directory_url(&self) -> String {
        self.balancer.urls.of(&Route::Directory)
    }

    /// Serves for ever. First, what an earlier process was busy with begins again.
    pub async fn serve(self) {
        let Self { balancer, listener } = self;
        validation::resume(&balancer.ca, &balancer.env);
        finalization::resume(&balancer.ca, &balancer.env);
        loop {
            match listener.accept().await {
                Ok(stream) => {
                    let connection = connection::serve(balancer.clone(), stream);
                    balancer.env.spawn("ca connection", connection).detach();
                }
                // One connection's failure, or a shortage that may pass; go on, but do not spin.
                Err(_) => balancer.env.sleep(Duration::from_millis(100)).await,
            }
        }
    }
}
