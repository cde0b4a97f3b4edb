//! http-01: the key authorization is fetched from the identifier's web server (RFC 8555 §8.3).
//!
//! Redirects are followed as Boulder follows them; [`target`] knows where to, [`exchange`] makes one request. What the
//! server said is never repeated to the client (RFC 8555 §10.4).

mod exchange;
mod target;

use std::net::IpAddr;

use hyper::StatusCode;

pub use self::target::Redirects;
use self::{exchange::FetchError, target::Target};
use crate::{
    addresses,
    challenges::{KeyAuthorization, Token},
    identifier::Identifier,
    perspective::Perspective,
    problem::{Problem, ProblemType},
    validation_record::ValidationRecord,
};

/// As Boulder and most browsers have it.
const REDIRECTS_MAX: usize = 10;

/// Fetches and compares; each hop leaves a record.
pub(crate) async fn validate(
    from: &Perspective,
    identifier: &Identifier,
    token: Token,
    expected: &KeyAuthorization,
    records: &mut Vec<ValidationRecord>,
) -> Result<(), Problem> {
    let first = Target::first(identifier, token, from.config());
    let body = fetch(from, first, records).await.map_err(|failure| failure.at(records.last()))?;
    // RFC 8555 §8.3: white space at the end is ignored.
    if body.trim_ascii_end() != expected.as_str().as_bytes() {
        let detail =
            format!("The key authorization file from the server did not match this challenge. Expected \"{expected}\"");
        return Err(Problem::new(ProblemType::Unauthorized, prefixed(used(records.last()), &detail)));
    }
    Ok(())
}

/// Whether this text is in what the identifier's web server has for a token.
pub(crate) async fn shows(from: &Perspective, identifier: &Identifier, token: Token, text: &str) -> bool {
    let first = Target::first(identifier, token, from.config());
    let body = fetch(from, first, &mut Vec::new()).await.unwrap_or_default();
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

/// The body at the end of the redirects.
async fn fetch(from: &Perspective, first: Target, records: &mut Vec<ValidationRecord>) -> Result<Vec<u8>, Failure> {
    let mut target = first;
    let mut left = from.config().http01_timeout;
    loop {
        if records.len() > REDIRECTS_MAX {
            return Err(FetchError::TooManyRedirects.into());
        }
        if records.iter().any(|earlier| earlier.url.as_deref() == Some(target.url())) {
            return Err(FetchError::RedirectLoop.into());
        }
        let addresses_resolved = addresses::find(from, &target.host()).await?;
        records.push(ValidationRecord {
            url: Some(target.url().to_owned()),
            hostname: target.hostname().to_owned(),
            port: Some(target.port),
            addresses_resolved,
            ..ValidationRecord::default()
        });
        let record = records.last_mut().expect("it has just been added");
        let begun = from.env.monotonic_now();
        let visiting = async {
            let stream = addresses::connect(from, target.port, record).await.map_err(FetchError::Connect)?;
            exchange::get(&from.env, stream, &target).await
        };
        let answer = from.env.timeout(left, visiting).await.unwrap_or(Err(FetchError::TimedOut))?;
        left = left.saturating_sub(from.env.monotonic_now().since(begun));
        match answer.status {
            StatusCode::OK => return Ok(answer.body),
            // Baseline Requirements §3.2.2.4.19 lets these four be followed, and no others.
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                target = target.redirected(answer.location.as_deref(), from.config())?
            }
            StatusCode::SEE_OTHER => return Err(FetchError::DisallowedRedirect.into()),
            status => return Err(FetchError::Status(status.as_u16()).into()),
        }
    }
}

/// Why there is no body.
#[derive(Debug)]
enum Failure {
    /// A name could not be looked up; nothing was fetched.
    Lookup(Problem),
    Fetch(FetchError),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Lookup(problem)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl Failure {
    /// Names the address and the URL, as Boulder does.
    fn at(self, record: Option<&ValidationRecord>) -> Problem {
        let error = match self {
            Self::Lookup(problem) => return problem,
            Self::Fetch(error) => error,
        };
        let url = record.and_then(|record| record.url.as_deref()).unwrap_or_default();
        let (kind, detail) = match &error {
            FetchError::Status(_) | FetchError::TooLong => {
                (ProblemType::Unauthorized, format!("Invalid response from {url}: {error}"))
            }
            FetchError::Tls => (ProblemType::Tls, format!("Fetching {url}: {error}")),
            FetchError::Connect(_)
            | FetchError::Broken
            | FetchError::TimedOut
            | FetchError::TooManyRedirects
            | FetchError::RedirectLoop
            | FetchError::DisallowedRedirect
            | FetchError::BadRedirect(_) => (ProblemType::Connection, format!("Fetching {url}: {error}")),
        };
        Problem::new(kind, prefixed(used(record), &detail))
    }
}

fn used(record: Option<&ValidationRecord>) -> Option<IpAddr> {
    record.and_then(|record| record.address_used)
}

fn prefixed(address: Option<IpAddr>, detail: &str) -> String {
    address.map_or(detail.to_owned(), |address| format!("{address}: {detail}"))
}
