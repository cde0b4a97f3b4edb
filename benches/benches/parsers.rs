//! The readers at the project's edges, each beside the plain parser of its format where there is one.
//!
//! `cargo bench --bench parsers`

use std::time::Duration;

use benches::readers::readers;
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for reader in readers() {
        let mut group = criterion.benchmark_group(reader.name);
        group.bench_function("ours", |b| b.iter(&reader.read));
        if let Some((name, read)) = &reader.beside {
            group.bench_function(*name, |b| b.iter(read));
        }
        group.finish();
    }
    criterion.final_summary();
}
