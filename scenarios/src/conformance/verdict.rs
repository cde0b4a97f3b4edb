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
    /// What the case needs first did not come about. Another case is about that.
    Blocked {
        /// The other case's id.
        by: &'static str,
        /// What stopped it.
        stop: Box<Stop>,
    },
}

impl Stop {
    /// The same, told of this variant of what was sent.
    #[must_use]
    pub fn with(self, variant: &str) -> Self {
        let told = |finding: Finding| Finding { expected: format!("{} with {variant}", finding.expected), ..finding };
        match self {
            Self::Fail(finding) => Self::Fail(told(finding)),
            Self::Hang(finding) => Self::Hang(told(finding)),
            Self::Skip(_) | Self::Blocked { .. } => self,
        }
    }

    /// The same, come about before what the case is about: the case with this id is about it.
    #[must_use]
    pub fn before(self, by: &'static str) -> Self {
        match self {
            Self::Fail(_) | Self::Hang(_) => Self::Blocked { by, stop: Box::new(self) },
            // It may be the other case's fault still if it is not this one's.
            Self::Blocked { by: first, stop } => Self::Blocked { by: first, stop: Box::new(stop.before(by)) },
            Self::Skip(_) => self,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail(finding) | Self::Hang(finding) => finding.fmt(f),
            Self::Skip(reason) => f.write_str(reason),
            Self::Blocked { stop, .. } => stop.fmt(f),
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
    /// It was not tried, since what it needs first did not come about.
    Blocked {
        /// The case that is about that.
        by: &'static str,
        /// What this is if that case passes.
        otherwise: Box<Verdict>,
    },
}

impl Verdict {
    /// What a case that ended so came to.
    #[must_use]
    pub fn of(outcome: Result<(), Stop>, notes: Vec<String>) -> Self {
        match outcome {
            Err(Stop::Fail(finding)) => Self::Fail(finding),
            Err(Stop::Hang(finding)) => Self::Hang(finding),
            Err(Stop::Skip(reason)) => Self::Skipped(reason),
            Err(Stop::Blocked { by, stop }) => Self::Blocked { by, otherwise: Box::new(Self::of(Err(*stop), notes)) },
            Ok(()) if notes.is_empty() => Self::Pass,
            Ok(()) => Self::Note(notes),
        }
    }

    /// The same where it shows nothing to pass unless these other cases pass.
    #[must_use]
    pub fn presuming(self, others: impl IntoIterator<Item = &'static str>) -> Self {
        let presumed = |verdict, by| Self::Blocked { by, otherwise: Box::new(verdict) };
        match self {
            Self::Pass | Self::Note(_) => others.into_iter().fold(self, presumed),
            Self::Fail(_) | Self::Hang(_) | Self::Skipped(_) | Self::Blocked { .. } => self,
        }
    }

    /// The same for the case with this id, which is not blocked by what it is about itself.
    #[must_use]
    pub fn of_case(self, id: &str) -> Self {
        match self {
            Self::Blocked { by, otherwise } if by == id => otherwise.of_case(id),
            Self::Blocked { by, otherwise } => Self::Blocked { by, otherwise: Box::new(otherwise.of_case(id)) },
            Self::Pass | Self::Note(_) | Self::Fail(_) | Self::Hang(_) | Self::Skipped(_) => self,
        }
    }

    /// Whether cases that need what this one is about can't be tried.
    #[must_use]
    pub fn blocks_others(&self) -> bool {
        self.is_bad() || matches!(self, Self::Blocked { .. })
    }

    /// The word for it in reports and baselines.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Note(_) => "note",
            Self::Fail(_) => "fail",
            Self::Hang(_) => "hang",
            Self::Skipped(_) | Self::Blocked { .. } => "skipped",
        }
    }

    /// What was expected and what was found instead, if that is why it was not passed.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Fail(finding) | Self::Hang(finding) => Some(finding),
            Self::Blocked { otherwise, .. } => otherwise.finding(),
            Self::Pass | Self::Note(_) | Self::Skipped(_) => None,
        }
    }

    /// Whether this is a reason to end with an error.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Fail(_) | Self::Hang(_))
    }
}
