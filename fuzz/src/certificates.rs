//! DER: certificates, requests for them, and what is said of them afterwards.
//!
//! What counts only if it is signed is also made here, from words: no fuzzer forges a signature.

use std::{collections::BTreeMap, net::IpAddr};

use ca_mock::RequestedCertificate;
use client_under_test::{
    acme::certificate::Chain,
    status::{
        Reason, Status, Subject,
        crl::{CrlError, List},
        ocsp,
    },
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CustomExtension, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use scenarios::oracles::reader::{
    self,
    certificate::read_pem,
    csr::Csr,
    identifier::{Identifier, Identifiers},
    jws::point,
    ocsp::Response,
};
use sim::crypto::P256Key;
use time::{Duration, UtcDateTime};

use super::{
    first_line,
    stage::{NOW, env},
};

/// A PEM chain: what the client accepts, it reads again from what it writes, and the oracles see the same leaf.
///
/// # Panics
/// If that is not so.
pub fn certificate_chain(pem: &[u8], parse: impl Fn(&[u8]) -> Option<Chain>) {
    if let Some(chain) = parse(pem) {
        assert_eq!(parse(chain.to_pem().as_bytes()).as_ref(), Some(&chain));
        let seen = read_pem(pem).expect("the oracles read what the client accepts");
        assert_eq!(seen.certificates.len(), chain.certificates().len());
        let (seen, leaf) = (&seen.certificates[0], chain.leaf());
        assert_eq!(seen.not_before_s, leaf.not_before.unix_timestamp());
        assert_eq!(seen.not_after_s, leaf.not_after.unix_timestamp());
        assert_eq!(seen.public_key, leaf.public_key());
        drop(Subject::of(&chain));
    }
}

/// A certificate's DER, as a peer shows it in a handshake: the oracles read it or do not.
///
/// # Panics
/// If they do.
pub fn certificate(der: &[u8], read: impl Fn(&[u8]) -> Option<reader::certificate::Certificate>) {
    if let Some(certificate) = read(der) {
        assert!(certificate.lifetime_s() >= 1);
        assert!(
            certificate.names.iter().all(|name| certificate.covers(&name.clone()) || name.to_string().contains('*'))
        );
    }
}

/// A CSR's DER; or the words of one: a common name, and in each further line an alternative name. What the CA accepts, the oracles
/// read as one for the same names and the same key.
///
/// # Panics
/// If that is not so.
pub fn csr(bytes: &[u8], read: impl Fn(&[u8]) -> Result<RequestedCertificate, String>) {
    thread_local! { static KEY: P256Key = P256Key::generate(&env("client"), "csr"); }
    let signed = |text| KEY.with(|key| requested(text)?.serialize_request(key).ok().map(|csr| csr.der().to_vec()));
    let der = str::from_utf8(bytes).ok().and_then(signed).unwrap_or_else(|| bytes.to_vec());
    if let Ok(accepted) = read(&der) {
        let seen = Csr::read(&der).expect("the oracles read what the CA accepts");
        let names: Identifiers = accepted.names.iter().map(|name| Identifier::of_server(name.as_str())).collect();
        assert_eq!(names, seen.names);
        let jwk = serde_json::from_str(&accepted.jwk).expect("a JWK is JSON");
        assert!(point(&jwk).is_none_or(|point| point == seen.public_key));
    }
}

fn requested(words: &str) -> Option<CertificateParams> {
    let (common_name, names) = words.split_once('\n')?;
    let mut params = bare();
    params.serial_number = None;
    if !common_name.is_empty() {
        params.distinguished_name.push(DnType::CommonName, DnValue::Utf8String(common_name.to_owned()));
    }
    params.subject_alt_names = names.lines().map(alternative_name).collect::<Option<_>>()?;
    Some(params)
}

fn alternative_name(text: &str) -> Option<SanType> {
    let address = text.parse::<IpAddr>().map(SanType::IpAddress);
    address.ok().or_else(|| text.to_owned().try_into().ok().map(SanType::DnsName))
}

/// Nothing that would be drawn by chance.
fn bare() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from(1_u64));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
    (params.not_before, params.not_after) = (NOW.into(), (NOW + Duration::days(1)).into());
    params
}

/// What the validation authority awaits.
const KEY_AUTHORIZATION: &str = "token.thumbprint";

/// The validation certificate of tls-alpn-01 in words: the names in the first line; then whether the extension is critical, by an
/// exclamation mark, and what it holds. What convinces the CA is for the name alone, and the oracles see it so.
///
/// # Panics
/// If that is not so.
pub fn tls_alpn01(bytes: &[u8], judge: impl Fn(&[u8], &str, &str) -> Result<(), &'static str>) {
    thread_local! { static KEY: P256Key = P256Key::generate(&env("client"), "challenge"); }
    let (names, extension) = first_line(bytes);
    let Some(names) = str::from_utf8(names).ok().and_then(|names| names.split(' ').map(alternative_name).collect())
    else {
        return;
    };
    let mut params = bare();
    params.subject_alt_names = names;
    if let Some((mark, content)) = extension.split_first() {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 31], content.to_vec());
        extension.set_criticality(*mark == b'!');
        params.custom_extensions.push(extension);
    }
    let Some(shown) = KEY.with(|key| params.self_signed(key).ok()) else { return };
    let control = Identifier::dns("a.test");
    if judge(shown.der(), "a.test", KEY_AUTHORIZATION).is_ok() {
        let seen = reader::certificate::Certificate::read(shown.der()).expect("the oracles read what convinces the CA");
        assert!(seen.is_for_challenge && seen.names == [control].into(), "{:?}", seen.names);
    }
}

/// An OCSP response: the client and the oracles agree when it ends, and the client reads it or says why not.
///
/// # Panics
/// If that is not so.
pub fn ocsp_response(der: &[u8], ends: impl Fn(&[u8]) -> Option<UtcDateTime>) {
    thread_local! { static SUBJECT: Subject = Authority::new().subject(); }
    SUBJECT.with(|subject| drop(ocsp::read(subject, der, NOW)));
    if let (Some(end), Some(seen)) = (ends(der), Response::read(der)) {
        let next = seen.statements.iter().filter_map(|statement| statement.next_update_s).min();
        assert_eq!(Some(end.unix_timestamp()), next);
    }
}

/// A revocation list's DER; or the words of one: the address of its distribution point, if it has one, and in each further line a
/// serial number in hexadecimal digits and a reason's code. The client believes those that an issuer has signed, and finds there
/// what was said.
///
/// # Panics
/// If that is not so.
pub fn revocation_list(bytes: &[u8], status: impl Fn(&List, &[u8]) -> Status) {
    thread_local! { static AUTHORITY: Authority = Authority::new(); }
    AUTHORITY.with(|authority| {
        let read = |der: &[u8]| List::read(der, &authority.list_url(), authority.certificate.der(), NOW);
        let Some((point, entries)) = str::from_utf8(bytes).ok().and_then(listed) else {
            drop(read(bytes));
            return;
        };
        let is_ours = point.is_empty() || point == authority.list_url().as_str();
        let list = match read(&authority.list(point, &entries)) {
            Ok(list) => list,
            Err(error) => return assert_eq!(error, CrlError::Scope),
        };
        assert!(is_ours || list.is_of(authority.certificate.der()));
        for (serial, reason) in entries {
            assert_eq!(status(&list, &serial), Status::Revoked(Reason::of_code(reason)));
        }
    });
}

/// The distribution point, and reasons by serial number, as DER has that.
fn listed(words: &str) -> Option<(&str, BTreeMap<Vec<u8>, u8>)> {
    let (point, entries) = words.split_once('\n').filter(|_| words.is_ascii())?;
    let entry = |line: &str| {
        let (serial, reason) = line.split_once(' ')?;
        let digits =
            serial.as_bytes().chunks_exact(2).map(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        let mut serial: Vec<u8> = digits.collect::<Option<_>>()?;
        // A number that is positive and as short as can be.
        serial.drain(..serial.iter().take_while(|octet| **octet == 0).count());
        if serial.first().is_none_or(|octet| *octet >= 0x80) {
            serial.insert(0, 0);
        }
        Some((serial, reason.parse().ok().filter(|code| *code <= 10 && *code != 7)?))
    };
    Some((point, entries.lines().map(entry).collect::<Option<_>>()?))
}

/// An issuer of certificates.
struct Authority {
    key: P256Key,
    params: CertificateParams,
    certificate: Certificate,
}

impl Authority {
    fn new() -> Self {
        let key = P256Key::generate(&env("ca"), "authority");
        let mut params = bare();
        params.distinguished_name.push(DnType::CommonName, "R1");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("it can sign");
        Self { key, params, certificate }
    }

    fn issuer(&self) -> Issuer<'_, &P256Key> {
        Issuer::from_params(&self.params, &self.key)
    }

    fn subject(&self) -> Subject {
        let mut params = bare();
        params.subject_alt_names = vec![alternative_name("a.test").expect("it is a name")];
        let leaf = params.signed_by(&self.key, &self.issuer()).expect("it can sign");
        let chain = Chain::parse((leaf.pem() + &self.certificate.pem()).as_bytes()).expect("it is a chain");
        Subject::of(&chain).expect("it has its issuer")
    }

    fn list_url(&self) -> url::Url {
        "http://ca.test/crl".parse().expect("it is an address")
    }

    fn list(&self, point: &str, entries: &BTreeMap<Vec<u8>, u8>) -> Vec<u8> {
        use RevocationReason as R;
        const REASONS: [R; 11] = [
            R::Unspecified,
            R::KeyCompromise,
            R::CaCompromise,
            R::AffiliationChanged,
            R::Superseded,
            R::CessationOfOperation,
            R::CertificateHold,
            R::Unspecified,
            R::RemoveFromCrl,
            R::PrivilegeWithdrawn,
            R::AaCompromise,
        ];
        let entry = |(serial, reason): (&Vec<u8>, &u8)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: NOW.into(),
            reason_code: Some(REASONS[usize::from(*reason)]),
            invalidity_date: None,
        };
        let point = (!point.is_empty()).then(|| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec![point.to_owned()] },
            scope: None,
        });
        let list = CertificateRevocationListParams {
            this_update: NOW.into(),
            next_update: (NOW + Duration::days(7)).into(),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: point,
            revoked_certs: entries.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(vec![1]),
        };
        list.signed_by(&self.issuer()).expect("it can sign").der().to_vec()
    }
}
