//! The figures that the README quotes, written from what criterion measured, never by hand.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use crate::results::{Measured, target};

const DAY_S: f64 = 86_400.0;

/// Runs the catalogue's 90-day life once; returns how many events it had.
///
/// # Panics
/// If the life does not hold, since its speed then means nothing.
#[must_use]
pub fn life(seed: u64) -> u64 {
    let run = scenarios::runner::run_by_id("life/ninety-days", seed).expect("the scenario is in the catalogue");
    assert!(run.verdict.is_pass(), "{run:?}");
    run.events
}

/// A process's resident memory now, bytes; `process` is its number or `self`.
///
/// # Panics
/// Where the kernel does not tell, as Linux does.
#[must_use]
pub fn resident_bytes(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number of KiB");
    kib * 1_024
}

/// How long a process has computed, in user mode and in the kernel; `process` is its number or `self`.
///
/// # Panics
/// Where the kernel does not tell, as Linux does.
#[must_use]
pub fn cpu_time(process: &str) -> Duration {
    /// Linux counts hundredths of a second for programs, whatever the kernel's own tick is (proc(5), time(7)).
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux tells");
    // The command's name comes second, in brackets, and may have spaces; utime and stime are fields 14 and 15.
    let (_, fields) = stat.rsplit_once(") ").expect("Linux tells");
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().expect("a number"));
    TICK * ticks.sum::<u32>()
}

/// What criterion's medians say of the world's speed, seconds.
#[derive(Clone, Copy, Debug)]
pub struct Speeds {
    tls: f64,
    plain: f64,
    stock_1ms: f64,
    stock_1s: f64,
    life: f64,
    record: f64,
}

impl Speeds {
    /// As the last run of the bench left them.
    ///
    /// # Panics
    /// If a result is missing: the whole bench must have run.
    #[must_use]
    pub fn read() -> Self {
        Self {
            tls: median_s("exchange/world-tls-90-days"),
            plain: median_s("exchange/world-plain-90-days"),
            stock_1ms: median_s("exchange/stock-1ms-1-minute") / 60.0,
            stock_1s: median_s("exchange/stock-1s-1-day") / DAY_S,
            life: median_s("life/ninety-days"),
            record: median_s("trace/record-1000") / 1_000.0,
        }
    }

    /// As figures for the release report, with resident memory after so many years.
    #[must_use]
    pub fn measured(&self, memory: &[(u64, u64)]) -> Measured {
        let Self { tls, plain, stock_1ms, stock_1s, life, record } = *self;
        let mut measured = Measured::by("world");
        let times = "× real time";
        measured.higher("90-day life", times, 95.0 * DAY_S / life);
        measured
            .higher("HTTPS exchanges", times, 90.0 * DAY_S / tls)
            .beside("stock turmoil, 1 ms ticks", 1.0 / stock_1ms)
            .beside("stock turmoil, 1 s ticks", 1.0 / stock_1s);
        measured.higher("plain TCP exchanges", times, 90.0 * DAY_S / plain);
        measured.lower("an HTTPS exchange", "µs", tls / 360.0 * 1e6);
        measured.lower("a plain TCP exchange", "µs", plain / 360.0 * 1e6);
        measured.lower("a trace event", "µs", record * 1e6);
        for (years, bytes) in memory {
            measured.lower(format!("resident memory after {years} years"), "MB", *bytes as f64 / 1e6);
        }
        measured
    }
}

/// Criterion's median of the benchmark with this id, seconds.
///
/// # Panics
/// If it has not run.
#[must_use]
pub fn median_s(id: &str) -> f64 {
    let path = target().join("criterion").join(id).join("new/estimates.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let estimates: serde_json::Value = serde_json::from_str(&text).expect("criterion writes JSON");
    estimates["median"]["point_estimate"].as_f64().expect("criterion writes medians") / 1e9
}

/// The README's table, with resident memory after so many years.
#[must_use]
pub fn report(speeds: &Speeds, memory: &[(u64, u64)]) -> String {
    let Speeds { tls, plain, stock_1ms, stock_1s, life, record } = *speeds;
    let events = life_events();
    let mut out = String::new();
    let mut row = |what: &str, figure: String| writeln!(out, "| {what} | {figure} |").expect("a String takes all");
    row("figure (simulated time over real time, one core)", "value".into());
    row("---", "---".into());
    row("90-day life: issue, ARI every 6 h, renew, visitors, full TLS, its laws watching", ratio(95.0 * DAY_S / life));
    row("one HTTPS exchange every 6 h for 90 days", ratio(90.0 * DAY_S / tls));
    row("the same over plain TCP", ratio(90.0 * DAY_S / plain));
    row("the same HTTPS exchanges on stock turmoil, 1 ms ticks (one every 15 s)", ratio(1.0 / stock_1ms));
    row("the same HTTPS exchanges on stock turmoil, 1 s ticks", ratio(1.0 / stock_1s));
    row("our world over stock turmoil at 1 ms ticks", format!("{:.0} ×", 90.0 * DAY_S / tls * stock_1ms));
    for (years, bytes) in memory {
        row(
            &format!("resident memory after {years} simulated year(s) of HTTPS every 6 h"),
            format!("{:.1} MB", *bytes as f64 / 1e6),
        );
    }
    row(
        "where an HTTPS exchange's real time goes",
        format!(
            "{:.0} µs in all: {:.0} µs TLS (handshake cryptography nearly all of it), {:.0} µs the rest",
            tls / 360.0 * 1e6,
            (tls - plain) / 360.0 * 1e6,
            plain / 360.0 * 1e6
        ),
    );
    row(
        "where the 90-day life's real time goes",
        format!(
            "{:.0} ms in all; {events} trace events at {:.1} µs make {:.0} ms",
            life * 1e3,
            record * 1e6,
            record * events as f64 * 1e3
        ),
    );
    out
}

fn life_events() -> u64 {
    life(1)
}

fn ratio(value: f64) -> String {
    let exponent = value.log10().floor();
    format!("{:.1} × 10^{exponent}", value / 10_f64.powf(exponent))
}

/// Writes `written` into the README, between its marks `<!-- {mark}: begin … -->` and `<!-- {mark}: end -->`.
///
/// # Panics
/// If the README can't be read or written, or lacks the marks.
pub fn quote(mark: &str, written: &str) {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("README.md");
    let text = fs::read_to_string(&readme).expect("the README is there");
    fs::write(&readme, replace(&text, mark, written)).expect("the README can be written");
}

/// `readme` with `written` between its marks `<!-- {mark}: begin … -->` and `<!-- {mark}: end -->`.
///
/// # Panics
/// If the marks are missing.
#[must_use]
fn replace(readme: &str, mark: &str, written: &str) -> String {
    let (before, rest) = readme.split_once(&format!("<!-- {mark}: begin")).expect("the README marks where it begins");
    let (how, rest) = rest.split_once("-->").expect("the mark ends");
    let (_, after) = rest.split_once(&format!("<!-- {mark}: end -->")).expect("the README marks where it ends");
    format!("{before}<!-- {mark}: begin{how}-->\n{written}<!-- {mark}: end -->{after}")
}
