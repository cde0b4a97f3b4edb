//! The TLS endpoint: visitors are answered with the certificate that the cache holds for the name they ask.
//!
//! A handshake waits for nobody but the cache: no CA, no disk. Only what has not been read from storage since the start waits for
//! the disk, once. On the same port, validation authorities are answered by tls-alpn-01 (RFC 8737): they offer `acme-tls/1` and
//! nothing else, and see only what was made for them, as visitors never do.
//!
//! No more connections are open at a time than may be. Who comes beyond that waits until one ends, and disturbs nobody.

use std::{
    convert::Infallible, fmt::Debug, future::Future, io, net::SocketAddr, num::NonZeroUsize, pin::Pin, sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{SignatureScheme, sign::CertifiedKey};
use sim::{
    Env,
    net::{TcpListener, TcpStream},
    tls::{self, TlsStream},
};
use tokio::{
    io::AsyncWriteExt,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    cache::CertificateCache,
    challenges::Solver,
    lookup::{Found, Hello, Protocols, hello::ACME_TLS},
    on_demand::Keepers,
    sightings::Sightings,
    tls_alpn01,
    unread::Unread,
};
use crate::{name::Name, storage::Storage};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const READ_LIMIT: Duration = Duration::from_secs(5);
const ON_DEMAND_LIMIT: Duration = Duration::from_secs(60);
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What visitors came for.
pub trait Application: Debug + Send + Sync {
    /// Serves one visitor over a connection that is secured already, and speaks HTTP/1.1.
    fn serve<'a>(&'a self, env: &'a Env, visitor: TlsStream) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// Says hello, for a minute at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greeting;

impl Application for Greeting {
    fn serve<'a>(&'a self, env: &'a Env, visitor: TlsStream) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let service = service_fn(|_request| {
                let hello = response(env, StatusCode::OK, "text/plain", "hello\n".to_owned());
                std::future::ready(Ok::<_, Infallible>(hello))
            });
            let serving =
                http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(visitor), service);
            drop(env.timeout(CONNECTION_LIMIT, serving).await);
        })
    }
}

/// Answers on a TLS port.
#[derive(Clone, Debug)]
pub struct Endpoint {
    env: Env,
    cache: Arc<dyn CertificateCache>,
    application: Arc<dyn Application>,
    /// Reads what the cache does not have yet.
    unread: Option<Arc<Unread>>,
    /// Sees to names that the cache has nothing for.
    on_demand: Option<Arc<Keepers>>,
    /// Holds the answers of the hosts that share it.
    shared: Option<Storage>,
    places: Places,
    sightings: Sightings,
}

/// Whose connection it is, once its handshake is over.
enum Served {
    Visitor(TlsStream),
    ValidationAuthority(TlsStream),
}

impl Endpoint {
    /// Lets `application` serve visitors, whose certificate is what `cache` holds, with `connections_max` connections open
    /// at a time.
    #[must_use]
    pub fn new(
        env: &Env,
        cache: Arc<dyn CertificateCache>,
        application: Arc<dyn Application>,
        connections_max: NonZeroUsize,
    ) -> Self {
        let (places, sightings) = (Places::new(connections_max), Sightings::default());
        Self { env: env.clone(), cache, application, unread: None, on_demand: None, shared: None, places, sightings }
    }

    /// Answers tls-alpn-01 also for the hosts that share a storage.
    pub(super) fn with_shared(self, shared: Option<Storage>) -> Self {
        Self { shared, ..self }
    }

    /// Tells `sightings` which tls-alpn-01 challenges somebody has come for.
    pub(super) fn with_sightings(self, sightings: Sightings) -> Self {
        Self { sightings, ..self }
    }

    /// Lets `unread` be read when a visitor asks for it.
    pub(super) fn with_unread(self, unread: Unread) -> Self {
        Self { unread: Some(Arc::new(unread)), ..self }
    }

    /// Lets `keepers` see to names that the cache has nothing for, while their visitors wait.
    pub(super) fn with_on_demand(self, keepers: Option<Arc<Keepers>>) -> Self {
        Self { on_demand: keepers, ..self }
    }

    /// Answers on `listener` for ever.
    pub async fn serve(self, listener: TcpListener) -> Infallible {
        loop {
            let (stream, place) = self.places.accept(&self.env, &listener).await;
            let endpoint = self.clone();
            let visit = async move {
                endpoint.answer(stream).await;
                drop(place);
            };
            self.env.spawn("visit", visit).detach();
        }
    }

    async fn answer(&self, stream: TcpStream) {
        // A visitor who breaks off or dawdles harms only itself. What it waits for may take longer than its hello.
        let limit = if self.on_demand.is_some() { HANDSHAKE_LIMIT + ON_DEMAND_LIMIT } else { HANDSHAKE_LIMIT };
        let Ok(Ok(served)) = self.env.timeout(limit, self.shake_hands(stream)).await else { return };
        match served {
            Served::Visitor(stream) => self.application.serve(&self.env, stream).await,
            Served::ValidationAuthority(mut stream) => {
                // It has seen what it came for, and nothing else is said (RFC 8737 §3).
                self.env.probe("manager/challenge-answered");
                drop(stream.shutdown().await);
            }
        }
    }

    async fn shake_hands(&self, stream: TcpStream) -> io::Result<Served> {
        let (visitor, own) = (stream.peer_address(), stream.local_address());
        let begun = self.env.timeout(HANDSHAKE_LIMIT, tls::Hello::read(&self.env, stream));
        let begun = begun.await.map_err(|elapsed| io::Error::new(io::ErrorKind::TimedOut, elapsed))??;
        let hello = Hello {
            server_name: begun.server_name(),
            signature_schemes: begun.signature_schemes(),
            protocols: Protocols::new(begun.alpn()),
        };
        let mut found = Found::Nothing;
        if hello.server_name.is_none() {
            // Who asks for an address names nobody (RFC 6066 §3).
            let address = Name::from(own.ip());
            let of_address = Hello { server_name: Some(address.as_str()), ..hello };
            found = self.find(of_address).await;
        }
        if !matches!(found, Found::Valid(_) | Found::Invalid(_)) {
            found = self.find(hello).await;
        }
        match hello.protocols {
            Protocols::Ordinary => {
                let certified = self.or_obtain(found, hello, visitor).await;
                Ok(Served::Visitor(begun.answer(certified, &["http/1.1"]).await?))
            }
            Protocols::AcmeTls => {
                let answer = match (found.certified(), hello.server_name) {
                    (None, Some(name)) => self.answer_of_another_host(name).await,
                    (own, _) => own,
                };
                let name = hello.server_name.map(str::to_owned);
                let stream = begun.answer(answer, &[ACME_TLS]).await?;
                if let Some(name) = name {
                    self.sightings.saw(Solver::TlsAlpn01, &name);
                }
                Ok(Served::ValidationAuthority(stream))
            }
            Protocols::AcmeTlsAmongOthers => Ok(Served::Visitor(begun.answer(found.certified(), &["http/1.1"]).await?)),
        }
    }

    /// What the cache has, or storage if it has not been read yet.
    async fn find(&self, hello: Hello<'_, SignatureScheme>) -> Found<CertifiedKey> {
        let found = self.cache.find(hello, self.env.utc_now()).done().await;
        let (Some(unread), Protocols::Ordinary) = (&self.unread, hello.protocols) else { return found };
        match (&found, self.cache.certificates().asked(&hello)) {
            (Found::Valid(_), _) | (_, None) => return found,
            (Found::Invalid(_) | Found::Fallback(_) | Found::Nothing, Some(name)) => {
                // A disk that hangs is not waited for to the end: perhaps there is something else to be shown.
                if !matches!(self.env.timeout(READ_LIMIT, unread.read(name)).await, Ok(true)) {
                    return found;
                }
            }
        }
        self.cache.find(hello, self.env.utc_now()).done().await
    }

    async fn answer_of_another_host(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let name: Name = name.parse().ok()?;
        let published = self.shared.as_ref()?.published_challenge(Solver::TlsAlpn01.name(), name.as_str()).await?;
        tls_alpn01::certificate(&self.env, &name, &published).ok().map(Arc::new)
    }

    /// Sees to it that a visitor gets something better than what was `found`, if that is to be had on demand.
    async fn or_obtain(
        &self,
        found: Found<CertifiedKey>,
        hello: Hello<'_, SignatureScheme>,
        visitor: SocketAddr,
    ) -> Option<Arc<CertifiedKey>> {
        let keepers = match (&found, &self.on_demand) {
            (Found::Valid(_), _) | (_, None) => return found.certified(),
            (Found::Invalid(_) | Found::Fallback(_) | Found::Nothing, Some(keepers)) => keepers,
        };
        let Some(name) = self.cache.certificates().asked(&hello) else { return found.certified() };
        // Who has waited long enough goes, and the next one finds what has come meanwhile.
        let _ = self.env.timeout(ON_DEMAND_LIMIT, keepers.take_up(name, visitor)).await;
        self.cache.find(hello, self.env.utc_now()).done().await.certified()
    }
}

/// The connections that a port may have open at a time.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new(most.get().min(Semaphore::MAX_PERMITS))))
    }

    /// The next connection, once there is a place for it, which it has until that is dropped. A listener that fails, for
    /// example for want of file descriptors, is asked again.
    pub(super) async fn accept(&self, env: &Env, listener: &TcpListener) -> (TcpStream, OwnedSemaphorePermit) {
        if self.0.available_permits() == 0 {
            env.probe("manager/connections-full");
        }
        let place = self.0.clone().acquire_owned().await.expect("nobody closes it");
        loop {
            match listener.accept().await {
                Ok(stream) => return (stream, place),
                Err(_) => env.sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

/// An answer with this host's date, as RFC 9110 §6.6.1 asks of a server that has a clock.
pub(super) fn response(env: &Env, status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let now = env.utc_now();
    // HTTP dates reach from 1970 to 9999; a clock outside of that is none.
    if (1970..=9999).contains(&now.year())
        && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now.into()))
    {
        response.headers_mut().insert(DATE, date);
    }
    response
}
