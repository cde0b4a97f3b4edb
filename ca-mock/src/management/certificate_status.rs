//! `/cert-status-by-serial/<hex>`: whether a certificate is revoked. The names are capitalized, and the time is as Go
//! writes it, because those who ask read Pebble's.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use serde::Serialize;
use sim::UtcDateTime;

use super::{Management, bare, text};
use crate::{
    certificates::{Certificate, Serial},
    front_end::indented,
    issuance::to_pem,
};

impl Management {
    pub(super) fn certificate_status(&self, serial: &str) -> Response<Full<Bytes>> {
        let Some(serial) = Serial::parse_number(serial) else { return bare(StatusCode::BAD_REQUEST) };
        self.ca.with_store(|store| match store.certificates.with_serial(&serial) {
            Some(certificate) => text("application/json; charset=utf-8", status(certificate), &[]),
            None => bare(StatusCode::NOT_FOUND),
        })
    }
}

/// In the order of Pebble's members.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    status: &'static str,
    serial: String,
    certificate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

fn status(certificate: &Certificate) -> String {
    let revocation = certificate.revocation;
    let status = Status {
        status: if revocation.is_some() { "Revoked" } else { "Valid" },
        serial: certificate.id.serial.to_number(),
        certificate: to_pem(&certificate.der),
        reason: revocation.map(|revocation| revocation.reason.code()),
        revoked_at: revocation.map(|revocation| as_go_shows(revocation.at)),
    };
    let json = serde_json::to_vec(&status).expect("texts and numbers are JSON");
    String::from_utf8(indented(&json, 3)).expect("JSON is UTF-8, and blanks between its parts are too")
}

/// Go's `Time.String()`: a fraction without zeros at its end, and the zone twice.
fn as_go_shows(at: UtcDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    let fraction = format!(".{:09}", time.nanosecond());
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let (hour, minute, second) = time.as_hms();
    format!("{date} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC")
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    #[test]
    fn times_read_as_in_pebbles_golden_trace() {
        assert_eq!(
            as_go_shows(utc_datetime!(2026-11-21 02:15:43.691593098)),
            "2026-11-21 02:15:43.691593098 +0000 UTC"
        );
        assert_eq!(as_go_shows(utc_datetime!(2026-11-21 02:05:03.5)), "2026-11-21 02:05:03.5 +0000 UTC");
        assert_eq!(as_go_shows(utc_datetime!(2026-11-21 02:15:43)), "2026-11-21 02:15:43 +0000 UTC");
    }
}
