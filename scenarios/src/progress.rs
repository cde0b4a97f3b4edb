//! How far a sweep has got, told to a person while it runs.
#![expect(clippy::disallowed_types, reason = "how often a person is told depends on real time")]

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use scenarios::runner::Run;

/// A line on the terminal that says how far it has got.
pub(crate) struct Progress {
    is_terminal: bool,
    last: Instant,
    failed: usize,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), last: Instant::now(), failed: 0 }
    }

    /// On a terminal a line that changes; elsewhere a line every ten seconds.
    pub(crate) fn tell(&mut self, run: &Run, finished: usize, asked: usize) {
        self.failed += usize::from(!run.verdict.is_pass());
        let pause = if self.is_terminal { Duration::from_millis(100) } else { Duration::from_secs(10) };
        if self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        let line = format!("{finished}/{asked} runs, {} failed, last {} seed {}", self.failed, run.case, run.seed);
        if self.is_terminal { eprint!("\r\x1b[2K{line}") } else { eprintln!("{line}") }
    }

    pub(crate) fn clear(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[2K");
        }
    }
}
