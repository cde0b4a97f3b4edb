//! Issuance: the roots, the intermediate, and the leaves that it signs.
//!
//! Nothing here comes from a clock or a generator of rcgen's own: serial numbers, dates and key identifiers are
//! all set. Two hierarchies: one that certificates are issued from, one for the API's own HTTPS certificate.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use ring::digest;
use rustls::sign::CertifiedKey;
use sim::{Env, UtcDateTime, crypto::P256Key};

use crate::{
    certificates::{Certificate, CertificateId, Serial},
    config::Config,
    csr::Csr,
    ids::AccountId,
    jwk::PublicKey,
    timestamp::{after, before, whole_seconds},
    validity::RequestedValidity,
};

/// How long the CA's own certificates are good for; no simulation lasts longer.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(100 * 365 * 86_400);
/// How far the CA's own certificates are backdated, for clients whose clocks are slow.
const AUTHORITY_BACKDATE: Duration = Duration::from_secs(365 * 86_400);

/// The authority that certificates are issued from.
pub(crate) struct Issuance {
    root: Authority,
    intermediate: Authority,
}

impl Issuance {
    pub(crate) fn new(env: &Env) -> Self {
        let root = Authority::root(env, "Gauntlet Root", "ca/root key");
        let intermediate = root.intermediate(env, "Gauntlet Intermediate", "ca/intermediate key");
        Self { root, intermediate }
    }

    /// The roots of the chains, the default one's first.
    pub(crate) fn roots(&self) -> Vec<&Authority> {
        vec![&self.root]
    }

    /// What signs the leaves of each chain, in the order of [`Self::roots`].
    pub(crate) fn intermediates(&self) -> Vec<&Authority> {
        vec![&self.intermediate]
    }

    pub(crate) fn root_pem(&self) -> &str {
        &self.root.pem
    }

    /// Signs a certificate for the names and the key of `csr`, which must have been checked against its order.
    pub(crate) fn issue(
        &self,
        env: &Env,
        config: &Config,
        account: AccountId,
        csr: &Csr,
        requested: RequestedValidity,
    ) -> Certificate {
        let key = SubjectKey::of(&csr.key);
        let serial = Serial::draw(env);
        let (not_before, not_after) = requested.dates(config, env.utc_now());
        let mut params = leaf_params(&serial, not_before, not_after, &key);
        params.subject_alt_names = csr
            .names
            .iter()
            .map(|name| match name.ip() {
                Some(address) => SanType::IpAddress(address),
                None => SanType::DnsName(name.as_str().try_into().expect("identifiers are ASCII")),
            })
            .collect();
        let leaf =
            params.signed_by(&key, &self.intermediate.issuer).expect("parameters are complete and signing cannot fail");
        Certificate {
            id: CertificateId { authority_key_identifier: self.intermediate.key_identifier.clone(), serial },
            account,
            identifiers: csr.names.iter().cloned().collect(),
            key: csr.key.thumbprint(),
            chain_pem: to_pem(leaf.der()) + &self.intermediate.pem,
            der: leaf.der().to_vec(),
            not_before,
            not_after,
            revocation: None,
            replaced_by: None,
            renewal_info: None,
        }
    }
}

/// The certificate of the API's own HTTPS server, and the root that clients of the API trust.
pub(crate) struct ApiIdentity {
    pub(crate) root_pem: String,
    pub(crate) certified_key: Arc<CertifiedKey>,
}

impl ApiIdentity {
    pub(crate) fn new(env: &Env, config: &Config) -> Self {
        let root = Authority::root(env, "Gauntlet API Root", "ca/api root key");
        let key = P256Key::generate(env, "ca/api key");
        let (not_before, not_after) = authority_dates(env);
        let mut params = leaf_params(&Serial::draw(env), not_before, not_after, &key);
        let names: BTreeSet<&String> = std::iter::once(&config.directory_host).chain(&config.api_names).collect();
        let san = |name: &String| match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().expect("the API's names are ASCII (Config)")),
        };
        params.subject_alt_names = names.into_iter().map(san).collect();
        let leaf = params.signed_by(&key, &root.issuer).expect("parameters are complete and signing cannot fail");
        let own = || Arc::new(CertifiedKey::new(vec![leaf.der().clone()], Arc::new(key)));
        let certified_key = config.api_certificate.clone().unwrap_or_else(own);
        Self { root_pem: root.pem, certified_key }
    }
}

/// A certificate that signs others, and its key.
pub(crate) struct Authority {
    key_identifier: Vec<u8>,
    pem: String,
    issuer: Issuer<'static, P256Key>,
}

impl Authority {
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn key_pem(&self) -> String {
        self.issuer.key().to_pem()
    }

    fn root(env: &Env, name: &str, key_purpose: &str) -> Self {
        let key = P256Key::generate(env, key_purpose);
        let params = authority_params(env, name, &key, BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("parameters are complete and signing cannot fail");
        Self::of(&certificate, params, key)
    }

    fn intermediate(&self, env: &Env, name: &str, key_purpose: &str) -> Self {
        let key = P256Key::generate(env, key_purpose);
        let mut params = authority_params(env, name, &key, BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate =
            params.signed_by(&key, &self.issuer).expect("parameters are complete and signing cannot fail");
        Self::of(&certificate, params, key)
    }

    fn of(certificate: &rcgen::Certificate, params: CertificateParams, key: P256Key) -> Self {
        Self { key_identifier: key_identifier(&key), pem: to_pem(certificate.der()), issuer: Issuer::new(params, key) }
    }
}

fn authority_params(env: &Env, name: &str, key: &P256Key, constraints: BasicConstraints) -> CertificateParams {
    let (not_before, not_after) = authority_dates(env);
    let mut params = params(&Serial::draw(env), not_before, not_after, key);
    params.distinguished_name.push(DnType::OrganizationName, "Gauntlet");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn authority_dates(env: &Env) -> (UtcDateTime, UtcDateTime) {
    let now = whole_seconds(env.utc_now());
    (before(now, AUTHORITY_BACKDATE), after(now, AUTHORITY_VALIDITY))
}

fn leaf_params(
    serial: &Serial,
    not_before: UtcDateTime,
    not_after: UtcDateTime,
    key: &impl PublicKeyData,
) -> CertificateParams {
    let mut params = params(serial, not_before, not_after, key);
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn params(
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

/// RFC 7093 §2, method 1: the leftmost 160 bits of the SHA-256 of the key.
fn key_identifier(key: &impl PublicKeyData) -> Vec<u8> {
    digest::digest(&digest::SHA256, key.der_bytes()).as_ref()[..20].to_vec()
}

/// RFC 8555 §9.1: line feeds, no explanatory text.
fn to_pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config)
}

/// A key from a CSR in the form that rcgen takes.
struct SubjectKey {
    bytes: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl SubjectKey {
    fn of(key: &PublicKey) -> Self {
        let (bytes, algorithm) = match key {
            PublicKey::P256(x, y) => ([&[0x04], &x[..], y].concat(), &rcgen::PKCS_ECDSA_P256_SHA256),
            PublicKey::P384(x, y) => ([&[0x04], &x[..], y].concat(), &rcgen::PKCS_ECDSA_P384_SHA384),
            PublicKey::P521(..) => unreachable!("no key of a CSR is read as one on P-521"),
            PublicKey::Ed25519(x) => (x.to_vec(), &rcgen::PKCS_ED25519),
            PublicKey::Rsa { modulus, .. } => (rsa_public_key(modulus), &rcgen::PKCS_RSA_SHA256),
        };
        Self { bytes, algorithm }
    }
}

impl PublicKeyData for SubjectKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// RFC 8017 §A.1.1: `SEQUENCE { modulus INTEGER, publicExponent INTEGER }`, the exponent being 65537.
fn rsa_public_key(modulus: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if modulus.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    let modulus = der(0x02, &[sign, modulus].concat());
    der(0x30, &[&modulus[..], &[0x02, 0x03, 0x01, 0x00, 0x01]].concat())
}

/// One DER value of fewer than 65536 octets.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let length: &[u8] = match content.len() {
        0..=0x7f => &[low],
        0x80..=0xff => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use x509_parser::prelude::*;

    use super::*;
    use crate::{identifier::Identifier, jwk::KeyType, testing};

    fn issued(key: PublicKey) -> (Issuance, Certificate, Config) {
        testing::with_env(|env| {
            let issuance = Issuance::new(&env);
            let names: BTreeSet<_> = ["a.example", "b.example"].map(|name| Identifier::parse(name).unwrap()).into();
            let config = Config::default();
            let certificate =
                issuance.issue(&env, &config, AccountId::draw(&env), &Csr { key, names }, RequestedValidity::default());
            (issuance, certificate, config)
        })
    }

    #[test]
    fn a_leaf_says_what_the_profile_says() {
        let (issuance, certificate, config) = issued(PublicKey::P256([1; 32], [2; 32]));
        let (rest, leaf) = X509Certificate::from_der(&certificate.der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(leaf.raw_serial(), certificate.id.serial.octets());
        assert_eq!(leaf.subject().iter().count(), 0);
        let life = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp() + 1;
        assert_eq!(u64::try_from(life).unwrap(), config.validity.as_secs());

        let names = leaf.subject_alternative_name().unwrap().unwrap();
        assert!(names.critical);
        assert_eq!(names.value.general_names, ["a.example", "b.example"].map(GeneralName::DNSName));
        assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
        assert!(leaf.key_usage().unwrap().unwrap().value.digital_signature());
        assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
        assert_eq!(PublicKey::from_spki(leaf.public_key()).unwrap(), PublicKey::P256([1; 32], [2; 32]));

        let chain = ::pem::parse_many(&certificate.chain_pem).unwrap();
        assert_eq!(chain.len(), 2);
        assert!(!certificate.chain_pem.contains('\r'));
        let (_, intermediate) = X509Certificate::from_der(chain[1].contents()).unwrap();
        let root = ::pem::parse(issuance.root_pem()).unwrap();
        let (_, root) = X509Certificate::from_der(root.contents()).unwrap();
        leaf.verify_signature(Some(intermediate.public_key())).unwrap();
        intermediate.verify_signature(Some(root.public_key())).unwrap();
        root.verify_signature(None).unwrap();
    }

    #[test]
    fn every_key_that_a_csr_may_have_is_written_as_it_was_read() {
        let mut modulus = vec![0xc5; 256];
        modulus[255] = 1;
        let rsa = PublicKey::Rsa { modulus, kind: KeyType::Rsa2048 };
        for key in [PublicKey::P384([3; 48], [4; 48]), rsa, PublicKey::Ed25519([5; 32])] {
            let (_, certificate, _) = issued(key.clone());
            let (_, leaf) = X509Certificate::from_der(&certificate.der).unwrap();
            assert_eq!(PublicKey::from_spki(leaf.public_key()).unwrap(), key);
        }
    }
}
