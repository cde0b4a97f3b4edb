//! [`Config`]: what an operator says, and `Settings`, the same once it has been understood.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use rustls::RootCertStore;
use sim::Env;
use url::Url;

use super::{
    ari::{AriComparison, ByAnswerTime},
    cache::{MakeCache, Unguarded},
    certificate_list::CertificateList,
    challenges::Solver,
    conduct::Conduct,
    dns01::Dns01,
    endpoint::{Application, Greeting},
    external::ExternalCertificate,
    lookup::StandIns,
    on_demand::{self, OnDemand},
    order_rate::OrderRate,
    rollover::{PendingSlot, RolloverRecord},
    schedule::{AriThenRatio, RenewalSchedule},
    turns::{IssuedThere, ReplacementScope},
};
use crate::{
    acme::{
        account::{Applicant, Consent},
        certificate::pem_blocks,
        external_account::ExternalAccount,
        preferred_chain::PreferredChain,
    },
    name::{Name, NotAName},
    storage::{
        Storage,
        atomic::{CertificateWriter, Whole},
        certificate::{CertificateRequirement, SetAlone},
        issuer_key,
        lock::StorageLocks,
        medium::Medium,
    },
};

/// Minutes between failed attempts; the last one repeats.
const RETRY_MINUTES: [u64; 14] = [1, 2, 2, 5, 10, 10, 20, 20, 30, 60, 60, 120, 180, 360];

/// A record that stays is renewed in its last third, which leaves time to try again.
const PERSISTENT_RECORD_LIFETIME_MIN: Duration = Duration::from_secs(3_600);

/// A CA, and who its certificates are ordered as.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// Its directory (RFC 8555 §7.1.1), HTTPS.
    pub directory_url: String,
    /// Where it can reach the operator (RFC 8555 §7.3), for example `mailto:ops@example.org`.
    pub contact: Vec<String>,
    /// The roots that vouch for its own HTTPS, PEM.
    pub trusted_roots_pem: String,
    /// The terms of service that the operator agrees to (RFC 8555 §7.3). A CA that has terms gives no account to who does not
    /// agree to them; if they change, an [`Event`](super::Event) says so.
    pub consent: Option<Consent>,
    /// How often it is asked for certificates at most.
    pub order_rate: OrderRate,
    /// How often it is asked at most for a certificate for names that there is none for yet, where that is less: what CAs
    /// limit, Let's Encrypt to 300 in three hours (<https://letsencrypt.org/docs/rate-limits>).
    pub first_order_rate: Option<OrderRate>,
    /// What it gave to bind a new account to one outside of ACME (RFC 8555 §7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// The kind of certificates to order, by its name in the CA's directory (draft-ietf-acme-profiles).
    pub profile: Option<String>,
    /// Which chain a certificate is to have where the CA offers several (RFC 8555 §7.4.2).
    pub preferred_chain: Option<PreferredChain>,
    /// Whether certificates ask to be shown only with an OCSP response (RFC 7633, "must-staple"). Visitors who mind are turned
    /// away while the CA's responder gives none, so that is only for CAs whose responder is to be relied on. A certificate
    /// waits for its first response before it takes another's place; where there is no other, it is shown without.
    pub must_staple: bool,
}

impl IssuerConfig {
    /// The CA at `directory_url`, whose HTTPS `trusted_roots_pem` vouch for.
    #[must_use]
    pub fn new(directory_url: impl Into<String>, trusted_roots_pem: impl Into<String>) -> Self {
        Self {
            directory_url: directory_url.into(),
            contact: Vec::new(),
            consent: None,
            trusted_roots_pem: trusted_roots_pem.into(),
            order_rate: OrderRate::default(),
            first_order_rate: None,
            external_account: None,
            profile: None,
            preferred_chain: None,
            must_staple: false,
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
    /// The certificates to show beside those, which the operator sees to.
    pub external_certificates: Vec<ExternalCertificate>,
    /// Whose certificate is shown to visitors who name nobody; if none, that of the first name of the first certificate.
    pub default_name: Option<String>,
    /// Whose certificate is shown to visitors who name somebody unknown; if none, they are refused.
    pub fallback_name: Option<String>,
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
    /// What that is a path on; the host's disk if none.
    pub storage_medium: Option<Arc<dyn Medium>>,
    /// How hosts on the same storage keep out of each other's way; all of them must say the same, and have names of
    /// their own. None for a storage that this process has for itself.
    pub storage_locks: Option<Arc<dyn StorageLocks>>,
    /// Where http-01 challenges are answered. CAs ask on port 80 (RFC 8555 §8.3).
    pub http_address: SocketAddr,
    /// Where visitors are answered.
    pub tls_address: SocketAddr,
    /// Serves visitors once their handshake is over.
    pub application: Arc<dyn Application>,
    /// How many connections each of the two ports has open at a time, those that are being served among them. Who comes
    /// beyond that waits until one ends. The operating system must allow the process twice as many, and some files.
    pub connections_max: NonZeroUsize,
    /// How control of a name is proved where the CA leaves the choice; else as the CA wants it.
    pub solver: Solver,
    /// How challenges are answered in the DNS, without which there are no certificates for wildcards.
    pub dns01: Option<Dns01>,
    /// With [`Solver::DnsPersist01`]: how long a record is good that stays (`persistUntil`). Another takes its place when a
    /// third of that is left. For ever if none.
    pub persistent_record_lifetime: Option<Duration>,
    /// Holds what visitors are shown.
    pub certificate_cache: MakeCache,
    /// Decides when a certificate is to be renewed.
    pub renewal_schedule: Arc<dyn RenewalSchedule>,
    /// Decides whether another host on the same storage has heard from the CA since.
    pub ari_comparison: Arc<dyn AriComparison>,
    /// The waits between failed attempts; the last one repeats.
    pub retry_delays: Vec<Duration>,
    /// What it does where a CA refuses, lets it wait or fails it.
    pub conduct: Conduct,
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
            external_certificates: Vec::new(),
            default_name: None,
            fallback_name: None,
            issuers: vec![IssuerConfig::new(directory_url, trusted_roots_pem)],
            replacement_scope: Arc::new(IssuedThere),
            account_key_lifetime: None,
            rollover_record: Arc::new(PendingSlot),
            storage_root: "/var/lib/acme".into(),
            storage_medium: None,
            storage_locks: None,
            http_address: (Ipv4Addr::UNSPECIFIED, 80).into(),
            tls_address: (Ipv4Addr::UNSPECIFIED, 443).into(),
            application: Arc::new(Greeting),
            connections_max: NonZeroUsize::new(4_096).expect("it is not zero"),
            solver: Solver::default(),
            dns01: None,
            persistent_record_lifetime: None,
            certificate_cache: Unguarded::make,
            renewal_schedule: Arc::new(AriThenRatio::default()),
            ari_comparison: Arc::new(ByAnswerTime),
            retry_delays: RETRY_MINUTES.map(|minutes| Duration::from_secs(minutes * 60)).to_vec(),
            conduct: Conduct::default(),
            certificate_writer: Arc::new(Whole),
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
    /// No certificate that is held is for the name.
    #[error("no certificate is held for `{0}`")]
    NotManaged(Name),
    /// There is no CA to ask.
    #[error("there is no issuer")]
    NoIssuer,
    /// Two CAs would share one part of the storage.
    #[error("two issuers are at `{0}`, or their addresses differ too little to tell their files apart")]
    SameIssuer(Url),
    /// The directory's address can't be used.
    #[error("`{0}` is not an HTTPS address of a directory")]
    Directory(String),
    /// A contact is none that a CA has to understand.
    #[error(
        "`{0}` is not a contact: it has to be a URL such as mailto:ops@example.org, with one address and nothing after it"
    )]
    Contact(String),
    /// The roots can't be read.
    #[error("the trusted roots are not PEM certificates: {0}")]
    Roots(String),
    /// The address of whoever decides about names on demand can't be used.
    #[error("`{0}` is not an address of an endpoint to ask: HTTP, or HTTPS with the roots that vouch for it")]
    Ask(String),
    /// Records that stay would be renewed without end.
    #[error("persistent_record_lifetime is shorter than an hour")]
    PersistentRecordLifetime,
    /// There is no wait between failed attempts.
    #[error("retry_delays is empty, or one of its waits is shorter than a second")]
    RetryDelays,
}

/// A [`Config`] that has been understood.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) certificates: CertificateList,
    pub(super) on_demand: Option<on_demand::Policy>,
    pub(super) external_certificates: Vec<ExternalCertificate>,
    pub(super) stand_ins: StandIns,
    pub(super) issuers: Vec<IssuerSettings>,
    pub(super) replacement_scope: Arc<dyn ReplacementScope>,
    pub(super) account_key_lifetime: Option<Duration>,
    pub(super) rollover_record: Arc<dyn RolloverRecord>,
    pub(super) storage_root: PathBuf,
    pub(super) storage_medium: Option<Arc<dyn Medium>>,
    pub(super) storage_locks: Option<Arc<dyn StorageLocks>>,
    pub(super) http_address: SocketAddr,
    pub(super) tls_address: SocketAddr,
    pub(super) application: Arc<dyn Application>,
    pub(super) connections_max: NonZeroUsize,
    pub(super) solver: Solver,
    pub(super) dns01: Option<Dns01>,
    pub(super) persistent_record_lifetime: Option<Duration>,
    pub(super) certificate_cache: MakeCache,
    pub(super) renewal_schedule: Arc<dyn RenewalSchedule>,
    pub(super) ari_comparison: Arc<dyn AriComparison>,
    pub(super) retry_delays: Vec<Duration>,
    pub(super) conduct: Conduct,
    pub(super) certificate_writer: Arc<dyn CertificateWriter>,
    pub(super) certificate_requirement: Arc<dyn CertificateRequirement>,
}

impl Settings {
    /// The part of the storage that belongs to one of the CAs.
    pub(super) fn storage(&self, env: &Env, ca: &IssuerSettings) -> Storage {
        let storage = Storage::new(env, self.storage_root.clone(), &ca.directory_url);
        let storage = match &self.storage_medium {
            Some(medium) => storage.on(medium.clone()),
            None => storage,
        };
        storage
            .with_certificate_writer(self.certificate_writer.clone())
            .with_certificate_reader(self.conduct.certificate_reader.clone())
            .with_certificate_requirement(self.certificate_requirement.clone())
            .with_metadata_owner(self.conduct.metadata_owner.clone())
            .with_locks(self.storage_locks.clone())
    }
}

/// An [`IssuerConfig`] that has been understood.
#[derive(Clone, Debug)]
pub(super) struct IssuerSettings {
    pub(super) directory_url: Url,
    pub(super) roots: RootCertStore,
    pub(super) order_rate: OrderRate,
    pub(super) first_order_rate: Option<OrderRate>,
    pub(super) applicant: Applicant,
    pub(super) profile: Option<String>,
    pub(super) preferred_chain: Option<PreferredChain>,
    pub(super) must_staple: bool,
}

impl TryFrom<IssuerConfig> for IssuerSettings {
    type Error = ConfigError;

    fn try_from(config: IssuerConfig) -> Result<Self, ConfigError> {
        let directory_url = Url::parse(&config.directory_url)
            .ok()
            .filter(|url| url.scheme() == "https" && url.has_host())
            .ok_or(ConfigError::Directory(config.directory_url))?;
        if let Some(wrong) = config.contact.iter().find(|url| !is_contact(url)) {
            return Err(ConfigError::Contact(wrong.clone()));
        }
        let (roots, order_rate) = (roots(&config.trusted_roots_pem)?, config.order_rate);
        Ok(Self {
            directory_url,
            roots,
            order_rate,
            first_order_rate: config.first_order_rate,
            applicant: Applicant {
                contact: config.contact,
                external: config.external_account,
                consent: config.consent,
            },
            profile: config.profile,
            preferred_chain: config.preferred_chain,
            must_staple: config.must_staple,
        })
    }
}

impl TryFrom<Config> for Settings {
    type Error = ConfigError;

    fn try_from(config: Config) -> Result<Self, ConfigError> {
        let certificates = CertificateList::new(&config.certificates)?;
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
        if config.persistent_record_lifetime.is_some_and(|lifetime| lifetime < PERSISTENT_RECORD_LIFETIME_MIN) {
            return Err(ConfigError::PersistentRecordLifetime);
        }
        let name = |text: Option<String>| text.map(|text| text.parse::<Name>()).transpose();
        // It answers visitors who name nobody.
        let first = certificates.in_order().next().map(|names| names.first().clone());
        let stand_ins =
            StandIns { default: name(config.default_name)?.or(first), fallback: name(config.fallback_name)? };
        Ok(Self {
            certificates,
            external_certificates: config.external_certificates,
            stand_ins,
            on_demand: config.on_demand.map(TryInto::try_into).transpose()?,
            issuers,
            replacement_scope: config.replacement_scope,
            account_key_lifetime: config.account_key_lifetime,
            rollover_record: config.rollover_record,
            storage_root: config.storage_root,
            storage_medium: config.storage_medium,
            storage_locks: config.storage_locks,
            http_address: config.http_address,
            tls_address: config.tls_address,
            application: config.application,
            connections_max: config.connections_max,
            solver: config.solver,
            dns01: config.dns01,
            persistent_record_lifetime: config.persistent_record_lifetime,
            certificate_cache: config.certificate_cache,
            renewal_schedule: config.renewal_schedule,
            ari_comparison: config.ari_comparison,
            retry_delays: config.retry_delays,
            conduct: config.conduct,
            certificate_writer: config.certificate_writer,
            certificate_requirement: config.certificate_requirement,
        })
    }
}

/// RFC 8555 §7.3: a mail address stands alone, without header fields (`?subject=…`); several are several URLs.
fn is_contact(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_one = || url.path().matches('@').count() == 1 && !url.path().contains(',');
    url.scheme() != "mailto" || is_one() && url.query().is_none() && url.fragment().is_none()
}

/// The roots in `pem`.
pub(super) fn roots(pem: &str) -> Result<RootCertStore, ConfigError> {
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
        assert!(Settings::try_from(good()).is_ok());
        assert!(Settings::try_from(Config { certificates: vec![vec!["a b".into()]], ..good() }).is_err());
        let other = Config { issuers: vec![ca("https://ca.test/dir"), ca("https://ca.test/other")], ..good() };
        assert_eq!(Settings::try_from(other).unwrap().issuers.len(), 2);
        let unreadable = IssuerConfig::new("https://ca.test/", "-----BEGIN X-----");
        let twice = vec![ca("https://ca.test/dir"), ca("https://ca.test/dir/")];
        for issuers in [vec![], vec![ca("http://ca.test/")], vec![unreadable], twice] {
            assert!(Settings::try_from(Config { issuers, ..good() }).is_err());
        }
        for wrong in ["ops@a.test", "mailto:a@a.test,b@a.test", "mailto:a@a.test?subject=x", "mailto:", "mailto:a.test"]
        {
            let issuer = IssuerConfig { contact: vec![wrong.to_owned()], ..ca("https://ca.test/") };
            let refused = Settings::try_from(Config { issuers: vec![issuer], ..good() }).unwrap_err();
            assert_eq!(refused, ConfigError::Contact(wrong.to_owned()));
        }
        let contact = ["mailto:a+b@a.test", "tel:+12025551212"].map(str::to_owned).to_vec();
        let issuers = vec![IssuerConfig { contact, ..ca("https://ca.test/") }];
        assert!(Settings::try_from(Config { issuers, ..good() }).is_ok());
        assert!(Settings::try_from(Config { fallback_name: Some("a b".into()), ..good() }).is_err());
        assert!(Settings::try_from(Config { retry_delays: vec![], ..good() }).is_err());
        let short = Some(Duration::from_secs(3_599));
        assert!(Settings::try_from(Config { persistent_record_lifetime: short, ..good() }).is_err());
    }
}
