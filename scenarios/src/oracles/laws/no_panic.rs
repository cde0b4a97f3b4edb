//! `world.no-panic` (M1): no task panics.
//!
//! Exercised by each start of a host: where programs run, they could panic.

use sim::trace::Event;

use crate::oracles::law::{Law, Seen, Verdict};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct NoPanic;

impl Law for NoPanic {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(event) = seen.event() else { return };
        if let Event::HostStarted { .. } = event {
            verdict.exercise(seen.moment);
        } else if let Event::Panic { task, message } = event {
            verdict.find(seen.moment, format!("no task should panic, but `{task}` did: {message}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::trace::Event;

    use crate::oracles::testing::Story;

    #[test]
    fn a_panic_is_found_with_its_task() {
        let mut story = Story::new();
        story.keeps("world.no-panic");
        story.event(Some("manager"), Event::Panic { task: "renew".into(), message: "None".into() });
        story.breaks("world.no-panic", "`renew` did: None");
    }
}
