//! [`StatusWatch`]: what is known about one certificate's status, and when to ask again.
//!
//! Where the certificate names an OCSP responder, that is asked, and what it says is stapled; where it names none, its
//! revocation list is read. Either is asked again when half of its time is over, a little later by chance so that not all ask
//! at once, and after failures ever less often. Nobody waits for it: visitors are shown what there is. A responder that says
//! nothing of use for long does not hide a revocation: then the list is read besides, if the certificate names one.
//!
//! Hosts that share a storage share the responses: before it asks, each looks whether storage holds a newer one.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{StatusCode, header::CONTENT_TYPE};
use sim::{Env, Monotonic};
use time::UtcDateTime;
use url::Url;

use super::{
    backoff::{Backoff, Failure, RetryWaits},
    lists::Lists,
    stapling::Stapling,
};
use crate::{
    name::Name,
    plain_http,
    status::{
        Reason, Status, Subject, Validity,
        crl::CrlError,
        ocsp::{self, OcspError, Question},
    },
    storage::{Storage, certificate::CertificateSet},
};

/// From the connection to the last byte of a response.
const RESPONSE_LIMIT: Duration = Duration::from_secs(15);
/// Minutes between questions that failed; the last one repeats.
const RETRY_MINUTES: [u64; 6] = [1, 5, 20, 60, 180, 360];
/// However long a statement holds, it is asked for again after so long: a revocation should not take longer to be heard of.
const LOOK_MAX: time::Duration = time::Duration::days(4);
/// The same for lists, which hold for a week and are made several times a day.
const LIST_LOOK_MAX: time::Duration = time::Duration::hours(12);
/// A responder of which nothing of use was heard for so long is silent, and the list is read besides.
const SILENCE_MIN: Duration = Duration::from_secs(3_600);
/// However short it holds, it is left alone for so long.
const LOOK_MIN: time::Duration = time::Duration::minutes(1);

/// Why nothing is known from asking.
#[derive(Debug, thiserror::Error)]
pub(super) enum StatusError {
    /// There is no answer.
    #[error("asking {0}: {1}")]
    Http(Url, io::Error),
    /// It took too long.
    #[error("{0} gave no complete answer in time")]
    TimedOut(Url),
    /// The answer is none.
    #[error("{0} answered with status {1}")]
    Refused(Url, StatusCode),
    /// The response is of no use.
    #[error("the response of {0}: {1}")]
    Ocsp(Url, OcspError),
    /// The list is of no use.
    #[error("the revocation list of {0}: {1}")]
    List(Url, CrlError),
    /// The response is not accepted.
    #[error("a response that holds until {0} is not accepted")]
    NotAccepted(UtcDateTime),
}

/// What came of a look.
#[derive(Debug)]
pub(super) enum Looked {
    /// It was not yet time, or there is nobody to ask.
    NotNow,
    /// There is something new to be shown.
    Stapled,
    /// The certificate is on no list.
    NotListed,
    /// The certificate is revoked.
    Revoked(Reason),
    /// Nothing new is known.
    Failed(StatusError),
}

/// What `server` gives in answer to `question`, within the limits of time and size.
pub(super) async fn fetch(
    env: &Env,
    server: &Url,
    question: Question,
    limit: Duration,
    bytes_max: usize,
) -> Result<Bytes, StatusError> {
    let exchange = async {
        let url = if let Question::Get(url) = &question { url } else { server };
        let (address, request) = plain_http::request_for(env, url).await?;
        let request = match question {
            Question::Get(_) => request.body(Full::default()),
            Question::Post(body) => {
                request.method("POST").header(CONTENT_TYPE, "application/ocsp-request").body(Full::from(body))
            }
        };
        plain_http::exchange(env, address, request.map_err(io::Error::other)?, bytes_max).await
    };
    match env.timeout(limit, exchange).await {
        Ok(Ok(response)) if response.status() == StatusCode::OK => Ok(response.into_body()),
        Ok(Ok(response)) => Err(StatusError::Refused(server.clone(), response.status())),
        Ok(Err(e)) => Err(StatusError::Http(server.clone(), e)),
        Err(_) => Err(StatusError::TimedOut(server.clone())),
    }
}

/// Whom to ask.
enum Asked<'a> {
    Responder(&'a Url),
    List(&'a Url),
}

/// An OCSP response that says that the certificate holds.
#[derive(Debug)]
struct Staple {
    response: Vec<u8>,
    shown_until: UtcDateTime,
    is_stored: bool,
}

/// Knows about one certificate's status.
#[derive(Debug)]
pub(super) struct StatusWatch {
    env: Env,
    stapling: Arc<dyn Stapling>,
    lists: Arc<Lists>,
    /// None if nothing could be verified.
    subject: Option<Subject>,
    staple: Option<Staple>,
    /// When what was said last holds; `None` while nothing is known.
    known: Option<Validity>,
    look_at: Option<UtcDateTime>,
    failed: Backoff,
    retry_at: Option<Monotonic>,
    /// Since when whoever is asked has failed to say anything of use.
    silent_since: Option<Monotonic>,
    revoked: Option<Reason>,
}

impl StatusWatch {
    /// Nothing is known yet of the certificate of `set`.
    pub(super) fn new(env: &Env, stapling: Arc<dyn Stapling>, lists: Arc<Lists>, set: &CertificateSet) -> Self {
        let sources = set.leaf().status_sources.responder.as_ref().or(set.leaf().status_sources.list.as_ref());
        Self {
            env: env.clone(),
            stapling,
            lists,
            subject: sources.is_some().then(|| Subject::of(set.chain())).flatten(),
            staple: None,
            known: None,
            look_at: None,
            failed: Backoff::new(&RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60))),
            retry_at: None,
            silent_since: None,
            revoked: None,
        }
    }

    /// The response to be shown, and until when.
    pub(super) fn staple(&self) -> Option<(&[u8], UtcDateTime)> {
        self.staple.as_ref().map(|staple| (&staple.response[..], staple.shown_until))
    }

    /// Why the certificate has been taken back, if it has.
    pub(super) fn revoked(&self) -> Option<Reason> {
        self.revoked
    }

    /// The certificate counts as taken back for this reason, whatever its CA says.
    pub(super) fn condemn(&mut self, reason: Reason) {
        (self.staple, self.revoked) = (None, Some(reason));
    }

    /// When the next look is due; `None` if there is nobody to ask, or nothing more to be learned.
    pub(super) fn next_at(&self, set: &CertificateSet) -> Option<Monotonic> {
        self.asked(set)?;
        if self.revoked.is_some() || set.leaf().not_after <= self.env.utc_now() {
            return None;
        }
        let wait = self.look_at.map_or(time::Duration::ZERO, |at| at - self.env.utc_now());
        // A moment that is further away than any look comes from a clock that has been set back since.
        let wait = if wait > LOOK_MAX { Duration::ZERO } else { Duration::try_from(wait).unwrap_or_default() };
        let next = self.env.monotonic_now() + wait;
        Some(self.retry_at.map_or(next, |retry| retry.max(next)))
    }

    /// Takes over what storage holds, if that is of use. Says whether it was.
    pub(super) async fn load(&mut self, storage: &Storage, name: &Name, set: &CertificateSet) -> bool {
        let (Some(subject), Some(_)) = (&self.subject, &set.leaf().status_sources.responder) else { return false };
        let Some(response) = storage.load_staple(name, set).await else { return false };
        let Ok(answer) = ocsp::read(subject, &response, self.env.utc_now()) else { return false };
        let is_newer = self.known.is_none_or(|known| answer.validity.from > known.from);
        if !is_newer || answer.status != Status::Good || !self.stapling.accepts(set.leaf(), answer.validity) {
            return false;
        }
        self.staple =
            Some(Staple { response, shown_until: self.stapling.shown_until(answer.validity), is_stored: true });
        self.learn(answer.validity, LOOK_MAX);
        true
    }

    /// Asks, if it is time to.
    pub(super) async fn look(&mut self, storage: &Storage, name: &Name, set: &CertificateSet) -> Looked {
        self.store_again(storage, name, set).await;
        let is_due = |watch: &Self| watch.next_at(set).is_some_and(|next| next <= watch.env.monotonic_now());
        if !is_due(self) {
            return Looked::NotNow;
        }
        if self.load(storage, name, set).await && !is_due(self) {
            return Looked::Stapled;
        }
        match self.ask(storage, name, set).await {
            Ok(looked) => {
                self.failed.reset();
                (self.retry_at, self.silent_since) = (None, None);
                looked
            }
            Err(e) => {
                let now = self.env.utc_now();
                self.staple.take_if(|staple| staple.shown_until <= now);
                let now = self.env.monotonic_now();
                self.retry_at = Some(now + self.failed.after(Failure::Other));
                if now.since(*self.silent_since.get_or_insert(now)) >= SILENCE_MIN
                    && let Some(Status::Revoked(reason)) = self.listed_status(set).await
                {
                    self.env.probe("manager/revoked-though-responder-silent");
                    self.condemn(reason);
                    return Looked::Revoked(reason);
                }
                Looked::Failed(e)
            }
        }
    }

    async fn ask(&mut self, storage: &Storage, name: &Name, set: &CertificateSet) -> Result<Looked, StatusError> {
        let (Some(asked), Some(subject)) = (self.asked(set), &self.subject) else { return Ok(Looked::NotNow) };
        let (status, looked) = match asked {
            Asked::Responder(responder) => {
                let question = Question::new(responder, subject);
                let response = fetch(&self.env, responder, question, RESPONSE_LIMIT, ocsp::RESPONSE_BYTES_MAX).await?;
                let answer = ocsp::read(subject, &response, self.env.utc_now());
                let answer = answer.map_err(|e| StatusError::Ocsp(responder.clone(), e))?;
                self.learn(answer.validity, LOOK_MAX);
                if answer.status == Status::Good {
                    self.take_up(storage, name, set, response.to_vec(), answer.validity).await?;
                }
                (answer.status, Looked::Stapled)
            }
            Asked::List(url) => {
                let list = self.lists.list(url, subject.issuer()).await?;
                let status = list.status(subject.serial());
                self.learn(list.validity, LIST_LOOK_MAX);
                (status, Looked::NotListed)
            }
        };
        match status {
            Status::Good => Ok(looked),
            Status::Revoked(reason) => {
                self.condemn(reason);
                Ok(Looked::Revoked(reason))
            }
        }
    }

    /// What the revocation list says of a certificate whose responder is silent, if it names one that can be had.
    async fn listed_status(&self, set: &CertificateSet) -> Option<Status> {
        let sources = &set.leaf().status_sources;
        let (subject, list) = (self.subject.as_ref()?, sources.responder.as_ref().and(sources.list.as_ref())?);
        // If that fails too, it is tried again with the responder.
        let list = self.lists.list(list, subject.issuer()).await.ok()?;
        self.env.probe("manager/list-read-for-silent-responder");
        Some(list.status(subject.serial()))
    }

    /// Takes up a response that says that the certificate holds.
    async fn take_up(
        &mut self,
        storage: &Storage,
        name: &Name,
        set: &CertificateSet,
        response: Vec<u8>,
        validity: Validity,
    ) -> Result<(), StatusError> {
        if !self.stapling.accepts(set.leaf(), validity) {
            return Err(StatusError::NotAccepted(validity.until));
        }
        let stored = storage.store_staple(name, set, &response).await;
        if self.stapling.replaces(&stored) {
            let shown_until = self.stapling.shown_until(validity);
            self.staple = Some(Staple { response, shown_until, is_stored: stored.is_ok() });
        }
        Ok(())
    }

    /// Stores what could not be stored when it came.
    async fn store_again(&mut self, storage: &Storage, name: &Name, set: &CertificateSet) {
        let Some(staple) = self.staple.as_mut().filter(|staple| !staple.is_stored) else { return };
        staple.is_stored = storage.store_staple(name, set, &staple.response).await.is_ok();
    }

    fn asked<'a>(&self, set: &'a CertificateSet) -> Option<Asked<'a>> {
        self.subject.as_ref()?;
        let sources = &set.leaf().status_sources;
        let responder = sources.responder.as_ref().map(Asked::Responder);
        responder.or(sources.list.as_ref().map(Asked::List))
    }

    /// Takes in when something was said, and so when to ask again: at the latest after `most`.
    fn learn(&mut self, validity: Validity, most: time::Duration) {
        self.known = Some(validity);
        self.look_at = Some(self.look_after(validity).min(self.env.utc_now().saturating_add(most)));
    }

    /// When to ask again after a statement: after half of its time and up to an eighth more.
    fn look_after(&self, validity: Validity) -> UtcDateTime {
        let lifetime: time::Duration = validity.until - validity.from;
        let jitter_ms = u64::try_from(lifetime.whole_milliseconds() / 8).unwrap_or(0);
        let jitter_ms = self.env.random_below("manager/status", jitter_ms.max(1));
        let half = validity.from.saturating_add(lifetime / 2);
        let wanted = half.saturating_add(time::Duration::milliseconds(i64::try_from(jitter_ms).unwrap_or(0)));
        let now = self.env.utc_now();
        wanted.clamp(now.saturating_add(LOOK_MIN), now.saturating_add(LOOK_MAX))
    }
}
