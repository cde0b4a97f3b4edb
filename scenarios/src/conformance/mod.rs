//! Conformance: what the RFCs ask of a CA and of a client, clause by clause, tried on any of them over its public
//! interface.
//!
//! [`server`] has the cases for CAs, [`driver`] what they speak with, and [`suite`] runs them; [`client`] has the cases for
//! clients, of which each has a CA of its own. [`report`] tells what came of it, [`baseline`] what is new in that, and
//! [`coverage`] which of the catalogue's [`requirements`] are tried. The readers and writers here share nothing with
//! `ca-mock` or `client-under-test`, and no case knows whom it speaks to.

pub mod baseline;
pub mod case;
pub mod client;
pub mod coverage;
pub mod driver;
pub mod rehearsal;
pub mod report;
pub mod requirements;
pub mod responder;
pub mod server;
pub mod suite;
pub mod verdict;
