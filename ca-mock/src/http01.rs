//! http-01: the key authorization is fetched from the identifier's web server (RFC 8555 §8.3).
//!
//! IPv6 first, and IPv4 only if no connection comes about. Redirects are not followed, and what the server
//! said is never repeated to the client (RFC 8555 §10.4).

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use sim::Env;

use crate::{
    addresses,
    challenges::{KeyAuthorization, Token},
    config::Config,
    identifier::Identifier,
    problem::{Problem, ProblemType},
};

/// A key authorization has fewer than 100 bytes.
const BODY_BYTES_MAX: usize = 1024;
const USER_AGENT: &str = concat!("gauntlet-ca-mock/", env!("CARGO_PKG_VERSION"));

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no complete HTTP response: {0}")]
    Http(#[from] hyper::Error),
    #[error("the response was cut off")]
    Body,
    #[error("the response is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    #[error("not done in time")]
    TimedOut,
}

/// Fetches and compares.
pub(crate) async fn validate(
    env: &Env,
    config: &Config,
    identifier: &Identifier,
    token: Token,
    expected: &KeyAuthorization,
) -> Result<(), Problem> {
    let addresses = addresses::find(env, config, identifier, config.http01_port).await?;
    let path = format!("/.well-known/acme-challenge/{token}");
    let url = format!("http://{identifier}{path}");
    let mut outcome = Err((addresses[0], FetchError::TimedOut));
    for address in addresses {
        let fetched = env.timeout(config.http01_timeout, fetch(env, address, identifier, &path)).await;
        outcome = fetched.unwrap_or(Err(FetchError::TimedOut)).map_err(|e| (address, e));
        // Another address is tried only if this one could not be reached at all.
        let Err((_, FetchError::Connect(_))) = outcome else { break };
    }
    let (status, body) = outcome.map_err(|(address, error)| {
        let detail = format!("fetching {url} from {address}: {error}");
        match error {
            FetchError::Connect(_) | FetchError::Http(_) | FetchError::Body | FetchError::TimedOut => {
                Problem::new(ProblemType::Connection, detail)
            }
            FetchError::TooLong => Problem::new(ProblemType::Unauthorized, detail),
        }
    })?;
    if status != StatusCode::OK {
        let detail = format!("fetching {url}: status {} instead of 200", status.as_u16());
        return Err(Problem::new(ProblemType::Unauthorized, detail));
    }
    // RFC 8555 §8.3: white space at the end is ignored.
    if body.trim_ascii_end() != expected.as_str().as_bytes() {
        let detail = format!("fetching {url}: the response is not the key authorization");
        return Err(Problem::new(ProblemType::Unauthorized, detail));
    }
    Ok(())
}

async fn fetch(
    env: &Env,
    address: SocketAddr,
    host: &Identifier,
    path: &str,
) -> Result<(StatusCode, Bytes), FetchError> {
    let stream = env.connect(address).await.map_err(FetchError::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Dropped, and thereby stopped, at the end of this function.
    let _connection = env.spawn("ca http-01 connection", connection);
    let request = Request::get(path)
        .header(header::HOST, host.as_str())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .expect("host and path are ASCII without blanks");
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(|e| if e.is::<LengthLimitError>() { FetchError::TooLong } else { FetchError::Body })?;
    Ok((status, body.to_bytes()))
}
