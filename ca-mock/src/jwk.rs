//! Public keys as JWKs (RFC 7517, 7518 §6, 8037) and their thumbprints (RFC 7638).
//!
//! Only the members that make up the key are read; the others are ignored, except private ones: a client
//! that sends its private key must hear of it. A key that cannot be used is `badPublicKey`.

use std::fmt;

use p521::ecdsa::{self, signature::Verifier};
use ring::{digest, signature};
use serde_json::{Map, Value};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::{
    base64url,
    problem::{Problem, ProblemType},
};

/// The public keys that accounts and certificates may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Coordinates x and y.
    P256([u8; 32], [u8; 32]),
    /// Coordinates x and y.
    P384([u8; 48], [u8; 48]),
    /// Coordinates x and y. Accounts have such keys, certificates don't.
    P521([u8; 66], [u8; 66]),
    /// Big-endian, without leading zeros; the exponent is 65537.
    Rsa { modulus: Vec<u8>, kind: KeyType },
    /// RFC 8032's encoding.
    Ed25519([u8; 32]),
}

/// What kind of key it is, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyType {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521, for accounts only.
    P521,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// Ed25519, which the Baseline Requirements do not allow in certificates (§6.1.5).
    Ed25519,
}

impl KeyType {
    /// Those that public CAs certify.
    pub const USUAL: [Self; 5] = [Self::P256, Self::P384, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// The size of an RSA modulus, in bits.
    const RSA: [(usize, Self); 3] = [(2048, Self::Rsa2048), (3072, Self::Rsa3072), (4096, Self::Rsa4096)];
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Rsa2048 => "RSA with 2048 bits",
            Self::Rsa3072 => "RSA with 3072 bits",
            Self::Rsa4096 => "RSA with 4096 bits",
            Self::Ed25519 => "Ed25519",
        })
    }
}

/// SHA-256 over a key's required members (RFC 7638): equal for equal keys, however they were written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Thumbprint([u8; 32]);

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 65537 in base64url.
const EXPONENT: &str = "AQAB";
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl PublicKey {
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, Problem> {
        if let Some(member) = PRIVATE_MEMBERS.into_iter().find(|member| jwk.contains_key(*member)) {
            return Err(bad_key(format!("the JWK has the private member {member:?}")));
        }
        match text(jwk, "kty")? {
            "EC" => match text(jwk, "crv")? {
                "P-256" => Ok(Self::P256(fixed(jwk, "x")?, fixed(jwk, "y")?)),
                "P-384" => Ok(Self::P384(fixed(jwk, "x")?, fixed(jwk, "y")?)),
                "P-521" => Ok(Self::P521(fixed(jwk, "x")?, fixed(jwk, "y")?)),
                other => Err(bad_key(format!("curve {other:?} is not supported"))),
            },
            "OKP" => match text(jwk, "crv")? {
                "Ed25519" => Ok(Self::Ed25519(fixed(jwk, "x")?)),
                other => Err(bad_key(format!("curve {other:?} is not supported"))),
            },
            "RSA" => {
                if text(jwk, "e")? != EXPONENT {
                    return Err(bad_key("the RSA exponent is not 65537 (\"AQAB\")"));
                }
                Self::rsa(bytes(jwk, "n")?)
            }
            other => Err(bad_key(format!("key type {other:?} is not supported"))),
        }
    }

    /// The key of a CSR or certificate.
    pub(crate) fn from_spki(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, Problem> {
        use x509_parser::public_key::PublicKey as Parsed;
        let unusable = || bad_key("the key is neither P-256, P-384, Ed25519 nor RSA with exponent 65537");
        let parsed = info.parsed().map_err(|_| unusable())?;
        if let Parsed::EC(point) = &parsed {
            let curve = info.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok()).ok_or_else(unusable)?;
            let Some((0x04, coordinates)) = point.data().split_first().map(|(form, rest)| (*form, rest)) else {
                return Err(unusable());
            };
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            return match (x.try_into(), y.try_into(), x.try_into(), y.try_into()) {
                (Ok(x), Ok(y), _, _) if curve == x509_parser::oid_registry::OID_EC_P256 => Ok(Self::P256(x, y)),
                (_, _, Ok(x), Ok(y)) if curve == x509_parser::oid_registry::OID_NIST_EC_P384 => Ok(Self::P384(x, y)),
                _ => Err(unusable()),
            };
        }
        // RFC 8410 §4: the bit string is the key; the parser does not know that.
        if info.algorithm.algorithm == x509_parser::oid_registry::OID_SIG_ED25519
            && info.algorithm.parameters.is_none()
            && let Ok(x) = <[u8; 32]>::try_from(&*info.subject_public_key.data)
        {
            return Ok(Self::Ed25519(x));
        }
        if let Parsed::RSA(key) = &parsed
            && key.exponent == [1, 0, 1]
        {
            return Self::rsa(key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus).to_vec());
        }
        Err(unusable())
    }

    fn rsa(modulus: Vec<u8>) -> Result<Self, Problem> {
        let (Some(first @ 1..), Some(last)) = (modulus.first(), modulus.last()) else {
            return Err(bad_key("the RSA modulus is empty or begins with a zero octet"));
        };
        let bits = modulus.len() * 8 - first.leading_zeros() as usize;
        if last % 2 == 0 {
            return Err(bad_key("the RSA modulus is even"));
        }
        let Some((_, kind)) = KeyType::RSA.into_iter().find(|(size, _)| *size == bits) else {
            return Err(bad_key(format!("the RSA modulus has {bits} bits, not 2048, 3072 or 4096")));
        };
        Ok(Self::Rsa { modulus, kind })
    }

    pub(crate) fn kind(&self) -> KeyType {
        match self {
            Self::P256(..) => KeyType::P256,
            Self::P384(..) => KeyType::P384,
            Self::P521(..) => KeyType::P521,
            Self::Rsa { kind, .. } => *kind,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// The JWK of RFC 7638 §3: the required members only, in lexical order, without white space.
    pub(crate) fn jwk(&self) -> String {
        let encode = |bytes: &[u8]| base64url::encode(bytes);
        match self {
            Self::P256(x, y) => format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y)),
            Self::P384(x, y) => format!(r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y)),
            Self::P521(x, y) => format!(r#"{{"crv":"P-521","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y)),
            Self::Rsa { modulus, .. } => format!(r#"{{"e":"{EXPONENT}","kty":"RSA","n":"{}"}}"#, encode(modulus)),
            Self::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
        }
    }

    pub(crate) fn thumbprint(&self) -> Thumbprint {
        let hash = digest::digest(&digest::SHA256, self.jwk().as_bytes());
        Thumbprint(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Whether `signature` is this key's over `message`, in the form of JWS (RFC 7518 §3, RFC 8037 §3.1).
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verify =
            |algorithm, key: &[u8]| signature::UnparsedPublicKey::new(algorithm, key).verify(message, signature);
        let outcome = match self {
            Self::P256(x, y) => verify(&signature::ECDSA_P256_SHA256_FIXED, &point(x, y)),
            Self::P384(x, y) => verify(&signature::ECDSA_P384_SHA384_FIXED, &point(x, y)),
            // ring does not have this curve.
            Self::P521(x, y) => return p521_verifies(&point(x, y), message, signature).is_ok(),
            Self::Ed25519(x) => verify(&signature::ED25519, x),
            Self::Rsa { modulus, .. } => signature::RsaPublicKeyComponents { n: modulus.as_slice(), e: &[1, 0, 1][..] }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        outcome.is_ok()
    }
}

fn p521_verifies(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), ecdsa::Error> {
    ecdsa::VerifyingKey::from_sec1_bytes(key)?.verify(message, &ecdsa::Signature::from_slice(signature)?)
}

/// The uncompressed point (SEC 1 §2.3.3).
fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[0x04], x, y].concat()
}

fn bad_key(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemType::BadPublicKey, detail)
}

fn text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Result<&'a str, Problem> {
    jwk.get(member).and_then(Value::as_str).ok_or_else(|| bad_key(format!("the JWK has no text member {member:?}")))
}

fn bytes(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, Problem> {
    base64url::decode(text(jwk, member)?).ok_or_else(|| bad_key(format!("{member:?} in the JWK is not base64url")))
}

/// RFC 7518 §6.2.1: a coordinate has its full length, leading zeros included.
fn fixed<const N: usize>(jwk: &Map<String, Value>, member: &str) -> Result<[u8; N], Problem> {
    bytes(jwk, member)?.try_into().map_err(|_| bad_key(format!("{member:?} in the JWK is not {N} octets long")))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::json;
    use x509_parser::prelude::FromDer;

    use super::*;

    fn read(jwk: Value) -> Result<PublicKey, Problem> {
        PublicKey::from_jwk(jwk.as_object().unwrap())
    }

    #[test]
    fn the_thumbprint_of_rfc_7638_section_3_1() {
        let key = read(json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj\
                  hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQv\
                  RL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnq\
                  DKgw",
        }));
        assert_eq!(key.unwrap().thumbprint().to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_thumbprint_of_rfc_8037_appendix_a_3() {
        let key = read(json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}));
        assert_eq!(key.unwrap().thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn unusable_keys_are_refused() {
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        for bad in [
            json!({}),
            json!({"kty": 1}),
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": x}),
            json!({"kty": "EC", "crv": "P-256", "x": x}),
            json!({"kty": "EC", "crv": "P-256", "x": &x[..42], "y": x}),
            json!({"kty": "EC", "crv": "P-384", "x": x, "y": x}),
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": x, "d": x}),
            json!({"kty": "EC", "crv": "P-256", "x": format!("{x}="), "y": x}),
            json!({"kty": "RSA", "n": x, "e": "AQAB"}),
            json!({"kty": "RSA", "n": x, "e": "Aw"}),
            json!({"kty": "OKP", "crv": "X25519", "x": x}),
        ] {
            assert_eq!(read(bad.clone()).expect_err("an unusable key").kind(), ProblemType::BadPublicKey, "{bad}");
        }
    }

    #[test]
    fn an_rsa_modulus_is_odd_and_has_one_of_three_sizes() {
        let modulus = |first: u8, octets: usize, last: u8| [vec![first], vec![7; octets - 2], vec![last]].concat();
        for (octets, kind) in [(256, KeyType::Rsa2048), (384, KeyType::Rsa3072), (512, KeyType::Rsa4096)] {
            assert_eq!(PublicKey::rsa(modulus(0x80, octets, 1)).unwrap().kind(), kind);
            // An even one, one of a bit less, one of a bit more, and one that is written with a zero before it.
            for (first, octets, last) in [(0x80, octets, 2), (0x7f, octets, 1), (1, octets + 1, 1), (0, octets + 1, 1)]
            {
                assert!(PublicKey::rsa(modulus(first, octets, last)).is_err(), "{first:#x}, {octets} octets, {last}");
            }
        }
        assert!(PublicKey::rsa(modulus(0x7f, 256, 1)).unwrap_err().detail.contains("2047 bits"));
        assert!(PublicKey::rsa(Vec::new()).is_err());
    }

    /// RFC 5480 §2.1 and §2.2, RFC 8410 §3 and §4, RFC 8017 §A.1.
    #[test]
    fn a_certificates_key_is_read_if_algorithm_parameters_and_length_belong_together() {
        const EC: &[u64] = &[1, 2, 840, 10_045, 2, 1];
        const P256: &[u64] = &[1, 2, 840, 10_045, 3, 1, 7];
        const P384: &[u64] = &[1, 3, 132, 0, 34];
        const SECP256K1: &[u64] = &[1, 3, 132, 0, 10];
        const BRAINPOOL_P384: &[u64] = &[1, 3, 36, 3, 3, 2, 8, 1, 1, 11];
        const ED25519: &[u64] = &[1, 3, 101, 112];
        const X25519: &[u64] = &[1, 3, 101, 110];
        const RSA: &[u64] = &[1, 2, 840, 113_549, 1, 1, 1];
        let point = |form: u8, octets: usize| [vec![form], vec![7; octets]].concat();
        let rsa = |exponent: u32| {
            yasna::construct_der(|key| {
                key.write_sequence(|key| {
                    key.next().write_bigint_bytes(&[0xc5; 256], true);
                    key.next().write_u32(exponent);
                });
            })
        };
        for (algorithm, parameter, key, kind) in [
            (EC, Some(P256), point(4, 64), Some(KeyType::P256)),
            (EC, Some(P384), point(4, 96), Some(KeyType::P384)),
            (EC, Some(SECP256K1), point(4, 64), None),
            (EC, Some(BRAINPOOL_P384), point(4, 96), None),
            (EC, Some(P384), point(4, 64), None),
            (EC, Some(P256), point(4, 65), None),
            (EC, Some(P256), point(2, 32), None),
            (EC, None, point(4, 64), None),
            (ED25519, None, vec![7; 32], Some(KeyType::Ed25519)),
            (ED25519, None, vec![7; 31], None),
            (ED25519, Some(P256), vec![7; 32], None),
            (X25519, None, vec![7; 32], None),
            (RSA, None, rsa(65_537), Some(KeyType::Rsa2048)),
            (RSA, None, rsa(3), None),
        ] {
            let info = yasna::construct_der(|info| {
                info.write_sequence(|info| {
                    info.next().write_sequence(|identifier| {
                        for oid in [Some(algorithm), parameter].into_iter().flatten() {
                            identifier.next().write_oid(&yasna::models::ObjectIdentifier::from_slice(oid));
                        }
                    });
                    info.next().write_bitvec_bytes(&key, key.len() * 8);
                });
            });
            let (_, info) = SubjectPublicKeyInfo::from_der(&info).unwrap();
            let read = PublicKey::from_spki(&info).ok().map(|key| key.kind());
            assert_eq!(read, kind, "{algorithm:?} with {parameter:?} and {} octets", key.len());
        }
    }

    fn key() -> impl Strategy<Value = PublicKey> {
        let rsa = select(KeyType::RSA.to_vec()).prop_flat_map(|(bits, kind)| {
            vec(any::<u8>(), bits / 8).prop_map(move |mut modulus| {
                modulus[0] |= 0x80;
                modulus[bits / 8 - 1] |= 1;
                PublicKey::Rsa { modulus, kind }
            })
        });
        let coordinates = |len| (vec(any::<u8>(), len), vec(any::<u8>(), len));
        prop_oneof![
            coordinates(32).prop_map(|(x, y)| PublicKey::P256(x.try_into().unwrap(), y.try_into().unwrap())),
            coordinates(48).prop_map(|(x, y)| PublicKey::P384(x.try_into().unwrap(), y.try_into().unwrap())),
            coordinates(66).prop_map(|(x, y)| PublicKey::P521(x.try_into().unwrap(), y.try_into().unwrap())),
            any::<[u8; 32]>().prop_map(PublicKey::Ed25519),
            rsa,
        ]
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        /// RFC 7638 §3.
        #[test]
        fn a_key_is_read_as_it_was_written_and_has_one_thumbprint_whatever_else_stands_beside_it(
            key in key(),
            others in proptest::collection::btree_map("(alg|kid|use|a|z)", "[a-z]{0,5}", 0..4),
        ) {
            let mut jwk: Map<String, Value> = serde_json::from_str(&key.jwk()).unwrap();
            prop_assert_eq!(&Value::from(jwk.clone()).to_string(), &key.jwk(), "its members are in lexical order");
            jwk.extend(others.into_iter().map(|(member, value)| (member, value.into())));
            let read = read(jwk.into());
            prop_assert_eq!(read.as_ref().map(PublicKey::thumbprint), Ok(key.thumbprint()));
            prop_assert_eq!(read, Ok(key));
        }
    }
}
