//! Runs every defect and every exploration of power cuts, and writes what came of it into the README.
//!
//! `cargo bench -p benches --bench defects`: one thread, so that what the explorations took is one core's time.

use std::{num::NonZeroUsize, sync::atomic::AtomicBool, time::Duration};

use benches::{defects, figures};
use scenarios::{
    catalogue::{Catalogue, shipped},
    runner::{self, SweepOptions},
};

const MARK: &str = "defects";

fn main() {
    let catalogue = Catalogue::read(&shipped()).expect("the catalogue has no mistakes");
    let cases: Vec<_> = catalogue.cases().iter().filter(|case| defects::are_told(case)).cloned().collect();
    let options = SweepOptions {
        seeds: None,
        threads: NonZeroUsize::MIN,
        interrupted: &AtomicBool::new(false),
        repeat_one_in: 64,
        patience: Duration::from_secs(60),
    };
    let sweep = runner::sweep(&cases, &options, |_, _, _| {});
    let written = defects::report(&sweep);
    defects::measured(&sweep).leave();
    figures::quote(MARK, &written);
    println!("{written}");
}
