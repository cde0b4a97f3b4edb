//! OCSP responses (RFC 6960 §4.2), read value by value from their DER: what is said about which certificate, for how long, and
//! whether whoever has a key has signed it.

use ring::{digest, signature};
use x509_parser::{
    asn1_rs::{Any, Class, FromDer, GeneralizedTime},
    oid_registry::{OID_PKCS1_SHA256WITHRSA, OID_SIG_ECDSA_WITH_SHA256},
};

/// What is said about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Good,
    /// It has been taken back, for the reason with this code (RFC 5280 §5.3.1); 0 if none is told.
    Revoked {
        /// The code.
        reason: u8,
    },
    /// The responder does not know it.
    Unknown,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The serial number's octets in hexadecimal digits, as in [`Certificate::serial`](super::certificate::Certificate).
    pub serial: String,
    /// The SHA-1 of the issuer's key.
    pub issuer_key_hash: Vec<u8>,
    /// What it says.
    pub status: Status,
    /// From when it holds, Unix seconds.
    pub this_update_s: i64,
    /// When it ceases to, Unix seconds.
    pub next_update_s: Option<i64>,
}

/// A response that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What it says.
    pub statements: Vec<Statement>,
    data: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl Response {
    /// Reads DER; `None` if it is no response, or one without an answer.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut response = Values::of(der)?.inside()?;
        let status = response.next_value()?;
        let mut bytes = Values(response.next_value()?.content).inside()?;
        let _kind = bytes.next_value()?;
        let mut basic = Values(bytes.next_value()?.content).inside()?;
        if status.content != [0] {
            return None;
        }
        let data = basic.next_value()?;
        let algorithm = basic.next_value()?;
        let signature = basic.next_value()?;
        Some(Self {
            statements: statements(data.content)?,
            data: data.whole.to_vec(),
            algorithm: algorithm.whole.to_vec(),
            // A bit string begins with how many bits of its last octet don't count.
            signature: signature.content.get(1..)?.to_vec(),
        })
    }

    /// Whether whoever has this key, P-256 or RSA, has signed it; the key's bits are as a certificate has them.
    #[must_use]
    pub fn is_signed_by(&self, public_key: &[u8]) -> bool {
        let algorithm: &dyn signature::VerificationAlgorithm = match Values(&self.algorithm)
            .inside()
            .and_then(|mut values| values.next_value())
        {
            Some(oid) if oid.content == OID_SIG_ECDSA_WITH_SHA256.as_bytes() => &signature::ECDSA_P256_SHA256_ASN1,
            Some(oid) if oid.content == OID_PKCS1_SHA256WITHRSA.as_bytes() => &signature::RSA_PKCS1_2048_8192_SHA256,
            Some(_) | None => return false,
        };
        signature::UnparsedPublicKey::new(algorithm, public_key).verify(&self.data, &self.signature).is_ok()
    }
}

/// How a statement names the issuer whose key has these bits.
#[must_use]
pub fn key_hash(public_key: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, public_key).as_ref().to_vec()
}

fn statements(mut data: &[u8]) -> Option<Vec<Statement>> {
    // A version may come first, who responds and when follow.
    let mut list = None;
    while list.is_none() {
        let (value, rest) = Value::first(data)?;
        data = rest;
        list = Some(value).filter(|value| value.class == Class::Universal && value.tag == SEQUENCE);
    }
    let mut found = Vec::new();
    let mut singles = Values(list?.content);
    while let Some(mut single) = singles.inside() {
        let mut id = Values(single.next_value()?.content);
        let _algorithm = id.next_value()?;
        let _issuer_name_hash = id.next_value()?;
        let issuer_key_hash = id.next_value()?.content.to_vec();
        let serial = id.next_value()?.content.iter().map(|octet| format!("{octet:02x}")).collect();
        let status = single.next_value()?;
        let status = match status.tag {
            0 => Status::Good,
            1 => Status::Revoked { reason: reason(status.content).unwrap_or(0) },
            _ => Status::Unknown,
        };
        let this_update_s = seconds(single.next_value()?.whole)?;
        let next = single.next_value().filter(|next| next.class == Class::ContextSpecific && next.tag == 0);
        let next_update_s = next.and_then(|next| seconds(next.content));
        found.push(Statement { serial, issuer_key_hash, status, this_update_s, next_update_s });
    }
    Some(found)
}

/// The reason's code after the time in `RevokedInfo`.
fn reason(revoked: &[u8]) -> Option<u8> {
    let mut values = Values(revoked);
    let _time = values.next_value()?;
    Value::first(values.next_value()?.content)?.0.content.last().copied()
}

fn seconds(time: &[u8]) -> Option<i64> {
    Some(GeneralizedTime::from_der(time).ok()?.1.utc_datetime().ok()?.unix_timestamp())
}

const SEQUENCE: u32 = 16;

/// A value in DER.
struct Value<'a> {
    class: Class,
    tag: u32,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Value<'a> {
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (rest, any) = Any::from_der(bytes).ok()?;
        let whole = bytes.get(..bytes.len() - rest.len())?;
        let content = whole.get(whole.len() - any.data.len()..)?;
        Some((Self { class: any.class(), tag: any.tag().0, content, whole }, rest))
    }
}

/// The values that follow each other.
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// Exactly one value.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        Value::first(bytes).filter(|(_, rest)| rest.is_empty()).map(|_| Self(bytes))
    }

    fn next_value(&mut self) -> Option<Value<'a>> {
        let (value, rest) = Value::first(self.0)?;
        self.0 = rest;
        Some(value)
    }

    /// The values inside the next one.
    fn inside(&mut self) -> Option<Self> {
        self.next_value().map(|value| Self(value.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, staple};

    #[test]
    fn a_response_says_what_it_says_and_who_has_signed_it() {
        let [leaf, authority] = [&["a.test"][..], &["R1"]].map(|names| Issued::new(names, 0, 1_000));
        let [of_leaf, of_authority] =
            [&leaf, &authority].map(|one| super::super::certificate::Certificate::read(&one.der).unwrap());
        let der = staple(&leaf, &authority, &[0x80, 0x00], 1_000, 2_000);
        let response = Response::read(&der).unwrap();
        let [statement] = &response.statements[..] else { panic!("one statement") };
        assert_eq!(statement.serial, of_leaf.serial);
        assert_eq!((statement.this_update_s, statement.next_update_s), (1_000, Some(2_000)));
        assert_eq!(statement.status, Status::Good);
        assert_eq!(statement.issuer_key_hash, key_hash(&of_authority.public_key));
        assert!(response.is_signed_by(&of_authority.public_key) && !response.is_signed_by(&of_leaf.public_key));
        for cut in 0..der.len() {
            assert_eq!(Response::read(&der[..cut]), None, "{cut}");
        }
    }

    fn a_staple(status: &[u8]) -> (Vec<u8>, Issued) {
        let [leaf, authority] = [&["a.test"][..], &["R1"]].map(|names| Issued::new(names, 0, 1_000));
        (staple(&leaf, &authority, status, 1_000, 2_000), authority)
    }

    #[test]
    fn a_revocation_is_read_with_its_reason() {
        let revoked = |reason: &[u8]| {
            let inside = [b"\x18\x0f20260101000000Z", reason].concat();
            [&[0xa1, u8::try_from(inside.len()).unwrap()], &inside[..]].concat()
        };
        for (status, expected) in [
            (vec![0x80, 0], Status::Good),
            (vec![0x82, 0], Status::Unknown),
            (revoked(&[]), Status::Revoked { reason: 0 }),
            (revoked(&[0xa0, 3, 0x0a, 1, 4]), Status::Revoked { reason: 4 }),
        ] {
            let response = Response::read(&a_staple(&status).0).unwrap();
            assert_eq!(response.statements[0].status, expected, "{status:?}");
        }
    }

    #[test]
    fn a_value_counts_by_its_class_and_its_tag() {
        let (der, authority) = a_staple(&[0x80, 0]);
        let authority = super::super::certificate::Certificate::read(&authority.der).unwrap();
        let with = |from: &[u8], to: &[u8]| {
            let at = der.windows(from.len()).position(|bytes| bytes == from).unwrap();
            Response::read(&[&der[..at], to, &der[at + from.len()..]].concat())
        };
        assert_eq!(with(&[0x0a, 1, 0], &[0x0a, 1, 6]), None, "the responder refuses");
        assert_eq!(Response::read(&[&der[..], &[0]].concat()), None, "something follows");
        for tag in [0xa1, 0x60] {
            let response = with(&[0xa0, 0x11, 0x18], &[tag, 0x11, 0x18]).unwrap();
            assert_eq!(response.statements[0].next_update_s, None, "{tag:x}");
        }
        let by_other_means = with(&[0x3d, 4, 3, 2], &[0x3d, 4, 3, 3]).unwrap();
        assert!(!by_other_means.is_signed_by(&authority.public_key));
    }

    #[test]
    fn an_rsa_key_signs_with_sha_256_alone() {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

        const KEY: &str = "MIIBCgKCAQEA7dkgVqMbq-F2_hPhAnuBa1m8AvFebpMfi5xXfGa8Zi_U1ZzQ_5g6srC0hHXBwObWn-VLYSTDwQmy2emndjj-IA7pHUN5RGvEGcsksPC4PJz2Wh9L8U4YQZdx-oNr8jmdfrB6VvfR7lV7wMP-J8fUw5zoj9Kx7SUtlQ0XDIPX2oKxgpg8jYF8D_nqqHvYmym6Z7aDmjh59xKbROBGKvdegrsiLyCWlDGVBUaAcfnRSFMHbhzSwFpDUAWWjT3Ub_TVt_FJImbdUPFd7Y3zSZblP0PwwrZROfNqFrycfzI9yVd7z37R0lYZVyMPsEg5wtKsX7LbklNA1q7AqF1ZJqGYxwIDAQAB";
        const SIGNATURE: &str = "dwCtdqch93nvabehs88fP2n0wkMZN3A_-ahb7ZuAnl0sxB7YFBpOYmsewXl2uEPgVFVVvci7cbnK7BEywwwxAgdPlJVgLRYS6NhmnPgcQgSSnME1qpRaz_wSky6bZcdwzhAq0-lc_m_mFgWACJRW4W3gEX7NLmQ8eDf7eAmwDP5nVs212D2R50cnJGA4-kAzYCVNb9GgNcJXysa3sTzYzAirCRkZlFWYsZhCEug74M6NfiJ2J5hJtb-uPv6VSw14kxXb-buHFhoRlCSKfyRx46LKy6pt_AWC1bzGgbB-aRzhog7dF8HM3A-CIb3DVoVxkeogfEmwJZUtERY9Yl3a0g";
        let [key, signature] = [KEY, SIGNATURE].map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
        // PKCS #1's 1.2.840.113549.1.1 and the last number; 11 is sha256WithRSAEncryption, 12 is that with SHA-384.
        for (number, is_signed) in [(11, true), (12, false)] {
            let oid =
                [&[0x30, 0x0d, 0x06, 0x09][..], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, number]].concat();
            let algorithm = [&oid[..], &[0x05, 0x00]].concat();
            let response = |data: &[u8]| Response {
                statements: Vec::new(),
                data: data.to_vec(),
                algorithm: algorithm.clone(),
                signature: signature.clone(),
            };
            assert_eq!(response(b"what is said").is_signed_by(&key), is_signed, "{number}");
            assert!(!response(b"what is not said").is_signed_by(&key));
        }
    }
}
