//! The readers at the project's edges, each beside the plain parser of its format where there is one.
//!
//! `cargo bench --bench parsers` also leaves the figures for the release report. With a filter argument it only measures.

use std::{env, time::Duration};

use benches::{figures::median_s, readers::readers, results::Measured};
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let readers = readers();
    for reader in &readers {
        let mut group = criterion.benchmark_group(reader.name);
        group.bench_function("ours", |b| b.iter(&reader.read));
        if let Some((name, read)) = &reader.beside {
            group.bench_function(*name, |b| b.iter(read));
        }
        group.finish();
    }
    criterion.final_summary();
    let is_filtered = env::args().skip(1).any(|argument| !argument.starts_with("--"));
    if !is_filtered {
        let mut measured = Measured::by("parsers");
        for reader in &readers {
            let median_ns = |of: &str| median_s(&format!("{}/{of}", reader.name)) * 1e9;
            let figure = measured.lower(reader.name, "ns", median_ns("ours"));
            if let Some((name, _)) = &reader.beside {
                figure.beside(name, median_ns(name));
            }
        }
        measured.leave();
    }
}
