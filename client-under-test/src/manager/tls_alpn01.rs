//! Answers tls-alpn-01 challenges (RFC 8737): makes the certificate that shows the key authorization's digest.
//!
//! Where it is shown, and to whom, is the cache's and the endpoint's business.

use std::{sync::Arc, time::Duration};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyIdMethod, SerialNumber};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use sim::{Env, crypto::P256Key};

use crate::name::Name;

/// Dates are not looked at; these do for clocks that differ.
const BACKDATE: Duration = Duration::from_secs(3_600);
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// The self-signed certificate that proves control of `name` (RFC 8737 §3), with a key of its own.
///
/// # Errors
/// [`rcgen::Error`] if it can't be made.
pub fn certificate(env: &Env, name: &Name, key_authorization: &str) -> Result<CertifiedKey, rcgen::Error> {
    let key = P256Key::generate(env, &format!("manager/challenge-key/{name}"));
    let mut params = CertificateParams::new(vec![name.to_string()])?;
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from_slice(&env.entropy::<16>("manager/challenge-serial")));
    params.key_identifier_method = KeyIdMethod::PreSpecified(Sha256::digest(key.public_point())[..20].to_vec());
    params.not_before = (env.utc_now() - BACKDATE).into();
    params.not_after = (env.utc_now() + LIFETIME).into();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&Sha256::digest(key_authorization))];
    let certificate = params.self_signed(&key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], Arc::new(key)))
}

#[cfg(test)]
mod tests {
    use x509_parser::{
        certificate::X509Certificate,
        extensions::GeneralName,
        oid_registry::{Oid, asn1_rs::oid},
        prelude::FromDer,
    };

    use super::*;
    use crate::acme::certificate::tests::env;

    const ACME_IDENTIFIER: Oid<'static> = oid!(1.3.6.1.5.5.7.1.31);

    #[tokio::test]
    async fn the_certificate_is_as_rfc_8737_section_3_wants_it() {
        let made = certificate(&env(), &"a.test".parse().unwrap(), "token.thumbprint").unwrap();
        let (rest, certificate) = X509Certificate::from_der(&made.cert[0]).unwrap();
        assert!(rest.is_empty());
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names, [GeneralName::DNSName("a.test")]);
        let extension = certificate.get_extension_unique(&ACME_IDENTIFIER).unwrap().unwrap();
        assert!(extension.critical);
        assert_eq!(extension.value, [&[0x04, 32][..], &Sha256::digest("token.thumbprint")].concat());
    }
}
