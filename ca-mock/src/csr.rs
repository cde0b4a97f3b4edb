//! Certificate signing requests (RFC 2986, RFC 8555 §7.4), read strictly.
//!
//! Only the key, the names and the wish that servers staple are taken over; other requested extensions are ignored,
//! so that nobody can ask for CA rights. A CSR that is accepted here is a [`Csr`], whose signature has been verified.

use std::collections::BTreeSet;

use x509_parser::{
    asn1_rs::{Oid, oid},
    certification_request::X509CertificationRequest,
    cri_attributes::ParsedCriAttribute,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

use crate::{
    identifier::Identifier,
    jwk::PublicKey,
    problem::{Problem, ProblemType},
};

/// RFC 7633 §4.1.
const TLS_FEATURE: Oid<'_> = oid!(1.3.6.1.5.5.7.1.24);
/// A list with the one feature `status_request`.
const STATUS_REQUEST: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x05];

/// A request with a valid signature over a usable key, for names that are DNS names.
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
        let key = PublicKey::from_spki(&info.subject_pki).map_err(|_| {
            bad("the CSR's key is neither P-256, P-384 nor RSA with 2048 to 4096 bits and exponent 65537")
        })?;
        request.verify_signature().map_err(|_| bad("the CSR's signature does not verify"))?;

        let mut names = BTreeSet::new();
        let mut common_name = None;
        let mut must_staple = false;
        for attribute in info.subject.iter_common_name() {
            let name = attribute.as_str().map_err(|_| bad("the CSR's common name is not text"))?;
            let name = dns_name(name)?;
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

fn alternative_names(extension: &ParsedExtension<'_>) -> Result<BTreeSet<Identifier>, Problem> {
    if let ParsedExtension::ParseError { .. } = extension {
        return Err(bad("the CSR has an extension that cannot be read"));
    }
    let ParsedExtension::SubjectAlternativeName(names) = extension else { return Ok(BTreeSet::new()) };
    let mut found = BTreeSet::new();
    for name in &names.general_names {
        let GeneralName::DNSName(name) = name else {
            return Err(bad("the CSR has an alternative name that is not a DNS name"));
        };
        found.insert(dns_name(name)?);
    }
    Ok(found)
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
    use sim::crypto::P256Key;

    use super::*;
    use crate::testing;

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
        let address = request(&["a.example", "192.0.2.1"], None, |_| {});
        let wrong_name = request(&["a.example"], Some("Example, Inc."), |_| {});
        for bad in [&forged[..], &longer, &mail, &address, &wrong_name, b"", b"0", &good[..40]] {
            assert_eq!(Csr::parse(bad).unwrap_err().kind(), ProblemType::BadCsr);
        }
    }
}
