//! http-01: the key authorization is fetched from the identifier's web server (RFC 8555 §8.3).
//!
//! IPv6 first, and IPv4 only if no connection comes about. Redirects are not followed, and what the server
//! said is never repeated to the client (RFC 8555 §10.4).

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use hickory_proto::rr::{Name, RecordType};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use sim::Env;

use crate::{
    challenges::{KeyAuthorization, Token},
    config::Config,
    dns::resolver::{LookupError, Resolver},
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
    let addresses = addresses(env, config, identifier).await?;
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

/// At most one address of each family, IPv6 first; never none.
async fn addresses(env: &Env, config: &Config, identifier: &Identifier) -> Result<Vec<SocketAddr>, Problem> {
    let resolver = Resolver::new(env, config);
    let dns_problem = |detail: String| Problem::new(ProblemType::Dns, detail);
    let mut name = Name::from_ascii(identifier.as_str()).map_err(|e| dns_problem(e.to_string()))?;
    name.set_fqdn(true);
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for kind in [RecordType::AAAA, RecordType::A] {
        match resolver.lookup(&name, kind).await {
            Ok(records) => {
                let address = records.iter().find_map(|record| record.data.ip_addr());
                found.extend(address.map(|ip: IpAddr| SocketAddr::new(ip, config.http01_port)));
            }
            // The name has no records of any type (RFC 8020).
            Err(error @ LookupError::NoSuchName { .. }) => return Err(dns_problem(error.to_string())),
            Err(error) => failures.push(error.to_string()),
        }
    }
    if found.is_empty() { Err(dns_problem(failures.join("; "))) } else { Ok(found) }
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
