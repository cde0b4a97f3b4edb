//! `gauntlet check-log FILE`: judges a file of events, a served CA's or a simulated run's, by the laws that bind a CA.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use scenarios::oracles::{
    registry,
    server_side::{Judge, Judged, Ruling, Violation},
};
use sim::trace::{Event, Record};

use super::{VACUOUS, WRONG_INPUT, say};

/// The longest line of a log that is read, bytes; the longest event, a connection's data, has some 90,000.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
const VIOLATED: u8 = 1;

/// A file is no log, or none that can be judged.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    #[error("line {line} is no event of a trace: {why}")]
    NoEvent { line: u64, why: String },
    #[error("line {line} has event {number} where event {expected} should be: lines are missing or doubled")]
    Gap { line: u64, number: u64, expected: u64 },
    #[error("it has no events")]
    Empty,
}

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
    let mut file = BufReader::new(File::open(path)?);
    let (mut judge, mut clock) = (Judge::default(), Clock::default());
    let (mut line, mut expected) = (0, None);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if (&mut file).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        line += 1;
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|e| Unreadable::NoEvent { line, why: e.to_string() })?;
        if let Some(expected) = expected.filter(|expected| *expected != record.number) {
            return Err(Unreadable::Gap { line, number: record.number, expected });
        }
        expected = Some(record.number.saturating_add(1));
        let time = clock.tell(&record);
        judge.take(&record).iter().for_each(|violation| tell(line, &time, violation));
    }
    if line == 0 {
        return Err(Unreadable::Empty);
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
    for Ruling { id, unjudged, .. } in off {
        text.push_str(&format!("  {id:32}{}\n", unjudged.join("; ")));
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
