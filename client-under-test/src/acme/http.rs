//! HTTPS requests to a CA: name, connection, handshake, one request at a time.
//!
//! A [`Conversation`] keeps its connections while it lasts and ends them with it; nothing is pooled
//! behind anyone's back. Every step has a limit of time and every body one of size. A request that may
//! have had an effect is never repeated here: only the caller knows whether that is safe.

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HOST, LOCATION, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{RootCertStore, pki_types::ServerName};
use sim::{Env, Task, tls};
use url::{Host, Url};

use super::{address::Address, retry_after};

const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const EXCHANGE_LIMIT: Duration = Duration::from_secs(60);
const BODY_BYTES_MAX: usize = 1 << 20;
const REDIRECTS_MAX: usize = 5;
/// The ACME software and the HTTP software, with their versions (RFC 8555 §6.1).
const AGENT: &str = concat!("gauntlet-client/", env!("CARGO_PKG_VERSION"), " hyper/1");
/// What problems are to be told in (RFC 8555 §6.1).
const LANGUAGE: &str = "en";

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the words of the message")]
pub enum HttpError {
    /// The address can't be asked. RFC 8555 §6.1 allows only HTTPS.
    #[error("{url} is not an address that can be asked: {why}")]
    Address { url: Address, why: &'static str },
    /// The host's name has no address.
    #[error("looking up {host}: {source}")]
    Lookup { host: String, source: io::Error },
    /// No connection came about; the request has not been sent.
    #[error("connecting to {host}: {source}")]
    Connect { host: String, source: io::Error },
    /// The connection broke before the answer was complete.
    #[error("asking {url}: {source}")]
    Broken { url: Address, source: hyper::Error },
    /// The answer was not complete in time.
    #[error("{url} gave no complete answer within {limit:?}")]
    TimedOut { url: Address, limit: Duration },
    /// The answer is longer than any resource of ACME needs to be.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLong { url: Address, limit: usize },
}

impl HttpError {
    /// Whether the server has certainly not seen the request.
    #[must_use]
    pub fn was_not_sent(&self) -> bool {
        match self {
            Self::Address { .. } | Self::Lookup { .. } | Self::Connect { .. } => true,
            Self::Broken { .. } | Self::TimedOut { .. } | Self::TooLong { .. } => false,
        }
    }
}

/// A question.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    url: Address,
    accept: Option<&'static str>,
    body: Option<Bytes>,
}

impl Request {
    /// A GET.
    #[must_use]
    pub fn get(url: &Address) -> Self {
        Self { method: Method::GET, url: url.clone(), accept: None, body: None }
    }

    /// A HEAD.
    #[must_use]
    pub fn head(url: &Address) -> Self {
        Self { method: Method::HEAD, ..Self::get(url) }
    }

    /// A POST of a signed body (RFC 8555 §6.2), asking for the media type `accept` if one is given.
    #[must_use]
    pub fn post(url: &Address, body: Vec<u8>, accept: Option<&'static str>) -> Self {
        Self { method: Method::POST, accept, body: Some(body.into()), ..Self::get(url) }
    }

    fn message(&self) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
        let mut message = hyper::Request::builder()
            .method(&self.method)
            .uri(self.url.target())
            .header(HOST, self.url.authority())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT_LANGUAGE, LANGUAGE);
        if let Some(accept) = self.accept {
            message = message.header(ACCEPT, accept);
        }
        if self.body.is_some() {
            message = message.header(CONTENT_TYPE, "application/jose+json");
        }
        message
            .body(Full::new(self.body.clone().unwrap_or_default()))
            .map_err(|_| HttpError::Address { url: self.url.clone(), why: "its path can't be sent" })
    }

    fn is_safe(&self) -> bool {
        self.body.is_none()
    }
}

/// An answer, complete.
#[derive(Clone, Debug)]
pub struct Response {
    /// What was asked, after redirects.
    pub url: Address,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The address in `Location`, completed if it is relative.
    #[must_use]
    pub fn location(&self) -> Option<Address> {
        self.url.join(self.headers.get(LOCATION)?.to_str().ok()?)
    }
}

/// Makes conversations with servers that its roots vouch for.
#[derive(Clone, Debug)]
pub struct HttpClient {
    env: Env,
    tls: tls::Client,
}

impl HttpClient {
    /// A client of `env`'s host that trusts `roots`.
    #[must_use]
    pub fn new(env: &Env, roots: RootCertStore) -> Self {
        Self { env: env.clone(), tls: tls::Client::new(env, roots, &["http/1.1"]) }
    }

    /// Begins a conversation; nothing is sent yet.
    #[must_use]
    pub fn converse(&self) -> Conversation {
        Conversation { client: self.clone(), open: BTreeMap::new() }
    }

    async fn connect(&self, origin: &Origin) -> Result<Open, HttpError> {
        let failed = |source| HttpError::Connect { host: origin.to_string(), source };
        let addresses = self.addresses(origin).await?;
        let server_name = origin.server_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let mut error = io::ErrorKind::NotFound.into();
        for address in addresses {
            let connecting = async {
                let stream = self.env.connect(address).await?;
                let stream = self.tls.connect(stream, server_name.clone()).await?;
                http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)
            };
            match self.env.timeout(CONNECT_LIMIT, connecting).await {
                Ok(Ok((sender, connection))) => {
                    // How the connection ends is seen by the request that needed it.
                    let driver = self.env.spawn(format!("connection to {origin}"), async { drop(connection.await) });
                    return Ok(Open { sender, _driver: driver });
                }
                Ok(Err(e)) => error = e,
                Err(elapsed) => error = io::Error::new(io::ErrorKind::TimedOut, elapsed),
            }
        }
        Err(failed(error))
    }

    async fn addresses(&self, origin: &Origin) -> Result<Vec<SocketAddr>, HttpError> {
        let found = match &origin.host {
            Host::Ipv4(ip) => vec![(*ip).into()],
            Host::Ipv6(ip) => vec![(*ip).into()],
            Host::Domain(name) => {
                let failed = |source| HttpError::Lookup { host: name.clone(), source };
                match self.env.timeout(CONNECT_LIMIT, self.env.lookup(name)).await {
                    Ok(found) => found.map_err(failed)?,
                    Err(elapsed) => return Err(failed(io::Error::new(io::ErrorKind::TimedOut, elapsed))),
                }
            }
        };
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, origin.port)).collect())
    }
}

/// Requests that belong together, over connections that are kept while they last.
#[derive(Debug)]
pub struct Conversation {
    client: HttpClient,
    open: BTreeMap<Origin, Open>,
}

impl Conversation {
    /// Asks, and follows redirects of questions without effect.
    ///
    /// # Errors
    /// [`HttpError`] if there is no answer. An error status is an answer.
    pub async fn send(&mut self, request: &Request) -> Result<Response, HttpError> {
        let mut request = request.clone();
        for _ in 0..REDIRECTS_MAX {
            let response = self.send_once(&request).await?;
            match response.location() {
                Some(next) if request.is_safe() && response.status.is_redirection() => request.url = next,
                _ => return Ok(response),
            }
        }
        Err(HttpError::Address { url: request.url, why: "it redirects for ever" })
    }

    async fn send_once(&mut self, request: &Request) -> Result<Response, HttpError> {
        let refuse = |why| HttpError::Address { url: request.url.clone(), why };
        let origin = Origin::of(request.url.url()).map_err(refuse)?;
        if let Some(mut open) = self.open.remove(&origin)
            && open.sender.ready().await.is_ok()
        {
            match self.exchange(&origin, open, request).await {
                // The server had closed the connection while it lay idle.
                Err(Failure::NotSent) => {}
                Err(Failure::Sent(HttpError::Broken { .. })) if request.is_safe() => {}
                Err(Failure::Sent(e)) => return Err(e),
                Ok(response) => return Ok(response),
            }
        }
        let open = self.client.connect(&origin).await?;
        self.exchange(&origin, open, request).await.map_err(|failure| match failure {
            Failure::Sent(e) => e,
            Failure::NotSent => {
                HttpError::Connect { host: origin.to_string(), source: io::ErrorKind::ConnectionAborted.into() }
            }
        })
    }

    async fn exchange(&mut self, origin: &Origin, mut open: Open, request: &Request) -> Result<Response, Failure> {
        let url = || request.url.clone();
        let message = request.message().map_err(Failure::Sent)?;
        let exchange = async {
            let response = open.sender.try_send_request(message).await.map_err(|mut e| match e.take_message() {
                Some(_) => Failure::NotSent,
                None => Failure::Sent(HttpError::Broken { url: url(), source: e.into_error() }),
            })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|e| {
                Failure::Sent(match e.downcast::<hyper::Error>() {
                    Ok(source) => HttpError::Broken { url: url(), source: *source },
                    Err(other) => {
                        debug_assert!(other.is::<LengthLimitError>(), "a body fails by its connection or its length");
                        HttpError::TooLong { url: url(), limit: BODY_BYTES_MAX }
                    }
                })
            })?;
            Ok((head, body.to_bytes()))
        };
        let (head, body) = match self.client.env.timeout(EXCHANGE_LIMIT, exchange).await {
            Ok(done) => done?,
            Err(_) => return Err(Failure::Sent(HttpError::TimedOut { url: url(), limit: EXCHANGE_LIMIT })),
        };
        self.open.insert(origin.clone(), open);
        Ok(Response {
            url: request.url.clone(),
            status: head.status,
            retry_after: retry_after::parse(&head.headers, self.client.env.utc_now()),
            headers: head.headers,
            body,
        })
    }
}

enum Failure {
    NotSent,
    Sent(HttpError),
}

/// An open connection. Its driver ends with it.
#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    _driver: Task<()>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    host: Host<String>,
    port: u16,
}

impl Origin {
    fn of(url: &Url) -> Result<Self, &'static str> {
        if url.scheme() != "https" {
            return Err("it is not HTTPS");
        }
        let host = url.host().ok_or("it has no host")?.to_owned();
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(443) })
    }

    fn server_name(&self) -> Option<ServerName<'static>> {
        match &self.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).ok(),
            Host::Ipv4(ip) => Some(ServerName::from(std::net::IpAddr::from(*ip))),
            Host::Ipv6(ip) => Some(ServerName::from(std::net::IpAddr::from(*ip))),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
