//! `manager.account-created`: a milestone, counted for expectations about how often.
//!
//! The CA's 201 counts; an account that was there already (200) is none created.

use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{http::Moment, step::Resource},
};

/// The milestone.
#[derive(Debug, Default)]
pub(crate) struct AccountCreated;

impl Law for AccountCreated {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step() else { return };
        if step.moment == Moment::Answered && step.resource == Resource::NewAccount && step.status() == 201 {
            verdict.exercise(seen.moment);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::Story;

    #[test]
    fn creations_are_counted_and_finds_are_not() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        story.new_account("mailto:a@a.test", 200);
        assert_eq!(story.verdict("manager.account-created").exercised().total(), 1);
    }
}
