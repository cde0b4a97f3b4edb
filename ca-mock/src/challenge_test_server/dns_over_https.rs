//! DNS over HTTPS (RFC 8484): the same answers as over UDP and TCP, at every path, as pebble-challtestsrv has it.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};

use super::{CLIENT_TIMEOUT, ChallengeTestServer};
use crate::{
    base64url,
    dns::server::{Carrier, respond},
    wire::Respond,
};

const MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");
/// RFC 1035 §4.2.2.
const MESSAGE_BYTES_MAX: usize = 65_535;

#[derive(Debug)]
pub(super) struct DnsOverHttps {
    pub(super) server: ChallengeTestServer,
}

impl Respond for DnsOverHttps {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let question = match self.question(request).await {
            Ok(question) => question,
            Err(status) => return refusal(status),
        };
        let Some(answer) = respond(&question, &self.server, Carrier::Stream) else {
            return refusal(StatusCode::BAD_REQUEST);
        };
        let mut response = Response::new(Full::from(answer));
        response.headers_mut().insert(CONTENT_TYPE, MESSAGE);
        // RFC 8484 §5.1: no longer than the records last, whose TTL is 0.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
        response
    }
}

impl DnsOverHttps {
    /// RFC 8484 §4.1: in the body of a POST, or in the query of a GET.
    async fn question(&self, request: Request<Incoming>) -> Result<Bytes, StatusCode> {
        match *request.method() {
            Method::POST if request.headers().get(CONTENT_TYPE) != Some(&MESSAGE) => {
                Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Method::POST => {
                let whole = Limited::new(request.into_body(), MESSAGE_BYTES_MAX).collect();
                match self.server.0.env.timeout(CLIENT_TIMEOUT, whole).await {
                    Ok(Ok(body)) => Ok(body.to_bytes()),
                    Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
                    Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
                }
            }
            Method::GET => {
                let parameters = request.uri().query().into_iter().flat_map(|query| query.split('&'));
                let sent = parameters.filter_map(|parameter| parameter.strip_prefix("dns=")).next();
                sent.and_then(base64url::decode).map(Bytes::from).ok_or(StatusCode::BAD_REQUEST)
            }
            _ => Err(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}
