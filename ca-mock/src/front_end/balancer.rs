//! What stands before the front ends: it gives them the requests in turn, whatever connection they come on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use sim::Env;

use super::{FrontEnd, routes::Urls};
use crate::{Ca, wire::Respond};

#[derive(Debug)]
pub(super) struct Balancer {
    pub(super) ca: Ca,
    pub(super) env: Env,
    pub(super) urls: Urls,
    front_ends: Vec<Arc<FrontEnd>>,
    given: AtomicUsize,
}

impl Balancer {
    pub(super) fn new(ca: Ca, env: Env, urls: Urls) -> Self {
        let front_end = |_| {
            let accounts = (ca.config().account_lookup.0)().into();
            Arc::new(FrontEnd { ca: ca.clone(), env: env.clone(), urls: urls.clone(), accounts })
        };
        let front_ends = (0..ca.config().front_ends.get()).map(front_end).collect();
        Self { ca, env, urls, front_ends, given: AtomicUsize::new(0) }
    }

    /// The front end whose turn it is.
    fn next(&self) -> Arc<FrontEnd> {
        let turn = self.given.fetch_add(1, Ordering::Relaxed);
        self.front_ends[turn % self.front_ends.len()].clone()
    }
}

impl Respond for Balancer {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let style = self.ca.config().style;
        let route = self.urls.route(request.uri().path());
        let response = match style.refuses(&request) {
            Some(refusal) => refusal,
            None => self.next().respond(request).await,
        };
        style.dress(response, route.as_ref()).await
    }
}
