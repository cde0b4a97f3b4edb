//! One HTTP request of http-01 and its response, over a connection of its own.

use std::{io, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sim::{Env, net::TcpStream, tls};
use tokio::io::{AsyncRead, AsyncWrite};
use url::Host;

use super::target::Target;
use crate::addresses::ConnectError;

/// As in Boulder; a key authorization has fewer than 100 bytes.
const BODY_BYTES_MAX: usize = 128;
const USER_AGENT: &str = concat!("gauntlet-ca-mock/", env!("CARGO_PKG_VERSION"));

/// Why a fetch failed, in Boulder's words.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Connect(ConnectError),
    #[error("Error getting validation data")]
    Broken,
    #[error("TLS handshake failed")]
    Tls,
    #[error("Timeout during read (your server may be slow or overloaded)")]
    TimedOut,
    #[error("{0}")]
    Status(u16),
    #[error("the body is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    #[error("Too many redirects")]
    TooManyRedirects,
    #[error("Redirect loop detected")]
    RedirectLoop,
    #[error("received disallowed redirect status code")]
    DisallowedRedirect,
    #[error("{0}")]
    BadRedirect(String),
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    /// Read only if the status is 200.
    pub(super) body: Vec<u8>,
}

/// Asks for `target` over `stream`.
pub(super) async fn get(env: &Env, stream: TcpStream, target: &Target) -> Result<Answer, FetchError> {
    if !target.is_https() {
        return converse(env, stream, target).await;
    }
    let name = match target.host() {
        Host::Domain(name) => ServerName::try_from(name).map_err(|_| FetchError::Tls)?,
        Host::Ipv4(address) => ServerName::IpAddress(std::net::IpAddr::V4(address).into()),
        Host::Ipv6(address) => ServerName::IpAddress(std::net::IpAddr::V6(address).into()),
    };
    let judge = Arc::new(AnyCertificate { supported: env.crypto_provider().signature_verification_algorithms });
    let client = tls::Client::judging_by(env, judge, &["http/1.1"]);
    let stream = client.connect(stream, name).await.map_err(|error: io::Error| {
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) { FetchError::Tls } else { FetchError::Broken }
    })?;
    converse(env, stream, target).await
}

async fn converse<S>(env: &Env, stream: S, target: &Target) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| FetchError::Broken)?;
    // Dropped, and thereby stopped, at the end of this function.
    let _connection = env.spawn("ca http-01 connection", connection);
    let request = Request::get(target.origin_form())
        .header(header::HOST, target.authority())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::BadRedirect("Invalid URL in redirect target".to_owned()))?;
    let response = sender.send_request(request).await.map_err(|_| FetchError::Broken)?;
    let status = response.status();
    let location = response.headers().get(header::LOCATION);
    let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if status != StatusCode::OK {
        return Ok(Answer { status, location, body: Vec::new() });
    }
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(|e| if e.is::<LengthLimitError>() { FetchError::TooLong } else { FetchError::Broken })?;
    Ok(Answer { status, location, body: body.to_bytes().to_vec() })
}

/// Nothing is trusted that comes over TLS here, so that nothing has to vouch for it.
#[derive(Debug)]
struct AnyCertificate {
    supported: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.supported.supported_schemes()
    }
}
