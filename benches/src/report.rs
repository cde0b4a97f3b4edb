//! The release report: this version's figures beside those of the versions that are kept and of the peers measured in the same run.
//!
//! The same sections as one HTML page, which needs nothing from elsewhere, and as one Markdown page. A bench that has not run is
//! told of, not left out.

mod html;
mod markdown;

pub use html::html;
pub use markdown::markdown;

use std::collections::BTreeSet;

use crate::{
    origin::Origin,
    results::{BENCHES, Bench, Better, Figure, Measured, Release},
};

/// How many kept versions are shown.
const KEPT_MAX: usize = 5;

/// What there is to say of one bench.
struct Section<'a> {
    bench: Bench,
    /// What it measured now, if it ran.
    now: Option<&'a Measured>,
    /// The versions shown, the newest first, each with what this bench measured of it.
    kept: Vec<(&'a str, &'a Measured)>,
    rows: Vec<Row<'a>>,
}

/// What there is to say of one figure.
struct Row<'a> {
    /// The newest that there is: whether this run's or a kept one.
    figure: &'a Figure,
    is_measured: bool,
    /// The versions that have it, the newest first.
    kept: Vec<(&'a str, &'a Figure)>,
}

impl Row<'_> {
    /// How many percent this run's value is above the newest kept one's, and what that means.
    fn change(&self) -> Option<(f64, Change)> {
        let (_, before) = self.kept.first().filter(|_| self.is_measured)?;
        let percent = (self.figure.value / before.value - 1.0) * 100.0;
        let change = match (self.figure.better, self.figure.value.total_cmp(&before.value)) {
            (_, std::cmp::Ordering::Equal) => Change::Same,
            (Better::Lower, std::cmp::Ordering::Less) | (Better::Higher, std::cmp::Ordering::Greater) => Change::Better,
            (Better::Lower, std::cmp::Ordering::Greater) | (Better::Higher, std::cmp::Ordering::Less) => Change::Worse,
        };
        percent.is_finite().then_some((percent, change))
    }

    /// The change in words.
    fn change_in_words(&self) -> String {
        let words = |(percent, change): (f64, Change)| match change {
            Change::Same => "as it was".to_owned(),
            Change::Better => format!("{percent:+.1} % (better)"),
            Change::Worse => format!("{percent:+.1} % (worse)"),
        };
        self.change().map(words).unwrap_or_default()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Same,
    Better,
    Worse,
}

fn sections<'a>(now: &'a Release, kept: &'a [Release]) -> Vec<Section<'a>> {
    BENCHES.into_iter().map(|bench| section(bench, now, kept)).collect()
}

fn section<'a>(bench: Bench, now: &'a Release, kept: &'a [Release]) -> Section<'a> {
    let now = now.bench(bench.name);
    let kept = kept.iter().rev().take(KEPT_MAX);
    let kept: Vec<_> = kept.filter_map(|release| Some((&*release.version, release.bench(bench.name)?))).collect();
    let mut names = BTreeSet::new();
    let all = now.into_iter().chain(kept.first().map(|(_, measured)| *measured)).flat_map(|measured| &measured.figures);
    let rows = all
        .filter(|figure| names.insert(&figure.name))
        .map(|figure| Row {
            figure,
            is_measured: now.is_some_and(|now| now.figure(&figure.name).is_some()),
            kept: kept
                .iter()
                .filter_map(|(version, measured)| Some((*version, measured.figure(&figure.name)?)))
                .collect(),
        })
        .collect();
    Section { bench, now, kept, rows }
}

impl Section<'_> {
    /// What a reader has to know before comparing; sentences.
    fn cautions(&self, origin: Option<&Origin>) -> Vec<String> {
        let Some(now) = self.now else {
            return vec![format!("Not measured in this run: {}", self.bench.command)];
        };
        let mut cautions = Vec::new();
        if let Some(origin) = origin.filter(|origin| origin.commit != now.origin.commit) {
            cautions.push(format!("Measured of commit {}, not of {}.", now.origin.commit, origin.commit));
        }
        let is_alike = |kept: &Measured| match self.bench.name {
            crate::gate::BENCH => kept.origin.counts_alike(&now.origin),
            _ => kept.origin.runs_alike(&now.origin),
        };
        for (version, _) in self.kept.iter().filter(|(_, kept)| !is_alike(kept)) {
            cautions.push(format!("{version} was measured on another machine or by another compiler."));
        }
        cautions
    }
}

/// Where this run's figures come from: the newest of its benches.
fn origin(now: &Release) -> Option<&Origin> {
    now.benches.iter().map(|measured| &measured.origin).max_by_key(|origin| &origin.date)
}

/// The machine and so on, as names and values.
fn facts(origin: &Origin) -> Vec<(&'static str, String)> {
    vec![
        ("version", origin.version.clone()),
        ("commit", origin.commit.clone()),
        ("date", origin.date.clone()),
        ("processor", format!("{}, {} cores", origin.cpu, origin.cores)),
        ("memory", format!("{:.1} GB", origin.memory_bytes as f64 / 1e9)),
        ("kernel", origin.kernel.clone()),
        ("compiler", format!("{}, for {}", origin.compiler, origin.target)),
        ("Valgrind", origin.valgrind.clone().unwrap_or_else(|| "not installed".to_owned())),
    ]
}

/// A value with as many digits as it deserves.
fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 || value.fract() == 0.0 {
        let digits = format!("{:.0}", value.abs());
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).expect("digits")).collect();
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", groups.join(","));
    }
    let digits = if value.abs() >= 10.0 { 1 } else { 3 };
    format!("{value:.digits$}")
}

/// How ours stands beside a peer's.
fn ratio(ours: f64, peer: f64) -> String {
    format!("{} ×", number(ours / peer))
}

fn better_in_words(better: Better) -> &'static str {
    match better {
        Better::Lower => "lower is better",
        Better::Higher => "higher is better",
    }
}
