//! Each case of the catalogue is a test of its own, named after its id, with the first of its seeds; `gauntlet run` runs
//! them all. A case that its file leaves out of `cargo test` is an ignored test, with the file's reason beside its name.

use std::{ops::Range, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::{
    catalogue::{Catalogue, shipped},
    language::{Case, Style},
    runner::{self, Outcome, SweepOptions},
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match Catalogue::read(&shipped()) {
        Ok(catalogue) => catalogue.cases().iter().cloned().map(trial).collect(),
        // A file that can't be read is a failing test, not a missing one.
        Err(e) => vec![Trial::test("catalogue", move || Err(Failed::from(e.to_string())))],
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(case: Case) -> Trial {
    let left_out = case.run.left_out_of_cargo_test.clone();
    let trial = Trial::test(case.id.clone(), move || {
        let options = SweepOptions {
            seeds: Some(first_seed(&case)),
            threads: std::num::NonZeroUsize::MIN,
            interrupted: &std::sync::atomic::AtomicBool::new(false),
            repeat_one_in: 8,
            patience: std::time::Duration::from_secs(60),
        };
        let sweep = runner::sweep(&[case], &options, |_, _, _| {});
        match sweep.cases.first().map(|result| &result.outcome) {
            Some(Outcome::Passed) => Ok(()),
            _ => Err(runner::report(&sweep, Style::Plain).into()),
        }
    });
    match left_out {
        Some(reason) => trial.with_kind(reason).with_ignored_flag(true),
        None => trial,
    }
}

/// One seed, so that the whole takes some minutes on two cores.
fn first_seed(case: &Case) -> Range<u64> {
    let first = case.run.seeds.iter().start;
    first..first + 1
}
