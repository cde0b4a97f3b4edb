//! How unit tests draw cases.

use proptest::{prelude::ProptestConfig, test_runner::RngSeed};

/// The same cases each time, so many.
pub(crate) fn same_each_time(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() }
}
