//! Leaf certificates: what they say, by profile, CSR and configuration.

use rcgen::{
    CertificateParams, CrlDistributionPoint, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    PublicKeyData, SanType,
};
use sim::{Env, UtcDateTime};
use yasna::{Tag, models::ObjectIdentifier};

use super::{
    authority::{self, Authority},
    subject_key::SubjectKey,
};
use crate::{
    certificates::Serial,
    config::Config,
    csr::{Csr, STATUS_REQUEST},
    identifier::Identifier,
    profiles::Profile,
    validity::RequestedValidity,
};

/// Where leaf certificates send those who want to know more; each is left out if absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeafUrls {
    /// The OCSP responder (RFC 5280 §4.2.2.1).
    pub ocsp: Option<String>,
    /// The issuer's certificate (RFC 5280 §4.2.2.1).
    pub issuer: Option<String>,
    /// The revocation list (RFC 5280 §4.2.1.13).
    pub crl: Option<String>,
}

/// RFC 5280 §A.1: `ub-common-name`.
const COMMON_NAME_CHARACTERS_MAX: usize = 64;
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
/// RFC 5280 §4.2.1.9: an empty sequence, since "false" is the default.
const NO_CA: [u8; 2] = [0x30, 0x00];
const AUTHORITY_INFORMATION_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const ACCESS_OCSP: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1];
const ACCESS_CA_ISSUERS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 2];
const TLS_FEATURE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 24];

/// The certificate in DER, and its dates.
pub(super) fn sign(
    env: &Env,
    config: &Config,
    (profile, requested): (&Profile, RequestedValidity),
    (serial, csr): (&Serial, &Csr),
    issuer: &Authority,
) -> (Vec<u8>, UtcDateTime, UtcDateTime) {
    let key = SubjectKey::of(&csr.key);
    let (not_before, not_after) = requested.dates(config, profile, env.utc_now());
    let mut params = params(serial, not_before, not_after, &key);
    let san_type = |name: &Identifier| match name.ip() {
        Some(address) => SanType::IpAddress(address),
        None => SanType::DnsName(name.as_str().try_into().expect("identifiers are ASCII")),
    };
    params.subject_alt_names = csr.names.iter().map(san_type).collect();
    if profile.promotes_common_name
        && let Some(name) = common_name(csr)
    {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    if csr.must_staple {
        params.custom_extensions.push(CustomExtension::from_oid_content(TLS_FEATURE, STATUS_REQUEST.to_vec()));
    }
    params.custom_extensions.extend(authority_information_access(&config.leaf_urls));
    params.crl_distribution_points =
        config.leaf_urls.crl.iter().map(|url| CrlDistributionPoint { uris: vec![url.clone()] }).collect();
    let leaf = params.signed_by(&key, &issuer.issuer).expect("parameters are complete and signing cannot fail");
    (leaf.der().to_vec(), not_before, not_after)
}

/// What every server's certificate says.
pub(super) fn params(
    serial: &Serial,
    not_before: UtcDateTime,
    not_after: UtcDateTime,
    key: &impl PublicKeyData,
) -> CertificateParams {
    let mut params = authority::params(serial, not_before, not_after, key);
    params.use_authority_key_identifier_extension = true;
    // What rcgen writes for a leaf by itself comes with a subject key identifier, which leaves are better without
    // (Baseline Requirements §7.1.2.7.6).
    params.is_ca = IsCa::NoCa;
    let mut constraints = CustomExtension::from_oid_content(BASIC_CONSTRAINTS, NO_CA.to_vec());
    constraints.set_criticality(true);
    params.custom_extensions = vec![constraints];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// The name that the CSR has there already, or else the first one; without one that fits there is none.
fn common_name(csr: &Csr) -> Option<&Identifier> {
    let fits = |name: &&Identifier| name.as_str().len() <= COMMON_NAME_CHARACTERS_MAX;
    csr.common_name.iter().chain(&csr.names).find(fits)
}

/// RFC 5280 §4.2.2.1; `None` if there is nothing to say.
fn authority_information_access(urls: &LeafUrls) -> Option<CustomExtension> {
    let descriptions = [(ACCESS_OCSP, &urls.ocsp), (ACCESS_CA_ISSUERS, &urls.issuer)];
    let said: Vec<_> = descriptions.into_iter().filter_map(|(method, url)| Some((method, url.as_ref()?))).collect();
    if said.is_empty() {
        return None;
    }
    let content = yasna::construct_der(|access| {
        access.write_sequence(|access| {
            for (method, url) in said {
                access.next().write_sequence(|description| {
                    description.next().write_oid(&ObjectIdentifier::from_slice(method));
                    description.next().write_tagged_implicit(Tag::context(6), |name| name.write_ia5_string(url));
                });
            }
        });
    });
    Some(CustomExtension::from_oid_content(AUTHORITY_INFORMATION_ACCESS, content))
}
