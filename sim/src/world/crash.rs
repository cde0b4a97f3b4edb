//! Why a world could not run on: the implementation under test panicked or stands still for ever.

use std::time::Duration;

/// What went wrong inside the world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrashKind {
    /// A task panicked.
    #[error("task `{task}` panicked: {message}")]
    Panic {
        /// The task.
        task: String,
        /// The panic's message and place in the source.
        message: String,
    },
    /// Tasks wait for each other's locks in a circle.
    #[error("deadlock: {0}")]
    Deadlock(String),
    /// Nothing is under way, no deadline is set, and an operation has not ended.
    #[error("stuck, with nothing under way and no deadline set: {0}")]
    Stuck(String),
}

/// The end of a run that could not go on, with what it takes to see it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} [{}seed {seed}, virtual time {at:?}, event {event}]", host_in_words(.host.as_deref()))]
pub struct Crash {
    /// What went wrong.
    pub kind: CrashKind,
    /// The host on which it did; none if it concerns several.
    pub host: Option<String>,
    /// The world's seed.
    pub seed: u64,
    /// Virtual time since the world began.
    pub at: Duration,
    /// The number of the last event.
    pub event: u64,
}

fn host_in_words(host: Option<&str>) -> String {
    host.map_or_else(String::new, |host| format!("host {host}, "))
}
