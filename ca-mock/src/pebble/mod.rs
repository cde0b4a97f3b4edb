//! What Pebble's users bring along: its configuration file and its environment variables, in its own words.
//!
//! Both are read from text; files and the environment are the command's business. What is known but can't be honoured
//! is told, never passed over.

mod config_file;
mod environment;
mod host_port;
mod json;

pub use config_file::{Identity, Settings};
pub use environment::{Environment, VARIABLES};
pub use host_port::{HostPort, NotHostPort};
pub(crate) use json::Reader;
pub use json::{At, Remark};
