//! Revocation over HTTP (RFC 8555 §7.6): by the account, by another that controls the names, or by the key.
//!
//! It is remembered; ARI and [`crate::revocation_status`] tell of it.

use hyper::StatusCode;
use serde::Deserialize;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    requests::{key_of, payload},
};
use crate::{
    base64url,
    certificates::{Certificate, Revocation, RevocationReason, Serial},
    ids::AccountId,
    jwk::Thumbprint,
    jws::{Jws, KeyReference},
    problem::{Problem, ProblemType},
    store::Store,
};

#[derive(Deserialize)]
struct RevokeCertificate {
    certificate: String,
    reason: Option<u64>,
}

/// On whose word a certificate is to be revoked.
enum Requester {
    Account(AccountId),
    CertificateKey(Thumbprint),
}

impl FrontEnd {
    pub(super) fn revoke_certificate(&self, jws: &Jws) -> Result<Answer, Refusal> {
        let requester = match &jws.key {
            KeyReference::Kid(_) => Requester::Account(self.account_of(jws)?),
            KeyReference::Jwk(_) => Requester::CertificateKey(key_of(jws)?.thumbprint()),
        };
        let request: RevokeCertificate = payload(jws)?;
        let allowed = &self.ca.config().revocation_reasons;
        let reason = RevocationReason::from_code(request.reason.unwrap_or(0)).filter(|reason| allowed.contains(reason));
        let reason = reason.ok_or_else(|| {
            let codes: Vec<String> = allowed.iter().map(|reason| reason.code().to_string()).collect();
            let detail = format!("subscribers may give the reasons {}", codes.join(", "));
            Problem::new(ProblemType::BadRevocationReason, detail)
        })?;
        let der = base64url::decode(&request.certificate)
            .ok_or_else(|| Problem::malformed("\"certificate\" is not base64url of DER without padding"))?;
        let now = self.env.utc_now();
        self.ca.with_store(|store| {
            let id = find(store, &der).ok_or_else(|| Problem::not_found("certificate"))?.id.clone();
            let certificate = store.certificates.find(&id).ok_or_else(|| Problem::not_found("certificate"))?;
            let may_revoke = match requester {
                Requester::CertificateKey(key) => certificate.key == key,
                Requester::Account(account) if certificate.account == account => true,
                Requester::Account(account) => {
                    let holds = |identifier| store.authorizations.holds_valid(account, identifier, now);
                    certificate.identifiers.iter().all(holds)
                }
            };
            if !may_revoke {
                return Err(Problem::new(
                    ProblemType::Unauthorized,
                    "this certificate is not the requester's to revoke",
                )
                .into());
            }
            if !store.certificates.revoke(&id.serial, Revocation { at: now, reason }) {
                return Err(Problem::new(ProblemType::AlreadyRevoked, "this certificate is revoked already").into());
            }
            self.env.probe_about("ca/certificate-revoked", || {
                [("serial", id.serial.to_string()), ("reason", reason.code().to_string())]
            });
            Ok(Answer::empty(StatusCode::OK))
        })
    }
}

/// The certificate that is exactly `der`.
fn find<'a>(store: &'a Store, der: &[u8]) -> Option<&'a Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let serial = Serial::from_octets(parsed.raw_serial())?;
    store.certificates.with_serial(&serial).filter(|certificate| certificate.der == der)
}
