//! What stands before the front ends: it ends TLS and gives them the requests in turn, whatever connection they come on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sim::{Env, tls};

use super::{FrontEnd, routes::Urls};
use crate::Ca;

#[derive(Debug)]
pub(super) struct Balancer {
    pub(super) ca: Ca,
    pub(super) env: Env,
    pub(super) urls: Urls,
    pub(super) tls: tls::Server,
    front_ends: Vec<Arc<FrontEnd>>,
    given: AtomicUsize,
}

impl Balancer {
    pub(super) fn new(ca: Ca, env: Env, urls: Urls, tls: tls::Server) -> Self {
        let front_end = |_| {
            let accounts = (ca.config().account_lookup.0)();
            Arc::new(FrontEnd { ca: ca.clone(), env: env.clone(), urls: urls.clone(), accounts })
        };
        let front_ends = (0..ca.config().front_ends.get()).map(front_end).collect();
        Self { ca, env, urls, tls, front_ends, given: AtomicUsize::new(0) }
    }

    /// The front end whose turn it is.
    pub(super) fn next(&self) -> Arc<FrontEnd> {
        let turn = self.given.fetch_add(1, Ordering::Relaxed);
        self.front_ends[turn % self.front_ends.len()].clone()
    }
}
