//! [`FrontDesk`]: the front end without a network.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};
use sim::Env;

use super::{
    balancer::Balancer,
    routes::{Route, Urls},
};
use crate::{Ca, snapshots::TooManySnapshots};

/// The front end, which is handed requests one by one instead of listening for them: for fuzzers, and for programs that have
/// connections of their own. It knows no client's address, and so has no rate limits that go by that.
#[derive(Debug)]
pub struct FrontDesk(Arc<Balancer>);

impl FrontDesk {
    pub(crate) fn new(ca: Ca, env: Env) -> Self {
        let config = ca.config();
        let urls = Urls::new(config.transport.scheme(), &config.directory_host, config.https_port, config.paths);
        Self(Arc::new(Balancer::new(ca, env, urls)))
    }

    /// The one URL that a client is configured with (RFC 8555 §7.1.1).
    #[must_use]
    pub fn directory_url(&self) -> String {
        self.0.urls.of(&Route::Directory)
    }

    /// The answer to a request. What it begins, such as a validation, goes on beside it.
    pub async fn answer(&self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        self.0.answer(request).await
    }

    /// Keeps under a name all that the CA remembers but for its nonces; what was kept under it is forgotten.
    ///
    /// # Errors
    /// If there are too many snapshots.
    pub fn take_snapshot(&self, name: &str) -> Result<(), TooManySnapshots> {
        self.0.ca.take_snapshot(&self.0.env, name)
    }

    /// Goes back to what was kept under a name; whether there is such a snapshot. The dice are never set back.
    #[must_use]
    pub fn restore_snapshot(&self, name: &str) -> bool {
        self.0.ca.restore_snapshot(&self.0.env, name)
    }
}
