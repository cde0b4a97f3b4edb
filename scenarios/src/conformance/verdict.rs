//! What comes of a case.

use std::fmt;

/// What was expected and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What the clause asks for.
    pub expected: String,
    /// What there was.
    pub found: String,
    /// Which of the case's exchanges shows it, if one does.
    pub exchange: Option<usize>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

/// Why a case is over before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The CA does not do what the clause asks for.
    Fail(Finding),
    /// The CA does not answer.
    Hang(Finding),
    /// The case does not apply here, for this reason.
    Skip(String),
}

impl Stop {
    /// The same, told of this variant of what was sent.
    #[must_use]
    pub fn with(self, variant: &str) -> Self {
        let told = |finding: Finding| Finding { expected: format!("{} with {variant}", finding.expected), ..finding };
        match self {
            Self::Fail(finding) => Self::Fail(told(finding)),
            Self::Hang(finding) => Self::Hang(told(finding)),
            Self::Skip(reason) => Self::Skip(reason),
        }
    }
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is as the clause says.
    Pass,
    /// It is allowed, but worth knowing: the standards leave room, or implementations agree against the letter.
    Note(Vec<String>),
    /// It is not as the clause says.
    Fail(Finding),
    /// There was no answer in time.
    Hang(Finding),
    /// It was not tried, for this reason.
    Skipped(String),
}

impl Verdict {
    /// What a case that ended so came to.
    #[must_use]
    pub fn of(outcome: Result<(), Stop>, notes: Vec<String>) -> Self {
        match outcome {
            Err(Stop::Fail(finding)) => Self::Fail(finding),
            Err(Stop::Hang(finding)) => Self::Hang(finding),
            Err(Stop::Skip(reason)) => Self::Skipped(reason),
            Ok(()) if notes.is_empty() => Self::Pass,
            Ok(()) => Self::Note(notes),
        }
    }

    /// The word for it in reports and baselines.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Note(_) => "note",
            Self::Fail(_) => "fail",
            Self::Hang(_) => "hang",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Whether this is a reason to end with an error.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Fail(_) | Self::Hang(_))
    }
}
