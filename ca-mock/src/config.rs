//! [`Config`]: everything about the CA that may be chosen.
//!
//! A plain struct: a scenario, a command line or a test fills it in. The CA never reads the environment.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use rustls::sign::CertifiedKey;

use crate::{
    MakeAccountLookup,
    accounts::KeyRollover,
    addresses::AddressSource,
    caa::{CaaRecheck, CaaRules, EachDue},
    certificates::{RevocationReason, SerialNumbers},
    external_accounts::ExternalAccountKeys,
    faults::FaultRule,
    front_end::{ChallengeTrigger, FrontEndClocks, Origin, Paths, Style},
    http01::Redirects,
    identifier_policy::IdentifierPolicy,
    issuance::{ApiIdentityFlaw, Hierarchy, LeafUrls},
    jwk::KeyType,
    orders::OrderExpiry,
    perspective::Quorum,
    profiles::{Lifetimes, Profiles},
    rate_limits::RateLimits,
    renewal_info_policy::RenewalInfoPolicy,
    validity::LastSecond,
    wire::Transport,
};

/// What kind of CA this is.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host in every URL that the CA hands out and in its own HTTPS certificate: a DNS name or an IP address.
    pub directory_host: String,
    /// The address to listen on.
    pub listen: IpAddr,
    /// The port to listen on; 0 picks a free one, which then appears in URLs.
    pub https_port: u16,
    /// How many front ends there are; a balancer gives them the requests in turn.
    pub front_ends: NonZeroU32,
    /// What time it is at each of them.
    pub front_end_clocks: FrontEndClocks,
    /// How each of them finds the account that a request names.
    pub account_lookup: MakeAccountLookup,
    /// How an account's key is changed.
    pub key_rollover: KeyRollover,
    /// HTTPS or not, and which versions of HTTP.
    pub transport: Transport,
    /// The resources' paths.
    pub paths: Paths,
    /// How answers look.
    pub style: Style,
    /// What the URLs that are handed out begin with.
    pub origin: Origin,
    /// Further DNS names and IP addresses in the API's own HTTPS certificate.
    pub api_names: Vec<String>,
    /// Shown instead of a certificate of the CA's own making.
    pub api_certificate: Option<Arc<CertifiedKey>>,
    /// What is wrong with the certificate of the CA's own making; nothing if absent.
    pub api_identity_flaw: Option<ApiIdentityFlaw>,
    /// The terms that a new account must agree to at first, as a URL; none need be agreed to if absent (RFC 8555 §7.3).
    pub terms_of_service: Option<String>,
    /// Whether a new account must be bound to one that its holder has outside of ACME (RFC 8555 §7.3.4).
    pub external_account_required: bool,
    /// The keys for such bindings that are known at first.
    pub external_account_keys: ExternalAccountKeys,

    /// The CA's own certificates, and the chains from its roots to the leaves.
    pub hierarchy: Hierarchy,
    /// What clients may choose from.
    pub profiles: Profiles,
    /// From notBefore to notAfter, both included, in whole seconds, where the profile does not say.
    pub validity: Duration,
    /// Which second is the last one of that time.
    pub last_second: LastSecond,
    /// How far notBefore lies before the moment of issuance.
    pub backdate: Duration,
    /// Whether an order may say when its certificate begins and ends (`notBefore`, `notAfter`, RFC 8555 §7.4).
    pub honors_requested_validity: bool,
    /// Where certificates' serial numbers come from.
    pub serial_numbers: SerialNumbers,
    /// Where leaf certificates send those who ask for their issuer or their status. All in ASCII.
    pub leaf_urls: LeafUrls,
    /// How long an OCSP response holds, from thisUpdate to nextUpdate.
    pub ocsp_lifetime: Duration,
    /// How long a revocation list holds (Baseline Requirements §4.9.7: at most ten days).
    pub crl_lifetime: Duration,
    /// The keys that a certificate may be for.
    pub certificate_keys: BTreeSet<KeyType>,
    /// The longest that an order may take; no longer than an authorization that it takes over, or its notAfter.
    pub order_lifetime: Duration,
    /// When it expires that stands on authorizations that are valid already.
    pub order_expiry: OrderExpiry,
    /// How long an authorization may stay pending.
    pub pending_authorization_lifetime: Duration,
    /// How long an authorization is good for once it is valid.
    pub valid_authorization_lifetime: Duration,
    /// How often, in percent, a new order takes over a valid authorization of its account that has enough of its life
    /// left, instead of asking for proof again (RFC 8555 §7.1.3).
    pub authorization_reuse_percent: u8,
    /// Whether the answer to a new order is the account's order for the same that is still open, if there is one.
    pub reuses_orders: bool,
    /// Whether authorizations can be had before an order, and are taken over by the orders that follow (RFC 8555 §7.4.1).
    pub pre_authorization: bool,
    /// Whether control of a domain is proof for the names below it too, where a client asks for that (RFC 9444). It is
    /// proved by dns-01 or dns-account-01 then, and CAA is asked about each name before issuance.
    pub subdomain_authorization: bool,
    /// How many orders one page of an account's list has (RFC 8555 §7.1.2.1).
    pub orders_per_page: NonZeroUsize,
    /// The issuer domain names by which CAA records mean this CA (RFC 8659 §4.2); shown in the directory.
    pub caa_identities: Vec<String>,
    /// By which rules CAA is looked up and judged.
    pub caa_rules: CaaRules,
    /// Decides which names' CAA is looked up again before issuance.
    pub caa_recheck: Arc<dyn CaaRecheck>,
    /// Which request to a challenge begins its validation.
    pub challenge_trigger: ChallengeTrigger,
    /// How long issuance takes: finalized orders are `processing` for so long.
    pub issuance_delay: Duration,
    /// Whether the answer to a finalization waits for issuance, so that it shows the order `valid`.
    pub awaits_issuance: bool,
    /// Whether an account's key can be changed; if not, the directory names the resource all the same, and its answer is
    /// 501 (step-ca).
    pub changes_keys: bool,
    /// The reasons that a revocation may give (RFC 8555 §7.6).
    pub revocation_reasons: BTreeSet<RevocationReason>,
    /// `Retry-After` of a `processing` order, rounded up to whole seconds; absent if none.
    pub order_retry_after: Option<Duration>,
    /// `Retry-After` of a `processing` challenge and its authorization; absent if none.
    pub challenge_retry_after: Option<Duration>,
    /// How often, in percent, those two are dates instead of seconds.
    pub retry_after_date_percent: u8,
    /// Whether there is renewal information at all (RFC 9773). Without it, `replaces` in an order is ignored.
    pub renewal_info: bool,
    /// What renewal information is answered with at first.
    pub renewal_info_policy: RenewalInfoPolicy,
    /// The most identifiers in one order.
    pub identifiers_max: usize,
    /// Which names may be ordered.
    pub identifier_policy: IdentifierPolicy,
    /// Domains that nothing is issued for, those below them included.
    pub domain_blocklist: Vec<String>,

    /// How much clients may ask for.
    pub rate_limits: RateLimits,
    /// The fault rules that are in force from the beginning, the latest of each name.
    pub faults: Vec<FaultRule>,

    /// Every challenge that is answered becomes valid: nothing is fetched, and CAA is not looked up.
    pub always_valid: bool,
    /// Before a challenge is validated, this passes.
    pub validation_delay: Duration,
    /// Besides, whole seconds below this pass, as many as the entropy has it.
    pub validation_delay_max: Duration,
    /// How often a validation that has failed is tried again, before the challenge is invalid (RFC 8555 §8.2).
    pub validation_retries: u32,
    /// How long before it is, each time.
    pub validation_retry_pause: Duration,
    /// Whether it asks for what nobody is to give, before it looks for a proof by http-01 or tls-alpn-01 (RFC 8555 §8.3,
    /// RFC 8737 §3 and §4), and tells by the probes `ca/decoy-refused` and `ca/decoy-taken` what came of it.
    pub lays_decoys: bool,
    /// How many remote perspectives repeat each validation and each lookup of CAA; those that no host has taken on
    /// ([`Ca::open_perspective`](crate::Ca::open_perspective)) count as disagreeing.
    pub remote_perspectives: usize,
    /// How many of them may disagree.
    pub quorum: Quorum,
    /// Whom the validation authority asks for addresses.
    pub addresses: AddressSource,

    /// The DNS server that the validation authority asks.
    pub dns_server: SocketAddr,
    /// How long one DNS query may take.
    pub dns_timeout: Duration,
    /// How often a DNS query is sent before giving up.
    pub dns_attempts: u32,
    /// How long a TCP connection of http-01 and tls-alpn-01 may take to come about.
    pub connect_timeout: Duration,
    /// The port that http-01 connects to (RFC 8555 §8.3 says 80).
    pub http01_port: u16,
    /// How long http-01 may take, all redirects included and DNS lookups excluded.
    pub http01_timeout: Duration,
    /// Where http-01 may be redirected to.
    pub http01_redirects: Redirects,
    /// The port that tls-alpn-01 (RFC 8737 §3 says 443) and http-01 redirected to HTTPS connect to.
    pub tls_alpn01_port: u16,
    /// How long a handshake of tls-alpn-01 may take.
    pub tls_alpn01_timeout: Duration,

    /// How often, in percent, a good nonce is refused.
    pub nonce_rejection_percent: u8,
    /// For how long a nonce is good; for ever if absent.
    pub nonce_lifetime: Option<Duration>,
    /// How many unused nonces are remembered.
    pub nonces_max: usize,
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long a TLS handshake, a request's header or its body may take, and a connection be idle.
    pub client_timeout: Duration,
}

impl Config {
    /// How long an order of this profile and its authorizations last.
    pub(crate) fn lifetimes(&self, profile: Option<&str>) -> Lifetimes {
        self.profiles.find(profile).lifetimes.unwrap_or(Lifetimes {
            order: self.order_lifetime,
            pending_authorization: self.pending_authorization_lifetime,
            valid_authorization: self.valid_authorization_lifetime,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            directory_host: "ca.test".to_owned(),
            listen: Ipv4Addr::UNSPECIFIED.into(),
            https_port: 443,
            front_ends: NonZeroU32::MIN,
            front_end_clocks: FrontEndClocks::TOGETHER,
            account_lookup: MakeAccountLookup::FROM_STORE,
            key_rollover: KeyRollover::CARRIED_OUT,
            transport: Transport::default(),
            paths: Paths::default(),
            style: Style::default(),
            origin: Origin::default(),
            api_names: Vec::new(),
            api_certificate: None,
            api_identity_flaw: None,
            terms_of_service: Some("https://ca.test/terms/1".to_owned()),
            external_account_required: false,
            external_account_keys: ExternalAccountKeys::default(),
            hierarchy: Hierarchy::default(),
            profiles: Profiles::default(),
            validity: 90 * 24 * HOUR,
            last_second: LastSecond::INCLUSIVE,
            backdate: HOUR,
            honors_requested_validity: false,
            serial_numbers: SerialNumbers::RANDOM,
            leaf_urls: LeafUrls::default(),
            ocsp_lifetime: 4 * 24 * HOUR,
            crl_lifetime: 7 * 24 * HOUR,
            certificate_keys: KeyType::USUAL.into(),
            order_lifetime: 24 * HOUR,
            order_expiry: OrderExpiry::WITHIN_AUTHORIZATIONS,
            pending_authorization_lifetime: HOUR,
            valid_authorization_lifetime: HOUR,
            authorization_reuse_percent: 0,
            reuses_orders: false,
            pre_authorization: false,
            subdomain_authorization: false,
            orders_per_page: NonZeroUsize::new(100).expect("it is not 0"),
            caa_identities: vec!["ca.test".to_owned()],
            caa_rules: CaaRules::STANDARD,
            caa_recheck: Arc::new(EachDue),
            challenge_trigger: ChallengeTrigger::OBJECT,
            issuance_delay: Duration::from_secs(1),
            awaits_issuance: false,
            changes_keys: true,
            revocation_reasons: RevocationReason::ALL.into(),
            order_retry_after: Some(Duration::from_secs(3)),
            challenge_retry_after: Some(Duration::from_secs(3)),
            retry_after_date_percent: 0,
            renewal_info: true,
            renewal_info_policy: RenewalInfoPolicy::default(),
            identifiers_max: 100,
            identifier_policy: IdentifierPolicy::default(),
            domain_blocklist: Vec::new(),
            rate_limits: RateLimits::default(),
            faults: Vec::new(),
            always_valid: false,
            validation_delay: Duration::ZERO,
            validation_delay_max: Duration::ZERO,
            validation_retries: 0,
            validation_retry_pause: Duration::from_secs(5),
            lays_decoys: false,
            remote_perspectives: 0,
            quorum: Quorum::BASELINE,
            addresses: AddressSource::default(),
            dns_server: SocketAddr::from(([127, 0, 0, 1], 53)),
            dns_timeout: Duration::from_secs(5),
            dns_attempts: 3,
            connect_timeout: Duration::from_secs(10),
            http01_port: 80,
            http01_timeout: Duration::from_secs(20),
            http01_redirects: Redirects::default(),
            tls_alpn01_port: 443,
            tls_alpn01_timeout: Duration::from_secs(10),
            nonce_rejection_percent: 0,
            nonce_lifetime: None,
            nonces_max: 4096,
            body_bytes_max: 64 * 1024,
            client_timeout: Duration::from_secs(30),
        }
    }
}
