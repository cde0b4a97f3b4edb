//! Defects that really happened, each another implementation of a seam that the good code has anyway.
//!
//! One file an incident: what happened, when, the public thread, and which oracle must catch it. The
//! protocol's code never asks which of them is in place.

mod any_request_triggers;
mod behaviours;
mod caa_loop_variable;
mod stale_account_cache;

pub use any_request_triggers::ANY_REQUEST_TRIGGERS;
pub use behaviours::Behaviour;
pub use caa_loop_variable::CaaLoopVariable;
pub use stale_account_cache::STALE_ACCOUNT_CACHE;
