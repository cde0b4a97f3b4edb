//! What every request goes through: route, method, body, JWS, URL, nonce, key, and the headers of the answer.

use std::{error::Error, net::IpAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Body,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, DATE, HeaderName, HeaderValue},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    routes::{Origin, Route},
};
use crate::{
    accounts::AccountStatus,
    dice,
    ids::AccountId,
    json,
    jwk::PublicKey,
    jws::{Jws, KeyReference},
    problem::{Problem, ProblemType},
    renewal_info_policy::RetryAfter,
    timestamp::http_date,
    wire::PeerAddress,
};

/// What the body of a request comes in.
pub(super) trait RequestBody: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send {}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send> RequestBody for B {}

const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

/// A request that has arrived.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) head: Parts,
    /// `None` if nothing is there.
    pub(super) route: Option<Route>,
    /// Of a POST; or why it can't be had.
    pub(super) body: Result<Bytes, Refusal>,
}

impl FrontEnd {
    /// Answers a request, under the name that it was sent to if the configuration has it so.
    pub(super) async fn respond(&self, request: Request<impl RequestBody>) -> Response<Full<Bytes>> {
        match self.ca.config().origin {
            Origin::Configured => self.respond_with_its_urls(request).await,
            Origin::AsAddressed => {
                let addressed = Self { urls: self.urls.as_addressed(&request), ..self.clone() };
                addressed.respond_with_its_urls(request).await
            }
        }
    }

    async fn respond_with_its_urls(&self, request: Request<impl RequestBody>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let peer = head.extensions.get().map(|PeerAddress(peer)| peer.ip());
        let route = self.urls.route(head.uri.path());
        if let Some(refusal) = self.too_busy(peer, route.as_ref()) {
            return refusal.into();
        }
        let body = if head.method == Method::POST { self.body(body).await } else { Ok(Bytes::new()) };
        let asked = Incoming { head, route, body };
        match self.fault_for(&asked) {
            Some(fault) => self.spoiled(asked, fault).await.into(),
            None => self.answer(asked).await.into(),
        }
    }

    /// The right answer, whole.
    pub(super) async fn answer(&self, asked: Incoming) -> Answer {
        let (route, method) = (asked.route.clone(), asked.head.method.clone());
        let answer = self.handle(asked).await.unwrap_or_else(|refusal| {
            let answer = refusal.into_answer();
            self.env.probe_about("ca/request-refused", || answer.status_and_why());
            answer
        });
        self.finish(answer, route.as_ref(), &method)
    }

    /// The headers that do not depend on what was asked.
    pub(super) fn finish(&self, answer: Answer, route: Option<&Route>, method: &Method) -> Answer {
        let mut answer = answer.with(DATE, &http_date(self.env.utc_now()));
        // RFC 8555 §6.1: for clients that run in a browser.
        answer = answer.with(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        if route != Some(&Route::Directory) {
            answer = answer.with_link(&self.urls.of(&Route::Directory), "index");
        }
        if route == Some(&Route::NewNonce) {
            answer = answer.with(CACHE_CONTROL, "no-store");
        }
        if method == Method::POST || route == Some(&Route::NewNonce) {
            // RFC 8555 §6.5: every answer to a POST, errors too.
            let nonce = self.ca.with_store(|store| store.nonces.issue(&self.env));
            answer = answer.with(REPLAY_NONCE, &nonce.to_string());
        }
        answer
    }

    async fn handle(&self, asked: Incoming) -> Result<Answer, Refusal> {
        let Incoming { head, route, body } = asked;
        let Some(route) = &route else { return Err(Problem::not_found("resource").into()) };
        if head.method == Method::OPTIONS {
            return Ok(preflight(route));
        }
        if !route.methods().contains(&head.method) {
            let problem = Problem::malformed(format!("{} is not for this resource", head.method))
                .with_status(StatusCode::METHOD_NOT_ALLOWED);
            return Err(Answer::from(&problem).with(ALLOW, &allowed(route)).into());
        }
        if head.method != Method::POST {
            return self.get(route, &head.method);
        }
        if head.headers.get(CONTENT_TYPE) != Some(&HeaderValue::from_static("application/jose+json")) {
            let problem = Problem::malformed("the content type must be application/jose+json (RFC 8555 §6.2)");
            return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into());
        }
        let url = self.urls.of_path(head.uri.path_and_query().map_or("/", |path| path.as_str()));
        let peer = head.extensions.get().map(|PeerAddress(peer)| peer.ip());
        self.post(route, &url, &body?, peer).await
    }

    /// RFC 8555 §6.3, RFC 9773 §4.1.
    fn get(&self, route: &Route, method: &Method) -> Result<Answer, Refusal> {
        match route {
            Route::Directory => Ok(self.directory()),
            // RFC 8555 §7.2.
            Route::NewNonce if method == Method::HEAD => Ok(Answer::empty(StatusCode::OK)),
            Route::NewNonce => Ok(Answer::empty(StatusCode::NO_CONTENT)),
            Route::RenewalInfo(id) => self.renewal_info(id),
            Route::NewAccount
            | Route::NewOrder
            | Route::NewAuthorization
            | Route::RevokeCertificate
            | Route::KeyChange
            | Route::Account(_)
            | Route::AccountOrders(..)
            | Route::Order(_)
            | Route::Finalize(_)
            | Route::Authorization(_)
            | Route::Challenge(..)
            | Route::Certificate(_)
            | Route::AlternateCertificate(..) => Err(Problem::not_found("resource").into()),
        }
    }

    async fn post(&self, route: &Route, url: &str, body: &[u8], peer: Option<IpAddr>) -> Result<Answer, Refusal> {
        let jws = Jws::parse(body)?;
        if jws.url != url {
            // RFC 8555 §6.4: "the server MUST reject the request as unauthorized".
            let detail = format!("the JWS is for {:?}, and was sent to {url:?}", jws.url);
            return Err(Problem::new(ProblemType::Unauthorized, detail).with_status(StatusCode::UNAUTHORIZED).into());
        }
        self.redeem_nonce(&jws)?;
        match route {
            Route::NewAccount => {
                let key = key_of(&jws)?;
                self.limit_new_account(&key, peer)?;
                self.new_account(&key, &jws)
            }
            Route::RevokeCertificate => self.revoke_certificate(&jws),
            Route::KeyChange => self.key_change(self.account_of(&jws)?, &jws),
            Route::Directory => {
                self.account_of(&jws)?;
                post_as_get(&jws)?;
                Ok(self.directory())
            }
            Route::NewNonce => {
                self.account_of(&jws)?;
                post_as_get(&jws)?;
                Ok(Answer::empty(StatusCode::OK))
            }
            Route::NewOrder => self.new_order(self.account_of(&jws)?, &jws),
            Route::NewAuthorization => self.new_authorization(self.account_of(&jws)?, &jws),
            Route::Account(id) => self.account(self.account_of(&jws)?, *id, &jws),
            Route::AccountOrders(id, from) => self.account_orders(self.account_of(&jws)?, *id, *from, &jws),
            Route::Order(id) => self.order(self.account_of(&jws)?, *id, &jws),
            Route::Finalize(id) => self.finalize(self.account_of(&jws)?, *id, &jws).await,
            Route::Authorization(id) => self.authorization(self.account_of(&jws)?, *id, &jws),
            Route::Challenge(id, kind) => self.challenge(self.account_of(&jws)?, *id, *kind, &jws),
            Route::Certificate(serial) => self.certificate(self.account_of(&jws)?, (serial, None), &jws),
            Route::AlternateCertificate(serial, number) => {
                self.certificate(self.account_of(&jws)?, (serial, Some(*number)), &jws)
            }
            Route::RenewalInfo(_) => Err(Problem::not_found("resource").into()),
        }
    }

    async fn body(&self, body: impl RequestBody) -> Result<Bytes, Refusal> {
        let config = self.ca.config();
        let whole = Limited::new(body, config.body_bytes_max).collect();
        let problem = match self.env.timeout(config.client_timeout, whole).await {
            Ok(Ok(body)) => return Ok(body.to_bytes()),
            Ok(Err(e)) if e.is::<LengthLimitError>() => {
                Problem::malformed(format!("the body is longer than {} bytes", config.body_bytes_max))
                    .with_status(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Ok(Err(_)) => Problem::malformed("the body was cut off"),
            Err(_) => Problem::malformed("the body came too slowly").with_status(StatusCode::REQUEST_TIMEOUT),
        };
        Err(problem.into())
    }

    /// When to ask again, in seconds or as a date (RFC 9110 §10.2.3), as chance has it.
    pub(super) fn with_poll_interval(&self, answer: Answer, wait: Option<Duration>) -> Answer {
        let percent = self.ca.config().retry_after_date_percent;
        let said = match wait {
            Some(wait) if dice::falls(&self.env, "ca/retry-after form", percent) => RetryAfter::Date(wait),
            Some(wait) => RetryAfter::Seconds(wait),
            None => RetryAfter::Absent,
        };
        answer.with_retry_after(&said, self.env.utc_now())
    }

    /// RFC 8555 §6.5. The nonce is used up even if the request fails later.
    fn redeem_nonce(&self, jws: &Jws) -> Result<(), Problem> {
        let nonce = jws.nonce.as_ref().and_then(|sent| sent.nonce());
        let is_good = nonce.is_some_and(|nonce| self.ca.with_store(|store| store.nonces.redeem(&self.env, nonce)));
        // RFC 8555 §6.5: clients retry with the nonce that comes with the error; only those that have to will learn it.
        if is_good && !dice::falls(&self.env, "ca/nonce rejection", self.ca.config().nonce_rejection_percent) {
            return Ok(());
        }
        let detail = if jws.nonce.is_some() { "the nonce is unknown, used or too old" } else { "the nonce is missing" };
        let chance = || if is_good { "by chance, as the CA is set up".to_owned() } else { detail.to_owned() };
        self.env.probe_about("ca/nonce-refused", || [("why", chance())]);
        Err(Problem::new(ProblemType::BadNonce, detail))
    }

    /// The account that signed the request (RFC 8555 §6.2): it exists, the signature is its own, and it is valid.
    pub(super) fn account_of(&self, jws: &Jws) -> Result<AccountId, Problem> {
        let KeyReference::Kid(kid) = &jws.key else {
            return Err(Problem::malformed("this resource wants \"kid\", the account's URL, instead of \"jwk\""));
        };
        let Some(Route::Account(id)) = self.urls.parse(kid) else {
            return Err(Problem::new(ProblemType::AccountDoesNotExist, "\"kid\" is not the URL of an account here"));
        };
        let Some(found) = self.accounts.find(&self.env, &self.ca, id) else {
            return Err(Problem::new(ProblemType::AccountDoesNotExist, "there is no such account"));
        };
        jws.verify(&found.key)?;
        match found.status {
            AccountStatus::Valid => Ok(id),
            AccountStatus::Deactivated => Err(deactivated()),
        }
    }
}

/// RFC 8555 §7.3.6: "reject … with status code 401".
pub(super) fn deactivated() -> Problem {
    Problem::new(ProblemType::Unauthorized, "the account is deactivated").with_status(StatusCode::UNAUTHORIZED)
}

/// The key that came with the request and signed it.
pub(super) fn key_of(jws: &Jws) -> Result<PublicKey, Problem> {
    let KeyReference::Jwk(key) = &jws.key else {
        return Err(Problem::malformed("this resource wants \"jwk\" instead of \"kid\""));
    };
    jws.verify(key)?;
    Ok(key.clone())
}

/// The payload as a JSON object.
pub(super) fn payload<T: DeserializeOwned>(jws: &Jws) -> Result<T, Problem> {
    json::read("the payload", &jws.payload)
}

/// RFC 8555 §6.3: a resource is read with an empty payload.
pub(super) fn is_post_as_get(jws: &Jws) -> bool {
    jws.payload.is_empty()
}

pub(super) fn post_as_get(jws: &Jws) -> Result<(), Problem> {
    if is_post_as_get(jws) {
        Ok(())
    } else {
        Err(Problem::malformed("this resource is read by POST-as-GET, with an empty payload (RFC 8555 §6.3)"))
    }
}

fn allowed(route: &Route) -> String {
    route.methods().iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// RFC 8555 §6.1: lets scripts in browsers send requests and see the headers that ACME needs.
fn preflight(route: &Route) -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
        .with(HeaderName::from_static("access-control-allow-methods"), &allowed(route))
        .with(HeaderName::from_static("access-control-allow-headers"), "Content-Type")
        .with(HeaderName::from_static("access-control-expose-headers"), "Link, Location, Replay-Nonce, Retry-After")
}
