//! [`Preset`]: the settings of CAs that are in use, as far as this CA has settings for what they do differently.
//!
//! The values are from `pebble` b1e1ca4, `boulder` 2d00c8e and `step-ca` 1c44aec, from Let's Encrypt's documents of August
//! 2026 (<https://letsencrypt.org/docs/profiles/>, <https://letsencrypt.org/docs/rate-limits/>), and for the two that are
//! only alike from what their clients met with: <https://github.com/acmesh-official/acme.sh/issues/6221> (ZeroSSL),
//! <https://github.com/letsencrypt/pebble/pull/508> (Buypass).

use std::{collections::BTreeMap, mem, num::NonZeroUsize, time::Duration};

use crate::{
    Config, Lifetimes, Paths, Profile, Profiles, RateLimits, RevocationReason, Style, UnaskedProfile,
    historical::ANY_REQUEST_TRIGGERS,
    pebble::{Environment, Settings},
};

const HOUR: Duration = hours(1);
const DAY: Duration = hours(24);

const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3_600)
}

/// A CA that is in use, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Pebble without configuration and environment: chance has a say in nonces, reuse, delays and forms.
    Pebble,
    /// Boulder, without limits.
    Boulder,
    /// Let's Encrypt: 90 days, if a client does not choose another profile.
    LetsEncrypt2026,
    /// From 2027-02-10: 64 days, and proofs that are good for 10.
    LetsEncrypt2027,
    /// From 2028-02-16: 45 days, and proofs that are good for 7 hours.
    LetsEncrypt2028,
    /// step-ca: a day, no renewal information, no reuse, no `Retry-After`, problems with statuses of its own.
    StepCa,
    /// Like ZeroSSL: external accounts, and clients that are told to ask again tomorrow.
    ZeroSslLike,
    /// Like Buypass: half a year, pre-authorization, and orders whose URL is told once.
    BuypassLike,
    /// What the RFCs say and no chance: nothing is reused, refused or delayed.
    StrictRfc,
}

impl Preset {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Pebble,
        Self::Boulder,
        Self::LetsEncrypt2026,
        Self::LetsEncrypt2027,
        Self::LetsEncrypt2028,
        Self::StepCa,
        Self::ZeroSslLike,
        Self::BuypassLike,
        Self::StrictRfc,
    ];

    /// The name on the command line and in scenario files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pebble => "pebble",
            Self::Boulder => "boulder",
            Self::LetsEncrypt2026 => "letsencrypt-2026",
            Self::LetsEncrypt2027 => "letsencrypt-2027",
            Self::LetsEncrypt2028 => "letsencrypt-2028",
            Self::StepCa => "step-ca",
            Self::ZeroSslLike => "zerossl-like",
            Self::BuypassLike => "buypass-like",
            Self::StrictRfc => "strict-rfc",
        }
    }

    /// Lets the CA be so. Where it is, whom it asks, what it is called and which names it issues for stays as it was.
    pub fn apply(self, config: &mut Config) {
        // What is not known of a CA is as it was, or as the RFCs have it.
        let plain = Config {
            paths: config.paths,
            style: config.style,
            caa_identities: config.caa_identities.clone(),
            ..Config::default()
        };
        let wanted = match self {
            Self::Pebble => pebble(),
            Self::Boulder => boulder(plain, 90 * DAY, LONG),
            Self::LetsEncrypt2026 => lets_encrypt(plain, 90 * DAY, LONG),
            Self::LetsEncrypt2027 => lets_encrypt(plain, 64 * DAY, Lifetimes { valid_authorization: 10 * DAY, ..LONG }),
            // How long orders will last then is not said; those of profiles with 7 hours last 8 now.
            Self::LetsEncrypt2028 => lets_encrypt(plain, 45 * DAY, SHORT),
            Self::StepCa => step_ca(plain),
            Self::ZeroSslLike => zero_ssl_like(plain),
            Self::BuypassLike => buypass_like(plain),
            Self::StrictRfc => Config { style: Style::Plain, ..plain },
        };
        become_like(config, wanted);
    }
}

/// Everything is as wanted, but for what belongs to the machine, the names on it, or the person who set it up.
fn become_like(config: &mut Config, wanted: Config) {
    *config = Config {
        directory_host: mem::take(&mut config.directory_host),
        listen: config.listen,
        https_port: config.https_port,
        front_ends: config.front_ends,
        transport: config.transport,
        origin: config.origin,
        api_names: mem::take(&mut config.api_names),
        api_certificate: config.api_certificate.take(),
        terms_of_service: config.terms_of_service.take(),
        external_account_keys: mem::take(&mut config.external_account_keys),
        hierarchy: config.hierarchy.clone(),
        leaf_urls: config.leaf_urls.clone(),
        identifier_policy: config.identifier_policy,
        domain_blocklist: mem::take(&mut config.domain_blocklist),
        always_valid: config.always_valid,
        remote_perspectives: config.remote_perspectives,
        addresses: config.addresses,
        dns_server: config.dns_server,
        dns_timeout: config.dns_timeout,
        dns_attempts: config.dns_attempts,
        connect_timeout: config.connect_timeout,
        http01_port: config.http01_port,
        http01_timeout: config.http01_timeout,
        http01_redirects: config.http01_redirects,
        tls_alpn01_port: config.tls_alpn01_port,
        tls_alpn01_timeout: config.tls_alpn01_timeout,
        nonces_max: config.nonces_max,
        body_bytes_max: config.body_bytes_max,
        client_timeout: config.client_timeout,
        ..wanted
    };
}

fn pebble() -> Config {
    let mut pebble = Settings::default().config();
    Environment::read(|_| None).apply(&mut pebble);
    pebble
}

/// Those of the profile `classic`.
const LONG: Lifetimes =
    Lifetimes { order: hours(7 * 24), pending_authorization: hours(7 * 24), valid_authorization: hours(30 * 24) };
/// Those of `tlsserver` and `shortlived`.
const SHORT: Lifetimes = Lifetimes { order: hours(8), pending_authorization: HOUR, valid_authorization: hours(7) };

fn boulder(plain: Config, validity: Duration, lifetimes: Lifetimes) -> Config {
    let profile = |name: &str, profile: Profile| {
        let description = format!("https://letsencrypt.org/docs/profiles#{name}");
        (name.to_owned(), Profile { description, ..profile })
    };
    let short = |validity| Profile {
        validity: Some(validity),
        identifiers_max: Some(25),
        refuses_addresses: true,
        lifetimes: Some(SHORT),
        ..Profile::default()
    };
    let classic = Profile {
        promotes_common_name: true,
        validity: Some(validity),
        refuses_addresses: true,
        lifetimes: Some(lifetimes),
        ..Profile::default()
    };
    let offered = BTreeMap::from([
        profile("classic", classic),
        profile("tlsserver", short(45 * DAY)),
        profile("shortlived", Profile { refuses_addresses: false, ..short(160 * HOUR) }),
    ]);
    Config {
        paths: Paths::Boulder,
        style: Style::Boulder,
        profiles: Profiles { offered, unasked: UnaskedProfile::Named("classic".to_owned()) },
        identifiers_max: 100,
        backdate: HOUR,
        authorization_reuse_percent: 100,
        reuses_orders: true,
        order_retry_after: Some(Duration::from_secs(3)),
        challenge_retry_after: None,
        revocation_reasons: [
            RevocationReason::Unspecified,
            RevocationReason::KeyCompromise,
            RevocationReason::Superseded,
            RevocationReason::CessationOfOperation,
        ]
        .into(),
        ..plain
    }
}

fn lets_encrypt(plain: Config, validity: Duration, lifetimes: Lifetimes) -> Config {
    Config {
        caa_identities: vec!["letsencrypt.org".to_owned()],
        rate_limits: RateLimits::lets_encrypt(),
        ..boulder(plain, validity, lifetimes)
    }
}

fn step_ca(plain: Config) -> Config {
    Config {
        style: Style::StepCa,
        validity: DAY,
        backdate: Duration::from_secs(60),
        honors_requested_validity: true,
        pending_authorization_lifetime: DAY,
        valid_authorization_lifetime: DAY,
        orders_per_page: NonZeroUsize::MAX,
        issuance_delay: Duration::ZERO,
        awaits_issuance: true,
        challenge_trigger: ANY_REQUEST_TRIGGERS,
        changes_keys: false,
        renewal_info: false,
        order_retry_after: None,
        challenge_retry_after: None,
        ..plain
    }
}

fn zero_ssl_like(plain: Config) -> Config {
    Config {
        caa_identities: vec!["sectigo.com".to_owned()],
        external_account_required: true,
        validity: 90 * DAY,
        renewal_info: false,
        order_retry_after: Some(DAY),
        challenge_retry_after: Some(DAY),
        ..plain
    }
}

fn buypass_like(plain: Config) -> Config {
    Config {
        style: Style::Buypass,
        caa_identities: vec!["buypass.com".to_owned()],
        validity: 180 * DAY,
        pre_authorization: true,
        renewal_info: false,
        ..plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_changes_what_the_ca_does_and_not_where_it_is() {
        for preset in Preset::ALL {
            let mut config = Config {
                directory_host: "here.test".to_owned(),
                https_port: 1,
                terms_of_service: None,
                always_valid: true,
                // What an earlier one has left does not shine through.
                nonce_rejection_percent: 99,
                rate_limits: RateLimits::lets_encrypt(),
                ..Config::default()
            };
            preset.apply(&mut config);
            assert_eq!((config.directory_host.as_str(), config.https_port), ("here.test", 1));
            assert_eq!((config.terms_of_service, config.always_valid), (None, true));
            assert_ne!(config.nonce_rejection_percent, 99, "{preset:?}");
            let is_limited = preset.name().starts_with("letsencrypt");
            assert_eq!(config.rate_limits != RateLimits::default(), is_limited, "{preset:?}");
        }
    }

    #[test]
    fn lets_encrypts_profiles_last_as_long_as_announced() {
        for (preset, days, reuse) in [
            (Preset::LetsEncrypt2026, 90, 30 * DAY),
            (Preset::LetsEncrypt2027, 64, 10 * DAY),
            (Preset::LetsEncrypt2028, 45, 7 * HOUR),
        ] {
            let mut config = Config::default();
            preset.apply(&mut config);
            let classic = config.profiles.find(Some("classic"));
            let lifetimes = config.lifetimes(Some("classic"));
            assert_eq!((classic.validity, lifetimes.valid_authorization), (Some(days * DAY), reuse));
            assert!(lifetimes.left_for_reuse() < reuse, "nothing would ever be reused");
            let shortlived = config.profiles.find(Some("shortlived"));
            assert_eq!((shortlived.validity, shortlived.identifiers_max), (Some(160 * HOUR), Some(25)));
            assert!(classic.refuses_addresses && !shortlived.refuses_addresses);
        }
    }
}
