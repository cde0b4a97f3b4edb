//! The keys that authorities sign with: ECDSA P-256, or RSA as Pebble's, both drawn from the seed.

use std::{fmt, sync::Arc};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use ring::{
    digest,
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use rsa::{
    RsaPrivateKey,
    pkcs1::{EncodeRsaPrivateKey, LineEnding},
};
use sim::{Env, crypto::P256Key};
use yasna::models::ObjectIdentifier;

const RSA_BITS: usize = 2_048;
const ECDSA_WITH_SHA256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
const SHA256_WITH_RSA: &[u64] = &[1, 2, 840, 113_549, 1, 1, 11];

/// What kind of keys roots and intermediates have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA with P-256 and SHA-256.
    #[default]
    EcdsaP256,
    /// RSA with 2048 bits and SHA-256 (PKCS #1 v1.5). Finding the primes takes a tenth of a second and more a key.
    Rsa2048,
}

/// The private key of an authority. All clones are the same key.
#[derive(Clone)]
pub(crate) enum AuthorityKey {
    EcdsaP256(P256Key),
    Rsa2048(Arc<RsaKey>),
}

/// The key itself, ready to sign, and as PKCS #1 PEM.
pub(crate) struct RsaKey {
    pair: KeyPair,
    pem: String,
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorityKey(private)")
    }
}

impl AuthorityKey {
    /// A new key, drawn from the host's entropy for `purpose`.
    pub(crate) fn generate(env: &Env, algorithm: KeyAlgorithm, purpose: &str) -> Self {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => Self::EcdsaP256(P256Key::generate(env, purpose)),
            KeyAlgorithm::Rsa2048 => Self::Rsa2048(Arc::new(RsaKey::generate(env, purpose))),
        }
    }

    /// The `AlgorithmIdentifier` of its signatures (RFC 5758 §3.2, RFC 4055 §5).
    pub(super) fn signature_algorithm_der(&self) -> Vec<u8> {
        yasna::construct_der(|algorithm| {
            algorithm.write_sequence(|algorithm| match self {
                Self::EcdsaP256(_) => algorithm.next().write_oid(&ObjectIdentifier::from_slice(ECDSA_WITH_SHA256)),
                Self::Rsa2048(_) => {
                    algorithm.next().write_oid(&ObjectIdentifier::from_slice(SHA256_WITH_RSA));
                    algorithm.next().write_null();
                }
            });
        })
    }

    /// The private key as Pebble writes each kind: PKCS #8, or PKCS #1 for RSA.
    pub(crate) fn to_pem(&self) -> String {
        match self {
            Self::EcdsaP256(key) => key.to_pem(),
            Self::Rsa2048(key) => key.pem.clone(),
        }
    }
}

impl RsaKey {
    fn generate(env: &Env, purpose: &str) -> Self {
        // How many numbers are tried until one is prime differs from key to key, so that each has a stream of its own.
        let mut stream = ChaCha20Rng::from_seed(env.entropy(purpose));
        let key = RsaPrivateKey::new(&mut stream, RSA_BITS).expect("the size is one that RSA keys have");
        let der = key.to_pkcs1_der().expect("an RSA key fits PKCS #1");
        let pem = der.to_pem("RSA PRIVATE KEY", LineEnding::LF).expect("DER fits PEM");
        let pair = KeyPair::from_der(der.as_bytes()).expect("what one library writes, the other reads");
        Self { pair, pem: pem.as_str().to_owned() }
    }
}

impl rcgen::PublicKeyData for AuthorityKey {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::EcdsaP256(key) => key.der_bytes(),
            Self::Rsa2048(key) => key.pair.public_key().as_ref(),
        }
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::EcdsaP256(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::Rsa2048(_) => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl rcgen::SigningKey for AuthorityKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        match self {
            Self::EcdsaP256(key) => key.sign(message),
            Self::Rsa2048(key) => {
                let mut signature = vec![0; key.pair.public().modulus_len()];
                // Only PSS draws from the randomness that has to be named here; this padding has none (RFC 8017 §9.2).
                let signed = key.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
                signed.map_err(|_| rcgen::Error::RemoteKeyError)?;
                Ok(signature)
            }
        }
    }
}

/// RFC 7093 §2, method 1: the leftmost 160 bits of the SHA-256 of the key.
pub(super) fn key_identifier(key: &impl rcgen::PublicKeyData) -> Vec<u8> {
    digest::digest(&digest::SHA256, key.der_bytes()).as_ref()[..20].to_vec()
}

#[cfg(test)]
mod tests {
    use rcgen::{PublicKeyData, SigningKey};
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use crate::testing;

    #[test]
    fn rsa_keys_come_from_the_seed_and_sign_without_chance() {
        let key = || testing::with_env(|env| AuthorityKey::generate(&env, KeyAlgorithm::Rsa2048, "test"));
        let (one, same) = (key(), key());
        assert_eq!(one.to_pem(), same.to_pem());
        assert!(one.to_pem().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        let signature = one.sign(b"message").unwrap();
        assert_eq!(signature, same.sign(b"message").unwrap());
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, one.der_bytes()).verify(b"message", &signature).unwrap();
    }
}
