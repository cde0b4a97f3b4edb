//! The world that Gauntlet's programs run in: time, network, disk, entropy, hosts, faults and the trace.
//!
//! Programs are written once against [`Env`], the only seam to the outside. Two implementations
//! stand behind it in the same binary: [`world`], a deterministic simulator that leaps from event to
//! event, and [`real`], tokio's sockets and the system's clock, disk and entropy.
//!
//! This crate knows nothing of certificates' issuance protocols: it moves bytes, time and faults.

pub mod crypto;
pub mod disk;
pub mod entropy;
mod env;
pub mod lock;
mod movable_clock;
pub mod net;
pub mod real;
#[cfg(feature = "stock-turmoil")]
pub mod stock;
mod task;
pub mod tls;
pub mod trace;
pub mod watch;
pub mod world;

pub use env::{Backend, Elapsed, Env, Monotonic};
pub use futures_util::future::BoxFuture;
pub use movable_clock::{MovableClock, Setting};
pub use task::Task;
pub use time::UtcDateTime;
