//! The world's speed and size, beside stock turmoil's, in one run; writes the figures into the README and leaves them for the release
//! report.
//!
//! `cargo bench -p benches --bench world` measures and rewrites the part of the README between its
//! `figures` marks. With a filter argument it only measures.

use std::{hint::black_box, time::Duration};

use benches::{
    PORT, Security,
    figures::{self, Speeds},
    serve, visit,
};
use criterion::Criterion;
use sim::{
    UtcDateTime, stock,
    trace::{Event, Trace},
    world::{HostOptions, Options, World},
};

const SIX_HOURS: Duration = Duration::from_secs(6 * 3_600);
const NINETY_DAYS: u64 = 90 * 4;
const EPOCH: i64 = 1_767_225_600;

fn epoch() -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(EPOCH).expect("a date")
}

/// Lets a client make `exchanges` requests of a server, one every `pause`, in our world.
fn in_the_world(security: Security, exchanges: u64, pause: Duration) -> World {
    let host = |name: &str, last| HostOptions {
        name: name.into(),
        addresses: vec![[10, 0, 0, last].into()],
        clock: Default::default(),
        shared_disk: None,
    };
    let hosts = vec![host("server", 1), host("client", 2)];
    let mut world = World::new(Options { seed: 1, epoch: epoch(), hosts }, Vec::new());
    let (server, client) = (world.host("server").expect("added"), world.host("client").expect("added"));
    world.set_program(server, move |env| serve(env, security));
    world.set_program(client, move |env| visit(env, ([10, 0, 0, 1], PORT).into(), security, exchanges, pause));
    world.start(server);
    world.start(client);
    let end = pause * u32::try_from(exchanges + 1).expect("few enough");
    world.run_until(end).expect("nothing goes wrong");
    world
}

/// The same on stock turmoil with ticks of the given length.
fn on_stock_turmoil(tick: Duration, exchanges: u64, pause: Duration) {
    let options =
        stock::Options { epoch: epoch(), seed: 1, trace: std::sync::Arc::default(), names: Default::default() };
    let mut sim = turmoil::Builder::new()
        .tick_duration(tick)
        .simulation_duration(pause * u32::try_from(exchanges + 2).expect("few enough"))
        .rng_seed(1)
        .build();
    let server = std::net::IpAddr::from([192, 168, 7, 1]);
    let of_server = options.clone();
    sim.host(server, move || {
        let options = of_server.clone();
        async move {
            serve(stock::env("server", options), Security::Tls).await;
            Ok(())
        }
    });
    sim.client("192.168.7.2", async move {
        visit(stock::env("client", options), (server, PORT).into(), Security::Tls, exchanges, pause).await;
        Ok(())
    });
    sim.run().expect("nothing goes wrong");
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    group.bench_function("world-tls-90-days", |b| {
        b.iter(|| in_the_world(Security::Tls, NINETY_DAYS, SIX_HOURS));
    });
    group.bench_function("world-plain-90-days", |b| {
        b.iter(|| in_the_world(Security::Plain, NINETY_DAYS, SIX_HOURS));
    });
    group.bench_function("stock-1ms-1-minute", |b| {
        b.iter(|| on_stock_turmoil(Duration::from_millis(1), 4, Duration::from_secs(15)));
    });
    group.bench_function("stock-1s-1-day", |b| {
        b.iter(|| on_stock_turmoil(Duration::from_secs(1), 4, SIX_HOURS));
    });
    group.finish();

    let mut group = criterion.benchmark_group("life");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(8));
    group.bench_function("ninety-days", |b| b.iter(|| figures::life(black_box(1))));
    group.finish();

    let mut group = criterion.benchmark_group("trace");
    group.bench_function("record-1000", |b| {
        b.iter(|| {
            let mut trace = Trace::default();
            for number in 0..1_000 {
                trace.record(
                    number,
                    None,
                    Event::Data {
                        connection: "10.0.0.30:49152-10.0.0.20:443".into(),
                        side: sim::trace::Side::Client,
                        direction: sim::trace::Direction::Read,
                        bytes: vec![7; 300],
                    },
                );
            }
            trace.hash()
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion);
    criterion.final_summary();
    let filtered = std::env::args().skip(1).any(|argument| !argument.starts_with("--"));
    if !filtered {
        let memory = [1, 10, 50].map(|years| {
            drop(in_the_world(Security::Tls, years * 365 * 4, SIX_HOURS));
            (years, figures::resident_bytes("self"))
        });
        let speeds = Speeds::read();
        speeds.measured(&memory).leave();
        let written = figures::report(&speeds, &memory);
        figures::quote("figures", &written);
        println!("{written}");
    }
}
