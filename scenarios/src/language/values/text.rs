//! Texts with a form: identifiers, scenario ids, points in time, resource records.

use std::fmt;

use time::{OffsetDateTime, UtcDateTime, format_description::well_known::Rfc3339};

use super::{Written, Wrong};

/// An identifier: lower-case words with `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slug(String);

impl Slug {
    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_slug(text: &str, whole: &str) -> Result<(), Wrong> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.starts_with('-') || text.ends_with('-') || !text.chars().all(allowed) {
        let meant: String =
            whole.to_ascii_lowercase().chars().map(|c| if allowed(c) || c == '/' { c } else { '-' }).collect();
        let meant = meant.trim_matches(['-', '/']);
        let wrong = Wrong::new(if text.is_empty() { "a part is empty" } else { "only a-z, 0-9 and `-` between them" });
        let is_better = !meant.is_empty() && !meant.contains("//") && meant != whole;
        return Err(if is_better { wrong.help(format!("write \"{meant}\"")) } else { wrong });
    }
    Ok(())
}

impl Written for Slug {
    const WHAT: &'static str = "an identifier";
    const EXAMPLES: &'static [&'static str] = &["keeps-serving"];
    const PATTERN: Option<&'static str> = Some("[a-z0-9]([a-z0-9-]*[a-z0-9])?");

    fn parse(text: &str) -> Result<Self, Wrong> {
        check_slug(text, text).map(|()| Self(text.to_owned()))
    }
}

/// A scenario's id: its path under the catalogue, without `.toml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScenarioId(String);

impl ScenarioId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScenarioId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Written for ScenarioId {
    const WHAT: &'static str = "a scenario's id";
    const EXAMPLES: &'static [&'static str] = &["life/first-certificate"];
    const PATTERN: Option<&'static str> = Some("[a-z0-9-]+(/[a-z0-9-]+)*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let path = text.strip_suffix(".toml").unwrap_or(text);
        for part in path.split('/') {
            check_slug(part, path)?;
        }
        if path != text {
            return Err(Wrong::new("an id ends before `.toml`").help(format!("write \"{path}\"")));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A point in time: what the true clock shows when the run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub UtcDateTime);

impl Written for Epoch {
    const WHAT: &'static str = "a date and time (RFC 3339)";
    const EXAMPLES: &'static [&'static str] = &["2026-01-01T00:00:00Z"];
    const PATTERN: Option<&'static str> = Some(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}.*");
    const MAY_BE_BARE: bool = true;

    fn parse(text: &str) -> Result<Self, Wrong> {
        match OffsetDateTime::parse(text.trim(), &Rfc3339) {
            Ok(time) => Ok(Self(time.into())),
            Err(_) if text.trim().len() == 10 => {
                Err(Wrong::new("the time of day is missing").help(format!("write \"{}T00:00:00Z\"", text.trim())))
            }
            Err(error) => Err(Wrong::new(error.to_string())),
        }
    }
}

/// A DNS record's type and data as in a zone file, such as `CAA 0 issue "ca.test"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The type, in capitals.
    pub kind: String,
    /// The data, in zone-file form.
    pub data: String,
}

impl Written for Record {
    const WHAT: &'static str = "a DNS record: its type, then its data";
    const EXAMPLES: &'static [&'static str] = &["A 10.0.0.20", "CAA 0 issue \"ca.test\""];
    const PATTERN: Option<&'static str> = Some(r"[A-Z0-9]+\s+.+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let Some((kind, data)) = text.trim().split_once(char::is_whitespace) else {
            return Err(Wrong::new("only one word"));
        };
        if !kind.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
            return Err(Wrong::new(format!("`{kind}` is no record type"))
                .help("name and IN are left out: record = 'A 10.0.0.20'"));
        }
        if kind == "IN" {
            return Err(Wrong::new("`IN` is left out here").help(format!("write {:?}", data.trim())));
        }
        Ok(Self { kind: kind.to_owned(), data: data.trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_path_of_slugs() {
        assert!(ScenarioId::parse("life/first-certificate").is_ok());
        for text in ["", "/a", "a/", "a//b", "A", "a b", "a_b", "a.toml"] {
            assert!(ScenarioId::parse(text).is_err(), "{text}");
        }
        assert_eq!(Slug::parse("Keeps Serving").unwrap_err().help.unwrap(), "write \"keeps-serving\"");
    }

    #[test]
    fn a_date_needs_its_time_of_day() {
        assert!(Epoch::parse("2026-01-01T00:00:00Z").is_ok());
        assert!(Epoch::parse("2026-01-01").unwrap_err().help.unwrap().contains("T00:00:00Z"));
    }

    #[test]
    fn a_record_is_type_and_data() {
        let record = Record::parse("CAA 0 issue \"ca.test\"").unwrap();
        assert_eq!((record.kind.as_str(), record.data.as_str()), ("CAA", "0 issue \"ca.test\""));
        for text in ["A", "", "www A 10.0.0.1", "IN A 10.0.0.1"] {
            assert!(Record::parse(text).is_err(), "{text}");
        }
    }
}
