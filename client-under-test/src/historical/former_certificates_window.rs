//! A certificate that is renewed by its predecessor's window (cert-manager, reported in 2026).
//!
//! <https://github.com/cert-manager/cert-manager/issues/8993>,
//! <https://github.com/caddyserver/certmagic/blob/master/maintain.go>
//!
//! What the CA had said about the old certificate was still there when the new one came, and was taken for what it says about
//! that. The window had begun, so the new certificate was due at once; a guard by its age did not help, as CAs date certificates
//! back by an hour. Of a profile with six days, five were issued within ten seconds. certmagic stores the two under different
//! locks, so that the one may be written for the other.
//!
//! Seam: [`MetadataOwner`]. To be caught with a renewal that the CA's window brings about by **M13**, and, if it goes on,
//! by **M4**.

use crate::{acme::renewal_info::CertId, storage::metadata::MetadataOwner};

/// Takes what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormerCertificatesWindow;

impl MetadataOwner for FormerCertificatesWindow {
    fn is_about(&self, _stored: Option<&str>, _certificate: &CertId) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::metadata::ThisCertificate;

    #[test]
    fn anothers_is_taken_and_not_by_the_good_owner() {
        let id = CertId::new(b"authority", &[2]);
        assert!(FormerCertificatesWindow.is_about(Some("another"), &id));
        assert!(!ThisCertificate.is_about(Some("another"), &id) && ThisCertificate.is_about(Some(id.as_str()), &id));
    }
}
