//! Certificates' facts, from DER or PEM (RFC 5280), and a private key's public half.
//!
//! No path is built and no signature is verified: a handshake that a visitor completed says so.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use x509_parser::{
    extensions::ParsedExtension,
    oid_registry::{Oid, asn1_rs::oid},
    prelude::{FromDer, GeneralName, X509Certificate},
};

use super::identifier::{Identifier, Identifiers};

/// RFC 8737 §6.1.
const ACME_IDENTIFIER: Oid<'static> = oid!(1.3.6.1.5.5.7.1.31);
/// RFC 7633 §4.
const TLS_FEATURE: Oid<'static> = oid!(1.3.6.1.5.5.7.1.24);
/// The feature `status_request`, 5, in DER.
const STATUS_REQUEST: [u8; 3] = [0x02, 0x01, 0x05];

/// What oracles want to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The serial number, lower-case hex.
    pub serial: String,
    /// DNS names and addresses of the subject alternative name.
    pub names: Identifiers,
    /// First second of validity, Unix time.
    pub not_before_s: i64,
    /// Last second of validity, Unix time.
    pub not_after_s: i64,
    /// The subject public key's bits.
    pub public_key: Vec<u8>,
    /// The issuer's name.
    pub issuer: String,
    /// What renewal information calls it (RFC 9773 §4.1); `None` without an authority key identifier.
    pub renewal_id: Option<String>,
    /// Whether it answers a tls-alpn-01 challenge: it has the extension acmeIdentifier (RFC 8737 §3).
    pub is_for_challenge: bool,
    /// Whether it asks to be shown only with an OCSP response (RFC 7633).
    pub must_staple: bool,
    /// The subject's name; empty where the alternative names say it all.
    pub subject: String,
}

impl Certificate {
    /// Reads DER; `None` if it is no certificate.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|extension| identifiers(&extension.value.general_names))
            .unwrap_or_default();
        Some(Self {
            serial: hex(certificate.raw_serial()),
            names,
            not_before_s: certificate.validity().not_before.timestamp(),
            not_after_s: certificate.validity().not_after.timestamp(),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            issuer: certificate.issuer().to_string(),
            renewal_id: renewal_id(&certificate),
            must_staple: certificate.extensions().iter().any(|extension| {
                extension.oid == TLS_FEATURE && extension.value.windows(3).any(|feature| feature == STATUS_REQUEST)
            }),
            is_for_challenge: certificate.extensions().iter().any(|extension| extension.oid == ACME_IDENTIFIER),
            subject: certificate.subject().to_string(),
        })
    }

    /// Whether it is valid at a Unix time.
    #[must_use]
    pub fn is_valid_at(&self, utc_s: i64) -> bool {
        (self.not_before_s..=self.not_after_s).contains(&utc_s)
    }

    /// Whether one of its names covers `server`.
    #[must_use]
    pub fn covers(&self, server: &Identifier) -> bool {
        self.names.iter().any(|name| name.covers(server))
    }

    /// How long it lives, seconds; at least 1.
    #[must_use]
    pub fn lifetime_s(&self) -> i64 {
        (self.not_after_s - self.not_before_s).max(1)
    }
}

/// The authority key identifier and the serial number, its leading zero octet included, both in base64url.
fn renewal_id(certificate: &X509Certificate<'_>) -> Option<String> {
    let authority = certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityKeyIdentifier(found) = extension.parsed_extension() else { return None };
        found.key_identifier.as_ref()
    })?;
    let [authority, serial] = [authority.0, certificate.raw_serial()].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    Some(format!("{authority}.{serial}"))
}

/// What is in a PEM file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PemFile {
    /// The certificates, in order.
    pub certificates: Vec<Certificate>,
    /// The bits of the public half of the first private key, if that is of a kind that can be read.
    pub public_key: Option<Vec<u8>>,
    /// Whether there is a private key.
    pub has_private_key: bool,
}

/// Reads PEM; `None` if it is none. Blocks of other kinds are passed over.
#[must_use]
pub fn read_pem(text: &[u8]) -> Option<PemFile> {
    let blocks = pem::parse_many(text).ok().filter(|blocks| !blocks.is_empty())?;
    let mut file = PemFile::default();
    for block in &blocks {
        if block.tag() == "CERTIFICATE" {
            file.certificates.extend(Certificate::read(block.contents()));
        } else if block.tag().ends_with("PRIVATE KEY") && !file.has_private_key {
            file.has_private_key = true;
            file.public_key = public_half(block.contents());
        }
    }
    Some(file)
}

/// The public key's bits of a private key in PKCS#8 (P-256, Ed25519, RSA), SEC 1 or PKCS#1.
fn public_half(der: &[u8]) -> Option<Vec<u8>> {
    use p256::pkcs8::DecodePrivateKey;
    use ring::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};

    let p256 = p256::SecretKey::from_pkcs8_der(der).ok().or_else(|| p256::SecretKey::from_sec1_der(der).ok());
    if let Some(key) = p256 {
        return Some(key.public_key().to_sec1_bytes().to_vec());
    }
    if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        return Some(key.public_key().as_ref().to_vec());
    }
    let rsa = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
    Some(rsa.public().as_ref().to_vec())
}

/// The DNS names and addresses among general names.
pub(super) fn identifiers(names: &[GeneralName<'_>]) -> Identifiers {
    let mut found = Identifiers::new();
    for name in names {
        if let GeneralName::DNSName(name) = name {
            found.insert(Identifier::dns(name));
        } else if let GeneralName::IPAddress(octets) = name {
            let address = <[u8; 4]>::try_from(*octets)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            found.extend(address.map(Identifier::Ip));
        }
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::Issued;

    #[test]
    fn a_leaf_gives_its_names_dates_and_key() {
        let issued = Issued::new(&["a.test", "*.b.test", "10.0.0.1"], 1_000_000, 2_000_000);
        let file = read_pem(format!("{}{}", issued.key_pem, issued.pem).as_bytes()).unwrap();
        let [leaf] = file.certificates.as_slice() else { panic!("one certificate") };
        assert_eq!(Certificate::read(&issued.der).as_ref(), Some(leaf));
        assert_eq!((leaf.not_before_s, leaf.not_after_s, leaf.lifetime_s()), (1_000_000, 2_000_000, 1_000_000));
        assert!(leaf.covers(&Identifier::of_server("x.b.test")) && leaf.covers(&Identifier::of_server("10.0.0.1")));
        assert!(leaf.is_valid_at(2_000_000) && !leaf.is_valid_at(2_000_001) && !leaf.is_valid_at(999_999));
        assert_eq!(file.public_key.as_ref(), Some(&leaf.public_key));
    }

    #[test]
    fn other_bytes_are_no_certificate() {
        assert_eq!(Certificate::read(b"\x30\x03abc"), None);
        assert_eq!(read_pem(b"{}"), None);
    }
}
