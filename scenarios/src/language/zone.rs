//! `[dns] zone`: RFC 1035 text, with `{1..n}` repeating a line.
//!
//! Whether a line is a good record is for the DNS server's own parser to say; each line keeps its place,
//! so that what the parser says can be shown in the author's file.

use super::{
    decode::{Judge, Term, read_written},
    diagnostic::Diagnostic,
    document::Node,
    shape::Shape,
    source::Location,
    values::{Written, Wrong, expand_counts},
};

/// A zone as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Each line, with the place of the line that made it.
    pub lines: Vec<(String, Location)>,
    /// The whole text in the author's file.
    pub location: Location,
}

impl Zone {
    /// The zone file.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|(line, _)| [line, "\n"]).collect()
    }
}

/// The text before its lines are repeated.
struct Text(String);

impl Written for Text {
    const WHAT: &'static str = "a zone file's text";
    const EXAMPLES: &'static [&'static str] = &["$ORIGIN example.test."];
    const PATTERN: Option<&'static str> = None;

    fn parse(text: &str) -> Result<Self, Wrong> {
        if text.trim().is_empty() { Err(Wrong::new("empty")) } else { Ok(Self(text.to_owned())) }
    }
}

impl Term for Zone {
    fn shape() -> Shape {
        Shape::Text { what: Text::WHAT, examples: Text::EXAMPLES, pattern: Text::PATTERN }
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Text(text) = read_written(name, node, judge)?;
        let places = places_of_lines(&node.at, text.lines().count());
        let mut lines = Vec::new();
        let mut is_right = true;
        for (line, at) in text.lines().zip(places) {
            match expand_counts(line) {
                Ok(expanded) => lines.extend(expanded.into_iter().map(|line| (line, at.clone()))),
                Err(wrong) => {
                    is_right = false;
                    let report = Diagnostic::new("zone", &at, "this line of the zone can't be repeated", wrong.label);
                    judge.report(match wrong.help {
                        Some(help) => report.help(help),
                        None => report,
                    });
                }
            }
        }
        is_right.then(|| Self { lines, location: node.at.clone() })
    }
}

/// Where each line of a multi-line string stands; the whole string for each if that can't be told.
fn places_of_lines(at: &Location, count: usize) -> Vec<Location> {
    let raw = at.text();
    let mut start = at.start;
    let mut inside = raw;
    for quotes in ["'''", "\"\"\""] {
        if let Some(rest) = raw.strip_prefix(quotes) {
            let rest = rest.strip_suffix(quotes).unwrap_or(rest);
            inside = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
            start += quotes.len() + (rest.len() - inside.len());
        }
    }
    let mut places = Vec::new();
    for line in inside.split_inclusive('\n') {
        let said = line.trim_end();
        places.push(Location::new(&at.file, start..start + said.len()));
        start += line.len();
    }
    if places.len() == count { places } else { vec![at.clone(); count] }
}
