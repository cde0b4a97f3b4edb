//! The front end: requests in, answers out (RFC 8555 §6).
//!
//! [`crate::wire`] has the listening and the connections, `balancer` hands requests to one front end or another of
//! several, [`FrontDesk`] is the front end without listening. `requests` reads and authenticates what arrives, and the
//! files named after resources translate between JSON and the rooms behind.

mod account;
mod account_lookup;
mod answer;
mod authorization;
mod balancer;
mod certificate;
mod challenge_trigger;
mod desk;
mod directory;
mod faults;
mod key_change;
mod limits;
mod order;
mod pre_authorization;
mod renewal_info;
mod requests;
mod revocation;
mod routes;
mod style;
mod terms_of_service;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc};

use sim::Env;

use crate::{AddressSource, Ca, finalization, validation, wire::Door};
pub use account_lookup::MakeAccountLookup;
pub(crate) use account_lookup::{AccountLookup, Found, FromStore};
use balancer::Balancer;
pub use balancer::FrontEndClocks;
pub use challenge_trigger::ChallengeTrigger;
pub use desk::FrontDesk;
pub(crate) use faults::resource_at;
pub use routes::{Origin, Paths};
use routes::{Route, Urls};
pub use style::Style;
pub(crate) use style::indented;

/// A CA that listens.
#[derive(Debug)]
pub struct Bound {
    balancer: Arc<Balancer>,
    door: Door,
}

/// One of the processes that answer requests. They share the CA's store and nothing else.
#[derive(Clone, Debug)]
struct FrontEnd {
    ca: Ca,
    env: Env,
    urls: Urls,
    accounts: Arc<dyn AccountLookup>,
}

impl Bound {
    pub(crate) async fn new(ca: Ca, env: Env) -> io::Result<Self> {
        let config = ca.config();
        let door = Door::open(&ca, &env, SocketAddr::new(config.listen, config.https_port)).await?;
        let port = door.local_address()?.port();
        let urls = Urls::new(config.transport.scheme(), &config.directory_host, port, config.paths);
        Ok(Self { balancer: Arc::new(Balancer::new(ca, env, urls)), door })
    }

    /// The address that is listened on, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.door.local_address()
    }

    /// The one URL that a client is configured with (RFC 8555 §7.1.1).
    #[must_use]
    pub fn directory_url(&self) -> String {
        self.balancer.urls.of(&Route::Directory)
    }

    /// Serves for ever. First, what an earlier process was busy with begins again.
    pub async fn serve(self) {
        let Self { balancer, door } = self;
        let config = balancer.ca.config();
        let yes_or_no = |is_so| if is_so { "yes" } else { "no" }.to_owned();
        balancer.env.probe_about("ca/started", || {
            let looks_up_caa = !config.always_valid && config.addresses == AddressSource::DnsServer;
            [("validates", yes_or_no(!config.always_valid)), ("looks-up-caa", yes_or_no(looks_up_caa))]
        });
        validation::resume(&balancer.ca, &balancer.env);
        finalization::resume(&balancer.ca, &balancer.env);
        door.serve(balancer).await;
    }
}
