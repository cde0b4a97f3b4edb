//! How many instructions the guarded paths need, counted by Callgrind, and the gate for releases.
//!
//! `cargo bench --bench instructions` counts all, leaves the figures for the report, and fails with exit code 1 if a path needs more
//! than 3 % more than in the newest kept release; exit code 2 says that nothing could be counted. It needs Valgrind and
//! `cargo install gungraun-runner` in the version of `Cargo.lock`. With arguments it is gungraun's own bench, which only counts.
//!
//! `PLANTED_SLOWDOWN=NAME` has the path of this name gone twice, to see that the gate falls; no figures are left then.
#![expect(clippy::disallowed_methods, reason = "the slowdown is planted from outside, through gungraun's runner")]
#![expect(missing_docs, reason = "gungraun's macros make modules for themselves")]

use std::{
    env,
    process::{Command, ExitCode, Stdio},
};

use benches::{
    gate,
    guarded::{Go, path},
    results::{Measured, Release},
};
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
use serde_json::Value;

const PLANTED: &str = "PLANTED_SLOWDOWN";

/// A path to be gone: once, unless a slowdown is planted in it.
struct Prepared {
    go: Go,
    times: usize,
}

fn prepared(name: &str) -> Prepared {
    let is_slowed = env::var(PLANTED).is_ok_and(|planted| planted == name);
    Prepared { go: path(name), times: if is_slowed { 2 } else { 1 } }
}

#[library_benchmark(setup = prepared)]
#[bench::lookup_exact("lookup-exact")]
#[bench::lookup_wildcard("lookup-wildcard")]
#[bench::lookup_unknown("lookup-unknown")]
#[bench::issuance("issuance")]
#[bench::storage_write("storage-write")]
#[bench::storage_read("storage-read")]
#[bench::jws_by_account_key_id("jws-by-account-key-id")]
#[bench::jws_with_its_key_verified("jws-with-its-key-verified")]
#[bench::jws_by_the_oracles("jws-by-the-oracles")]
#[bench::directory("directory")]
#[bench::order("order")]
#[bench::chain_by_the_client("chain-by-the-client")]
#[bench::chain_by_the_oracles("chain-by-the-oracles")]
#[bench::csr("csr")]
#[bench::dns_message("dns-message")]
#[bench::zone_text("zone-text")]
#[bench::scenario_with_its_base("scenario-with-its-base")]
fn guarded(mut path: Prepared) -> Prepared {
    for _ in 0..path.times {
        (path.go)();
    }
    path
}

library_benchmark_group!(name = paths; benchmarks = guarded);

/// gungraun's program: it starts its runner, and the runner starts it once for each path, under Valgrind.
fn count() {
    gungraun::main!(
        config = LibraryBenchmarkConfig::default()
            .pass_through_env(PLANTED)
            .tool(Callgrind::with_args(["--cache-sim=no"]));
        library_benchmark_groups = paths
    );
    main();
}

fn main() -> ExitCode {
    // Only cargo says `--bench`, and says nothing else if nobody asked for a part.
    if env::args().skip(1).ne(["--bench"]) {
        count();
        return ExitCode::SUCCESS;
    }
    let Some(counted) = counted() else {
        eprintln!("Nothing was counted: Valgrind and gungraun-runner are needed, in the version of Cargo.lock");
        return ExitCode::from(2);
    };
    let judgement = gate::judge(&counted, &Release::kept().expect("the kept figures can be read"));
    print!("{}", judgement.told);
    match env::var(PLANTED) {
        Ok(planted) => println!("{planted} was slowed on purpose: these figures are not left for the report"),
        Err(_) => counted.leave(),
    }
    if judgement.is_open { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What this program, called as gungraun's, tells of each path.
fn counted() -> Option<Measured> {
    let program = env::current_exe().expect("this program is a file");
    let arguments = ["--bench", "--output-format=json"];
    let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output().expect("it runs");
    if !output.status.success() {
        return None;
    }
    let mut measured = Measured::by(gate::BENCH);
    for line in str::from_utf8(&output.stdout).expect("gungraun writes UTF-8").lines() {
        let (name, count) = summary(line).unwrap_or_else(|| panic!("gungraun told {line}"));
        measured.lower(name, "instructions", count as f64);
    }
    (!measured.figures.is_empty()).then_some(measured)
}

/// The path's name and its count of instructions, of a line of JSON (gungraun's schema of summaries).
fn summary(line: &str) -> Option<(String, u64)> {
    let told: Value = serde_json::from_str(line).ok()?;
    let name = told["id"].as_str()?.replace('_', "-");
    let count = &told["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    Some((name, count.as_u64()?))
}
