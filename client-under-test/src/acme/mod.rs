//! The protocol: one module for each resource of RFC 8555 §7.1, and what carries them.
//!
//! A [`client::Client`] is a conversation with one CA; together with an [`account::Account`] it makes
//! a [`account::Session`], whose methods are the requests that an account may make. Everything a CA
//! sends becomes a value: unknown fields, statuses and challenge types are ignored, an HTML page is a
//! [`problem::Problem`] without a type. When to ask and what to do next is decided elsewhere.

pub mod account;
pub mod address;
pub mod authorization;
pub mod certificate;
pub mod challenge;
pub mod client;
pub mod directory;
pub mod error;
pub mod external_account;
pub mod http;
pub mod jws;
pub mod key_change;
pub mod link;
pub mod nonce;
pub mod order;
pub mod pace;
pub mod preferred_chain;
pub mod problem;
pub mod reading;
pub mod renewal_info;
pub mod retry_after;
pub mod revocation;

pub use error::Error;
