//! Defects that really happened, each another implementation of a seam that the good code has anyway.
//!
//! One file an incident: what happened, when, the public thread, and which oracle must catch it. The
//! protocol's code never asks which of them is in place.

mod account_key_in_memory;
mod acme_tls_among_others;
mod all_or_nothing;
mod authorization_left_pending;
mod failure_advances_date;
mod former_certificates_window;
mod in_place_write;
mod key_before_certificate;
mod key_for_everybody;
mod lock_by_time;
mod locked_cache;
mod locks_do_nothing;
mod missing_retry_after;
mod nobody_asked;
mod nonce_sent_again;
mod renewal_under_cache_lock;
mod replaces_everywhere;
mod replaces_for_ever;
mod retries_at_once;
mod retry_after_ignored;
mod retry_after_zero;
mod stops_at_a_failure;
mod storage_read_under_cache_lock;
mod store_error_ignored;
mod suggestion_ignored;
mod ten_failures;
mod thirty_day_constant;
mod timer_stands_still;
mod txt_replaced;
mod wildcard_shadow;

pub use account_key_in_memory::AccountKeyInMemory;
pub use acme_tls_among_others::acme_tls_among_others;
pub use all_or_nothing::AllOrNothing;
pub use authorization_left_pending::AuthorizationLeftPending;
pub use failure_advances_date::failure_advances_date;
pub use former_certificates_window::FormerCertificatesWindow;
pub use in_place_write::InPlaceWrite;
pub use key_before_certificate::KeyBeforeCertificate;
pub use key_for_everybody::KeyForEverybody;
pub use lock_by_time::LockByTime;
pub use locks_do_nothing::LocksDoNothing;
pub use missing_retry_after::MissingRetryAfter;
pub use nobody_asked::NobodyAsked;
pub use nonce_sent_again::nonce_sent_again;
pub use renewal_under_cache_lock::renewal_under_cache_lock;
pub use replaces_everywhere::ReplacesEverywhere;
pub use replaces_for_ever::ReplacesForEver;
pub use retries_at_once::retries_at_once;
pub use retry_after_ignored::RetryAfterIgnored;
pub use retry_after_zero::RetryAfterZero;
pub use stops_at_a_failure::stops_at_a_failure;
pub use storage_read_under_cache_lock::storage_read_under_cache_lock;
pub use store_error_ignored::StoreErrorIgnored;
pub use suggestion_ignored::SuggestionIgnored;
pub use ten_failures::ten_failures;
pub use thirty_day_constant::ThirtyDayConstant;
pub use timer_stands_still::TimerStandsStill;
pub use txt_replaced::TxtReplaced;
pub use wildcard_shadow::wildcard_shadow;
