//! The certificate of the API's own HTTPS server, and the root that clients of the API trust.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use rcgen::SanType;
use rustls::sign::CertifiedKey;
use sim::{Env, crypto::P256Key};

use super::{
    AuthorityKey, KeyAlgorithm,
    authority::{Authority, dates},
    leaf,
};
use crate::{certificates::Serial, config::Config, timestamp::before};

/// How long a certificate has been over that is.
const OVER_FOR: Duration = Duration::from_secs(86_400);

/// What is wrong with the certificate of the API's own HTTPS server, for tests of clients (RFC 8555 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiIdentityFlaw {
    /// It is signed by another root of the same name.
    OtherRoot,
    /// It is for another host.
    OtherName,
    /// It has expired.
    Expired,
}

pub(crate) struct ApiIdentity {
    pub(crate) root_pem: String,
    pub(crate) certified_key: Arc<CertifiedKey>,
}

impl ApiIdentity {
    pub(crate) fn new(env: &Env, config: &Config) -> Self {
        let flaw = config.api_identity_flaw;
        let root =
            |purpose| Authority::root(env, "Gauntlet API Root", &AuthorityKey::generate(env, ALGORITHM, purpose));
        let trusted = root("ca/api root key");
        let key = P256Key::generate(env, "ca/api key");
        let (not_before, not_after) = dates(env);
        let not_after =
            if flaw == Some(ApiIdentityFlaw::Expired) { before(env.utc_now(), OVER_FOR) } else { not_after };
        let mut params = leaf::params(&Serial::draw(env), not_before, not_after, &key);
        params.subject_alt_names = match flaw {
            Some(ApiIdentityFlaw::OtherName) => vec![name("elsewhere.invalid")],
            Some(ApiIdentityFlaw::OtherRoot | ApiIdentityFlaw::Expired) | None => names(config),
        };
        let other = (flaw == Some(ApiIdentityFlaw::OtherRoot)).then(|| root("ca/other api root key"));
        let issuer = &other.as_ref().unwrap_or(&trusted).issuer;
        let leaf = params.signed_by(&key, issuer).expect("parameters are complete and signing cannot fail");
        let own = || Arc::new(CertifiedKey::new(vec![leaf.der().clone()], Arc::new(key)));
        let certified_key = config.api_certificate.clone().unwrap_or_else(own);
        Self { root_pem: trusted.pem(), certified_key }
    }
}

const ALGORITHM: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

/// Those that the API's certificate is for.
fn names(config: &Config) -> Vec<SanType> {
    let names: BTreeSet<&String> = std::iter::once(&config.directory_host).chain(&config.api_names).collect();
    names.into_iter().map(|one| name(one)).collect()
}

fn name(text: &str) -> SanType {
    match text.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(text.try_into().expect("the API's names are ASCII (Config)")),
    }
}
