//! A key from a CSR in the form that rcgen takes.

use rcgen::{PublicKeyData, SignatureAlgorithm};

use crate::jwk::PublicKey;

pub(super) struct SubjectKey {
    bytes: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl SubjectKey {
    pub(super) fn of(key: &PublicKey) -> Self {
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
    yasna::construct_der(|key| {
        key.write_sequence(|key| {
            key.next().write_bigint_bytes(modulus, true);
            key.next().write_u32(65_537);
        });
    })
}
