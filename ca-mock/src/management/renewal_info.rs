//! `/set-renewal-info/`: what one certificate's renewal information is answered with from now on, sense or nonsense.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use serde::Deserialize;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Management, bare};
use crate::certificates::Serial;

/// Go reads names without regard to case; these spellings are in use.
#[derive(Deserialize)]
struct SetRenewalInfo {
    #[serde(alias = "certificate", rename = "Certificate")]
    certificate: String,
    #[serde(alias = "ariResponse", alias = "ariresponse", alias = "AriResponse", rename = "ARIResponse")]
    answer: String,
}

impl Management {
    /// The content type is not looked at: certbot's tests send none that fits.
    pub(super) fn set_renewal_info(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let read = || {
            let request: SetRenewalInfo = serde_json::from_slice(body).ok()?;
            let pem = ::pem::parse(&request.certificate).ok()?;
            let (_, certificate) = X509Certificate::from_der(pem.contents()).ok()?;
            Some((Serial::from_octets(certificate.raw_serial())?, request.answer))
        };
        let Some((serial, answer)) = read() else { return bare(StatusCode::BAD_REQUEST) };
        self.ca.with_store(|store| match store.certificates.with_serial_mut(&serial) {
            Some(certificate) => {
                certificate.renewal_info = Some(answer);
                bare(StatusCode::OK)
            }
            None => bare(StatusCode::NOT_FOUND),
        })
    }
}
