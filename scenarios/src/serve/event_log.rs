//! The events of a served CA: into a file, to the management API, and before the laws, as the flags have it.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ca_mock::RecentEvents;
use scenarios::{
    oracles::server_side::{LiveJudge, Violation},
    trace_file::{Flushed, TraceFile},
};
use sim::{
    UtcDateTime,
    trace::{Event, Trace},
};
use time::format_description::well_known::Rfc3339;

use super::{Failure, Log};

/// What `/events` can still tell, bytes of lines.
const RECENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the events of a CA go.
pub(super) struct EventLog {
    pub(super) trace: Arc<Mutex<Trace>>,
    pub(super) recent: RecentEvents,
    file: Option<TraceFile>,
}

impl EventLog {
    /// Opens one, if a file for it is given or violations are to be told.
    pub(super) fn open(file: Option<&Path>, is_judged: bool) -> Result<Option<Self>, Failure> {
        if file.is_none() && !is_judged {
            return Ok(None);
        }
        let cannot = |e| Failure::wrong_input(format!("-event-log: {e}"));
        let file = file.map(|file| TraceFile::create(file, Flushed::EachLine)).transpose().map_err(cannot)?;
        let recent = RecentEvents::new(RECENT_BYTES_MAX);
        let mut trace = Trace::default();
        trace.add_observer(Box::new(recent.clone()));
        if let Some(file) = &file {
            trace.add_observer(Box::new(file.clone()));
        }
        Ok(Some(Self { trace: Arc::new(Mutex::new(trace)), recent, file }))
    }

    /// The first event: when it begins, and with which seed.
    pub(super) fn begin(&self, seed: u64, now: UtcDateTime) {
        let epoch = now.format(&Rfc3339).expect("the clock shows a year of four digits");
        self.trace().record(0, None, Event::World { seed, epoch });
    }

    /// Tells violations in `log` from now on.
    pub(super) fn judge(&self, log: &Log) {
        let log = log.clone();
        let tell = move |violation: &Violation| {
            log.say(&format!("Violation of {violation} (event {})", violation.finding.event));
        };
        self.trace().add_observer(Box::new(LiveJudge::new(tell)));
    }

    /// What is still to be written is written.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        let written = self.file.as_ref().map_or(Ok(()), TraceFile::finish);
        written.map_err(|e| Failure::of_system("writing the event log", &e))
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
