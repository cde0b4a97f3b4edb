//! The management API, which tests ask for what an ACME client can't know: Pebble's calls, shape for shape, and calls of
//! our own, whose mistakes are told in plain text, a line each.
//!
//! It has a door of its own and no authentication: it hands out private keys. The files beside this one are one for
//! each kind of call.

mod authorities;
mod certificate_status;
mod clock;
mod events;
mod external_accounts;
mod faults;
mod renewal_info;
mod snapshots;
mod state;
mod terms_of_service;

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue},
    http::uri::Authority,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sim::Env;

pub use self::events::RecentEvents;
use crate::{
    Ca,
    revocation_status::RevocationStatus,
    wire::{Door, Respond},
};

/// A management API that listens.
#[derive(Debug)]
pub struct BoundManagement {
    management: Management,
    door: Door,
}

#[derive(Debug)]
struct Management {
    ca: Ca,
    env: Env,
    /// Where a client is that does not say.
    own_authority: String,
    events: Option<RecentEvents>,
}

impl BoundManagement {
    pub(crate) async fn new(ca: Ca, env: Env, address: SocketAddr) -> io::Result<Self> {
        let door = Door::open(&ca, &env, address).await?.unrecorded();
        let own_authority = door.local_address()?.to_string();
        Ok(Self { management: Management { ca, env, own_authority, events: None }, door })
    }

    /// Hands out these events.
    #[must_use]
    pub fn with_events(mut self, events: Option<RecentEvents>) -> Self {
        self.management.events = events;
        self
    }

    /// The address that is listened on, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.door.local_address()
    }

    /// Serves for ever.
    pub async fn serve(self) {
        self.door.serve(Arc::new(self.management)).await;
    }
}

impl Respond for Management {
    /// As Pebble does, what only tells something is told to any method, and what can't be answered has a bare status.
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let origin = self.origin(&request);
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match segments[..] {
            [kind @ ("roots" | "intermediates" | "root-keys" | "intermediate-keys"), number] => {
                self.authority(&origin, kind, number)
            }
            ["cert-status-by-serial", serial] => self.certificate_status(serial),
            ["set-renewal-info", ""] if request.method() != Method::POST => bare(StatusCode::METHOD_NOT_ALLOWED),
            ["set-renewal-info", ""] => match self.body(request).await {
                Some(body) => self.set_renewal_info(&body),
                None => bare(StatusCode::BAD_REQUEST),
            },
            ["external-account-keys"] if request.method() != Method::POST => bare(StatusCode::METHOD_NOT_ALLOWED),
            ["external-account-keys"] => match self.body(request).await {
                Some(body) => self.add_external_account_key(&body),
                None => bare(StatusCode::BAD_REQUEST),
            },
            ["clock"] => self.clock(request).await,
            ["terms-of-service"] => self.terms_of_service(request).await,
            ["state"] => self.state(request).await,
            ["reset"] if request.method() == Method::POST => self.reset(),
            ["events"] => self.recent_events(&request),
            ["snapshots"] => self.snapshots(request.method()),
            ["snapshots", name] => self.snapshot(request.method(), name),
            ["snapshots", name, "restore"] => self.restore(request.method(), name),
            ["accounts"] => self.accounts(),
            ["orders"] => self.orders(),
            ["authorizations"] => self.authorizations(),
            ["faults"] => self.faults(None, request).await,
            ["faults", name] => self.faults(Some(name), request).await,
            _ => RevocationStatus { ca: self.ca.clone(), env: self.env.clone() }.answer(request).await,
        }
    }
}

impl Management {
    /// What this API's URLs begin with, as the request addresses it.
    fn origin(&self, request: &Request<Incoming>) -> String {
        let said = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let authority = request.uri().authority().map(Authority::as_str).or_else(said);
        let authority = authority.filter(|text| text.parse::<Authority>().is_ok()).unwrap_or(&self.own_authority);
        format!("{}://{authority}", self.ca.config().transport.scheme())
    }

    /// GET tells how something is; POST changes it as the object in its body says, and tells it as well.
    async fn tell_or_change<C: DeserializeOwned>(
        &self,
        request: Request<Incoming>,
        change: impl FnOnce(&C) -> Result<(), String>,
        tell: impl FnOnce() -> Response<Full<Bytes>>,
    ) -> Response<Full<Bytes>> {
        match *request.method() {
            Method::GET => tell(),
            Method::POST => match self.body(request).await.as_deref().map(serde_json::from_slice) {
                Some(Ok(wanted)) => match change(&wanted) {
                    Ok(()) => tell(),
                    Err(why) => refusal(why),
                },
                Some(Err(error)) => refusal(format!("{error}\n")),
                None => bare(StatusCode::BAD_REQUEST),
            },
            _ => bare(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    async fn body(&self, request: Request<Incoming>) -> Option<Bytes> {
        let config = self.ca.config();
        let whole = Limited::new(request.into_body(), config.body_bytes_max).collect();
        Some(self.env.timeout(config.client_timeout, whole).await.ok()?.ok()?.to_bytes())
    }
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn json(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = text("application/json; charset=utf-8", format!("{value:#}\n"), &[]);
    *response.status_mut() = status;
    response
}

/// What is wrong with a call of our own, a line each.
fn refusal(lines: impl Into<String>) -> Response<Full<Bytes>> {
    let mut response = text("text/plain; charset=utf-8", lines.into(), &[]);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn text(content_type: &'static str, body: String, headers: &[(HeaderName, String)]) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let fields: &mut HeaderMap = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("URLs are ASCII: an authority and our own paths");
        fields.append(name, value);
    }
    response
}
