//! `world.no-deadlock` (L3, L4): no tasks wait for each other for ever, and every operation ends.
//!
//! Exercised by each start of a host: where programs run, they could wait.

use sim::trace::Event;

use crate::oracles::law::{Law, Seen, Verdict};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct NoDeadlock;

impl Law for NoDeadlock {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(event) = seen.event() else { return };
        if let Event::HostStarted { .. } = event {
            verdict.exercise(seen.moment);
        } else if let Event::Deadlock { report } = event {
            verdict.find(seen.moment, format!("nobody should wait for ever, but {report}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::trace::Event;

    use crate::oracles::testing::Story;

    #[test]
    fn a_deadlock_is_found_with_its_locks() {
        let mut story = Story::new();
        story.keeps("world.no-deadlock");
        let report = "a/main waits for `cache` held by a/main".to_owned();
        story.event(Some("manager"), Event::Deadlock { report });
        story.breaks("world.no-deadlock", "waits for `cache`");
    }
}
