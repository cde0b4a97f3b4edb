//! Oracles: they judge a run from its trace alone.
//!
//! A [`Bench`] watches the trace, lets the [`reader`] make HTTP exchanges, ACME steps, visits and DNS
//! messages of it, and shows them to the laws it was asked to apply. A law says what it found wrong and,
//! as important, how often it had anything to judge: a law never [exercised](law::Verdict::exercised)
//! proves nothing.
//!
//! Nothing here knows the CA's or the client's code, and nothing keeps the events: memory is bounded
//! however long the run. [`registry`] lists the laws; `laws` holds one file for each.

mod attempts;
mod bench;
mod caa_lookups;
mod conversation;
mod deadlines;
pub mod law;
mod laws;
mod marks;
mod proofs;
pub mod reader;
pub mod recent;
pub mod registry;
mod retries;
mod revocations;
pub mod server_side;
#[cfg(test)]
mod testing;

pub use bench::{Bench, Judgement, SeatId, UnknownLaw};
pub use conversation::{Conversation, conversation};
pub use law::{Finding, Law, Settings, Tally, Verdict};
pub use registry::{LAWS, LawEntry, LawKind, Parameter};
