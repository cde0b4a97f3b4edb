//! The operator's own CA: gives managers certificates that no manager asks for.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, SerialNumber};
use rustls::pki_types::CertificateDer;
use sim::{Env, crypto::P256Key};

const PURPOSE: &str = "operator";
/// How much earlier certificates begin, for clocks that differ.
const BACKDATE: Duration = Duration::from_secs(3_600);
const ROOT_LIFETIME: Duration = Duration::from_secs(20 * 365 * 86_400);

/// The operator's CA, which signs with one key as long as the world lasts.
pub(super) struct OperatorsCa {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, P256Key>,
}

impl OperatorsCa {
    /// A new CA; its key is drawn from the entropy of `env`'s host.
    pub(super) fn new(env: &Env) -> Self {
        let key = P256Key::generate(env, PURPOSE);
        let mut params = params(env, &[], ROOT_LIFETIME);
        params.distinguished_name.push(DnType::CommonName, "The operator's own CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&key).expect("parameters are complete and signing cannot fail");
        Self { root: root.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// What vouches for its certificates.
    pub(super) fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// A key and its certificate for `names`, PEM, from now on.
    pub(super) fn certificate(&self, env: &Env, names: &[String], validity: Duration) -> String {
        let key = P256Key::generate(env, PURPOSE);
        let params = params(env, names, validity);
        let certificate =
            params.signed_by(&key, &self.issuer).expect("parameters are complete and signing cannot fail");
        key.to_pem() + &certificate.pem()
    }
}

/// Everything that rcgen would otherwise take from the machine is said.
fn params(env: &Env, names: &[String], validity: Duration) -> CertificateParams {
    let mut params = CertificateParams::new(names).expect("the language has checked the names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = (env.utc_now() - BACKDATE).into();
    params.not_after = (env.utc_now() + validity).into();
    params.serial_number = Some(SerialNumber::from_slice(&env.entropy::<16>(PURPOSE)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(env.entropy::<20>(PURPOSE).into());
    params
}
