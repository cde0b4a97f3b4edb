//! A CA as a scenario has it: the settings of `[ca]`, its defects, and the verbs that change how it answers.
//!
//! The same for a CA in a world and for one that `gauntlet serve` serves.

mod faults;
mod renewal_info;
mod switches;

use std::sync::Arc;

use ca_mock::{Ca, Config, CrossSign, Limit, RateLimits, historical};
use time::UtcDateTime;

use crate::language::{Bug, Case, LimitSettings, Rate, Verb};
pub use switches::Switch;

/// Lets the CA be as the case's `[ca]` and `[bugs]` say.
pub fn configure(case: &Case, config: &mut Config) {
    config.validity = case.ca.validity;
    config.backdate = case.ca.backdate;
    config.order_lifetime = case.ca.order_lifetime;
    config.valid_authorization_lifetime = case.ca.authorization_lifetime;
    config.authorization_reuse_percent = if case.ca.reuse_authorizations { 100 } else { 0 };
    config.caa_identities = case.ca.caa_identities.0.clone();
    config.order_retry_after = Some(case.ca.retry_after);
    config.challenge_retry_after = Some(case.ca.retry_after);
    config.renewal_info = case.ca.ari.enabled;
    config.renewal_info_policy = renewal_info::policy(&case.ca.ari);
    config.front_ends = case.ca.front_ends;
    config.rate_limits = limits(&case.ca.limits);
    config.hierarchy.cross_sign = case
        .ca
        .cross_sign
        .as_ref()
        .map(|cross_sign| CrossSign { lifetime: cross_sign.expires, default_for: cross_sign.default_for });
    case.bugs.iter().for_each(|bug| switch_on(*bug, config));
    case.behaviours.iter().for_each(|behaviour| Switch::Behaviour(*behaviour).switch_on(config));
}

/// Puts a defect in its place. Of two that have the same place, the later one stays.
fn switch_on(bug: Bug, config: &mut Config) {
    match bug {
        Bug::StaleAccountCache => config.account_lookup = historical::STALE_ACCOUNT_CACHE,
        Bug::CaaLoopVariable => config.caa_recheck = Arc::new(historical::CaaLoopVariable),
        Bug::CaaNoRecheckReuse => config.caa_recheck = Arc::new(historical::CaaNotRechecked),
        Bug::CaaResultIgnored => config.caa_rules = historical::CAA_RESULT_IGNORED,
        Bug::CaaTagCase => config.caa_rules = historical::CAA_TAG_CASE,
        Bug::CaaParamCase => config.caa_rules = historical::CAA_PARAMETER_CASE,
        Bug::CaaParamSep => config.caa_rules = historical::CAA_PARAMETER_SEPARATOR,
        Bug::CaaCnameClimb => config.caa_rules = historical::CAA_CLIMBS_ALIAS,
        Bug::CaaDnssecServfail => config.caa_rules = historical::CAA_SERVFAIL_PERMITS,
        Bug::SerialCollision => config.serial_numbers = historical::SERIAL_COLLISION,
        Bug::SerialShort => config.serial_numbers = historical::SERIAL_SHORT,
        Bug::ValidityPlusOneSecond => config.last_second = historical::VALIDITY_PLUS_ONE_SECOND,
        Bug::CorroborationIgnored => config.quorum = historical::CORROBORATION_IGNORED,
        Bug::OrderOutlivesAuthorization => config.order_span = historical::ORDER_OUTLIVES_AUTHORIZATION,
        Bug::KeyChangeFalseOk => config.key_rollover = historical::KEY_CHANGE_FORGOTTEN,
        Bug::ClockSkewNodes => config.front_end_clocks = historical::CLOCK_SKEW,
        Bug::RenewalThirtyDayConstant
        | Bug::CertificateWrittenInPlace
        | Bug::CertificateNeedsMetadata
        | Bug::AriMissingRetryAfter
        | Bug::AccountKeyInMemory
        | Bug::RenewalUnderCacheLock
        | Bug::StorageReadUnderCacheLock => {}
    }
}

fn limits(settings: &LimitSettings) -> RateLimits {
    let limit = |rate: Option<Rate>| rate.map(|Rate { count, period }| Limit { count, period });
    RateLimits {
        new_accounts_per_address: limit(settings.new_accounts_per_address),
        new_accounts_per_network: None,
        new_orders_per_account: limit(settings.new_orders_per_account),
        certificates_per_domain: limit(settings.certificates_per_domain),
        certificates_per_exact_set: limit(settings.certificates_per_exact_set),
        failed_validations_per_identifier: limit(settings.failed_validations_per_identifier),
        requests_per_address: limit(settings.requests_per_address),
        retry_after_is_date: settings.retry_after_is_date,
    }
}

/// Does what a verb does to a CA whose clock shows `now`. Whether the verb is one about CAs.
pub fn carry_out(verb: &Verb, ca: &Ca, now: UtcDateTime) -> bool {
    match verb {
        Verb::CaAriSet { .. } => renewal_info::set(verb, ca, now),
        Verb::CaFault { .. } => faults::set(verb, ca, now),
        Verb::CaFaultClear { name } => ca.remove_faults(name.as_ref().map(|name| name.as_str())),
        Verb::HostKill { .. }
        | Verb::HostPowerLoss { .. }
        | Verb::HostStart { .. }
        | Verb::HostSuspend { .. }
        | Verb::HostResume { .. }
        | Verb::DiskFail { .. }
        | Verb::DiskDamage { .. }
        | Verb::ClockStep { .. }
        | Verb::ClockSetDrift { .. }
        | Verb::LinkSet { .. }
        | Verb::LinkBlackhole { .. }
        | Verb::LinkReset { .. }
        | Verb::LinkStall { .. }
        | Verb::LinkTruncate { .. }
        | Verb::LinkHeal { .. }
        | Verb::DiskSlow { .. }
        | Verb::DnsReplace { .. }
        | Verb::DnsRemove { .. }
        | Verb::DnsServfail { .. }
        | Verb::Probe { .. } => return false,
    }
    true
}
