//! The scenario language, the oracles that judge a run, and the runner that brings both together.
//!
//! [`language`] reads what QA wrote; [`runner`] builds the world of it and lets it run; [`oracles`]
//! read the trace and judge; [`catalogue`] finds the files. [`conformance`] tries on any CA what the RFCs ask of one.

pub mod catalogue;
pub mod conformance;
pub mod drawn;
pub mod language;
pub mod oracles;
pub mod runner;
pub mod trace_file;
