//! The typed values of the language: one file a kind, each with its parser, its words and its examples.
//!
//! A value is parsed once, at the edge; what holds a [`Seeds`] never meets an empty range again.

use std::fmt;

mod answer;
mod bandwidth;
mod duration;
mod latency;
mod mac_key;
mod moment;
mod name;
mod percentage;
mod rate;
mod renewal_info;
mod seeds;
mod share;
mod terms_url;
mod text;

pub use answer::{HeaderField, HeaderFieldName, JsonField, MediaType, Pointer};
pub use bandwidth::Bandwidth;
pub use duration::{DurationRange, SignedDuration, format_duration, parse_duration};
pub use latency::Latency;
pub use mac_key::MacKey;
pub use moment::{Deadline, Moment, ProbeName};
pub(crate) use name::expand_counts;
pub use name::{NamePattern, Names};
pub use percentage::Percentage;
pub use rate::Rate;
pub use renewal_info::{AriWindow, HttpStatus, RetryAfterHeader};
pub use seeds::Seeds;
pub use share::Share;
pub use terms_url::TermsUrl;
pub use text::{Epoch, Record, ScenarioId, Slug};

/// Why a text is not the value it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Fits under the text: "the unit is missing".
    pub label: String,
    /// What would be right, if more can be said than the kind's examples.
    pub help: Option<String>,
}

impl Wrong {
    pub(crate) fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for Wrong {}

/// A value that is written as text.
pub(crate) trait Written: Sized {
    /// What it is called in messages, with its article.
    const WHAT: &'static str;
    /// Right ones, the commonest first.
    const EXAMPLES: &'static [&'static str];
    /// A regular expression for editors; none if any text may be right.
    const PATTERN: Option<&'static str>;
    /// Whether a number or a date may stand without quotes.
    const MAY_BE_BARE: bool = false;

    fn parse(text: &str) -> Result<Self, Wrong>;
}
