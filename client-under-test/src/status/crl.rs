//! Revocation lists (RFC 5280 §5): every certificate of a CA, or of a part of it, that has been taken back.

use std::collections::BTreeMap;

use rustls::pki_types::CertificateDer;
use time::UtcDateTime;
use url::Url;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{DistributionPointName, GeneralName, IssuingDistributionPoint, ParsedExtension},
    prelude::FromDer,
    revocation_list::CertificateRevocationList,
};

use super::{Reason, Status, Validity};

/// Larger lists are not read. CAs that revoke much split theirs, so that a part has some hundred kilobytes.
pub const LIST_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// Why a list is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// It is no list.
    #[error("it is no revocation list")]
    Unreadable,
    /// It is not the issuer's.
    #[error("it is not signed by the certificate's issuer")]
    Stranger,
    /// It does not say until when it holds, or holds at another time than now.
    #[error("it does not hold now")]
    NotNow,
    /// It does not say everything about the certificates that name it.
    #[error("it covers other certificates, or not all that there is to tell")]
    Scope,
}

/// A list that has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Whose it is.
    issuer: CertificateDer<'static>,
    /// When it holds.
    pub validity: Validity,
    /// By serial number, as DER has it.
    revoked: BTreeMap<Box<[u8]>, Reason>,
}

impl List {
    /// Reads and verifies the list of `issuer` that was found at `url` and has to hold at `now`.
    ///
    /// # Errors
    /// [`CrlError`] for the first thing that is wrong.
    pub fn read(der: &[u8], url: &Url, issuer: &CertificateDer<'static>, now: UtcDateTime) -> Result<Self, CrlError> {
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| CrlError::Unreadable)?;
        let (_, authority) = X509Certificate::from_der(issuer).map_err(|_| CrlError::Unreadable)?;
        if !rest.is_empty() {
            return Err(CrlError::Unreadable);
        }
        if list.issuer().as_raw() != authority.subject().as_raw()
            || list.verify_signature(authority.public_key()).is_err()
        {
            return Err(CrlError::Stranger);
        }
        let time = |unix: i64| UtcDateTime::from_unix_timestamp(unix).ok();
        let until = list.next_update().and_then(|next| time(next.timestamp())).ok_or(CrlError::NotNow)?;
        let from = time(list.last_update().timestamp()).ok_or(CrlError::NotNow)?;
        let validity = Validity::at(now, from, until).ok_or(CrlError::NotNow)?;
        for extension in list.extensions() {
            let is_obeyed = if let ParsedExtension::IssuingDistributionPoint(point) = extension.parsed_extension() {
                covers(point, url)
            } else {
                // One that is critical makes a list a mere addition to another (RFC 5280 §5.2.4).
                !extension.critical
            };
            if !is_obeyed {
                return Err(CrlError::Scope);
            }
        }
        let mut revoked = BTreeMap::new();
        for entry in list.iter_revoked_certificates() {
            let reason = entry.reason_code().map_or(0, |(_, reason)| reason.0);
            // "removeFromCRL" occurs in additions only.
            revoked.insert(entry.raw_serial().into(), Reason::of_code(reason));
        }
        Ok(Self { issuer: issuer.clone(), validity, revoked })
    }

    /// Whether it is the list of `issuer`.
    #[must_use]
    pub fn is_of(&self, issuer: &CertificateDer<'_>) -> bool {
        self.issuer == *issuer
    }

    /// What it says about the issuer's certificate with this serial number, in DER.
    #[must_use]
    pub fn status(&self, serial: &[u8]) -> Status {
        self.revoked.get(serial).map_or(Status::Good, |reason| Status::Revoked(*reason))
    }
}

/// Whether a part of a list is the one that a certificate names by `url`, for all reasons (RFC 5280 §6.3.3).
fn covers(point: &IssuingDistributionPoint<'_>, url: &Url) -> bool {
    let is_named = match &point.distribution_point {
        None => true,
        Some(DistributionPointName::FullName(names)) => names.iter().any(|name| {
            let GeneralName::URI(text) = name else { return false };
            Url::parse(text).is_ok_and(|named| named == *url)
        }),
        Some(DistributionPointName::NameRelativeToCRLIssuer(_)) => false,
    };
    is_named
        && !point.only_contains_ca_certs
        && !point.only_contains_attribute_certs
        && !point.indirect_crl
        && point.only_some_reasons.is_none()
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint,
        CrlScope, IsCa, Issuer, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
    };
    use sim::crypto::P256Key;
    use time::Duration as Span;

    use super::*;
    use crate::acme::certificate::tests::{BEGIN, env};

    const URL: &str = "http://crl.test/1";

    fn authority(key: &P256Key) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.serial_number = Some(1_u64.into());
        params.key_identifier_method = KeyIdMethod::PreSpecified(key.public_point()[..20].to_vec());
        params
    }

    fn list(key: &P256Key, hours: std::ops::Range<i64>, part: Option<(&str, Option<CrlScope>)>) -> Vec<u8> {
        let revoked = |serial: u8, reason| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[serial]),
            revocation_time: BEGIN.into(),
            reason_code: reason,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: (BEGIN + Span::hours(hours.start)).into(),
            next_update: (BEGIN + Span::hours(hours.end)).into(),
            crl_number: 1_u64.into(),
            issuing_distribution_point: part.map(|(url, scope)| CrlIssuingDistributionPoint {
                distribution_point: CrlDistributionPoint { uris: vec![url.to_owned()] },
                scope,
            }),
            revoked_certs: vec![revoked(0x87, Some(RevocationReason::KeyCompromise)), revoked(2, None)],
            key_identifier_method: KeyIdMethod::PreSpecified(vec![7; 20]),
        };
        list.signed_by(&Issuer::from_params(&authority(key), key)).unwrap().der().to_vec()
    }

    #[tokio::test]
    async fn a_list_says_what_is_revoked_and_why_if_it_is_the_issuers_and_holds_now() {
        let [issuer, other] = ["issuer", "other"].map(|name| P256Key::generate(&env(), name));
        let certificate: CertificateDer<'static> = authority(&issuer).self_signed(&issuer).unwrap().der().clone();
        let url: Url = URL.parse().unwrap();
        let read = |der: &[u8]| List::read(der, &url, &certificate, BEGIN + Span::hours(1));
        let whole = list(&issuer, 0..2, None);
        let of_issuer = read(&whole).unwrap();
        assert_eq!(of_issuer.status(&[0x00, 0x87]), Status::Revoked(Reason::KeyCompromise));
        assert_eq!(of_issuer.status(&[2]), Status::Revoked(Reason::Other(0)));
        assert_eq!(of_issuer.status(&[3]), Status::Good);
        assert!(of_issuer.is_of(&certificate));
        assert_eq!(read(&list(&other, 0..2, None)), Err(CrlError::Stranger));
        for hours in [-2..1, 3..9] {
            assert_eq!(read(&list(&issuer, hours, None)), Err(CrlError::NotNow));
        }
        assert!(read(&list(&issuer, 0..2, Some((URL, Some(CrlScope::UserCertsOnly))))).is_ok());
        for part in [("http://crl.test/2", None), (URL, Some(CrlScope::CaCertsOnly))] {
            assert_eq!(read(&list(&issuer, 0..2, Some(part))), Err(CrlError::Scope));
        }
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), Err(CrlError::Unreadable), "{cut}");
        }
    }
}
