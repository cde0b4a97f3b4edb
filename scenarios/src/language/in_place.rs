//! A verdict shown inside the author's own file.
//!
//! The idea is Hurl's: whoever wrote the expectation reads the failure at the line they wrote, with the
//! last step before it and the command that replays it. What happened is told by the caller.

use super::{
    diagnostic::{Style, View},
    source::Location,
};

/// A failed expectation, as the runner tells it.
#[derive(Clone, Debug)]
pub struct Failure<'a> {
    /// Which case failed on which seed and what it expected.
    pub headline: String,
    /// Where the expectation stands.
    pub expectation: &'a Location,
    /// What was seen instead, under the expectation.
    pub seen: String,
    /// The last timeline step before the failure: its place, and when it ran.
    pub last_step: Option<(&'a Location, String)>,
    /// Further lines: the first cause, the replay command.
    pub notes: Vec<String>,
}

/// The failure inside the author's file, ready to print.
#[must_use]
pub fn render_in_place(failure: &Failure<'_>, style: Style) -> String {
    let mut labels = vec![(failure.expectation.clone(), failure.seen.clone())];
    if let Some((at, text)) = &failure.last_step {
        labels.push(((*at).clone(), text.clone()));
    }
    let mut text = View::new(String::new(), &failure.headline, &labels, None).render(style);
    for note in &failure.notes {
        text.push_str("  ");
        text.push_str(note);
        text.push('\n');
    }
    text
}
