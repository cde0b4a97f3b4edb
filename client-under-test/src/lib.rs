//! An ACME client (RFC 8555, RFC 9773) and the certificate manager built on it.
//!
//! Written once against [`sim::Env`]: the same code runs in the simulator and on a real machine. It
//! reads what a CA sends tolerantly and writes strictly; its wire types are its own, shared with no
//! CA of this project. It touches no clock, socket, file or entropy but through the `Env`.

pub mod acme;
pub mod historical;
pub mod manager;
pub mod name;
mod plain_http;
pub mod status;
pub mod storage;
#[cfg(test)]
mod testing;

pub use manager::{Config, Manager};
