//! One request, one connection, one answer: written and read byte by byte, so that a request may be wrong in any way and
//! an answer may be anything. All is bounded: time, header and body.

use std::{fmt, io, net::SocketAddr, pin::pin, str, time::Duration};

use futures_util::future::{Either, select};
use rustls::{RootCertStore, pki_types::ServerName};
use sim::{Env, tls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use url::{Host, Url};

/// How long one exchange may take, the connection included.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(30);

const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 128;
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The length of a chunk, with its extensions.
const CHUNK_HEAD_BYTES_MAX: usize = 4 * 1024;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where.
    pub url: Url,
    /// `GET`, `HEAD`, `POST` or anything else.
    pub method: String,
    /// All headers but `Host`, `Connection` and `Content-Length`, which is left out where `Transfer-Encoding` is one of them.
    pub headers: Vec<(String, String)>,
    /// The body; its length is told if it is not empty or the method is `POST`.
    pub body: Vec<u8>,
}

impl Request {
    /// A question without a body.
    #[must_use]
    pub fn of(method: &str, url: &Url) -> Self {
        let headers = vec![("User-Agent".to_owned(), concat!("gauntlet/", env!("CARGO_PKG_VERSION")).to_owned())];
        Self { url: url.clone(), method: method.to_owned(), headers, body: Vec::new() }
    }

    /// The same with this header too.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = body;
        self.with_header("Content-Type", content_type)
    }

    fn target(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.url.path())
    }

    fn bytes(&self) -> Vec<u8> {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = self.url.host_str().unwrap_or_default();
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: {host}{port}\r\nConnection: close\r\n", self.method, self.target());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let is_chunked = self.headers.iter().any(|(name, _)| name == "Transfer-Encoding");
        if !is_chunked && (!self.body.is_empty() || self.method == "POST") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes()))
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "HTTP/1.1 {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

/// There is no answer, or none that HTTP knows.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nobody is there.
    #[error("no connection to {authority}: {source}")]
    Connect {
        /// Host and port.
        authority: String,
        /// Why not.
        source: io::Error,
    },
    /// Nothing came, or not all of it, in so much time.
    #[error("no whole answer from {url} within {limit:?}")]
    Silent {
        /// What was asked.
        url: Url,
        /// How long it had.
        limit: Duration,
    },
    /// What came is not an answer by RFC 9112, or more of one than is reasonable.
    #[error("the answer from {url} can't be read: {why}")]
    Broken {
        /// What was asked.
        url: Url,
        /// What is wrong with it.
        why: String,
    },
}

/// Asks over HTTPS, or over plain HTTP where a URL says so.
#[derive(Clone, Debug)]
pub struct Http {
    env: Env,
    tls: tls::Client,
}

impl Http {
    /// From `env`'s host, trusting `roots`.
    #[must_use]
    pub fn new(env: &Env, roots: RootCertStore) -> Self {
        Self { env: env.clone(), tls: tls::Client::new(env, roots, &["http/1.1"]) }
    }

    /// Asks once. Redirects are answers too.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn ask(&self, request: &Request) -> Result<Response, Unanswered> {
        let url = &request.url;
        let limit = EXCHANGE_LIMIT;
        match self.env.timeout(limit, self.exchange(url, &request.bytes(), request.method == "HEAD")).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Unanswered::Silent { url: url.clone(), limit }),
        }
    }

    async fn exchange(&self, url: &Url, bytes: &[u8], is_head: bool) -> Result<Response, Unanswered> {
        let (mut reader, mut writer) = split(self.connect(url).await?);
        let written = pin!(async { writer.write_all(bytes).await.and(writer.flush().await) });
        let answer = pin!(read(&mut reader, is_head));
        // Who refuses what is too long answers before it has read everything, and may close or read no more.
        let (outcome, is_written) = match select(written, answer).await {
            Either::Left((written, answer)) => (answer.await, written.is_ok()),
            Either::Right((outcome, _)) => (outcome, false),
        };
        let told = |why| if is_written { why } else { format!("{why}, before the request was written") };
        outcome.map_err(|why| Unanswered::Broken { url: url.clone(), why: told(why) })
    }

    async fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, Unanswered> {
        let port = url.port_or_known_default().unwrap_or(443);
        let failed = |source| Unanswered::Connect {
            authority: format!("{}:{port}", url.host_str().unwrap_or_default()),
            source,
        };
        let invalid = |e: &dyn fmt::Display| failed(io::Error::new(io::ErrorKind::InvalidInput, e.to_string()));
        let (addresses, name) = match url.host() {
            None => return Err(invalid(&"the URL has no host")),
            Some(Host::Ipv4(ip)) => (vec![ip.into()], ServerName::IpAddress(ip.into())),
            Some(Host::Ipv6(ip)) => (vec![ip.into()], ServerName::IpAddress(ip.into())),
            Some(Host::Domain(name)) => {
                let server_name = ServerName::try_from(name.to_owned()).map_err(|e| invalid(&e))?;
                (self.env.lookup(name).await.map_err(failed)?, server_name)
            }
        };
        let mut error = io::ErrorKind::NotFound.into();
        for ip in addresses {
            match self.env.connect(SocketAddr::new(ip, port)).await {
                Ok(stream) if url.scheme() == "http" => return Ok(Box::new(stream)),
                Ok(stream) => return Ok(Box::new(self.tls.connect(stream, name).await.map_err(failed)?)),
                Err(e) => error = e,
            }
        }
        Err(failed(error))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn read(stream: &mut (impl AsyncRead + Unpin), is_head: bool) -> Result<Response, String> {
    let mut bytes = Vec::new();
    // Those of answers that are not the last (RFC 9110 §15.2).
    let mut interim_bytes = 0;
    loop {
        if let Some((mut response, head_length)) = head(&bytes)? {
            bytes.drain(..head_length);
            if (100..200).contains(&response.status) {
                interim_bytes += head_length;
                continue;
            }
            let has_body = !is_head && response.status != 204 && response.status != 304;
            if has_body {
                response.body = body(stream, &response.headers, bytes).await?;
            }
            return Ok(response);
        }
        if interim_bytes + bytes.len() > HEAD_BYTES_MAX {
            return Err(format!("its head has more than {HEAD_BYTES_MAX} bytes"));
        }
        if more(stream, &mut bytes).await? == 0 {
            return Err(format!("the connection was closed after {} bytes of its head", bytes.len()));
        }
    }
}

/// Status and headers, and how many bytes they took; `None` if they are not all there yet.
fn head(bytes: &[u8]) -> Result<Option<(Response, usize)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes).map_err(|e| e.to_string())? else { return Ok(None) };
    let headers = parsed.headers.iter();
    let headers = headers.map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()));
    let status = parsed.code.unwrap_or_default();
    Ok(Some((Response { status, headers: headers.collect(), body: Vec::new() }, length)))
}

/// The body that these headers announce (RFC 9112 §6.3), of which `bytes` is the beginning.
async fn body(
    stream: &mut (impl AsyncRead + Unpin),
    headers: &[(String, String)],
    mut bytes: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let values = |wanted: &'static str| {
        headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    if values("transfer-encoding").any(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return chunks(stream, bytes).await;
    }
    let mut length = None;
    for told in values("content-length") {
        let read = told.parse::<usize>().map_err(|_| format!("its Content-Length is {told:?}"))?;
        if length.is_some_and(|length| length != read) {
            return Err("it has two values of Content-Length".to_owned());
        }
        length = Some(read);
    }
    while length.is_none_or(|length| bytes.len() < length) {
        if bytes.len() > BODY_BYTES_MAX {
            return Err(format!("its body has more than {BODY_BYTES_MAX} bytes"));
        }
        if more(stream, &mut bytes).await? == 0 {
            return match length {
                None => Ok(bytes),
                Some(length) => Err(format!("its body ended after {} of {length} bytes", bytes.len())),
            };
        }
    }
    bytes.truncate(length.unwrap_or(usize::MAX));
    Ok(bytes)
}

async fn chunks(stream: &mut (impl AsyncRead + Unpin), mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(&bytes) {
            Err(_) => return Err("the length of a chunk can't be read".to_owned()),
            Ok(httparse::Status::Complete((_, 0))) => return Ok(body),
            Ok(httparse::Status::Complete((start, length))) => {
                let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
                let Some(end) = end.filter(|end| body.len() + end <= BODY_BYTES_MAX) else {
                    return Err(format!("its body has more than {BODY_BYTES_MAX} bytes"));
                };
                if let (Some(chunk), Some(b"\r\n")) = (bytes.get(start..end), bytes.get(end..end + 2)) {
                    body.extend_from_slice(chunk);
                    bytes.drain(..end + 2);
                    continue;
                }
                if bytes.len() >= end + 2 {
                    return Err("a chunk is longer than it says".to_owned());
                }
            }
            Ok(httparse::Status::Partial) if bytes.len() > CHUNK_HEAD_BYTES_MAX => {
                return Err(format!("the head of a chunk has more than {CHUNK_HEAD_BYTES_MAX} bytes"));
            }
            Ok(httparse::Status::Partial) => {}
        }
        if more(stream, &mut bytes).await? == 0 {
            return Err("the connection was closed within a chunk".to_owned());
        }
    }
}

/// Reads some more; how many bytes there were.
async fn more(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<usize, String> {
    match stream.read_buf(bytes).await {
        // A TLS stream that ends without being closed; whether something is missing, lengths tell.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        outcome => outcome.map_err(|e| e.to_string()),
    }
}
