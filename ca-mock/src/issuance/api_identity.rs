//! The certificate of the API's own HTTPS server, and the root that clients of the API trust.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use rcgen::SanType;
use rustls::sign::CertifiedKey;
use sim::{Env, crypto::P256Key};

use super::{
    AuthorityKey, KeyAlgorithm,
    authority::{Authority, dates},
    leaf,
};
use crate::{certificates::Serial, config::Config};

pub(crate) struct ApiIdentity {
    pub(crate) root_pem: String,
    pub(crate) certified_key: Arc<CertifiedKey>,
}

impl ApiIdentity {
    pub(crate) fn new(env: &Env, config: &Config) -> Self {
        let root_key = AuthorityKey::generate(env, KeyAlgorithm::EcdsaP256, "ca/api root key");
        let root = Authority::root(env, "Gauntlet API Root", &root_key);
        let key = P256Key::generate(env, "ca/api key");
        let (not_before, not_after) = dates(env);
        let mut params = leaf::params(&Serial::draw(env), not_before, not_after, &key);
        let names: BTreeSet<&String> = std::iter::once(&config.directory_host).chain(&config.api_names).collect();
        let san = |name: &String| match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().expect("the API's names are ASCII (Config)")),
        };
        params.subject_alt_names = names.into_iter().map(san).collect();
        let leaf = params.signed_by(&key, &root.issuer).expect("parameters are complete and signing cannot fail");
        let own = || Arc::new(CertifiedKey::new(vec![leaf.der().clone()], Arc::new(key)));
        let certified_key = config.api_certificate.clone().unwrap_or_else(own);
        Self { root_pem: root.pem(), certified_key }
    }
}
