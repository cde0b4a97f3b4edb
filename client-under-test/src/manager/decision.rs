//! [`Decision`]: whether a name may have a certificate because a visitor asks for it; and [`AskEndpoint`], which asks a
//! server of the operator's.
//!
//! Whoever can reach the TLS port can name any name, so without a decision any stranger orders certificates in the
//! operator's name. What can't be decided in time is denied: the visitor comes again, an order can't be taken back.

use std::{
    fmt::Debug,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http_body_util::Full;
use hyper::StatusCode;
use rustls::{RootCertStore, pki_types::ServerName};
use sim::{Env, Monotonic, tls};
use url::{Host, Url};

use super::config::{ConfigError, roots};
use crate::{name::Name, plain_http};

/// How long an endpoint may take, from the connection to the answer.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// An answer is a status; what else is said is read and not looked at.
const BODY_BYTES_MAX: usize = 1 << 16;

/// What is to be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The name.
    pub name: Name,
    /// Who asks for it; nobody does when a certificate that was allowed before is to be renewed.
    pub visitor: Option<SocketAddr>,
}

/// A decision under way; `true` allows.
pub type Decided<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// Decides which names may have certificates on demand. It is asked before each order, renewals included.
pub trait Decision: Debug + Send + Sync {
    /// Whether the name may be ordered now. It is waited for no longer than a visitor waits.
    fn allows<'a>(&'a self, env: &'a Env, asked: &'a Asked) -> Decided<'a>;
}

/// Asks a server, as Caddy does: `GET <url>?domain=<name>`, and 200 allows. Any other answer, a redirect among them, none in
/// time, and a server that can't be reached or trusted deny.
#[derive(Clone, Debug)]
pub struct AskEndpoint {
    url: Url,
    /// Who vouches for its HTTPS; none for plain HTTP.
    roots: Option<RootCertStore>,
}

impl AskEndpoint {
    /// The server at `url`, which is plain HTTP: it is the operator's own and near.
    ///
    /// # Errors
    /// [`ConfigError::Ask`] for any other address.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Ok(Self { url: address(url, "http")?, roots: None })
    }

    /// The server at `url`, which is HTTPS, and for which `trusted_roots_pem` vouch.
    ///
    /// # Errors
    /// [`ConfigError::Ask`] for any other address, [`ConfigError::Roots`] for roots that can't be read.
    pub fn over_https(url: &str, trusted_roots_pem: &str) -> Result<Self, ConfigError> {
        Ok(Self { url: address(url, "https")?, roots: Some(roots(trusted_roots_pem)?) })
    }

    fn question(&self, name: &Name) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("domain", name.as_str());
        url
    }

    async fn ask(&self, env: &Env, name: &Name) -> io::Result<StatusCode> {
        let url = self.question(name);
        let (server, question) = plain_http::request_for(env, &url).await?;
        let question = question.body(Full::default()).map_err(io::Error::other)?;
        let Some(roots) = &self.roots else {
            return Ok(plain_http::exchange(env, server, question, BODY_BYTES_MAX).await?.status());
        };
        let server_name = match url.host() {
            Some(Host::Domain(host)) => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
            Some(Host::Ipv4(ip)) => ServerName::from(IpAddr::from(ip)),
            Some(Host::Ipv6(ip)) => ServerName::from(IpAddr::from(ip)),
            None => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let tls = tls::Client::new(env, roots.clone(), &["http/1.1"]);
        let stream = tls.connect(env.connect(server).await?, server_name).await?;
        Ok(plain_http::exchange_over(env, stream, server, question, BODY_BYTES_MAX).await?.status())
    }
}

fn address(url: &str, scheme: &str) -> Result<Url, ConfigError> {
    let parsed = Url::parse(url).ok().filter(|parsed| parsed.scheme() == scheme && parsed.has_host());
    parsed.ok_or_else(|| ConfigError::Ask(url.to_owned()))
}

impl Decision for AskEndpoint {
    fn allows<'a>(&'a self, env: &'a Env, asked: &'a Asked) -> Decided<'a> {
        Box::pin(async move {
            match env.timeout(ASK_LIMIT, self.ask(env, &asked.name)).await {
                Ok(Ok(StatusCode::OK)) => true,
                Ok(Ok(_)) => {
                    env.probe("manager/name-denied");
                    false
                }
                Ok(Err(_)) | Err(_) => {
                    env.probe("manager/nobody-decided");
                    false
                }
            }
        })
    }
}

/// For so long, what was allowed to a visitor need not be asked again.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// What whoever looks after a name may order.
#[derive(Clone, Debug)]
pub(super) enum Permission {
    /// What is due: the operator has set the name up.
    Given,
    /// What is decided about before each order.
    Asked {
        /// By whom.
        decision: Arc<dyn Decision>,
        /// When it was allowed for the order that comes next.
        allowed_at: Option<Monotonic>,
    },
}

impl Permission {
    /// Whether an order for `name` may be made now.
    pub(super) async fn holds(&mut self, env: &Env, name: &Name) -> bool {
        match self {
            Self::Given => true,
            Self::Asked { decision, allowed_at } => {
                if allowed_at.take().is_some_and(|at| env.monotonic_now().since(at) < FRESH_FOR) {
                    return true;
                }
                let asked = Asked { name: name.clone(), visitor: None };
                env.timeout(2 * ASK_LIMIT, decision.allows(env, &asked)).await.unwrap_or(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::real;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn the_question_keeps_the_addresss_own_query() {
        let question = |url: &str| AskEndpoint::new(url).unwrap().question(&"a.test".parse().unwrap()).to_string();
        assert_eq!(question("http://localhost:9123/check"), "http://localhost:9123/check?domain=a.test");
        assert_eq!(question("http://10.0.0.1/?key=x"), "http://10.0.0.1/?key=x&domain=a.test");
        for refused in ["https://ask.test/", "ask.test", "", "http://"] {
            assert!(AskEndpoint::new(refused).is_err(), "{refused}");
        }
        assert!(AskEndpoint::over_https("https://ask.test/", "").is_ok());
        assert!(AskEndpoint::over_https("http://ask.test/", "").is_err());
        assert!(AskEndpoint::over_https("https://ask.test/", "-----BEGIN X-----").is_err());
    }

    #[tokio::test]
    async fn only_200_allows() {
        let env = real::env("client", real::Options::default());
        let asked = Asked { name: "a.test".parse().unwrap(), visitor: None };
        for (answer, allows) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", false),
            ("HTTP/1.1 302 Found\r\nlocation: /yes\r\ncontent-length: 0\r\n\r\n", false),
            ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", false),
            ("garbage", false),
            ("", false),
        ] {
            let listener = env.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let endpoint = AskEndpoint::new(&format!("http://{}/", listener.local_address().unwrap())).unwrap();
            let answering = env.spawn("answers", async move {
                let mut stream = listener.accept().await.unwrap();
                let mut question = [0; 1_024];
                let read = stream.read(&mut question).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                String::from_utf8_lossy(&question[..read]).into_owned()
            });
            assert_eq!(endpoint.allows(&env, &asked).await, allows, "{answer}");
            assert!(answering.await.unwrap().starts_with("GET /?domain=a.test HTTP/1.1\r\n"));
        }
        let nobody = AskEndpoint::new("http://127.0.0.1:1/").unwrap();
        assert!(!nobody.allows(&env, &asked).await);
    }
}
