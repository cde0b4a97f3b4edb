//! [`Config`]: what an operator says, and `Settings`, the same once it has been understood.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use rustls::RootCertStore;
use url::Url;

use super::{
    ari::{AriComparison, ByAnswerTime},
    cache::{MakeCache, Snapshot},
    challenges::Solver,
    dns01::Dns01,
    endpoint::{Application, Greeting},
    on_demand::{self, OnDemand},
    rollover::{PendingSlot, RolloverRecord},
    schedule::{AriThenRatio, RenewalSchedule},
};
use crate::{
    acme::{certificate::pem_blocks, external_account::ExternalAccount, preferred_chain::PreferredChain},
    name::{Name, Names, NotAName},
    storage::{
        atomic::{AtomicWrite, CertificateWriter},
        certificate::{CertificateRequirement, SetAlone},
        lock::StorageLocks,
    },
};

/// Minutes between failed attempts; the last one repeats.
const RETRY_MINUTES: [u64; 14] = [1, 2, 2, 5, 10, 10, 20, 20, 30, 60, 60, 120, 180, 360];

/// What a manager is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The certificates to hold, each with its DNS names.
    pub certificates: Vec<Vec<String>>,
    /// The DNS names that get a certificate when a visitor asks for them.
    pub on_demand: Option<OnDemand>,
    /// The CA's directory (RFC 8555 §7.1.1), HTTPS.
    pub directory_url: String,
    /// Where the CA can reach the operator (RFC 8555 §7.3), for example `mailto:ops@example.org`.
    pub contact: Vec<String>,
    /// What the CA gave to bind a new account to one outside of ACME (RFC 8555 §7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// The kind of certificates to order, by its name in the CA's directory (draft-ietf-acme-profiles).
    pub profile: Option<String>,
    /// Which chain a certificate is to have where the CA offers several (RFC 8555 §7.4.2).
    pub preferred_chain: Option<PreferredChain>,
    /// The roots that vouch for the CA's own HTTPS, PEM.
    pub trusted_roots_pem: String,
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
    /// How dns-01 challenges are answered, without which there are no certificates for wildcards.
    pub dns01: Option<Dns01>,
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
    /// The defaults, for a certificate for each of `names`, and the CA at `directory_url`, whose HTTPS `trusted_roots_pem` vouch for.
    #[must_use]
    pub fn new(
        names: impl IntoIterator<Item = impl Into<String>>,
        directory_url: impl Into<String>,
        trusted_roots_pem: impl Into<String>,
    ) -> Self {
        Self {
            certificates: names.into_iter().map(|name| vec![name.into()]).collect(),
            on_demand: None,
            directory_url: directory_url.into(),
            contact: Vec::new(),
            external_account: None,
            profile: None,
            preferred_chain: None,
            trusted_roots_pem: trusted_roots_pem.into(),
            account_key_lifetime: None,
            rollover_record: Arc::new(PendingSlot),
            storage_root: "/var/lib/acme".into(),
            storage_locks: None,
            http_address: (Ipv4Addr::UNSPECIFIED, 80).into(),
            tls_address: (Ipv4Addr::UNSPECIFIED, 443).into(),
            application: Arc::new(Greeting),
            solver: Solver::default(),
            dns01: None,
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
    /// The directory's address can't be used.
    #[error("`{0}` is not an HTTPS address of a directory")]
    Directory(String),
    /// The roots can't be read.
    #[error("the trusted roots are not PEM certificates: {0}")]
    Roots(String),
    /// There is no wait between failed attempts.
    #[error("retry_delays is empty, or one of its waits is shorter than a second")]
    RetryDelays,
}

/// A [`Config`] that has been understood.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) certificates: Vec<Names>,
    pub(super) on_demand: Option<on_demand::Policy>,
    pub(super) directory_url: Url,
    pub(super) contact: Vec<String>,
    pub(super) external_account: Option<ExternalAccount>,
    pub(super) profile: Option<String>,
    pub(super) preferred_chain: Option<PreferredChain>,
    pub(super) roots: RootCertStore,
    pub(super) account_key_lifetime: Option<Duration>,
    pub(super) rollover_record: Arc<dyn RolloverRecord>,
    pub(super) storage_root: PathBuf,
    pub(super) storage_locks: Option<Arc<dyn StorageLocks>>,
    pub(super) http_address: SocketAddr,
    pub(super) tls_address: SocketAddr,
    pub(super) application: Arc<dyn Application>,
    pub(super) solver: Solver,
    pub(super) dns01: Option<Dns01>,
    pub(super) certificate_cache: MakeCache,
    pub(super) renewal_schedule: Arc<dyn RenewalSchedule>,
    pub(super) ari_comparison: Arc<dyn AriComparison>,
    pub(super) retry_delays: Vec<Duration>,
    pub(super) certificate_writer: Arc<dyn CertificateWriter>,
    pub(super) certificate_requirement: Arc<dyn CertificateRequirement>,
}

impl TryFrom<Config> for Settings {
    type Error = ConfigError;

    fn try_from(config: Config) -> Result<Self, ConfigError> {
        // The first stays first, as it answers visitors who name nobody.
        let mut certificates: Vec<Names> = Vec::new();
        for names in &config.certificates {
            let names = names.iter().map(|name| name.parse()).collect::<Result<Vec<Name>, _>>()?;
            let names = Names::new(names).ok_or(ConfigError::NoName)?;
            match certificates.iter().find(|known| known.first() == names.first()) {
                None => certificates.push(names),
                Some(known) if *known == names => {}
                Some(_) => return Err(ConfigError::SameFirstName(names.first().clone())),
            }
        }
        let directory_url = Url::parse(&config.directory_url)
            .ok()
            .filter(|url| url.scheme() == "https" && url.has_host())
            .ok_or(ConfigError::Directory(config.directory_url))?;
        if config.retry_delays.is_empty() || config.retry_delays.iter().any(|delay| delay.as_secs() == 0) {
            return Err(ConfigError::RetryDelays);
        }
        Ok(Self {
            certificates,
            on_demand: config.on_demand.map(TryInto::try_into).transpose()?,
            directory_url,
            contact: config.contact,
            external_account: config.external_account,
            profile: config.profile,
            preferred_chain: config.preferred_chain,
            roots: roots(&config.trusted_roots_pem)?,
            account_key_lifetime: config.account_key_lifetime,
            rollover_record: config.rollover_record,
            storage_root: config.storage_root,
            storage_locks: config.storage_locks,
            http_address: config.http_address,
            tls_address: config.tls_address,
            application: config.application,
            solver: config.solver,
            dns01: config.dns01,
            certificate_cache: config.certificate_cache,
            renewal_schedule: config.renewal_schedule,
            ari_comparison: config.ari_comparison,
            retry_delays: config.retry_delays,
            certificate_writer: config.certificate_writer,
            certificate_requirement: config.certificate_requirement,
        })
    }
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
        let good = || Config::new(["a.test", "A.test."], "https://127.0.0.1:14000/dir", "");
        let settings = Settings::try_from(good()).unwrap();
        assert_eq!(settings.certificates.len(), 1);
        for certificates in [&[&["a b"][..]][..], &[&[]], &[&["a.test", "b.test"], &["a.test"]]] {
            let certificates =
                certificates.iter().map(|names| names.iter().map(ToString::to_string).collect()).collect();
            assert!(Settings::try_from(Config { certificates, ..good() }).is_err());
        }
        assert!(Settings::try_from(Config { directory_url: "http://ca.test/".into(), ..good() }).is_err());
        assert!(Settings::try_from(Config { trusted_roots_pem: "-----BEGIN X-----".into(), ..good() }).is_err());
        assert!(Settings::try_from(Config { retry_delays: vec![], ..good() }).is_err());
    }
}
