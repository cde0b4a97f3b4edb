//! `gauntlet check-log FILE`: judges a file of events, a served CA's or a simulated run's, by the laws that bind a CA.

use std::{collections::BTreeMap, fmt, fs::File, io::BufReader, path::Path};

use scenarios::{
    oracles::{
        registry,
        server_side::{Judge, Judged, Ruling, Violation},
    },
    trace_file::{self, Unreadable},
};
use sim::trace::{Event, Record};

use super::{VACUOUS, WRONG_INPUT, say};

const VIOLATED: u8 = 1;

/// Judges the file and prints each violation and how each law fared; the exit code.
pub(super) fn main(path: &Path) -> u8 {
    let shown = path.display();
    match check(path, |line, time, violation| {
        say(&format!("{}\n", Told { file: &shown, line, time, violation }));
    }) {
        Ok((judged, events)) => {
            let (summary, code) = (summary(&judged, events), exit_code(&judged));
            say(&summary).max(code)
        }
        Err(why) => {
            eprintln!("{shown}: {why}");
            WRONG_INPUT
        }
    }
}

/// A violation as it is printed.
struct Told<'a> {
    file: &'a dyn fmt::Display,
    line: u64,
    time: &'a str,
    violation: &'a Violation,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, time, violation: Violation { law, finding } } = self;
        let says = registry::find(law.id).map_or("", |entry| entry.says);
        let host = finding.host.as_deref().map_or_else(String::new, |host| format!(", host {host}"));
        writeln!(f, "{file}:{line}: {}", law.id)?;
        writeln!(f, "  law     {says} ({})", law.source)?;
        writeln!(f, "  event   {}, {time}{host}", finding.event)?;
        writeln!(f, "  found   {}", finding.message)
    }
}

/// Shows the log to a judge, and each violation to `tell` with its line and time; how it went, and how many events there are.
fn check(path: &Path, mut tell: impl FnMut(u64, &str, &Violation)) -> Result<(Judged, u64), Unreadable> {
    let (mut judge, mut clock, mut line) = (Judge::default(), Clock::default(), 0);
    for record in trace_file::read(BufReader::new(File::open(path)?)) {
        let record = record?;
        line += 1;
        let time = clock.tell(&record);
        judge.take(&record).iter().for_each(|violation| tell(line, &time, violation));
    }
    let (violations, judged) = judge.finish();
    violations.iter().for_each(|violation| tell(line, "at the end", violation));
    Ok((judged, line))
}

/// Tells the time of events.
#[derive(Default)]
struct Clock(Option<sim::UtcDateTime>);

impl Clock {
    fn tell(&mut self, record: &Record) -> String {
        use time::format_description::well_known::Rfc3339;
        if let Event::World { epoch, .. } = &record.event {
            self.0 = sim::UtcDateTime::parse(epoch, &Rfc3339).ok();
        }
        let after = time::Duration::nanoseconds(i64::try_from(record.at_ns).unwrap_or(i64::MAX));
        let utc = self.0.and_then(|epoch| epoch.checked_add(after)).and_then(|utc| utc.format(&Rfc3339).ok());
        utc.unwrap_or_else(|| format!("{after} after the beginning"))
    }
}

fn summary(judged: &Judged, events: u64) -> String {
    let violations: u64 = judged.rulings.iter().map(|ruling| ruling.violated).sum();
    let mut text = format!("{events} events, {}\n", counted(violations, "violation"));
    let (on_trial, off): (Vec<&Ruling>, Vec<&Ruling>) =
        judged.rulings.iter().partition(|ruling| ruling.unjudged.is_empty());
    for Ruling { id, judged, violated, .. } in on_trial {
        let outcome = match (judged, violated) {
            (0, 0) => "nothing to judge".to_owned(),
            (_, 0) => format!("held, {} to judge", counted(*judged, "time")),
            (_, violated) => format!("violated {}, {} to judge", counted(*violated, "time"), counted(*judged, "time")),
        };
        text.push_str(&format!("  {id:32}{outcome}\n"));
    }
    text.push_str("not judged:\n");
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    off.iter().for_each(|ruling| by_reason.entry(ruling.unjudged.join("; ")).or_default().push(ruling.id));
    for (reason, laws) in by_reason {
        text.push_str(&format!("  {}\n    {reason}\n", laws.join(", ")));
    }
    if !judged.faults.is_empty() {
        let rules = judged.faults.join(", ");
        text.push_str(&format!("faults were injected ({rules}): a violation may be what they were meant to be\n"));
    }
    text
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn exit_code(judged: &Judged) -> u8 {
    let is_any = |count: fn(&Ruling) -> u64| judged.rulings.iter().any(|ruling| count(ruling) > 0);
    match (is_any(|ruling| ruling.violated), is_any(|ruling| ruling.judged)) {
        (true, _) => VIOLATED,
        (false, true) => 0,
        (false, false) => VACUOUS,
    }
}
