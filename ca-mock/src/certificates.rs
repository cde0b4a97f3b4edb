//! Certificates that have been issued, and how they are named: by serial number, and by RFC 9773's identifier.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use sim::{Env, UtcDateTime};

use crate::{
    ari::SuggestedWindow,
    base64url,
    identifier::Identifier,
    ids::{AccountId, OrderId},
    jwk::Thumbprint,
    problem::Problem,
};

/// A serial number as the content octets of a DER INTEGER: positive, so that one whose first bit is set begins
/// with a zero octet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Serial(Vec<u8>);

impl Serial {
    /// 128 random bits; CAs need at least 64 (Baseline Requirements §7.1) and at most 20 octets (RFC 5280 §4.1.2.2).
    pub(crate) fn draw(env: &Env) -> Self {
        let mut magnitude: [u8; 16] = env.entropy("ca/serial number");
        magnitude[0] = magnitude[0].max(1);
        Self::from_magnitude(&magnitude)
    }

    /// The same, with this first bit: 0x80 or 0.
    fn draw_with_first_bit(env: &Env, bit: u8) -> Self {
        let mut magnitude: [u8; 16] = env.entropy("ca/serial number");
        magnitude[0] = (magnitude[0] & 0x7f | bit).max(1);
        Self::from_magnitude(&magnitude)
    }

    /// The content octets of a number whose first octet is not 0.
    pub(crate) fn from_magnitude(magnitude: &[u8]) -> Self {
        let sign: &[u8] = if magnitude[0] < 0x80 { &[] } else { &[0] };
        Self([sign, magnitude].concat())
    }

    /// Reads content octets; `None` if they are not the canonical ones of a positive number.
    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        let is_canonical = match octets {
            [] | [0] | [0, 0..=0x7f, ..] | [0x80..=0xff, ..] => false,
            [_, ..] => octets.len() <= 21,
        };
        is_canonical.then(|| Self(octets.to_vec()))
    }

    /// `None` if `hex` is not how this CA writes a serial number in URLs.
    pub(crate) fn parse_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        if !hex.len().is_multiple_of(2) || !digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let value = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
        let octets: Vec<u8> = digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect();
        Self::from_octets(&octets)
    }

    /// Reads a number in hex, however many zeros it begins with; `None` if `hex` is no positive number of fitting size.
    pub(crate) fn parse_number(hex: &str) -> Option<Self> {
        let digits = hex.to_ascii_lowercase();
        let digits = digits.trim_start_matches('0');
        let first = digits.bytes().next()?;
        let zero = if digits.len().is_multiple_of(2) { "" } else { "0" };
        let sign = if zero.is_empty() && first >= b'8' { "00" } else { "" };
        Self::parse_hex(&format!("{sign}{zero}{digits}"))
    }

    /// In hex, without zeros at the beginning, as Go writes numbers.
    pub(crate) fn to_number(&self) -> String {
        self.to_string().trim_start_matches('0').to_owned()
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Where serial numbers come from, given the certificates that there are.
#[derive(Clone, Copy, Debug)]
pub struct SerialNumbers(pub(crate) fn(&Env, &Certificates) -> Serial);

impl SerialNumbers {
    /// Each is 128 random bits.
    pub const RANDOM: Self = Self(|env, _| Serial::draw(env));
    /// Each is 127 random bits and has a sign octet, 0, which every second number has by chance: it belongs to a
    /// certificate's identifier (RFC 9773 §4.1), and clients have left it out.
    pub const WITH_SIGN_OCTET: Self = Self(|env, _| Serial::draw_with_first_bit(env, 0x80));
    /// Each is 127 random bits and has no sign octet.
    pub const WITHOUT_SIGN_OCTET: Self = Self(|env, _| Serial::draw_with_first_bit(env, 0));
}

/// In hex.
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Names a certificate by its issuer's key identifier and its serial number (RFC 9773 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CertificateId {
    pub(crate) authority_key_identifier: Vec<u8>,
    pub(crate) serial: Serial,
}

impl CertificateId {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let parse = || {
            let (authority_key_identifier, serial) = text.split_once('.')?;
            let authority_key_identifier = base64url::decode(authority_key_identifier).filter(|key| !key.is_empty())?;
            let serial = Serial::from_octets(&base64url::decode(serial)?)?;
            Some(Self { authority_key_identifier, serial })
        };
        parse().ok_or_else(|| {
            Problem::malformed("not a certificate identifier: base64url of key identifier, dot, base64url of serial number (RFC 9773 §4.1)")
        })
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [key, serial] = [&self.authority_key_identifier[..], self.serial.octets()].map(base64url::encode);
        write!(f, "{key}.{serial}")
    }
}

/// RFC 5280 §5.3.1, those that a subscriber may give (Baseline Requirements §4.9.1.1, Boulder's and RFC 8555's 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevocationReason {
    /// None is told.
    Unspecified,
    /// Somebody else has the private key.
    KeyCompromise,
    /// The holder's name or the like has changed.
    AffiliationChanged,
    /// Another certificate is in its place.
    Superseded,
    /// What it was for has ended.
    CessationOfOperation,
}

impl RevocationReason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
    ];

    /// `None` for codes that a subscriber may not give.
    pub(crate) fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Unspecified),
            1 => Some(Self::KeyCompromise),
            3 => Some(Self::AffiliationChanged),
            4 => Some(Self::Superseded),
            5 => Some(Self::CessationOfOperation),
            _ => None,
        }
    }
}

impl RevocationReason {
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) at: UtcDateTime,
    pub(crate) reason: RevocationReason,
}

#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) id: CertificateId,
    pub(crate) account: AccountId,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) key: Thumbprint,
    pub(crate) der: Vec<u8>,
    pub(crate) not_before: UtcDateTime,
    /// Inclusive (RFC 5280 §4.1.2.5).
    pub(crate) not_after: UtcDateTime,
    pub(crate) revocation: Option<Revocation>,
    /// The latest order that says it replaces this certificate (RFC 9773 §5).
    pub(crate) replaced_by: Option<OrderId>,
    /// When to replace it, if it is this one in particular that has to be replaced.
    pub(crate) window: Option<SuggestedWindow>,
    /// What is answered for its renewal information, if the management API has said so.
    pub(crate) renewal_info: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Certificates {
    by_serial: BTreeMap<Serial, Certificate>,
    /// What there have been certificates for, each a set.
    identifiers: BTreeSet<Vec<Identifier>>,
    /// Keys known to be in wrong hands.
    compromised: BTreeSet<Thumbprint>,
}

impl Certificates {
    /// Its identifiers are a set: in order, each once.
    pub(crate) fn add(&mut self, certificate: Certificate) {
        self.identifiers.insert(certificate.identifiers.clone());
        self.by_serial.insert(certificate.id.serial.clone(), certificate);
    }

    /// Revokes a certificate that there is, once and for all; whether it was in force until now.
    pub(crate) fn revoke(&mut self, serial: &Serial, revocation: Revocation) -> bool {
        let Some(certificate) = self.by_serial.get_mut(serial) else { return false };
        if certificate.revocation.is_some() {
            return false;
        }
        certificate.revocation = Some(revocation);
        if revocation.reason == RevocationReason::KeyCompromise {
            self.compromised.insert(certificate.key);
        }
        true
    }

    /// All of them are to be replaced in this window.
    pub(crate) fn advance(&mut self, window: SuggestedWindow) {
        self.by_serial.values_mut().for_each(|certificate| certificate.window = Some(window));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Certificate> {
        self.by_serial.values()
    }

    /// Whether there is one for exactly these identifiers.
    pub(crate) fn were_issued_for(&self, identifiers: &BTreeSet<Identifier>) -> bool {
        self.identifiers.contains(&identifiers.iter().cloned().collect::<Vec<_>>())
    }

    pub(crate) fn with_serial(&self, serial: &Serial) -> Option<&Certificate> {
        self.by_serial.get(serial)
    }

    pub(crate) fn with_serial_mut(&mut self, serial: &Serial) -> Option<&mut Certificate> {
        self.by_serial.get_mut(serial)
    }

    pub(crate) fn find(&self, id: &CertificateId) -> Option<&Certificate> {
        self.by_serial.get(&id.serial).filter(|certificate| certificate.id == *id)
    }

    pub(crate) fn find_mut(&mut self, id: &CertificateId) -> Option<&mut Certificate> {
        self.by_serial.get_mut(&id.serial).filter(|certificate| certificate.id == *id)
    }

    /// Whether `key` is known to be in wrong hands.
    pub(crate) fn is_compromised(&self, key: Thumbprint) -> bool {
        self.compromised.contains(&key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing;

    /// RFC 9773 §4.1: key identifier 69:88:5B:6B:87:46:40:41:E1:B3:7B:84:7B:A0:AE:2C:DE:01:C8:D4, serial 0x8765432100.
    #[test]
    fn the_certificate_identifier_of_rfc_9773_section_4_1() {
        let text = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
        let id = CertificateId::parse(text).unwrap();
        assert_eq!(id.authority_key_identifier[..4], [0x69, 0x88, 0x5b, 0x6b]);
        assert_eq!(id.serial, Serial::from_magnitude(&[0x87, 0x65, 0x43, 0x21]));
        assert_eq!(id.to_string(), text);
    }

    /// Baseline Requirements §7.1.2.7.1: unique, greater than zero, at least 64 bits from a generator of randomness;
    /// RFC 5280 §4.1.2.2: no more than 20 octets.
    #[test]
    fn serial_numbers_are_positive_and_all_different_in_their_first_64_bits() {
        testing::with_env(|env| {
            let drawn: Vec<Serial> = (0..500).map(|_| Serial::draw(&env)).collect();
            assert!(drawn.iter().all(|serial| serial.octets()[0] < 0x80 && serial.octets().len() <= 20));
            let magnitudes: BTreeSet<&[u8]> =
                drawn.iter().map(|serial| &serial.octets()[serial.octets().len() - 16..][..8]).collect();
            assert_eq!(magnitudes.len(), drawn.len());
        });
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in [
            "",
            ".",
            "aYhb",
            "aYhb.",
            ".AIdl",
            "aYhb.AIdl.",
            "aYhb.AIdl.AA",
            "aYhb=.AIdl",
            "aYhb.AAdl",
            "aYhb.h2VD",
            "aYhb.AA",
            "aYhb.////",
        ] {
            assert!(CertificateId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn serial_numbers_survive_hex() {
        let serial = Serial::from_magnitude(&[0x87, 0x01]);
        assert_eq!(serial.to_string(), "008701");
        assert_eq!(Serial::parse_hex("008701"), Some(serial));
        for bad in ["", "0", "00", "8701", "0001", "00870G", "00870A", "é87"] {
            assert_eq!(Serial::parse_hex(bad), None, "{bad}");
        }
        for (number, octets) in [("008701", "008701"), ("8701", "008701"), ("7AB", "07ab"), ("0001", "01")] {
            assert_eq!(Serial::parse_number(number), Serial::parse_hex(octets), "{number}");
        }
        for bad in ["", "0", "zz", "é87"] {
            assert_eq!(Serial::parse_number(bad), None, "{bad}");
        }
    }
}
