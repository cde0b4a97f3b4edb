//! What a manager of a scenario is set up with: its CAs, what decides and solves for it, and the defects that are on.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc};

use ca_mock::Ca;
use client_under_test::{
    acme::{
        account::Consent,
        external_account::{ExternalAccount, MacAlgorithm},
    },
    historical,
    manager::{AskEndpoint, Decision, DnsProvider, IssuerConfig, OrderRate, RenewalSchedule, dns01::update::DnsUpdate},
    storage::lock::{NumberedFiles, StorageLocks},
};

use super::{stage::StageError, steps::disk::STORAGE_ROOT};
use crate::language::{Bug, Case, Rate};

/// Managers of these names that ask these CAs, with the case's defects.
pub(super) fn config(case: &Case, names: &[String], cas: &[Ca]) -> client_under_test::Config {
    let mut config = client_under_test::Config::new(names, "", "");
    config.issuers = cas.iter().map(issuer).collect();
    config.storage_root = PathBuf::from(STORAGE_ROOT);
    for bug in &case.bugs {
        match bug {
            Bug::RenewalThirtyDayConstant => {
                let defect: Arc<dyn RenewalSchedule> = Arc::new(historical::ThirtyDayConstant);
                config.renewal_schedule = defect;
            }
            Bug::CertificateWrittenInPlace => {
                config.certificate_writer = Arc::new(historical::InPlaceWrite);
            }
            Bug::CertificateRenamedUnsynced => {
                config.certificate_writer = Arc::new(historical::RenamedUnsynced);
            }
            Bug::CertificateDirectoryUnsynced => {
                config.certificate_writer = Arc::new(historical::DirectoryUnsynced);
            }
            Bug::CertificateWithoutCommitPoint => {
                config.certificate_writer = Arc::new(historical::NoCommitPoint);
            }
            Bug::CertificateKeyRolledBack => {
                config.certificate_writer = Arc::new(historical::KeyRolledBack);
            }
            Bug::CertificateNeedsMetadata => {
                config.certificate_requirement = Arc::new(historical::AllOrNothing);
            }
            Bug::AriMissingRetryAfter => {
                config.ari_comparison = Arc::new(historical::MissingRetryAfter);
            }
            Bug::AccountKeyInMemory => {
                config.rollover_record = Arc::new(historical::AccountKeyInMemory);
            }
            Bug::AccountForEver => config.conduct.account_succession = Arc::new(historical::AccountForEver),
            Bug::RenewalUnderCacheLock => {
                config.certificate_cache = historical::renewal_under_cache_lock;
            }
            Bug::StorageReadUnderCacheLock => {
                config.certificate_cache = historical::storage_read_under_cache_lock;
            }
            Bug::WildcardShadow => config.certificate_cache = historical::wildcard_shadow,
            Bug::AcmeTlsAmongOthers => config.certificate_cache = historical::acme_tls_among_others,
            Bug::RetriesAtOnce => config.conduct.retry_waits = historical::retries_at_once,
            Bug::FailureAdvancesDate => config.conduct.retry_waits = historical::failure_advances_date,
            Bug::StopsAtAFailure => config.conduct.retry_waits = historical::stops_at_a_failure,
            Bug::TenFailures => config.conduct.retry_waits = historical::ten_failures,
            Bug::RetryAfterIgnored => config.conduct.polling = Arc::new(historical::RetryAfterIgnored),
            Bug::RetryAfterZero => config.conduct.polling = Arc::new(historical::RetryAfterZero),
            Bug::NonceSentAgain => config.conduct.nonces = historical::nonce_sent_again,
            Bug::ReplacesForEver => config.conduct.replacement = Arc::new(historical::ReplacesForEver),
            Bug::AuthorizationLeftPending => config.conduct.order_end = Arc::new(historical::AuthorizationLeftPending),
            Bug::KeyBeforeCertificate => config.conduct.order_note = Arc::new(historical::KeyBeforeCertificate),
            Bug::FormerCertificatesWindow => {
                config.conduct.metadata_owner = Arc::new(historical::FormerCertificatesWindow)
            }
            Bug::MetadataOverTheNext => {
                config.conduct.metadata_place = Arc::new(historical::MetadataOverTheNext);
            }
            Bug::TimerStandsStill => config.renewal_schedule = Arc::new(historical::TimerStandsStill::default()),
            Bug::SuggestionIgnored => config.renewal_schedule = Arc::new(historical::SuggestionIgnored),
            Bug::StoreErrorIgnored => config.certificate_writer = Arc::new(historical::StoreErrorIgnored),
            Bug::KeyForEverybody => config.certificate_writer = Arc::new(historical::KeyForEverybody),
            Bug::ChallengePostedAgain => {
                config.conduct.authorization_look = Arc::new(historical::ChallengePostedAgain);
            }
            Bug::PollsAtEachLook => config.conduct.ari_polling = Arc::new(historical::PollsAtEachLook),
            Bug::SerialWithoutItsZero => {
                config.conduct.certificate_name = Arc::new(historical::SerialWithoutItsZero);
            }
            Bug::WaitsAfterFailure => config.conduct.patience = Arc::new(historical::WaitsAfterFailure),
            Bug::FirstVisitorsOrder => config.conduct.lead = Arc::new(historical::FirstVisitorsOrder),
            Bug::LocalCopy => {
                let copy = historical::LocalCopy::default();
                config.conduct.certificate_reader = Arc::new(copy.clone());
                config.certificate_writer = Arc::new(copy);
            }
            Bug::ReadsLag => config.conduct.certificate_reader = Arc::new(historical::ReadsLag::default()),
            Bug::FinishedNotLive => config.certificate_cache = historical::finished_not_live,
            Bug::TaskLeftBehind => config.conduct.certificate_keys = Arc::new(historical::TaskLeftBehind),
            Bug::FailureUntold => config.conduct.telling = Arc::new(historical::FailureUntold),
            Bug::WildcardAnyDepth => config.certificate_cache = historical::wildcard_any_depth,
            Bug::CompromisedKeyKept => config.conduct.certificate_keys = Arc::new(historical::CompromisedKeyKept),
            Bug::StaleStapleKept => config.conduct.stapling = Arc::new(historical::StaleStapleKept),
            Bug::StapleRefusedBeyondExpiry => {
                config.conduct.stapling = Arc::new(historical::StapleRefusedBeyondExpiry);
            }
            Bug::ReplacesEverywhere => {
                config.replacement_scope = Arc::new(historical::ReplacesEverywhere);
            }
            // Its seam is what decides about names on demand.
            Bug::NobodyAsked
            // Whether there are locks at all depends on the host.
            | Bug::StorageLocksDoNothing
            | Bug::StorageLockByTime
            | Bug::StorageLockNeverReleased
            | Bug::TxtReplaced
            | Bug::CaaLoopVariable
            | Bug::StaleAccountCache
            | Bug::CaaResultIgnored
            | Bug::CaaNoRecheckReuse
            | Bug::CaaTagCase
            | Bug::CaaParamCase
            | Bug::CaaParamSep
            | Bug::CaaCnameClimb
            | Bug::CaaDnssecServfail
            | Bug::SerialCollision
            | Bug::SerialShort
            | Bug::ValidityPlusOneSecond
            | Bug::CorroborationIgnored
            | Bug::OrderOutlivesAuthorization
            | Bug::KeyChangeFalseOk
            | Bug::ClockSkewNodes => {}
        }
    }
    config
}

fn issuer(ca: &Ca) -> IssuerConfig {
    let directory = format!("https://{}{}", ca.config().directory_host, ca.config().paths.directory());
    IssuerConfig {
        consent: Some(Consent::ToAny),
        contact: vec!["mailto:operator@example.test".to_owned()],
        ..IssuerConfig::new(directory, ca.api_root_pem())
    }
}

/// A rate as managers know it.
pub(super) fn order_rate(rate: Rate) -> OrderRate {
    let orders = usize::try_from(rate.count).ok().and_then(NonZeroUsize::new);
    OrderRate { orders: orders.expect("the language has rates of one at least"), per: rate.period }
}

/// How managers on a shared disk keep out of each other's way.
pub(super) fn storage_locks(case: &Case) -> Arc<dyn StorageLocks> {
    if case.bugs.contains(&Bug::StorageLocksDoNothing) {
        Arc::new(historical::LocksDoNothing)
    } else if case.bugs.contains(&Bug::StorageLockByTime) {
        Arc::new(historical::LockByTime)
    } else if case.bugs.contains(&Bug::StorageLockNeverReleased) {
        Arc::new(historical::LockNeverReleased)
    } else {
        Arc::new(NumberedFiles)
    }
}

pub(super) fn dns_provider(case: &Case, server: SocketAddr) -> Arc<dyn DnsProvider> {
    let update = DnsUpdate { server };
    if case.bugs.contains(&Bug::TxtReplaced) { Arc::new(historical::TxtReplaced(update)) } else { Arc::new(update) }
}

pub(super) fn decision(case: &Case, url: &str) -> Result<Arc<dyn Decision>, StageError> {
    if case.bugs.contains(&Bug::NobodyAsked) {
        return Ok(Arc::new(historical::NobodyAsked));
    }
    Ok(Arc::new(AskEndpoint::new(url).map_err(|e| StageError(e.to_string()))?))
}

/// The external account whose key the CA has by this identifier.
pub(super) fn external(case: &Case, kid: &str, algorithm: MacAlgorithm) -> Result<ExternalAccount, StageError> {
    let known = case.ca.external_account_keys.iter().flatten().find(|key| key.kid == kid);
    let known = known.ok_or_else(|| StageError(format!("[ca] has no external account key `{kid}`")))?;
    let account = ExternalAccount::new(kid, &known.mac_key.text).map_err(|e| StageError(e.to_string()))?;
    Ok(account.signed_by(algorithm))
}
