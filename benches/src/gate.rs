//! The gate: no guarded path may need more than 3 % more instructions than it needed in the newest release that is kept.
//!
//! Instructions are counted, not time: on machines that others use too, time says more of the others.

use std::fmt::Write as _;

use crate::results::{Figure, Measured, Release};

/// How many percent more instructions a path may need.
pub const LIMIT_PERCENT: f64 = 3.0;
/// The bench that counts.
pub const BENCH: &str = "instructions";
/// How the present counts become those that later ones are held against.
pub const RENEW: &str = "cargo bench --bench instructions; cargo run --release --bin bench-report -- --keep";

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether a release may go through.
    pub is_open: bool,
    /// A line for each path, and what to do.
    pub told: String,
}

/// Holds counts against the newest that are `kept`, the oldest first, by the same compiler, target and Valgrind.
#[must_use]
pub fn judge(now: &Measured, kept: &[Release]) -> Judgement {
    let alike = kept.iter().rev().find_map(|release| {
        let counted = release.bench(BENCH).filter(|counted| counted.origin.counts_alike(&now.origin))?;
        Some((release, counted))
    });
    let Some((release, before)) = alike else {
        let with = [Some(&now.origin.compiler), Some(&now.origin.target), now.origin.valgrind.as_ref()];
        let with = with.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        let told = format!(
            "No counts are kept that were made with {with}, so these can be compared with none. To keep them:\n    {RENEW}\n"
        );
        return Judgement { is_open: true, told };
    };
    let mut told = format!("Against {} ({}):\n", release.version, before.origin.commit);
    let mut failed = 0;
    for figure in &now.figures {
        let (line, is_held) = compare(figure, before.figure(&figure.name));
        writeln!(told, "{line}").expect("a String takes all");
        failed += usize::from(!is_held);
    }
    for missing in before.figures.iter().filter(|figure| now.figure(&figure.name).is_none()) {
        writeln!(told, "FAILED {}: it is guarded, and was not counted", missing.name).expect("a String takes all");
        failed += 1;
    }
    if failed > 0 {
        let why = format!(
            "{failed} guarded paths failed, the limit is {LIMIT_PERCENT} %. If that is meant to be so:\n    {RENEW}\n"
        );
        told.push_str(&why);
    }
    Judgement { is_open: failed == 0, told }
}

/// The line on a path, and whether it passes.
fn compare(now: &Figure, before: Option<&Figure>) -> (String, bool) {
    let Figure { name, value, .. } = now;
    let Some(before) = before else {
        return (format!("new    {name}: {value} instructions, guarded once they are kept"), true);
    };
    let percent = (value / before.value - 1.0) * 100.0;
    // Whole numbers, so that exactly the limit passes.
    let is_held = value * 100.0 <= before.value * (100.0 + LIMIT_PERCENT);
    let verdict = if is_held { "ok    " } else { "FAILED" };
    (format!("{verdict} {name}: {value} instructions, {percent:+.2} %"), is_held)
}
