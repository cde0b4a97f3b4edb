//! Keys and TLS algorithms whose every random choice comes from the host's entropy.
//!
//! rustls with ring's AEADs, hashes and verifiers; in the world its randomness and key exchange are
//! replaced by seeded ones, and signatures are RFC 6979's, which need no randomness at all.

use std::{cell::RefCell, fmt, sync::Arc};

use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey as EcdsaKey, signature::Signer as _},
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
};
use rustls::{
    CipherSuite, NamedGroup, SignatureAlgorithm, SignatureScheme,
    crypto::{ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup},
    sign::{Signer, SigningKey},
};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::{Env, entropy::Stream};

/// An ECDSA P-256 private key, for TLS, certificates and signatures, always with RFC 6979's nonces.
#[derive(Clone)]
pub struct P256Key {
    key: EcdsaKey,
    /// The uncompressed point, 65 bytes.
    point: Vec<u8>,
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256Key(private)")
    }
}

/// A private key could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key: {0}")]
pub struct NotAKey(String);

impl P256Key {
    /// A new key, drawn from the host's entropy for `purpose`.
    #[must_use]
    pub fn generate(env: &Env, purpose: &str) -> Self {
        loop {
            // Fails with probability 2^-32, for scalars beyond the group's order.
            if let Ok(key) = EcdsaKey::from_slice(&env.entropy::<32>(purpose)) {
                return Self::new(key);
            }
        }
    }

    /// Reads a key that [`Self::to_pem`] wrote.
    ///
    /// # Errors
    /// [`NotAKey`] if `pem` is not a P-256 key in PKCS #8 form.
    pub fn from_pem(pem: &str) -> Result<Self, NotAKey> {
        EcdsaKey::from_pkcs8_pem(pem).map(Self::new).map_err(|e| NotAKey(e.to_string()))
    }

    /// Reads a key in PKCS #8 or SEC 1 form (RFC 5915), DER.
    ///
    /// # Errors
    /// [`NotAKey`] if `der` is no P-256 key in either form.
    pub fn from_der(der: &[u8]) -> Result<Self, NotAKey> {
        let key = EcdsaKey::from_pkcs8_der(der).or_else(|e| match SecretKey::from_sec1_der(der) {
            Ok(key) => Ok(key.into()),
            Err(_) => Err(NotAKey(e.to_string())),
        });
        key.map(Self::new)
    }

    fn new(key: EcdsaKey) -> Self {
        let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { key, point }
    }

    /// The key as PKCS #8 PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let pem = self.key.to_pkcs8_pem(LineEnding::LF).expect("a P-256 key fits PKCS #8");
        pem.as_str().to_owned()
    }

    /// The public point, uncompressed: 0x04, then the coordinates x and y of 32 bytes each.
    #[must_use]
    pub fn public_point(&self) -> &[u8] {
        &self.point
    }

    /// Signs with SHA-256; the signature is r and s, 32 bytes each (the form that JWS uses).
    #[must_use]
    pub fn sign_fixed(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.key.sign(message);
        signature.to_bytes().into()
    }

    /// Signs with SHA-256; the signature is DER (the form that X.509 and TLS use).
    #[must_use]
    pub fn sign_der(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}

impl rcgen::PublicKeyData for P256Key {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }
    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for P256Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.sign_der(message))
    }
}

impl SigningKey for P256Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ECDSA_NISTP256_SHA256).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P256Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(self.sign_der(message))
    }
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// TLS algorithms whose randomness is that of [`with_entropy`]: only X25519 for key exchange, no tickets.
#[must_use]
pub(crate) fn seeded_provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.secure_random = &Seeded;
    provider.kx_groups = vec![&Seeded];
    // Processors are fast at AES-128 and SHA-256; SHA-384 would double the time that hashing takes.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    Arc::new(provider)
}

thread_local! {
    /// rustls wants its source of randomness to be `'static`, so the host whose task runs lends its own here.
    static LENT: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

/// Runs `work` with `stream` as the randomness of TLS on this thread.
pub(crate) fn with_entropy<T>(stream: &mut Option<Stream>, work: impl FnOnce() -> T) -> T {
    let before = LENT.with_borrow_mut(|lent| std::mem::replace(lent, stream.take()));
    let done = work();
    *stream = LENT.with_borrow_mut(|lent| std::mem::replace(lent, before));
    done
}

#[derive(Debug)]
struct Seeded;

impl SecureRandom for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        LENT.with_borrow_mut(|lent| {
            lent.as_mut().ok_or(GetRandomFailed)?.fill(bytes);
            Ok(())
        })
    }
}

impl SupportedKxGroup for Seeded {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        let mut bytes = [0; 32];
        self.fill(&mut bytes)?;
        let secret = StaticSecret::from(bytes);
        let public = PublicKey::from(&secret);
        Ok(Box::new(Exchange { secret, public }))
    }
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, rustls::Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| rustls::PeerMisbehaved::InvalidKeyShare)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(peer));
        // RFC 7748 §6.1: an all-zero result means a point of low order.
        if !shared.was_contributory() {
            return Err(rustls::PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&shared.as_bytes()[..]))
    }
    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
