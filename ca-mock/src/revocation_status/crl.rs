//! The certificate revocation list (RFC 5280 §5).

use std::time::Duration;

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use sim::UtcDateTime;

use crate::{
    Ca,
    certificates::{Certificate, RevocationReason},
    timestamp::{after, whole_seconds},
};

const DAY: Duration = Duration::from_secs(86_400);
/// RFC 5280 §3.3: an entry stays until it has been on a list that was issued after the certificate's end.
const KEPT_AFTER_EXPIRY: Duration = DAY.saturating_mul(10);

/// The list as of now, in DER.
pub(super) fn list(ca: &Ca, now: UtcDateTime) -> Vec<u8> {
    let issuer = ca.issuance().issuer();
    let revoked_certs = ca.with_store(|store| {
        let listed = store.certificates.iter().filter(|one| after(one.not_after, KEPT_AFTER_EXPIRY) >= now);
        listed.filter_map(entry).collect()
    });
    let this_update = whole_seconds(now);
    // It only ever grows, and two lists in one second have different numbers (RFC 5280 §5.2.3).
    let number = now.unix_timestamp_nanos().max(1).to_be_bytes();
    let number = &number[number.iter().take_while(|octet| **octet == 0).count()..];
    let list = CertificateRevocationListParams {
        this_update: this_update.into(),
        next_update: after(this_update, ca.config().crl_lifetime).into(),
        crl_number: SerialNumber::from_slice(number),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::PreSpecified(issuer.key_identifier().to_vec()),
    };
    issuer.sign_list(&list)
}

fn entry(certificate: &Certificate) -> Option<RevokedCertParams> {
    let revocation = certificate.revocation?;
    // RFC 5280 §5.3.1: "unspecified" is told by saying nothing.
    let reason_code = match revocation.reason {
        RevocationReason::Unspecified => None,
        RevocationReason::KeyCompromise => Some(rcgen::RevocationReason::KeyCompromise),
        RevocationReason::AffiliationChanged => Some(rcgen::RevocationReason::AffiliationChanged),
        RevocationReason::Superseded => Some(rcgen::RevocationReason::Superseded),
        RevocationReason::CessationOfOperation => Some(rcgen::RevocationReason::CessationOfOperation),
    };
    Some(RevokedCertParams {
        serial_number: SerialNumber::from_slice(certificate.id.serial.octets()),
        revocation_time: whole_seconds(revocation.at).into(),
        reason_code,
        invalidity_date: None,
    })
}
