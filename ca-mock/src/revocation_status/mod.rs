//! Revocation status: the list (RFC 5280 §5) and the OCSP responder (RFC 6960), for whoever checks certificates.
//!
//! Both are made when they are asked for and signed by the intermediate that signs the leaves, so that they are never
//! behind. `/crl`, `/ocsp` and `/issuer` are served beside the management API's calls, and on a door of their own
//! without TLS, because a client that checks a certificate can't begin with a connection that needs checking.

mod crl;
mod ocsp;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
};
use sim::Env;

use crate::{
    Ca,
    wire::{Door, Respond},
};

/// How late a responder answers that is late: later than anybody waits.
const LATE_BY: Duration = Duration::from_secs(120);

/// What the OCSP responder does with questions. May be changed while the CA runs, with
/// [`Ca::set_ocsp_answers`](crate::Ca::set_ocsp_answers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OcspAnswers {
    /// It says what is so.
    #[default]
    Truthful,
    /// It knows of no certificate.
    Unknown,
    /// Its responses have ceased to hold when they are given.
    Stale,
    /// Its responses are about other certificates.
    AboutAnother,
    /// Their signature does not fit.
    BadlySigned,
    /// They are no responses.
    Garbage,
    /// It answers with status 503.
    Unavailable,
    /// It answers after two minutes.
    Late,
}

/// A responder that listens.
#[derive(Debug)]
pub struct BoundRevocationStatus {
    responder: Arc<RevocationStatus>,
    door: Door,
}

#[derive(Clone, Debug)]
pub(crate) struct RevocationStatus {
    pub(crate) ca: Ca,
    pub(crate) env: Env,
}

impl BoundRevocationStatus {
    pub(crate) async fn new(ca: Ca, env: Env, address: SocketAddr) -> io::Result<Self> {
        let door = Door::listen(&env, address, None, ca.config().client_timeout).await?;
        Ok(Self { responder: Arc::new(RevocationStatus { ca, env }), door })
    }

    /// The address that is listened on, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.door.local_address()
    }

    /// Serves for ever.
    pub async fn serve(self) {
        self.door.serve(self.responder).await;
    }
}

impl Respond for RevocationStatus {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.answer(request).await
    }
}

impl RevocationStatus {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "/crl") => {
                self.env.probe("ca/crl-downloaded");
                body("application/pkix-crl", crl::list(&self.ca, self.env.utc_now()))
            }
            (&Method::GET, "/issuer") => body("application/pkix-cert", self.ca.issuance().issuer().der().to_vec()),
            (&Method::POST, "/ocsp" | "/ocsp/") => {
                let config = self.ca.config();
                let whole = Limited::new(request.into_body(), config.body_bytes_max).collect();
                match self.env.timeout(config.client_timeout, whole).await {
                    Ok(Ok(request)) => self.ocsp(&request.to_bytes()).await,
                    Ok(Err(_)) | Err(_) => bare(StatusCode::BAD_REQUEST),
                }
            }
            (&Method::GET, path) => match path.strip_prefix("/ocsp/") {
                Some(request) => self.ocsp(&ocsp::from_path(request).unwrap_or_default()).await,
                None => bare(StatusCode::NOT_FOUND),
            },
            _ => bare(StatusCode::NOT_FOUND),
        }
    }

    async fn ocsp(&self, request: &[u8]) -> Response<Full<Bytes>> {
        self.env.probe("ca/ocsp-answered");
        match self.ca.with_store(|store| store.ocsp_answers) {
            OcspAnswers::Garbage => return body("application/ocsp-response", b"not today".to_vec()),
            OcspAnswers::Unavailable => return bare(StatusCode::SERVICE_UNAVAILABLE),
            OcspAnswers::Late => self.env.sleep(LATE_BY).await,
            OcspAnswers::Truthful
            | OcspAnswers::Unknown
            | OcspAnswers::Stale
            | OcspAnswers::AboutAnother
            | OcspAnswers::BadlySigned => {}
        }
        body("application/ocsp-response", ocsp::respond(&self.ca, request, self.env.utc_now()))
    }
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn body(content_type: &'static str, der: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(der));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

    use super::*;
    use crate::{
        Config,
        certificates::{Revocation, RevocationReason, Serial},
        csr::Csr,
        identifier::Identifier,
        ids::AccountId,
        jwk::PublicKey,
        testing,
        validity::RequestedValidity,
    };

    /// Runs `test` with a CA that has issued one certificate.
    pub(super) fn with_certificate(test: impl FnOnce(&Ca, &Env, &Serial)) {
        testing::with_env(|env| {
            let ca = Ca::new(&env, Config::default());
            let names = [Identifier::parse("a.example").unwrap()].into();
            let csr = Csr { key: PublicKey::P256([1; 32], [2; 32]), names, common_name: None, must_staple: false };
            let wishes = (None, RequestedValidity::default());
            let serial = Serial::draw(&env);
            let account = AccountId::draw(&env);
            let certificate = ca.issuance().issue(&env, ca.config(), account, wishes, serial.clone(), &csr);
            ca.with_store(|store| store.certificates.add(certificate));
            test(&ca, &env, &serial);
        });
    }

    #[test]
    fn the_list_has_what_is_revoked_with_its_reason_and_grows() {
        with_certificate(|ca, env, serial| {
            let empty = crl::list(ca, env.utc_now());
            ca.with_store(|store| {
                let revocation = Revocation { at: env.utc_now(), reason: RevocationReason::KeyCompromise };
                assert!(store.certificates.revoke(serial, revocation));
            });
            let grown = crl::list(ca, env.utc_now());
            let [empty, grown] = [&empty, &grown].map(|der| CertificateRevocationList::from_der(der).unwrap().1);
            assert_eq!(empty.iter_revoked_certificates().count(), 0);
            let [entry] = &grown.iter_revoked_certificates().collect::<Vec<_>>()[..] else { panic!("one is revoked") };
            assert_eq!(entry.raw_serial(), serial.octets());
            assert_eq!(entry.reason_code().unwrap().1.0, 1);
            assert!(empty.crl_number() < grown.crl_number());
            let (_, issuer) = X509Certificate::from_der(ca.issuance().issuer().der()).unwrap();
            grown.verify_signature(issuer.public_key()).unwrap();
        });
    }
}
