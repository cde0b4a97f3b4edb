//! `world.tasks-bounded` (M20): no host has more tasks alive at a time than the scenario allows.
//!
//! Whoever waits, and whatever is kept in memory for it, has a task: what grows without bounds shows here. The world tells
//! in steps of some dozens, so a limit is found out up to that much late.

use sim::trace::Event;

use crate::oracles::law::{Law, Seen, Settings, Verdict};

/// The law.
#[derive(Debug)]
pub(crate) struct TasksBounded {
    at_most: usize,
}

impl TasksBounded {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { at_most: settings.at_most.map_or(usize::MAX, |most| most as usize) }
    }
}

impl Law for TasksBounded {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(Event::TasksAlive { tasks }) = seen.event() else { return };
        verdict.exercise(seen.moment);
        if *tasks > self.at_most {
            let host = seen.moment.host.as_deref().unwrap_or("a host");
            verdict.find(seen.moment, format!("{host} should have at most {} tasks, but has {tasks}", self.at_most));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::Story;

    #[test]
    fn more_tasks_than_allowed_are_found() {
        let mut story = Story::new();
        let settings = Settings { at_most: Some(100), ..Settings::default() };
        for (tasks, findings) in [(96, 0), (100, 0), (101, 1)] {
            story.event(Some("manager"), Event::TasksAlive { tasks });
            assert_eq!(story.verdict_with("world.tasks-bounded", settings).findings_total(), findings);
        }
    }
}
