//! http-01: the key authorizations that tests have added, and redirects (RFC 8555 §8.3).
//!
//! Over TLS there are no redirects, so that one from HTTP to HTTPS at the same path is no loop. What is not known has an
//! empty page, as with pebble-challtestsrv: its users wait for that.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{HOST, HeaderValue, LOCATION},
    http::uri::Authority,
};

use super::ChallengeTestServer;
use crate::wire::{AskedServerName, Respond};

const PATH: &str = "/.well-known/acme-challenge/";

#[derive(Debug)]
pub(super) struct Site {
    pub(super) server: ChallengeTestServer,
    pub(super) is_https: bool,
}

impl Respond for Site {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let said = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let authority = request.uri().authority().map(Authority::as_str).or_else(said).unwrap_or_default();
        let server_name = request.extensions().get::<AskedServerName>().and_then(|asked| asked.0.as_deref());
        let path = request.uri().path();
        let mut response = Response::default();
        self.server.with_state(|state| {
            state.history.http(&request.uri().to_string(), authority, self.is_https, server_name);
            let target = state.redirects.first(&path.to_owned()).filter(|_| !self.is_https);
            if let Some(target) = target.and_then(|target| HeaderValue::from_str(target).ok()) {
                *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
                response.headers_mut().insert(LOCATION, target);
                return;
            }
            let content = path.strip_prefix(PATH).and_then(|token| state.http01.first(&token.to_owned()));
            *response.body_mut() = Full::from(content.cloned().unwrap_or_default());
        });
        response
    }
}
