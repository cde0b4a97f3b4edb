//! Defects that really happened, each another implementation of a seam that the good code has anyway.
//!
//! One file an incident: what happened, when, the public thread, and which oracle must catch it. The
//! protocol's code never asks which of them is in place.

mod account_key_in_memory;
mod all_or_nothing;
mod in_place_write;
mod lock_by_time;
mod locked_cache;
mod locks_do_nothing;
mod missing_retry_after;
mod renewal_under_cache_lock;
mod storage_read_under_cache_lock;
mod thirty_day_constant;
mod txt_replaced;

pub use account_key_in_memory::AccountKeyInMemory;
pub use all_or_nothing::AllOrNothing;
pub use in_place_write::InPlaceWrite;
pub use lock_by_time::LockByTime;
pub use locks_do_nothing::LocksDoNothing;
pub use missing_retry_after::MissingRetryAfter;
pub use renewal_under_cache_lock::renewal_under_cache_lock;
pub use storage_read_under_cache_lock::storage_read_under_cache_lock;
pub use thirty_day_constant::ThirtyDayConstant;
pub use txt_replaced::TxtReplaced;
