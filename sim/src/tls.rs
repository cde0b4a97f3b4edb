//! TLS over the world's or the real network, recorded inside the encryption.

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
    server::{NoServerSessionStorage, ResolvesServerCert},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{
    Env,
    net::{Tap, TcpStream},
    trace::{Event, HandshakeOutcome},
};

/// What a client trusts and speaks. One is made per trust store and shared by its connections.
#[derive(Clone)]
pub struct Client {
    env: Env,
    roots: Arc<RootCertStore>,
    alpn: Vec<Vec<u8>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tls::Client({} roots)", self.roots.len())
    }
}

impl Client {
    /// A client that trusts `roots` and offers the protocols of `alpn` (none if empty).
    #[must_use]
    pub fn new(env: &Env, roots: RootCertStore, alpn: &[&str]) -> Self {
        Self {
            env: env.clone(),
            roots: Arc::new(roots),
            alpn: alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(),
        }
    }

    /// Makes the handshake over `stream` and records it as this client saw it.
    ///
    /// # Errors
    /// The connection's, or [`rustls::Error`] inside an [`io::Error`] of kind `InvalidData`.
    pub async fn connect(&self, stream: TcpStream, server_name: ServerName<'static>) -> io::Result<TlsStream> {
        let (stream, tap) = stream.untapped();
        let verifier = WebPkiServerVerifier::builder_with_provider(self.roots.clone(), self.env.crypto_provider())
            .build()
            .map_err(io::Error::other)?;
        let witness = Arc::new(Witness { verifier, seen: Mutex::default() });
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
        let chain = std::mem::take(&mut *witness.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let alpn = result.as_ref().ok().and_then(|stream| stream.get_ref().1.alpn_protocol());
        self.env.record(Event::Handshake {
            connection: tap.connection.clone(),
            server_name: shown_name,
            alpn: alpn.map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            outcome: match &result {
                Ok(_) => HandshakeOutcome::Completed { chain },
                Err(e) => HandshakeOutcome::Failed { error: e.to_string(), chain },
            },
        });
        Ok(TlsStream { inner: result?.into(), tap })
    }
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
        let mut config = ServerConfig::builder_with_details(env.crypto_provider(), env.time_provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        // Tickets are encrypted under keys that rotate by the real clock, and nobody here resumes.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
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

/// Verifies as rustls does, and remembers what it was shown even if it refuses it.
#[derive(Debug)]
struct Witness {
    verifier: Arc<WebPkiServerVerifier>,
    seen: Mutex<Vec<Vec<u8>>>,
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
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            std::iter::once(leaf).chain(intermediates).map(|certificate| certificate.to_vec()).collect();
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
