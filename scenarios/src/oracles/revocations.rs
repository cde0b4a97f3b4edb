//! What CAs have said about certificates that they took back, as clients hear it: by OCSP (RFC 6960), by revocation lists (RFC 5280
//! §5), and in what clients ask to be revoked themselves (RFC 8555 §7.6).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use x509_parser::{prelude::FromDer, revocation_list::CertificateRevocationList};

use super::reader::{
    certificate::Certificate,
    http::Moment,
    ocsp::{Response, Status},
    step::{Resource, Step},
};

/// The reason "keyCompromise" (RFC 5280 §5.3.1).
pub(super) const KEY_COMPROMISE: u8 = 1;

/// A certificate that a client hears to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revoked {
    /// The serial number's octets in hexadecimal digits.
    pub(super) serial: String,
    /// The reason's code; 0 if none is told.
    pub(super) reason: u8,
}

/// What the client of this step hears in it.
pub(super) fn heard(step: &Step) -> Vec<Revoked> {
    if step.moment != Moment::Received || !step.is_success() {
        return Vec::new();
    }
    let Some(response) = &step.response else { return Vec::new() };
    match step.header("content-type") {
        Some("application/ocsp-response") => by_ocsp(&response.body),
        Some("application/pkix-crl") => by_list(&response.body),
        _ if step.resource == Resource::RevokeCertificate => own(step).into_iter().collect(),
        Some(_) | None => Vec::new(),
    }
}

fn by_ocsp(body: &[u8]) -> Vec<Revoked> {
    let statements = Response::read(body).map(|response| response.statements).unwrap_or_default();
    let revoked = statements.into_iter().filter_map(|one| match one.status {
        Status::Revoked { reason } => Some(Revoked { serial: one.serial, reason }),
        Status::Good | Status::Unknown => None,
    });
    revoked.collect()
}

fn by_list(body: &[u8]) -> Vec<Revoked> {
    let Ok((_, list)) = CertificateRevocationList::from_der(body) else { return Vec::new() };
    let revoked = list.iter_revoked_certificates().map(|entry| Revoked {
        serial: entry.raw_serial().iter().map(|octet| format!("{octet:02x}")).collect(),
        reason: entry.reason_code().map_or(0, |(_, reason)| reason.0),
    });
    revoked.collect()
}

/// What the client itself has had revoked.
fn own(step: &Step) -> Option<Revoked> {
    let payload = step.payload()?;
    let certificate = Certificate::read(&URL_SAFE_NO_PAD.decode(payload.get("certificate")?.as_str()?).ok()?)?;
    let reason = payload.get("reason").and_then(serde_json::Value::as_u64).unwrap_or(0);
    Some(Revoked { serial: certificate.serial, reason: u8::try_from(reason).ok()? })
}
