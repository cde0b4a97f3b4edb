//! What ACME's two sides say to each other over HTTP: JWS, JSON, `Link` and `Retry-After`.

use std::{mem::ManuallyDrop, sync::Arc, time::Duration};

use ca_mock::SignedRequest;
use client_under_test::acme::{
    address::Address,
    authorization::Authorization,
    challenge::Challenge,
    directory::Directory,
    http::Response,
    order::Order,
    problem::Problem,
    reading::{Document, words},
    renewal_info::{RenewalInfo, Window},
    retry_after,
};
use hyper::{
    HeaderMap, StatusCode,
    header::{DATE, HeaderValue, LINK, RETRY_AFTER},
};
use scenarios::oracles::reader::{
    self,
    csr::Csr,
    http::{Headers, Moment, Request},
    identifier::Identifier,
    jws::Jws,
    link,
    place::Place,
    retry_after::RetryAfter as SeenRetryAfter,
    step::{Resource, Step},
    timestamp::unix_seconds,
};
use serde_json::Value;
use time::UtcDateTime;

use super::{first_line, stage::Stage};

/// The CA's strict JWS reader: no bytes make it panic, and what it accepts, the oracles' own reader understands the same way.
///
/// # Panics
/// If that is not so.
pub fn jws(body: &[u8], read: impl Fn(&[u8]) -> Result<SignedRequest, String>) {
    if let Ok(request) = read(body) {
        let seen = Jws::read(body).expect("the oracles read what the CA accepts");
        assert_eq!(seen.url(), Some(request.url.as_str()));
        assert_eq!(seen.nonce(), request.nonce.as_deref());
        assert_eq!(seen.payload_bytes, request.payload);
    }
}

/// The name of a resource in the first line, and after it a payload that is signed and sent to a CA's front end there: the answer
/// is what was asked for, as the oracles read it, or a problem that the client and they understand the same way.
///
/// In payloads, `@account@`, `@certificate@`, `@csr@`, `@oldKey@` and `@replaces@` stand for what only that CA knows. That of
/// keyChange is the inner one.
///
/// # Panics
/// If that is not so.
pub fn acme_request(bytes: &[u8], shown: impl Fn(Response) -> Response) {
    thread_local! { static STAGE: ManuallyDrop<Stage> = ManuallyDrop::new(Stage::new()); }
    let (resource, payload) = first_line(bytes);
    let Ok(resource) = str::from_utf8(resource) else { return };
    let Some((sent, answer)) = STAGE.with(|stage| stage.answer(resource, payload)) else { return };
    let answer = shown(answer);
    assert!(answer.status.as_u16() < 500, "{}", Problem::of_response(&answer));
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if !answer.status.is_success() {
        let kind = Problem::of_response(&answer).kind.expect("a problem has one of ACME's types");
        assert_eq!(body["type"], format!("urn:ietf:params:acme:error:{kind}"));
        return;
    }
    let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
    match resource {
        "newOrder" => assert_eq!(Identifier::set_of_json(&sent), Identifier::set_of_json(&body)),
        "finalize" => assert_eq!(Csr::of_payload(&sent).map(|csr| csr.names), Identifier::set_of_json(&body)),
        "newAccount" | "account" if sent["contact"].is_array() => assert_eq!(sent["contact"], body["contact"]),
        "authz" if !sent.is_null() => assert_eq!(body["status"], "deactivated"),
        _ => {}
    }
}

/// What a CA answers, as the client reads it: a first line with a `Link`, then a JSON object, taken for every kind of resource. A
/// problem and a renewal window, which `read` takes out, the oracles understand the same way.
///
/// # Panics
/// If that is not so.
pub fn acme_response(bytes: &[u8], read: impl Fn(&Response) -> Option<Window>) {
    let (line, body) = first_line(bytes);
    let response = response(line, body);
    let url = response.url.clone();
    drop((response.links("up"), Directory::read(&response)));
    drop((Order::read(url.clone(), &response), Authorization::read(url, &response)));
    if let Some(document) = Document::parse(&response.body, &response.url) {
        drop((Challenge::read(&document), Problem::of_document(&document).to_string()));
    }

    let seen = seen(&response);
    let problem = Problem::of_response(&response);
    drop(problem.to_string());
    if let (Some(kind), Some(seen)) = (problem.kind, seen.problem()) {
        assert_eq!(kind, words(seen));
    }
    let suggested = seen.suggested_window().map(|edge| edge.and_then(unix_seconds));
    if let (Some(window), [Some(start), Some(end)]) = (read(&response), suggested) {
        assert_eq!([window.start(), window.end()].map(UtcDateTime::unix_timestamp), [start, end]);
    }
}

/// The window that the client finds in renewal information.
#[must_use]
pub fn read_window(response: &Response) -> Option<Window> {
    RenewalInfo::read(response).ok().map(|info| info.window)
}

/// A `Link` field: what the oracles find before the first mistake, the client finds as well, and first.
///
/// # Panics
/// If that is not so.
pub fn link(field: &[u8], links: impl Fn(&Response, &str) -> Vec<Address>) {
    let Ok(text) = str::from_utf8(field) else { return };
    let response = response(field, b"");
    for relation in ["alternate", "up"] {
        let found = links(&response, relation);
        let seen = link::targets(text, relation);
        let seen: Vec<Address> = seen.into_iter().filter_map(|target| response.url.join(target.trim())).collect();
        assert!(!response.headers.contains_key(LINK) || found.starts_with(&seen), "{found:?} instead of {seen:?}");
    }
}

/// `Retry-After`, and a `Date` in the line after it: the client and the oracles understand the same wait, up to the longest that
/// the client takes.
///
/// # Panics
/// If that is not so.
pub fn retry_after(bytes: &[u8], parse: impl Fn(&HeaderMap, UtcDateTime) -> Option<Duration>) {
    let (wait, date) = first_line(bytes);
    let mut headers = HeaderMap::new();
    let mut fields = Vec::new();
    for (name, value) in [(RETRY_AFTER, wait), (DATE, date)] {
        // A field comes without the blanks around it (RFC 9110 §5.5).
        let value = value.trim_ascii();
        let (Ok(field), Ok(text)) = (HeaderValue::from_bytes(value), str::from_utf8(value)) else { return };
        fields.push((name.as_str().to_owned(), text.to_owned()));
        headers.insert(name, field);
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let seen = SeenRetryAfter::read(&reader::http::Response::new(503, Headers::of(&fields), Vec::new()), Some(0));
    let read = parse(&headers, UtcDateTime::UNIX_EPOCH);
    if let (Some(seen), Some(read)) = (seen, read) {
        assert_eq!(seen.wait.min(retry_after::CAP), read, "{fields:?}");
    }
}

/// An answer with this `Link`, if it can be one, and this body. It is a refusal, but only problems depend on that.
fn response(link: &[u8], body: &[u8]) -> Response {
    let url = "https://ca.test/acme/order/1".parse::<Address>().expect("an address");
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::from_bytes(link).ok().map(|value| (LINK, value)));
    Response { url, status: StatusCode::BAD_REQUEST, headers, retry_after: None, body: body.to_vec().into() }
}

/// The same answer as the oracles see it.
fn seen(response: &Response) -> Step {
    let request = Request::new("POST".to_owned(), response.url.target(), Headers::default(), Vec::new());
    let seen = reader::http::Response::new(response.status.as_u16(), Headers::default(), response.body.to_vec());
    Step {
        moment: Moment::Received,
        resource: Resource::Other,
        place: Place::of_request(response.url.authority(), &request.target),
        client: None,
        server: None,
        request: Arc::new(request),
        response: Some(Arc::new(seen)),
    }
}
