//! Defects that really happened, each another implementation of a seam that the good code has anyway.
//!
//! One file an incident, or a family of small ones in the same place: what happened, when, the public thread, and which
//! oracle must catch it. The protocol's code never asks which of them is in place.

mod any_request_triggers;
mod behaviours;
mod caa_climbing;
mod caa_loop_variable;
mod caa_reading;
mod caa_reused;
mod clock_skew;
mod corroboration_ignored;
mod key_change_forgotten;
mod order_outlives_authorization;
mod serial_numbers;
mod stale_account_cache;
mod validity_plus_one_second;

pub use any_request_triggers::ANY_REQUEST_TRIGGERS;
pub use behaviours::Behaviour;
pub use caa_climbing::{CAA_CLIMBS_ALIAS, CAA_SERVFAIL_PERMITS};
pub use caa_loop_variable::CaaLoopVariable;
pub use caa_reading::{CAA_PARAMETER_CASE, CAA_PARAMETER_SEPARATOR, CAA_RESULT_IGNORED, CAA_TAG_CASE};
pub use caa_reused::CaaNotRechecked;
pub use clock_skew::CLOCK_SKEW;
pub use corroboration_ignored::CORROBORATION_IGNORED;
pub use key_change_forgotten::KEY_CHANGE_FORGOTTEN;
pub use order_outlives_authorization::ORDER_OUTLIVES_AUTHORIZATION;
pub use serial_numbers::{SERIAL_COLLISION, SERIAL_SHORT};
pub use stale_account_cache::STALE_ACCOUNT_CACHE;
pub use validity_plus_one_second::VALIDITY_PLUS_ONE_SECOND;
