//! What unit tests share: an environment, a real one, seeded, on a runtime that does not outlive the test; and how they draw cases.

use proptest::{prelude::ProptestConfig, test_runner::RngSeed};
use sim::{Env, real};

pub(crate) fn with_env<T>(test: impl FnOnce(Env) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async { test(env()) })
}

/// To be called inside a runtime.
pub(crate) fn env() -> Env {
    real::env("ca", real::Options { seed: Some(1), ..real::Options::default() })
}

/// The same cases each time, so many.
pub(crate) fn same_each_time(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() }
}
