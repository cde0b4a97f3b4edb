//! A CA as a scenario has it: the settings of `[ca]`, its defects, and the verbs that change how it answers.
//!
//! The same for a CA in a world and for one that `gauntlet serve` serves.

mod faults;
mod renewal_info;
mod revocation;
mod settings;
mod switches;

use std::sync::Arc;

use ca_mock::{Ca, Config, historical};
use time::UtcDateTime;

use crate::language::{Bug, Case, SignedDuration, Verb};
pub use switches::Switch;

/// Lets the CA be as the case's `[ca]` and `[bugs]` say.
pub fn configure(case: &Case, config: &mut Config) {
    settings::apply(&case.ca, config);
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
        Bug::OrderOutlivesAuthorization => config.order_expiry = historical::ORDER_OUTLIVES_AUTHORIZATION,
        Bug::KeyChangeFalseOk => config.key_rollover = historical::KEY_CHANGE_FORGOTTEN,
        Bug::ClockSkewNodes => config.front_end_clocks = historical::CLOCK_SKEW,
        Bug::RenewalThirtyDayConstant
        | Bug::CertificateWrittenInPlace
        | Bug::CertificateRenamedUnsynced
        | Bug::CertificateDirectoryUnsynced
        | Bug::CertificateWithoutCommitPoint
        | Bug::CertificateKeyRolledBack
        | Bug::CertificateNeedsMetadata
        | Bug::AriMissingRetryAfter
        | Bug::AccountKeyInMemory
        | Bug::RenewalUnderCacheLock
        | Bug::StorageReadUnderCacheLock
        | Bug::ReplacesEverywhere
        | Bug::NobodyAsked
        | Bug::WildcardShadow
        | Bug::AcmeTlsAmongOthers
        | Bug::StorageLocksDoNothing
        | Bug::StorageLockByTime
        | Bug::StorageLockNeverReleased
        | Bug::ChallengePostedAgain
        | Bug::PollsAtEachLook
        | Bug::WaitsAfterFailure
        | Bug::SerialWithoutItsZero
        | Bug::FirstVisitorsOrder
        | Bug::LocalCopy
        | Bug::WildcardAnyDepth
        | Bug::RetriesAtOnce
        | Bug::FailureAdvancesDate
        | Bug::StopsAtAFailure
        | Bug::TenFailures
        | Bug::RetryAfterIgnored
        | Bug::RetryAfterZero
        | Bug::NonceSentAgain
        | Bug::ReplacesForEver
        | Bug::AuthorizationLeftPending
        | Bug::KeyBeforeCertificate
        | Bug::FormerCertificatesWindow
        | Bug::MetadataOverTheNext
        | Bug::TimerStandsStill
        | Bug::SuggestionIgnored
        | Bug::StoreErrorIgnored
        | Bug::KeyForEverybody
        | Bug::CompromisedKeyKept
        | Bug::StaleStapleKept
        | Bug::StapleRefusedBeyondExpiry
        | Bug::TxtReplaced
        | Bug::AccountForEver
        | Bug::ReadsLag
        | Bug::FinishedNotLive
        | Bug::TaskLeftBehind
        | Bug::FailureUntold => {}
    }
}

/// Does what a verb does to a CA whose clock shows `now`. Whether the verb is one about CAs.
pub fn carry_out(verb: &Verb, ca: &Ca, now: UtcDateTime) -> bool {
    match verb {
        Verb::CaAriSet { .. } => renewal_info::set(verb, ca, now),
        Verb::CaOcspSet { answers } => revocation::set_answers(*answers, ca),
        Verb::CaRevoke { .. } => revocation::revoke(verb, ca, now),
        Verb::CaAriAdvance { start, end } => {
            let moment =
                |distance: &SignedDuration| now.saturating_add(time::Duration::nanoseconds(distance.nanoseconds()));
            ca.advance_renewals(moment(start)..=moment(end));
        }
        Verb::CaFault { .. } => faults::set(verb, ca, now),
        Verb::CaFaultClear { name } => ca.remove_faults(name.as_ref().map(|name| name.as_str())),
        Verb::CaTermsSet { url } => ca.set_terms_of_service(url.0.clone()),
        Verb::CaAccountsDeactivate {} => ca.deactivate_accounts(),
        Verb::CaTermsAgree {} => ca.agree_to_terms_of_service(),
        Verb::HostKill { .. }
        | Verb::HostPowerLoss { .. }
        | Verb::HostStart { .. }
        | Verb::HostSuspend { .. }
        | Verb::HostResume { .. }
        | Verb::DiskFail { .. }
        | Verb::DiskDamage { .. }
        | Verb::DiskGiveCertificate { .. }
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
        | Verb::ManagerReload { .. }
        | Verb::ManagerRevoke { .. }
        | Verb::ManagerShutDown { .. }
        | Verb::Probe { .. } => return false,
    }
    true
}
