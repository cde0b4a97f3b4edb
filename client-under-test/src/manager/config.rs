//! [`Config`]: what an operator says, and `Settings`, the same once it has been understood.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use rustls::RootCertStore;
use sim::Env;
use url::Url;

use super::{
    ari::{AriComparison, ByAnswerTime},
    cache::{MakeCache, Snapshot},
    challenges::Solver,
    endpoint::{Application, Greeting},
    on_demand::{self, OnDemand},
    order_rate::OrderRate,
    rollover::{PendingSlot, RolloverRecord},
    schedule::{AriThenRatio, RenewalSchedule},
    turns::{IssuedThere, ReplacementScope},
};
use crate::{
    acme::certificate::pem_blocks,
    name::{Name, Names, NotAName},
    storage::{
        Storage,
        atomic::{AtomicWrite, CertificateWriter},
        certificate::{CertificateRequirement, SetAlone},
        issuer_key,
        lock::StorageLocks,
    },
};

/// Minutes between failed attempts; the last one repeats.
const RETRY_MINUTES: [u64; 14] = [1, 2, 2, 5, 10, 10, 20, 20, 30, 60, 60, 120, 180, 360];

/// A CA, and who its certificates are ordered as.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// Its directory (RFC 8555 §7.1.1), HTTPS.
    pub directory_url: String,
    /// Where it can reach the operator (RFC 8555 §7.3), for example `mailto:ops@example.org`.
    pub contact: Vec<String>,
    /// The roots that vouch for its own HTTPS, PEM.
    pub trusted_roots_pem: String,
    /// How often it is asked for certificates at most.
    pub order_rate: OrderRate,
}

impl IssuerConfig {
    /// The CA at `directory_url`, whose HTTPS `trusted_roots_pem` vouch for.
    #[must_use]
    pub fn new(directory_url: impl Into<String>, trusted_roots_pem: impl Into<String>) -> Self {
        Self {
            directory_url: directory_url.into(),
            contact: Vec::new(),
            trusted_roots_pem: trusted_roots_pem.into(),
            order_rate: OrderRate::default(),
        }
    }
}

/// What a manager is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The certificates to hold, each with its DNS names.
    pub certificates: Vec<Vec<String>>,
    /// The DNS names that get a certificate when a visitor asks for them.
    pub on_demand: Option<OnDemand>,
    /// The CAs, in the order in which they are asked for a certificate. There is one at least.
    pub issuers: Vec<IssuerConfig>,
    /// Which CAs hear what an order replaces.
    pub replacement_scope: Arc<dyn ReplacementScope>,
    /// How old the account's key may grow before another takes its place (RFC 8555 §7.3.5); it stays if none.
    pub account_key_lifetime: Option<Duration>,
    /// How a change of the account's key is recorded.
    pub rollover_record: Arc<dyn RolloverRecord>,
    /// Where accounts and certificates are kept.
    pub storage_root: PathBuf,
    /// How hosts on the same storage keep out of each other's way; all of them must say the same, and have names of
    /// their own. None for a storage that this process has for itself.
    pub storage_locks: Option<Arc<dyn StorageLocks>>,
    /// Where http-01 challenges are answered. CAs ask on port 80 (RFC 8555 §8.3).
    pub http_address: SocketAddr,
    /// Where visitors are answered.
    pub tls_address: SocketAddr,
    /// Serves visitors once their handshake is over.
    pub application: Arc<dyn Application>,
    /// How control of a name is proved where the CA leaves the choice; else as the CA wants it.
    pub solver: Solver,
    /// Holds what visitors are shown.
    pub certificate_cache: MakeCache,
    /// Decides when a certificate is to be renewed.
    pub renewal_schedule: Arc<dyn RenewalSchedule>,
    /// Decides whether another host on the same storage has heard from the CA since.
    pub ari_comparison: Arc<dyn AriComparison>,
    /// The waits between failed attempts; the last one repeats.
    pub retry_delays: Vec<Duration>,
    /// How certificate sets come onto the disk.
    pub certificate_writer: Arc<dyn CertificateWriter>,
    /// What has to be readable besides a certificate set before the set is served.
    pub certificate_requirement: Arc<dyn CertificateRequirement>,
}

impl Config {
    /// The defaults, for a certificate for each of `names`, and one CA: that at `directory_url`, whose HTTPS
    /// `trusted_roots_pem` vouch for.
    #[must_use]
    pub fn new(
        names: impl IntoIterator<Item = impl Into<String>>,
        directory_url: impl Into<String>,
        trusted_roots_pem: impl Into<String>,
    ) -> Self {
        Self {
            certificates: names.into_iter().map(|name| vec![name.into()]).collect(),
            on_demand: None,
            issuers: vec![IssuerConfig::new(directory_url, trusted_roots_pem)],
            replacement_scope: Arc::new(IssuedThere),
            account_key_lifetime: None,
            rollover_record: Arc::new(PendingSlot),
            storage_root: "/var/lib/acme".into(),
            storage_locks: None,
            http_address: (Ipv4Addr::UNSPECIFIED, 80).into(),
            tls_address: (Ipv4Addr::UNSPECIFIED, 443).into(),
            application: Arc::new(Greeting),
            solver: Solver::default(),
            certificate_cache: Snapshot::make,
            renewal_schedule: Arc::new(AriThenRatio::default()),
            ari_comparison: Arc::new(ByAnswerTime),
            retry_delays: RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60)).to_vec(),
            certificate_writer: Arc::new(AtomicWrite),
            certificate_requirement: Arc::new(SetAlone),
        }
    }
}

/// What is wrong with a [`Config`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// A certificate is for nothing.
    #[error("a certificate has no names")]
    NoName,
    /// Two certificates would be kept under one name.
    #[error("two different certificates begin with `{0}`")]
    SameFirstName(Name),
    /// There is no CA to ask.
    #[error("there is no issuer")]
    NoIssuer,
    /// Two CAs would share one part of the storage.
    #[error("two issuers are at `{0}`, or their addresses differ too little to tell their files apart")]
    SameIssuer(Url),
    /// The directory's address can't be used.
    #[error("`{0}` is not an HTTPS address of a directory")]
    Directory(String),
    /// The roots can't be read.
    #[error("the trusted roots are not PEM certificates: {0}")]
    Roots(String),
    /// The address of whoever decides about names on demand can't be used.
    #[error("`{0}` is not a plain HTTP address of an endpoint to ask")]
    Ask(String),
    /// There is no wait between failed attempts.
    #[error("retry_delays is empty, or one of its waits is shorter than a second")]
    RetryDelays,
}

/// A [`Config`] that has been understood.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) certificates: Vec<Names>,
    pub(super) on_demand: Option<on_demand::Policy>,
    pub(super) issuers: Vec<IssuerSettings>,
    pub(super) replacement_scope: Arc<dyn ReplacementScope>,
    pub(super) account_key_lifetime: Option<Duration>,
    pub(super) rollover_record: Arc<dyn RolloverRecord>,
    pub(super) storage_root: PathBuf,
    pub(super) storage_locks: Option<Arc<dyn StorageLocks>>,
    pub(super) http_address: SocketAddr,
    pub(super) tls_address: SocketAddr,
    pub(super) application: Arc<dyn Application>,
    pub(super) solver: Solver,
    pub(super) certificate_cache: MakeCache,
    pub(super) renewal_schedule: Arc<dyn RenewalSchedule>,
    pub(super) ari_comparison: Arc<dyn AriComparison>,
    pub(super) retry_delays: Vec<Duration>,
    pub(super) certificate_writer: Arc<dyn CertificateWriter>,
    pub(super) certificate_requirement: Arc<dyn CertificateRequirement>,
}

impl Settings {
    /// The part of the storage that belongs to `ca`.
    pub(super) fn storage(&self, env: &Env, ca: &IssuerSettings) -> Storage {
        Storage::new(env, self.storage_root.clone(), &ca.directory_url)
            .with_certificate_writer(self.certificate_writer.clone())
            .with_certificate_requirement(self.certificate_requirement.clone())
            .with_locks(self.storage_locks.clone())
    }

    /// What all CAs' parts have in common.
    pub(super) fn shared_storage(&self, env: &Env) -> Storage {
        self.storage(env, self.issuers.first().expect("there is one"))
    }
}

/// An [`IssuerConfig`] that has been understood.
#[derive(Clone, Debug)]
pub(super) struct IssuerSettings {
    pub(super) directory_url: Url,
    pub(super) contact: Vec<String>,
    pub(super) roots: RootCertStore,
    pub(super) order_rate: OrderRate,
}

impl TryFrom<IssuerConfig> for IssuerSettings {
    type Error = ConfigError;

    fn try_from(config: IssuerConfig) -> Result<Self, ConfigError> {
        let directory_url = Url::parse(&config.directory_url)
            .ok()
            .filter(|url| url.scheme() == "https" && url.has_host())
            .ok_or(ConfigError::Directory(config.directory_url))?;
        let (roots, order_rate) = (roots(&config.trusted_roots_pem)?, config.order_rate);
        Ok(Self { directory_url, contact: config.contact, roots, order_rate })
    }
}

impl TryFrom<Config> for Settings {
    type Error = ConfigError;

    fn try_from(config: Config) -> Result<Self, ConfigError> {
        let certificates = certificates(&config.certificates)?;
        let mut issuers: Vec<IssuerSettings> = Vec::new();
        for issuer in config.issuers {
            let issuer = IssuerSettings::try_from(issuer)?;
            let part = issuer_key(&issuer.directory_url);
            if issuers.iter().any(|known| issuer_key(&known.directory_url) == part) {
                return Err(ConfigError::SameIssuer(issuer.directory_url));
            }
            issuers.push(issuer);
        }
        if issuers.is_empty() {
            return Err(ConfigError::NoIssuer);
        }
        if config.retry_delays.is_empty() || config.retry_delays.iter().any(|delay| delay.as_secs() == 0) {
            return Err(ConfigError::RetryDelays);
        }
        Ok(Self {
            certificates,
            on_demand: config.on_demand.map(TryInto::try_into).transpose()?,
            issuers,
            replacement_scope: config.replacement_scope,
            account_key_lifetime: config.account_key_lifetime,
            rollover_record: config.rollover_record,
            storage_root: config.storage_root,
            storage_locks: config.storage_locks,
            http_address: config.http_address,
            tls_address: config.tls_address,
            application: config.application,
            solver: config.solver,
            certificate_cache: config.certificate_cache,
            renewal_schedule: config.renewal_schedule,
            ari_comparison: config.ari_comparison,
            retry_delays: config.retry_delays,
            certificate_writer: config.certificate_writer,
            certificate_requirement: config.certificate_requirement,
        })
    }
}

/// The certificates, each once. The first stays first, as it answers visitors who name nobody.
pub(super) fn certificates(config: &[Vec<String>]) -> Result<Vec<Names>, ConfigError> {
    let mut certificates: Vec<Names> = Vec::new();
    for names in config {
        let names = names.iter().map(|name| name.parse()).collect::<Result<Vec<Name>, _>>()?;
        let names = Names::new(names).ok_or(ConfigError::NoName)?;
        match certificates.iter().find(|known| known.first() == names.first()) {
            None => certificates.push(names),
            Some(known) if *known == names => {}
            Some(_) => return Err(ConfigError::SameFirstName(names.first().clone())),
        }
    }
    Ok(certificates)
}

fn roots(pem: &str) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for block in pem_blocks(pem.as_bytes()).map_err(|e| ConfigError::Roots(e.to_string()))? {
        roots.add(block.into_contents().into()).map_err(|e| ConfigError::Roots(e.to_string()))?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_understood_is_refused_at_once() {
        let ca = |url: &str| IssuerConfig::new(url, "");
        let good = || Config::new(["a.test", "A.test."], "https://127.0.0.1:14000/dir", "");
        let settings = Settings::try_from(good()).unwrap();
        assert_eq!(settings.certificates.len(), 1);
        for certificates in [&[&["a b"][..]][..], &[&[]], &[&["a.test", "b.test"], &["a.test"]]] {
            let certificates =
                certificates.iter().map(|names| names.iter().map(ToString::to_string).collect()).collect();
            assert!(Settings::try_from(Config { certificates, ..good() }).is_err());
        }
        let other = Config { issuers: vec![ca("https://ca.test/dir"), ca("https://ca.test/other")], ..good() };
        assert_eq!(Settings::try_from(other).unwrap().issuers.len(), 2);
        let unreadable = IssuerConfig::new("https://ca.test/", "-----BEGIN X-----");
        let twice = vec![ca("https://ca.test/dir"), ca("https://ca.test/dir/")];
        for issuers in [vec![], vec![ca("http://ca.test/")], vec![unreadable], twice] {
            assert!(Settings::try_from(Config { issuers, ..good() }).is_err());
        }
        assert!(Settings::try_from(Config { retry_delays: vec![], ..good() }).is_err());
    }
}
