//! [`Preset`]: the settings of CAs that are in use, as far as this CA has settings for what they do differently.
//!
//! The values are from `pebble` b1e1ca4, `boulder` 2d00c8e and `step-ca` 1c44aec, and from Let's Encrypt's documents of
//! August 2026: <https://letsencrypt.org/docs/profiles/>, <https://letsencrypt.org/docs/rate-limits/>.

use std::time::Duration;

use crate::{Config, RateLimits};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A CA that is in use, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Boulder, without limits.
    Boulder,
    /// Let's Encrypt's default profile: 90 days.
    LetsEncrypt2026,
    /// From 2027-02-10: 64 days, and proofs that are good for 10.
    LetsEncrypt2027,
    /// From 2028-02-16: 45 days, and proofs that are good for 7 hours.
    LetsEncrypt2028,
    /// step-ca: no renewal information, no reuse, no `Retry-After`.
    StepCa,
    /// What the RFCs say and no chance: nothing is reused, refused or delayed.
    StrictRfc,
}

impl Preset {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Boulder,
        Self::LetsEncrypt2026,
        Self::LetsEncrypt2027,
        Self::LetsEncrypt2028,
        Self::StepCa,
        Self::StrictRfc,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Boulder => "boulder",
            Self::LetsEncrypt2026 => "letsencrypt-2026",
            Self::LetsEncrypt2027 => "letsencrypt-2027",
            Self::LetsEncrypt2028 => "letsencrypt-2028",
            Self::StepCa => "step-ca",
            Self::StrictRfc => "strict-rfc",
        }
    }

    /// Lets the CA be so.
    pub fn apply(self, config: &mut Config) {
        config.nonce_rejection_percent = 0;
        config.validation_delay_max = Duration::ZERO;
        config.retry_after_date_percent = 0;
        match self {
            Self::Boulder => boulder(config),
            Self::LetsEncrypt2026 => lets_encrypt(config, 90 * DAY, 30 * DAY),
            Self::LetsEncrypt2027 => lets_encrypt(config, 64 * DAY, 10 * DAY),
            Self::LetsEncrypt2028 => lets_encrypt(config, 45 * DAY, 7 * HOUR),
            Self::StepCa => {
                config.order_lifetime = DAY;
                config.pending_authorization_lifetime = DAY;
                config.valid_authorization_lifetime = DAY;
                config.authorization_reuse_percent = 0;
                config.renewal_info = false;
                config.order_retry_after = None;
                config.challenge_retry_after = None;
            }
            Self::StrictRfc => config.authorization_reuse_percent = 0,
        }
    }
}

fn boulder(config: &mut Config) {
    config.validity = 90 * DAY;
    config.backdate = HOUR;
    config.pending_authorization_lifetime = 7 * DAY;
    config.valid_authorization_lifetime = 30 * DAY;
    config.order_lifetime = 7 * DAY;
    config.authorization_reuse_percent = 100;
    config.order_retry_after = Some(Duration::from_secs(3));
    config.challenge_retry_after = None;
    config.renewal_info = true;
    config.identifiers_max = 100;
}

fn lets_encrypt(config: &mut Config, validity: Duration, reuse: Duration) {
    boulder(config);
    config.validity = validity;
    config.valid_authorization_lifetime = reuse;
    // An authorization is taken over while it lasts as long as the new order.
    config.order_lifetime = config.order_lifetime.min(reuse);
    config.caa_identities = vec!["letsencrypt.org".to_owned()];
    config.rate_limits = RateLimits::LETS_ENCRYPT;
}
