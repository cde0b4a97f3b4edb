//! Certificates (RFC 8555 §7.4.2): what a CA hands out, read and checked before anyone is shown it.
//!
//! A [`Chain`] is in order when its leaf certifies our key for our names and has not expired. Whether
//! visitors trust the chain's root is theirs to say.

use std::{fmt, net::IpAddr};

use rustls::pki_types::CertificateDer;
use sim::crypto::P256Key;
use time::{Duration, UtcDateTime};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

use super::renewal_info::CertId;
use crate::{name::Name, status::StatusSources};

pub(super) const MEDIA_TYPE: &str = "application/pem-certificate-chain";
const TAG: &str = "CERTIFICATE";
const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const CERTIFICATES_MAX: usize = 16;

/// Why a certificate can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is not a PEM chain of X.509 certificates.
    #[error("not a certificate chain: {0}")]
    Unreadable(&'static str),
    /// It certifies another key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// It does not cover a name.
    #[error("the certificate does not cover {0}")]
    NameMissing(Name),
    /// It has expired.
    #[error("the certificate expired at {0}")]
    Expired(UtcDateTime),
}

/// What a certificate says that a manager needs to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The DNS names and addresses it is valid for.
    pub names: Vec<Name>,
    /// When it becomes valid.
    pub not_before: UtcDateTime,
    /// When it expires.
    pub not_after: UtcDateTime,
    /// What renewal information calls it; `None` without an authority key identifier.
    pub id: Option<CertId>,
    /// Where its status can be asked for.
    pub status_sources: StatusSources,
    public_key: Vec<u8>,
}

impl Leaf {
    fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let names = match certificate.subject_alternative_name().ok()? {
            Some(extension) => extension.value.general_names.iter().filter_map(name).collect(),
            None => Vec::new(),
        };
        let authority = certificate.extensions().iter().find_map(|extension| {
            let ParsedExtension::AuthorityKeyIdentifier(found) = extension.parsed_extension() else { return None };
            Some(found.key_identifier.as_ref()?.0.to_vec())
        });
        Some(Self {
            names,
            not_before: time(certificate.validity().not_before.timestamp())?,
            not_after: time(certificate.validity().not_after.timestamp())?,
            id: authority.map(|authority| CertId::new(&authority, certificate.tbs_certificate.raw_serial())),
            status_sources: StatusSources::read(&certificate),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// The bits of the key that it certifies (RFC 5280 §4.1.2.7); of P-256, the uncompressed point.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// How long it is valid for, from beginning to end; never negative.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        (self.not_after - self.not_before).max(Duration::ZERO)
    }

    /// A number of its own between 0 and 1, drawn when its key was: by this, certificates that were issued together part ways.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let drawn = self.public_key.iter().rev().take(4).fold(0_u32, |drawn, octet| drawn << 8 | u32::from(*octet));
        f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
    }

    /// Whether it names all of `names`.
    #[must_use]
    pub fn covers(&self, names: &[Name]) -> bool {
        names.iter().all(|name| self.names.contains(name))
    }

    /// Whether it is to be shown instead of `other`, whichever CA issued either: an expired one never is, and of the
    /// others the one that was issued later is.
    #[must_use]
    pub fn supersedes(&self, other: &Self, now: UtcDateTime) -> bool {
        let rank = |leaf: &Self| (now < leaf.not_after, leaf.not_before, leaf.not_after);
        rank(self) > rank(other)
    }

    /// Whether it is valid at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: UtcDateTime) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({:?}, {} to {})", self.names, self.not_before, self.not_after)
    }
}

fn name(general: &GeneralName<'_>) -> Option<Name> {
    if let GeneralName::DNSName(text) = general {
        // An address among the DNS names is none.
        return text.parse().ok().filter(|name: &Name| name.address().is_none());
    }
    let GeneralName::IPAddress(octets) = general else { return None };
    let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)).ok().map(Name::from)
}

fn time(unix: i64) -> Option<UtcDateTime> {
    UtcDateTime::from_unix_timestamp(unix).ok()
}

/// A certificate with those that certify it, leaf first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    leaf: Leaf,
}

impl Chain {
    /// Reads a PEM chain (RFC 8555 §9.1). Text around the blocks is ignored; other blocks, such as a key that would take
    /// the place of ours, are not (RFC 8555 §11.4).
    ///
    /// # Errors
    /// [`CertificateError::Unreadable`].
    pub fn parse(pem: &[u8]) -> Result<Self, CertificateError> {
        let blocks = pem_blocks(pem)?;
        if blocks.iter().any(|block| block.tag() != TAG) {
            return Err(CertificateError::Unreadable("it holds more than certificates"));
        }
        Self::of_blocks(blocks)
    }

    /// Takes a chain from PEM blocks that have been read already; blocks of other kinds are ignored.
    ///
    /// # Errors
    /// [`CertificateError::Unreadable`].
    pub fn of_blocks(blocks: Vec<pem::Pem>) -> Result<Self, CertificateError> {
        let certificates: Vec<CertificateDer<'static>> =
            blocks.into_iter().filter(|block| block.tag() == TAG).map(|block| block.into_contents().into()).collect();
        if certificates.len() > CERTIFICATES_MAX {
            return Err(CertificateError::Unreadable("it holds too many certificates"));
        }
        let first = certificates.first().ok_or(CertificateError::Unreadable("it holds no certificate"))?;
        let leaf = Leaf::read(first).ok_or(CertificateError::Unreadable("its first certificate is not X.509"))?;
        if certificates[1..].iter().any(|certificate| X509Certificate::from_der(certificate).is_err()) {
            return Err(CertificateError::Unreadable("one of its certificates is not X.509"));
        }
        Ok(Self { certificates, leaf })
    }

    /// The certificates, leaf first.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// What the leaf says.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Whether no certificate of the chain expires before the leaf.
    #[must_use]
    pub fn outlives_leaf(&self) -> bool {
        let expiry =
            |der: &CertificateDer<'_>| Some(X509Certificate::from_der(der).ok()?.1.validity().not_after.timestamp());
        let leaf = self.leaf.not_after.unix_timestamp();
        self.certificates[1..].iter().all(|certificate| expiry(certificate).is_some_and(|expiry| expiry >= leaf))
    }

    /// The common name of who has issued the last certificate.
    #[must_use]
    pub fn top_issuer(&self) -> Option<String> {
        let (_, last) = X509Certificate::from_der(self.certificates.last()?).ok()?;
        last.issuer().iter_common_name().next()?.as_str().ok().map(str::to_owned)
    }

    /// How many bytes a handshake has to carry for it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.certificates.iter().map(|certificate| certificate.len()).sum()
    }

    /// The chain as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let blocks: Vec<pem::Pem> =
            self.certificates.iter().map(|certificate| pem::Pem::new("CERTIFICATE", certificate.to_vec())).collect();
        pem::encode_many_config(&blocks, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
    }

    /// Checks that the leaf certifies `key`.
    ///
    /// # Errors
    /// [`CertificateError::OtherKey`].
    pub fn check_key(&self, key: &P256Key) -> Result<(), CertificateError> {
        if self.leaf.public_key == key.public_point() { Ok(()) } else { Err(CertificateError::OtherKey) }
    }

    /// Checks that the leaf covers `names` and has not expired at `now`. One that is not valid yet
    /// passes: clocks differ, and it will be.
    ///
    /// # Errors
    /// [`CertificateError`] for the first name or date that is wrong.
    pub fn check_names_and_dates(&self, names: &[Name], now: UtcDateTime) -> Result<(), CertificateError> {
        if let Some(missing) = names.iter().find(|name| !self.leaf.names.contains(name)) {
            return Err(CertificateError::NameMissing(missing.clone()));
        }
        if self.leaf.not_after <= now {
            return Err(CertificateError::Expired(self.leaf.not_after));
        }
        Ok(())
    }
}

/// The PEM blocks in `text`, all of them or none: a block that is cut must not pass unnoticed.
///
/// # Errors
/// [`CertificateError::Unreadable`].
pub fn pem_blocks(text: &[u8]) -> Result<Vec<pem::Pem>, CertificateError> {
    let blocks = pem::parse_many(text).map_err(|_| CertificateError::Unreadable("it is not PEM"))?;
    let begun = text.windows(PEM_BEGIN.len()).filter(|window| *window == PEM_BEGIN).count();
    if begun == blocks.len() {
        Ok(blocks)
    } else {
        Err(CertificateError::Unreadable("one of its PEM blocks is broken"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::{CertificateParams, DistinguishedName, KeyIdMethod, SerialNumber};
    use sim::{Env, real};
    use time::macros::utc_datetime;

    use super::*;

    pub(crate) const BEGIN: UtcDateTime = utc_datetime!(2026-11-21 00:00:00);

    pub(crate) fn env() -> Env {
        real::env("client", real::Options { seed: Some(1), ..real::Options::default() })
    }

    /// A chain of one for `name`, valid for `days` from [`BEGIN`], with the serial number and the
    /// authority key identifier of RFC 9773 §4.1's example.
    pub(crate) fn chain(name: &str, key: &P256Key, days: i64) -> Chain {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.not_before = BEGIN.into();
        params.not_after = (BEGIN + Duration::days(days)).into();
        params.serial_number = Some(SerialNumber::from_slice(&[0x87, 0x65, 0x43, 0x21]));
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![
            0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01,
            0xc8, 0xd4,
        ]);
        let certificate = params.self_signed(key).unwrap();
        Chain::parse(certificate.pem().as_bytes()).unwrap()
    }

    /// A chain whose leaf is for `key`, valid for `days` from [`BEGIN`], above which stand certificates of issuers with
    /// these common names, valid for so many days; the last is issued by itself.
    pub(crate) fn signed_chain(key: &P256Key, days: i64, issuers: &[(&str, i64)]) -> Chain {
        let params = |name: Option<&str>, days: i64| {
            let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
            params.distinguished_name = DistinguishedName::new();
            if let Some(name) = name {
                params.distinguished_name.push(rcgen::DnType::CommonName, name);
            }
            params.not_before = BEGIN.into();
            params.not_after = (BEGIN + Duration::days(days)).into();
            params.serial_number = Some(1_u64.into());
            params
        };
        let mut all = vec![(params(None, days))];
        all.extend(issuers.iter().map(|(name, days)| params(Some(name), *days)));
        let mut pem = String::new();
        for (at, params) in all.iter().enumerate() {
            let issuer = rcgen::Issuer::from_params(all.get(at + 1).unwrap_or(params), key);
            pem += &params.signed_by(key, &issuer).unwrap().pem();
        }
        Chain::parse(pem.as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn the_renewal_information_id_is_rfc_9773s_example() {
        let key = P256Key::generate(&env(), "leaf");
        let chain = chain("example.com", &key, 90);
        assert_eq!(chain.leaf().id.as_ref().unwrap().as_str(), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    }

    #[tokio::test]
    async fn a_chain_is_checked_for_key_names_and_dates() {
        let env = env();
        let key = P256Key::generate(&env, "leaf");
        let chain = chain("example.com", &key, 90);
        let name: Name = "example.com".parse().unwrap();
        let other: Name = "www.example.com".parse().unwrap();
        chain.check_key(&key).unwrap();
        assert_eq!(chain.check_key(&P256Key::generate(&env, "leaf")), Err(CertificateError::OtherKey));
        chain.check_names_and_dates(std::slice::from_ref(&name), BEGIN).unwrap();
        assert_eq!(
            chain.check_names_and_dates(std::slice::from_ref(&other), BEGIN),
            Err(CertificateError::NameMissing(other))
        );
        let end = BEGIN + Duration::days(90);
        assert_eq!(chain.check_names_and_dates(&[name], end), Err(CertificateError::Expired(end)));
        assert_eq!(chain.leaf().lifetime(), Duration::days(90));
    }

    #[tokio::test]
    async fn what_was_issued_later_supersedes_unless_it_has_expired() {
        let key = P256Key::generate(&env(), "leaf");
        let long = chain("example.com", &key, 90).leaf().clone();
        let mut short = chain("example.com", &key, 6).leaf().clone();
        short.not_before += Duration::DAY;
        assert!(short.supersedes(&long, BEGIN) && !long.supersedes(&short, BEGIN));
        let later = BEGIN + Duration::days(7);
        assert!(long.supersedes(&short, later) && !short.supersedes(&long, later));
        assert!(!long.supersedes(&long, BEGIN));
    }

    #[tokio::test]
    async fn a_chain_survives_text_around_it_and_bytes_that_are_cut_do_not_panic() {
        let key = P256Key::generate(&env(), "leaf");
        let chain = chain("example.com", &key, 90);
        let pem = format!("subject: nobody\r\n{}\ntrailing", chain.to_pem().replace('\n', "\r\n"));
        assert_eq!(Chain::parse(pem.as_bytes()).unwrap(), chain);
        let pem = chain.to_pem();
        for cut in 0..pem.trim_end().len() {
            assert!(Chain::parse(&pem.as_bytes()[..cut]).is_err(), "{cut}");
        }
        assert!(Chain::parse((pem.clone() + &key.to_pem()).as_bytes()).is_err());
        let two = pem.clone() + &pem;
        assert_eq!(Chain::parse(two.as_bytes()).unwrap().certificates().len(), 2);
        assert!(Chain::parse(&two.as_bytes()[..two.len() - 40]).is_err());
    }

    #[tokio::test]
    async fn a_certificate_with_any_bit_flipped_does_not_panic() {
        let key = P256Key::generate(&env(), "leaf");
        let der = chain("example.com", &key, 90).certificates()[0].to_vec();
        for bit in 0..der.len() * 8 {
            let mut flipped = der.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            drop(Chain::of_blocks(vec![pem::Pem::new("CERTIFICATE", flipped)]));
        }
    }
}
