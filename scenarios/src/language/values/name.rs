//! DNS names and IP addresses, one or many: `www.example.test`, `n{1..100}.example.test`, `n{random 1..100}.example.test`.
//!
//! `{axis}` is gone by the time a name is read here; counting and drawing are left.

use std::{net::IpAddr, ops::RangeInclusive};

use super::{Written, Wrong};

/// More names than this in one pattern are a slip of the keyboard.
const MOST_NAMES: u32 = 1_000_000;

/// The names that one pattern makes; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Written for Names {
    const WHAT: &'static str = "a DNS name";
    const EXAMPLES: &'static [&'static str] = &["www.example.test", "n{1..100}.example.test"];
    const PATTERN: Option<&'static str> = None;

    fn parse(text: &str) -> Result<Self, Wrong> {
        if text.contains("{random") {
            return Err(Wrong::new("`{random}` can't be used here").help("a list of names is fixed; use {1..n}"));
        }
        let names = expand_counts(text)?;
        for name in &names {
            check_name(name)?;
        }
        Ok(Self(names))
    }
}

/// One name, part of which may be drawn from the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    start: String,
    drawn: Option<(RangeInclusive<u32>, String)>,
}

impl NamePattern {
    /// The name, with the number that `draw` picks where `{random}` stood.
    pub fn resolve(&self, draw: impl FnOnce(RangeInclusive<u32>) -> u32) -> String {
        match &self.drawn {
            Some((range, end)) => format!("{}{}{end}", self.start, draw(range.clone())),
            None => self.start.clone(),
        }
    }
}

impl Written for NamePattern {
    const WHAT: &'static str = "a DNS name";
    const EXAMPLES: &'static [&'static str] = &["www.example.test", "n{random 1..100}.example.test"];
    const PATTERN: Option<&'static str> = None;

    fn parse(text: &str) -> Result<Self, Wrong> {
        let pattern = match text.split_once("{random ") {
            Some((start, rest)) => {
                let Some((range, end)) = rest.split_once('}') else {
                    return Err(Wrong::new("the `}` is missing"));
                };
                let range =
                    range.trim().split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..=to.parse().ok()?));
                let Some(range) = range.filter(|range: &RangeInclusive<u32>| !range.is_empty()) else {
                    return Err(Wrong::new("expected `{random FROM..TO}` with whole numbers"));
                };
                Self { start: start.to_owned(), drawn: Some((range, end.to_owned())) }
            }
            None => Self { start: text.to_owned(), drawn: None },
        };
        let sample = pattern.resolve(|range| *range.start());
        if sample.contains('{') {
            return Err(Wrong::new("names one name only").help("draw one with {random 1..n}, or write several steps"));
        }
        check_name(&sample)?;
        Ok(pattern)
    }
}

/// Every text that `{FROM..TO}` in `text` stands for; each occurrence counts along with the others.
pub(crate) fn expand_counts(text: &str) -> Result<Vec<String>, Wrong> {
    let mut pieces = Vec::new();
    let mut counted: Option<(u32, u32)> = None;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let range = after.split_once('}').and_then(|(inside, after)| {
            let (from, to) = inside.split_once("..")?;
            Some(((from.trim().parse().ok()?, to.trim().parse().ok()?), after))
        });
        let Some((range, after)) = range else {
            return Err(Wrong::new("expected `{FROM..TO}` with whole numbers, such as `{1..10}`"));
        };
        if counted.is_some_and(|known| known != range) {
            return Err(Wrong::new("two different ranges in one text").help("use the same range, or write two texts"));
        }
        counted = Some(range);
        pieces.push(before);
        rest = after;
    }
    pieces.push(rest);
    let Some((from, to)) = counted else { return Ok(vec![text.to_owned()]) };
    if from > to {
        return Err(Wrong::new(format!("`{{{from}..{to}}}` counts nothing")).help("both ends are included: {1..10}"));
    }
    if to - from >= MOST_NAMES {
        return Err(Wrong::new(format!("makes more than {MOST_NAMES} names")));
    }
    Ok((from..=to).map(|number| pieces.join(&number.to_string())).collect())
}

/// RFC 1035 §2.3.1 as relaxed by RFC 1123 §2.1, with `_` and one leading `*.` as ACME meets them; or an address.
fn check_name(name: &str) -> Result<(), Wrong> {
    if name.parse::<IpAddr>().is_ok_and(|address| address.to_string() == name) {
        return Ok(());
    }
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(Wrong::new("has capital letters").help(format!("write \"{}\"", name.to_ascii_lowercase())));
    }
    if let Some(name) = name.strip_suffix('.') {
        return Err(Wrong::new("ends with a dot").help(format!("write \"{name}\": names here are always complete")));
    }
    if name.len() > 253 {
        return Err(Wrong::new("longer than 253 characters"));
    }
    let labels = name.strip_prefix("*.").unwrap_or(name);
    for label in labels.split('.') {
        if label.is_empty() {
            return Err(Wrong::new(if name.is_empty() { "empty" } else { "has an empty part between two dots" }));
        }
        if label.len() > 63 {
            return Err(Wrong::new(format!("`{label}` is longer than 63 characters")));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if let Some(c) = label.chars().find(|c| !allowed(*c)) {
            return Err(Wrong::new(format!("{c:?} can't be part of a DNS name")));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(Wrong::new(format!("`{label}` begins or ends with `-`")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pattern_makes_many_names() {
        assert_eq!(
            Names::parse("n{1..3}.example.test").unwrap().0,
            ["n1.example.test", "n2.example.test", "n3.example.test"]
        );
        assert_eq!(expand_counts("n{1..2} IN CNAME m{1..2}").unwrap(), ["n1 IN CNAME m1", "n2 IN CNAME m2"]);
        assert_eq!(Names::parse("*.example.test").unwrap().0, ["*.example.test"]);
    }

    #[test]
    fn one_name_can_be_drawn() {
        let drawn = NamePattern::parse("n{random 1..9}.example.test").unwrap();
        assert_eq!(drawn.resolve(|range| *range.end()), "n9.example.test");
    }

    #[test]
    fn what_no_name_can_be_is_refused() {
        for text in [
            "",
            "a..b",
            "WWW.example.test",
            "www.example.test.",
            "a b",
            "-a.test",
            "n{3..1}",
            "n{1..x}",
            "{1",
            "ä.test",
        ] {
            assert!(Names::parse(text).is_err(), "{text}");
        }
        for text in ["n{1..3}.test", "n{random 3..1}.test", "n{random 1..2", "n{random x..2}"] {
            assert!(NamePattern::parse(text).is_err(), "{text}");
        }
    }
}
