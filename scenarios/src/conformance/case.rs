//! [`Case`]: one thing that a clause asks for, told so that a reader of the RFC understands it, and tried.

use std::fmt;

use super::{
    driver::{Driver, Running},
    verdict::Verdict,
};

/// How binding a case's clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// MUST, or what follows from one.
    Must,
    /// SHOULD.
    Should,
    /// MAY.
    May,
    /// No document asks for it, but implementations break without it.
    Robustness,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Robustness => "robustness",
        })
    }
}

/// How a case is tried on a CA.
pub type OnCa = for<'a> fn(&'a Driver) -> Running<'a>;

/// One thing that is tried: on a CA, or with another `R` on others.
#[derive(Clone, Copy)]
pub struct Case<R = OnCa> {
    /// Document, section and what it is about, such as `rfc8555/6.4/url-mismatch`. Frozen for ever.
    pub id: &'static str,
    /// How binding it is.
    pub level: Level,
    /// Which requirements of the catalogue it tries.
    pub requirements: &'static [&'static str],
    /// What is sent.
    pub sent: &'static str,
    /// What must come back.
    pub expected: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How it is tried.
    pub run: R,
}

/// What a [`Case`] says in words, whatever it is tried on.
pub type About = Case<()>;

impl<R> Case<R> {
    /// What it says in words.
    #[must_use]
    pub fn about(&self) -> About {
        let &Self { id, level, requirements, sent, expected, why, .. } = self;
        Case { id, level, requirements, sent, expected, why, run: () }
    }

    /// The document and section: `rfc8555/7.4`.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        self.id.rsplit_once('/').map_or(self.id, |(clause, _)| clause)
    }

    /// Whether `prefix` names it, its section or a section around that: `rfc8555/7` means `rfc8555/7.4/…` too.
    #[must_use]
    pub fn is_below(&self, prefix: &str) -> bool {
        let rest = self.id.strip_prefix(prefix.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    }
}

/// The case in prose, for who wants to know what is tried.
impl<R> fmt::Display for Case<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, level, sent, expected, why, .. } = self;
        writeln!(f, "{id} ({level})\n  sent:     {sent}\n  expected: {expected}\n  why:      {why}")
    }
}

impl Case {
    /// Tries it; what came of it.
    pub async fn verdict(&self, driver: &Driver) -> Verdict {
        let outcome = (self.run)(driver).await;
        Verdict::of(outcome, driver.notes()).presuming(driver.presumed()).of_case(self.id)
    }
}

impl<R> fmt::Debug for Case<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({})", self.id)
    }
}
