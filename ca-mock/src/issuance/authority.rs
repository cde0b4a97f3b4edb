//! Authorities: keys with a certificate that may sign others, and what their certificates say.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SerialNumber, SigningKey,
};
use sim::{Env, UtcDateTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{AuthorityKey, authority_key::key_identifier};
use crate::{
    certificates::Serial,
    timestamp::{after, before, whole_seconds},
};

/// How long the CA's own certificates are good for; no simulation lasts longer.
const VALIDITY: Duration = Duration::from_secs(100 * 365 * 86_400);
/// How far the CA's own certificates are backdated, for clients whose clocks are slow.
const BACKDATE: Duration = Duration::from_secs(365 * 86_400);

/// A certificate that signs others, and its key.
pub(crate) struct Authority {
    pub(super) key_identifier: Vec<u8>,
    der: Vec<u8>,
    pub(super) issuer: Issuer<'static, AuthorityKey>,
}

/// Who an authority is, whoever vouches for it.
pub(super) struct Identity<'a> {
    pub(super) name: &'a str,
    pub(super) key: &'a AuthorityKey,
    /// How many authorities may stand between it and a leaf.
    pub(super) constraints: BasicConstraints,
}

impl Authority {
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn pem(&self) -> String {
        to_pem(&self.der)
    }

    pub(crate) fn key(&self) -> &AuthorityKey {
        self.issuer.key()
    }

    pub(crate) fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }

    /// The public key as the certificate's subjectPublicKey has it (RFC 6960 §4.1.1).
    pub(crate) fn key_bytes(&self) -> &[u8] {
        self.key().der_bytes()
    }

    /// The subject's name in DER.
    pub(crate) fn name_der(&self) -> Vec<u8> {
        let (_, own) = X509Certificate::from_der(&self.der).expect("what one library writes, the other reads");
        own.subject().as_raw().to_vec()
    }

    /// The `AlgorithmIdentifier` in DER, and the signature.
    pub(crate) fn sign(&self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let signature = SigningKey::sign(self.key(), message).expect("signing cannot fail");
        (self.key().signature_algorithm_der(), signature)
    }

    /// A revocation list in DER.
    pub(crate) fn sign_list(&self, list: &CertificateRevocationListParams) -> Vec<u8> {
        list.signed_by(&self.issuer).expect("parameters are complete and signing cannot fail").der().to_vec()
    }

    pub(super) fn root(env: &Env, name: &str, key: &AuthorityKey) -> Self {
        let identity = Identity { name, key, constraints: BasicConstraints::Unconstrained };
        let params = params_of(env, &identity, VALIDITY);
        let certificate = params.self_signed(key).expect("parameters are complete and signing cannot fail");
        Self::of(&certificate, params, key)
    }

    /// Vouches for another authority.
    pub(super) fn intermediate(&self, env: &Env, identity: &Identity<'_>) -> Self {
        let mut params = params_of(env, identity, VALIDITY);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.signed(params, identity.key)
    }

    /// Vouches for another root for so long from now on.
    pub(super) fn cross_sign(&self, env: &Env, root: &Identity<'_>, lifetime: Duration) -> Self {
        self.signed(params_of(env, root, lifetime), root.key)
    }

    fn signed(&self, mut params: CertificateParams, key: &AuthorityKey) -> Self {
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer).expect("parameters are complete and signing cannot fail");
        Self::of(&certificate, params, key)
    }

    fn of(certificate: &rcgen::Certificate, params: CertificateParams, key: &AuthorityKey) -> Self {
        Self {
            key_identifier: key_identifier(key),
            der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key.clone()),
        }
    }
}

fn params_of(env: &Env, identity: &Identity<'_>, lifetime: Duration) -> CertificateParams {
    let now = whole_seconds(env.utc_now());
    let mut params = params(&Serial::draw(env), before(now, BACKDATE), after(now, lifetime), identity.key);
    params.distinguished_name.push(DnType::OrganizationName, "Gauntlet");
    params.distinguished_name.push(DnType::CommonName, identity.name);
    params.is_ca = IsCa::Ca(identity.constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

/// The dates of what lasts as long as the CA.
pub(super) fn dates(env: &Env) -> (UtcDateTime, UtcDateTime) {
    let now = whole_seconds(env.utc_now());
    (before(now, BACKDATE), after(now, VALIDITY))
}

pub(super) fn params(
    serial: &Serial,
    not_before: UtcDateTime,
    not_after: UtcDateTime,
    key: &impl PublicKeyData,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    // rcgen puts the sign octet back where it is needed.
    params.serial_number = Some(SerialNumber::from_slice(serial.octets()));
    params.not_before = not_before.into();
    params.not_after = not_after.into();
    params.distinguished_name = DistinguishedName::new();
    params.key_identifier_method = KeyIdMethod::PreSpecified(key_identifier(key));
    params
}

/// RFC 8555 §9.1: line feeds, no explanatory text.
pub(crate) fn to_pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config)
}
