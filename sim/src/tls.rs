//! TLS over the world's or the real network, recorded inside the encryption.
//!
//! A server that has its certificate at hand is a [`Server`]; one that must first wait for it reads the
//! client's [`Hello`] and answers later.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake, TlsAcceptor, TlsConnector};

use crate::{
    Env,
    net::{Tap, TcpStream},
    trace::{Event, HandshakeOutcome},
};

/// What a client trusts and speaks. One is made per trust store and shared by its connections.
#[derive(Clone)]
pub struct Client {
    env: Env,
    trust: Trust,
    alpn: Vec<Vec<u8>>,
}

#[derive(Clone)]
enum Trust {
    Roots(Arc<RootCertStore>),
    Judge(Arc<dyn ServerCertVerifier>),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.trust {
            Trust::Roots(roots) => write!(f, "tls::Client({} roots)", roots.len()),
            Trust::Judge(judge) => write!(f, "tls::Client({judge:?})"),
        }
    }
}

impl Client {
    /// A client that trusts `roots` and offers the protocols of `alpn` (none if empty).
    #[must_use]
    pub fn new(env: &Env, roots: RootCertStore, alpn: &[&str]) -> Self {
        Self { env: env.clone(), trust: Trust::Roots(Arc::new(roots)), alpn: protocols(alpn) }
    }

    /// A client that lets `judge` say which certificates are good, and offers the protocols of `alpn`.
    #[must_use]
    pub fn judging_by(env: &Env, judge: Arc<dyn ServerCertVerifier>, alpn: &[&str]) -> Self {
        Self { env: env.clone(), trust: Trust::Judge(judge), alpn: protocols(alpn) }
    }

    /// Makes the handshake over `stream` and records it as this client saw it.
    ///
    /// # Errors
    /// The connection's, or [`rustls::Error`] inside an [`io::Error`] of kind `InvalidData`.
    pub async fn connect(&self, stream: TcpStream, server_name: ServerName<'static>) -> io::Result<TlsStream> {
        let (stream, tap) = stream.untapped();
        let witness = Arc::new(Witness { verifier: self.verifier()?, seen: Mutex::default() });
        let mut config = ClientConfig::builder_with_details(self.env.crypto_provider(), self.env.time_provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(witness.clone())
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols.clone_from(&self.alpn);

        let shown_name = server_name.to_str().into_owned();
        let result = TlsConnector::from(Arc::new(config)).connect(server_name, stream).await;
        let Shown { chain, staple } = std::mem::take(&mut *witness.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let alpn = result.as_ref().ok().and_then(|stream| stream.get_ref().1.alpn_protocol());
        self.env.record(Event::Handshake {
            connection: tap.connection.clone(),
            server_name: shown_name,
            alpn: alpn.map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            outcome: match &result {
                Ok(_) => HandshakeOutcome::Completed { chain, staple },
                Err(e) => HandshakeOutcome::Failed { error: e.to_string(), chain },
            },
        });
        Ok(TlsStream { inner: result?.into(), tap })
    }

    fn verifier(&self) -> io::Result<Arc<dyn ServerCertVerifier>> {
        match &self.trust {
            Trust::Judge(judge) => Ok(judge.clone()),
            Trust::Roots(roots) => {
                let provider = self.env.crypto_provider();
                let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider).build();
                Ok(verifier.map_err(io::Error::other)?)
            }
        }
    }
}

fn protocols(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
}

/// Answers TLS handshakes with what a resolver picks.
#[derive(Clone)]
pub struct Server {
    acceptor: TlsAcceptor,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tls::Server")
    }
}

impl Server {
    /// A server whose certificates come from `resolver` and which speaks the protocols of `alpn` (any if empty).
    ///
    /// # Errors
    /// [`rustls::Error`] if the host's algorithms support no TLS version.
    pub fn new(env: &Env, resolver: Arc<dyn ResolvesServerCert>, alpn: &[&str]) -> Result<Self, Error> {
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(server_config(env, resolver, alpn)?)) })
    }

    /// Makes the handshake with a client.
    ///
    /// # Errors
    /// The connection's, or [`rustls::Error`] inside an [`io::Error`] of kind `InvalidData`.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        let (stream, tap) = stream.untapped();
        Ok(TlsStream { inner: self.acceptor.accept(stream).await?.into(), tap })
    }
}

fn server_config(env: &Env, resolver: Arc<dyn ResolvesServerCert>, alpn: &[&str]) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_details(env.crypto_provider(), env.time_provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    // Tickets are encrypted under keys that rotate by the real clock, and nobody here resumes.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = protocols(alpn);
    Ok(config)
}

/// A handshake that a client has begun and that waits for the server's certificate.
pub struct Hello {
    env: Env,
    handshake: StartHandshake<TcpStream>,
    server_name: Option<String>,
    signature_schemes: Vec<SignatureScheme>,
    tap: Tap,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tls::Hello({:?})", self.server_name)
    }
}

impl Hello {
    /// Waits for the client to begin.
    ///
    /// # Errors
    /// The connection's, or [`rustls::Error`] inside an [`io::Error`] if the client speaks something else.
    pub async fn read(env: &Env, stream: TcpStream) -> io::Result<Self> {
        let (stream, tap) = stream.untapped();
        let handshake = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let server_name = handshake.client_hello().server_name().map(str::to_owned);
        let signature_schemes = handshake.client_hello().signature_schemes().to_vec();
        Ok(Self { env: env.clone(), handshake, server_name, signature_schemes, tap })
    }

    /// The server's name that the client asks for, in lower case.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// By which schemes the client lets a server sign.
    #[must_use]
    pub fn signature_schemes(&self) -> &[SignatureScheme] {
        &self.signature_schemes
    }

    /// The application protocols that the client offers.
    pub fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        self.handshake.client_hello().alpn().into_iter().flatten()
    }

    /// Completes the handshake with `certificate`, speaking the protocols of `alpn` (any if empty). Without a
    /// certificate, the client is refused.
    ///
    /// # Errors
    /// The connection's, or [`rustls::Error`] inside an [`io::Error`], also if the client was refused.
    pub async fn answer(self, certificate: Option<Arc<CertifiedKey>>, alpn: &[&str]) -> io::Result<TlsStream> {
        let config = server_config(&self.env, Arc::new(Chosen(certificate)), alpn).map_err(io::Error::other)?;
        let stream = self.handshake.into_stream(Arc::new(config)).await?;
        Ok(TlsStream { inner: stream.into(), tap: self.tap })
    }
}

/// The certificate that has been chosen already.
#[derive(Debug)]
struct Chosen(Option<Arc<CertifiedKey>>);

impl ResolvesServerCert for Chosen {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

/// An encrypted connection, either end.
#[derive(Debug)]
pub struct TlsStream {
    inner: tokio_rustls::TlsStream<TcpStream>,
    tap: Tap,
}

impl TlsStream {
    /// The application protocol that was agreed on.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.inner.get_ref().1.alpn_protocol()
    }

    /// The other end's certificates, leaf first, DER.
    #[must_use]
    pub fn peer_certificates(&self) -> Vec<CertificateDer<'static>> {
        self.inner.get_ref().1.peer_certificates().unwrap_or_default().iter().map(|c| c.clone().into_owned()).collect()
    }

    /// The server's name that the client asked for, as a server sees it.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        match &self.inner {
            tokio_rustls::TlsStream::Server(stream) => stream.get_ref().1.server_name(),
            tokio_rustls::TlsStream::Client(_) => None,
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.tap.read(Pin::new(&mut this.inner), cx, buffer)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.tap.write(Pin::new(&mut this.inner), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Verifies as the one it holds does, and remembers what it was shown even if it refuses it.
#[derive(Debug)]
struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Shown>,
}

/// What a server shows of itself.
#[derive(Debug, Default)]
struct Shown {
    chain: Vec<Vec<u8>>,
    staple: Vec<u8>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(intermediates).map(|certificate| certificate.to_vec()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Shown { chain, staple: ocsp.to_vec() };
        self.verifier.verify_server_cert(leaf, intermediates, server_name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
