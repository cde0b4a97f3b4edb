//! Moments that the run itself brings about, and deadlines counted from them.
//!
//! `first-issue`, `renewal`, `restart`, `last-step` are known to every run; `probe:NAME` is whatever the
//! code under test marks as having happened.

use std::{fmt, time::Duration};

use super::{Written, Wrong, parse_duration};
use crate::language::suggestion;

/// The name of a probe, such as `ari-answer-rejected`; a final `*` stands for every continuation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeName(String);

impl ProbeName {
    /// Reads the part after `probe:`.
    ///
    /// # Errors
    /// Says which character can't be part of a probe's name.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '/' | '.');
        match name.chars().find(|c| !allowed(*c)) {
            Some(c) => Err(Wrong::new(format!("{c:?} can't be part of a probe's name"))
                .help("probe names are lower-case words with `-`, `.` and `/`; a final `*` stands for any rest")),
            None if text.is_empty() => Err(Wrong::new("the probe has no name").help("\"probe:ari-answer-rejected\"")),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a probe that fired is the one meant.
    #[must_use]
    pub fn matches(&self, fired: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => fired.starts_with(start),
            None => fired == self.0,
        }
    }
}

impl Written for ProbeName {
    const WHAT: &'static str = "a probe's name";
    const EXAMPLES: &'static [&'static str] = &["ca-was-down"];
    const PATTERN: Option<&'static str> = Some(r"[a-z0-9./-]+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        Self::parse(text)
    }
}

/// Something that happens in a run at a time nobody wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A manager has its first certificate for a name.
    FirstIssue,
    /// A manager has replaced a certificate.
    Renewal,
    /// A host has started again.
    Restart,
    /// The last step of the timeline has been carried out.
    LastStep,
    /// A probe has fired.
    Probe(ProbeName),
}

const WORDS: [&str; 4] = ["first-issue", "renewal", "restart", "last-step"];

impl Written for Moment {
    const WHAT: &'static str = "a moment";
    const EXAMPLES: &'static [&'static str] = &["first-issue", "renewal", "restart", "last-step", "probe:NAME"];
    const PATTERN: Option<&'static str> = Some("first-issue|renewal|restart|last-step|probe:.+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        Ok(match text.trim() {
            "first-issue" => Self::FirstIssue,
            "renewal" => Self::Renewal,
            "restart" => Self::Restart,
            "last-step" => Self::LastStep,
            other => match other.strip_prefix("probe:") {
                Some(name) => Self::Probe(ProbeName::parse(name)?),
                None => {
                    let help = suggestion::help(other, "moments", &[&WORDS[..], &["probe:NAME"]].concat());
                    return Err(Wrong::new(format!("`{other}` is no moment")).help(help));
                }
            },
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstIssue => f.write_str(WORDS[0]),
            Self::Renewal => f.write_str(WORDS[1]),
            Self::Restart => f.write_str(WORDS[2]),
            Self::LastStep => f.write_str(WORDS[3]),
            Self::Probe(name) => write!(f, "probe:{}", name.as_str()),
        }
    }
}

/// `88d` from the beginning, `first-issue`, or `restart + 1h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Counted from here, each time it happens; none: from the beginning of the run.
    pub after: Option<Moment>,
    /// How long after.
    pub delay: Duration,
}

impl Written for Deadline {
    const WHAT: &'static str = "a time, or a moment plus a duration";
    const EXAMPLES: &'static [&'static str] = &["88d", "first-issue", "restart + 1h"];
    const PATTERN: Option<&'static str> =
        Some(r"\d+[a-z]+.*|(first-issue|renewal|restart|last-step|probe:[a-z0-9./*-]+)(\s*\+\s*\d+[a-z]+.*)?");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Self { after: None, delay: parse_duration(text)? });
        }
        let (moment, delay) = text.split_once('+').unwrap_or((text, "0s"));
        Ok(Self { after: Some(Moment::parse(moment)?), delay: parse_duration(delay)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_from_the_start_and_from_moments() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Deadline::parse("1h"), Ok(Deadline { after: None, delay: hour }));
        assert_eq!(Deadline::parse("restart + 1h"), Ok(Deadline { after: Some(Moment::Restart), delay: hour }));
        assert!(Deadline::parse("first-isue").unwrap_err().help.unwrap().contains("first-issue"));
    }

    #[test]
    fn a_star_stands_for_every_continuation() {
        let every = ProbeName::parse("crash-point/*").unwrap();
        assert!(every.matches("crash-point/17") && !every.matches("crash"));
    }
}
