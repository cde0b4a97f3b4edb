//! Certificate signing requests (RFC 2986, RFC 8555 §7.4), read strictly.
//!
//! Only the key, the names and the wish that servers staple are taken over; other requested extensions are ignored,
//! so that nobody can ask for CA rights. A CSR that is accepted here is a [`Csr`], whose signature has been verified.

use std::{collections::BTreeSet, net::IpAddr};

use x509_parser::{
    asn1_rs::{Oid, oid},
    certification_request::X509CertificationRequest,
    cri_attributes::ParsedCriAttribute,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

use crate::{
    identifier::Identifier,
    jwk::{KeyType, PublicKey},
    problem::{Problem, ProblemType},
};

/// RFC 7633 §4.1.
const TLS_FEATURE: Oid<'_> = oid!(1.3.6.1.5.5.7.1.24);
/// A list with the one feature `status_request`.
pub(crate) const STATUS_REQUEST: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x05];

/// A request with a valid signature over a usable key, for DNS names and IP addresses.
#[derive(Clone, Debug)]
pub(crate) struct Csr {
    pub(crate) key: PublicKey,
    pub(crate) names: BTreeSet<Identifier>,
    /// Also one of the names.
    pub(crate) common_name: Option<Identifier>,
    /// RFC 7633: the certificate is to be shown with an OCSP response.
    pub(crate) must_staple: bool,
}

impl Csr {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, Problem> {
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| bad("the CSR is not a PKCS #10 request in DER"))?;
        if !rest.is_empty() {
            return Err(bad("the CSR has octets after its end"));
        }
        let info = &request.certification_request_info;
        if info.version.0 != 0 {
            return Err(bad("the CSR's version is not 1"));
        }
        let key = PublicKey::from_spki(&info.subject_pki).map_err(|problem| bad(&problem.detail))?;
        request.verify_signature().map_err(|_| bad("the CSR's signature does not verify"))?;

        let mut names = BTreeSet::new();
        let mut common_name = None;
        let mut must_staple = false;
        for attribute in info.subject.iter_common_name() {
            let name = attribute.as_str().map_err(|_| bad("the CSR's common name is not text"))?;
            let name = name.parse::<IpAddr>().map_or_else(|_| dns_name(name), |address| Ok(address.into()))?;
            names.insert(name.clone());
            common_name.get_or_insert(name);
        }
        for attribute in info.iter_attributes() {
            if let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() {
                for extension in &requested.extensions {
                    names.append(&mut alternative_names(extension.parsed_extension())?);
                    must_staple |= extension.oid == TLS_FEATURE && extension.value == STATUS_REQUEST;
                }
            }
        }
        Ok(Self { key, names, common_name, must_staple })
    }

    /// RFC 8555 §11.1: keys are held to the CA's policy.
    pub(crate) fn check_key(&self, accepted: &BTreeSet<KeyType>) -> Result<(), Problem> {
        if accepted.contains(&self.key.kind()) {
            return Ok(());
        }
        let accepted = accepted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(bad(&format!("the CSR's key is {}, not one of {accepted}", self.key.kind())))
    }

    /// RFC 8555 §7.4: "the exact same set of requested identifiers".
    pub(crate) fn check_names(&self, ordered: &BTreeSet<Identifier>) -> Result<(), Problem> {
        let list = |names: Vec<&Identifier>| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let missing: Vec<_> = ordered.difference(&self.names).collect();
        if !missing.is_empty() {
            return Err(bad(&format!("the CSR lacks names of the order: {}", list(missing))));
        }
        let surplus: Vec<_> = self.names.difference(ordered).collect();
        if !surplus.is_empty() {
            return Err(bad(&format!("the CSR has names that are not in the order: {}", list(surplus))));
        }
        Ok(())
    }
}

/// What a CSR asks for, before any of it is held against an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedCertificate {
    /// The names and addresses.
    pub names: BTreeSet<Identifier>,
    /// The key, as a JWK (RFC 7517).
    pub jwk: String,
    /// Whether the certificate is to be shown with an OCSP response (RFC 7633).
    pub must_staple: bool,
}

/// Reads a CSR in DER as the CA does that is asked to finalize an order, its signature included. For fuzzers and for tests
/// that compare readers.
///
/// # Errors
/// The `detail` of the problem that a client would be sent.
pub fn read_csr(der: &[u8]) -> Result<RequestedCertificate, String> {
    let Csr { key, names, must_staple, .. } = Csr::parse(der).map_err(|problem| problem.detail)?;
    Ok(RequestedCertificate { names, jwk: key.jwk(), must_staple })
}

fn alternative_names(extension: &ParsedExtension<'_>) -> Result<BTreeSet<Identifier>, Problem> {
    if let ParsedExtension::ParseError { .. } = extension {
        return Err(bad("the CSR has an extension that cannot be read"));
    }
    let ParsedExtension::SubjectAlternativeName(names) = extension else { return Ok(BTreeSet::new()) };
    let mut found = BTreeSet::new();
    for name in &names.general_names {
        let name = if let GeneralName::DNSName(name) = name {
            Some(dns_name(name)?)
        } else if let GeneralName::IPAddress(octets) = name {
            ip_address(octets).map(Identifier::from)
        } else {
            None
        };
        found.insert(name.ok_or_else(|| bad("the CSR has an alternative name that is no DNS name and no IP address"))?);
    }
    Ok(found)
}

/// RFC 5280 §4.2.1.6: four octets or sixteen.
pub(crate) fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn dns_name(name: &str) -> Result<Identifier, Problem> {
    Identifier::parse(name).map_err(|_| bad(&format!("the CSR has {name:?} as a name, which is no host name")))
}

fn bad(detail: &str) -> Problem {
    Problem::new(ProblemType::BadCsr, detail)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, SanType};
    use ring::signature::KeyPair;
    use sim::crypto::P256Key;

    use super::*;
    use crate::testing;

    /// rcgen's signer for a curve that the CA certifies on request only.
    struct Ed25519(ring::signature::Ed25519KeyPair);

    impl rcgen::PublicKeyData for Ed25519 {
        fn der_bytes(&self) -> &[u8] {
            self.0.public_key().as_ref()
        }

        fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
            &rcgen::PKCS_ED25519
        }
    }

    impl rcgen::SigningKey for Ed25519 {
        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            Ok(self.0.sign(message).as_ref().to_vec())
        }
    }

    fn request(names: &[&str], common_name: Option<&str>, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        testing::with_env(|env| {
            let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
            params.distinguished_name = DistinguishedName::new();
            if let Some(name) = common_name {
                params.distinguished_name.push(DnType::CommonName, name);
            }
            change(&mut params);
            params.serialize_request(&P256Key::generate(&env, "csr")).unwrap().der().to_vec()
        })
    }

    fn set(names: &[&str]) -> BTreeSet<Identifier> {
        names.iter().map(|name| Identifier::parse(name).unwrap()).collect()
    }

    #[test]
    fn names_come_from_the_common_name_and_the_alternative_names() {
        let csr = Csr::parse(&request(&["B.example"], Some("a.example"), |_| {})).unwrap();
        assert_eq!(csr.names, set(&["a.example", "b.example"]));
        assert!(csr.check_names(&set(&["a.example", "b.example"])).is_ok());
        assert!(csr.check_names(&set(&["a.example"])).is_err());
        assert!(csr.check_names(&set(&["a.example", "b.example", "c.example"])).is_err());
        assert!(matches!(csr.key, PublicKey::P256(..)));

        let csr = Csr::parse(&request(&["192.0.2.1", "2001:db8::1"], Some("192.0.2.1"), |_| {})).unwrap();
        assert_eq!(csr.names, ["192.0.2.1", "2001:db8::1"].map(|text| Identifier::parse_ip(text).unwrap()).into());
    }

    #[test]
    fn a_key_is_accepted_if_the_ca_certifies_such_keys() {
        let key = Ed25519(ring::signature::Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap());
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        let ed25519 = Csr::parse(params.serialize_request(&key).unwrap().der()).unwrap();
        let p256 = Csr::parse(&request(&["a.example"], None, |_| {})).unwrap();
        let usual = KeyType::USUAL.into();
        assert_eq!(p256.check_key(&usual), Ok(()));
        let refused = ed25519.check_key(&usual).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.detail.contains("Ed25519")),
            (ProblemType::BadCsr, true),
            "{}",
            refused.detail
        );
        assert_eq!(ed25519.check_key(&[KeyType::Ed25519].into()), Ok(()));
    }

    #[test]
    fn unacceptable_requests_are_refused() {
        let good = request(&["a.example"], None, |_| {});
        let mut forged = good.clone();
        *forged.last_mut().unwrap() ^= 1;
        let longer = [&good[..], &[0]].concat();
        let mail = request(&["a.example"], None, |params| {
            params.subject_alt_names.push(SanType::Rfc822Name("a@a.example".try_into().unwrap()));
        });
        let wrong_name = request(&["a.example"], Some("Example, Inc."), |_| {});
        for bad in [&forged[..], &longer, &mail, &wrong_name, b"", b"0", &good[..40]] {
            assert_eq!(Csr::parse(bad).unwrap_err().kind(), ProblemType::BadCsr);
        }
    }
}
