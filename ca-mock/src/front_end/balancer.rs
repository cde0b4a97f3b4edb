//! What stands before the front ends: it gives them the requests in turn, whatever connection they come on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use sim::{Env, MovableClock};

use super::{FrontEnd, requests::RequestBody, routes::Urls};
use crate::{Ca, wire::Respond};

/// How far the clock of each front end, from 0 on, is ahead.
#[derive(Clone, Copy, Debug)]
pub struct FrontEndClocks(pub(crate) fn(u32) -> time::Duration);

impl FrontEndClocks {
    /// All have their host's time.
    pub const TOGETHER: Self = Self(|_| time::Duration::ZERO);

    fn of(self, number: u32, env: &Env) -> Env {
        let ahead = (self.0)(number);
        if ahead.is_zero() {
            return env.clone();
        }
        let clock = MovableClock::default();
        let around = clock.around(env);
        clock.set(&around, env.utc_now().saturating_add(ahead));
        around
    }
}

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
        let front_end = |number| {
            let env = ca.config().front_end_clocks.of(number, &env);
            let accounts = (ca.config().account_lookup.0)().into();
            Arc::new(FrontEnd { ca: ca.clone(), env, urls: urls.clone(), accounts })
        };
        let front_ends = (0..ca.config().front_ends.get()).map(front_end).collect();
        Self { ca, env, urls, front_ends, given: AtomicUsize::new(0) }
    }

    /// The front end whose turn it is.
    fn next(&self) -> Arc<FrontEnd> {
        let turn = self.given.fetch_add(1, Ordering::Relaxed);
        self.front_ends[turn % self.front_ends.len()].clone()
    }

    /// The answer of the front end whose turn it is.
    pub(super) async fn answer(&self, request: Request<impl RequestBody>) -> Response<Full<Bytes>> {
        let style = self.ca.config().style;
        let route = self.urls.route(request.uri().path());
        let response = match style.refuses(&request) {
            Some(refusal) => refusal,
            None => self.next().respond(request).await,
        };
        style.dress(response, route.as_ref()).await
    }
}

impl Respond for Balancer {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.answer(request).await
    }
}
