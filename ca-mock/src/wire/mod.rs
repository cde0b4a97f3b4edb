//! The wire: listening, TLS, HTTP/1.1 and HTTP/2, and how long a client may take. What is asked is not known here.
//!
//! The front end and the management API are each a [`Respond`] behind a [`Door`] of its own.

mod connection;
mod content;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use rustls::{
    server::ResolvesServerCert,
    sign::{CertifiedKey, SingleCertAndKey},
};
use sim::{
    Env,
    net::{TcpListener, TcpStream},
    tls,
};
use tokio::sync::Semaphore;

use crate::Ca;

/// Connections that a listening socket has open at the same time; whoever comes then waits for one to end.
const CONNECTIONS_MAX: usize = 20_000;

/// How the CA speaks HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/1.1 over TLS.
    #[default]
    Https,
    /// HTTP/2 or HTTP/1.1 over TLS, as client and server agree by ALPN (RFC 9113 §3.3).
    HttpsWithHttp2,
    /// HTTP/1.1 without TLS, which RFC 8555 §6.1 forbids: for a proxy on the same machine, or to look at the wire.
    PlainHttp,
}

impl Transport {
    /// What URLs begin with.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Https | Self::HttpsWithHttp2 => "https",
            Self::PlainHttp => "http",
        }
    }
}

/// Answers requests. There is no request without an answer.
pub(crate) trait Respond: Send + Sync + 'static {
    fn respond(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// The server's name that the client of a TLS connection asked for: an extension of its requests.
#[derive(Clone, Debug)]
pub(crate) struct AskedServerName(pub(crate) Option<String>);

/// Whom a request comes from: an extension of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// A listening socket and what is spoken there.
#[derive(Debug)]
pub(crate) struct Door {
    env: Env,
    listener: TcpListener,
    /// Absent without TLS.
    tls: Option<tls::Server>,
    client_timeout: Duration,
}

impl Door {
    /// Listens on `address`, as the CA's configuration has it and under its API's certificate.
    pub(crate) async fn open(ca: &Ca, env: &Env, address: SocketAddr) -> io::Result<Self> {
        let resolver: Arc<dyn ResolvesServerCert> =
            Arc::new(SingleCertAndKey::from(CertifiedKey::clone(&ca.api().certified_key)));
        let tls = |alpn: &[&str]| tls::Server::new(env, resolver, alpn).map_err(io::Error::other);
        let tls = match ca.config().transport {
            Transport::Https => Some(tls(&["http/1.1"])?),
            Transport::HttpsWithHttp2 => Some(tls(&["h2", "http/1.1"])?),
            Transport::PlainHttp => None,
        };
        Self::listen(env, address, tls, ca.config().client_timeout).await
    }

    /// Listens on `address`, with TLS or without.
    pub(crate) async fn listen(
        env: &Env,
        address: SocketAddr,
        tls: Option<tls::Server>,
        client_timeout: Duration,
    ) -> io::Result<Self> {
        Ok(Self { env: env.clone(), listener: env.listen(address).await?, tls, client_timeout })
    }

    /// Keeps out of the trace what comes and goes here.
    pub(crate) fn unrecorded(self) -> Self {
        Self { listener: self.listener.unrecorded(), ..self }
    }

    /// The address that is listened on, with the port that was picked.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_address()
    }

    /// Serves for ever.
    pub(crate) async fn serve(self, site: Arc<impl Respond>) {
        let Self { env, listener, tls, client_timeout } = self;
        let serve = |stream| connection::serve(env.clone(), tls.clone(), client_timeout, site.clone(), stream);
        serve_each(&env, &listener, "ca connection", serve).await;
    }
}

/// Accepts connections for ever and serves each in a task of this name.
pub(crate) async fn serve_each<W>(env: &Env, listener: &TcpListener, task: &'static str, serve: impl Fn(TcpStream) -> W)
where
    W: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = places.clone().acquire_owned().await;
        match listener.accept().await {
            Ok(stream) => {
                let connection = serve(stream);
                let connection = async move {
                    connection.await;
                    drop(place);
                };
                env.spawn(task, connection).detach();
            }
            // One connection's failure, or a shortage that may pass; go on, but do not spin.
            Err(_) => env.sleep(Duration::from_millis(100)).await,
        }
    }
}
