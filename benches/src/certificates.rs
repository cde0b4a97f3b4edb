//! Certificates to be stored and shown, made without a CA.

use client_under_test::{acme::certificate::Chain, storage::certificate::CertificateSet};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, SerialNumber};
use sim::{Env, crypto::P256Key};

/// A root that signs leaves.
#[derive(Debug)]
pub struct Root {
    issuer: Issuer<'static, P256Key>,
    /// Its certificate.
    pub pem: String,
}

impl Root {
    /// A new one.
    ///
    /// # Panics
    /// Never: what it signs can be signed.
    #[must_use]
    pub fn new(env: &Env) -> Self {
        let key = P256Key::generate(env, "root");
        let mut root = params(&[]);
        root.distinguished_name.push(DnType::CommonName, "Root");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = root.self_signed(&key).expect("signable").pem();
        Self { issuer: Issuer::new(root, key), pem }
    }

    /// A key of its own and a certificate for `name`, with the root behind it.
    ///
    /// # Panics
    /// If `name` is no DNS name.
    #[must_use]
    pub fn set(&self, env: &Env, name: &str) -> CertificateSet {
        let key = P256Key::generate(env, "leaf");
        let leaf = params(&[name.to_owned()]).signed_by(&key, &self.issuer).expect("signable").pem();
        let chain = Chain::parse((leaf + &self.pem).as_bytes()).expect("a chain");
        CertificateSet::new(chain, key).expect("it is the leaf's key")
    }
}

fn params(names: &[String]) -> CertificateParams {
    let mut params = CertificateParams::new(names).expect("DNS names");
    params.not_after = rcgen::date_time_ymd(2200, 1, 1);
    params.serial_number = Some(SerialNumber::from(1_u64));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
    params
}
