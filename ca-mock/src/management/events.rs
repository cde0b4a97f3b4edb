//! `/events`: the latest events of the trace, a line of JSON each, or those `?after=NUMBER`.
//!
//! What the management API itself reads and writes is not among them: it hands out private keys and these very lines.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use sim::trace::{Observer, Record};

use super::{Management, bare, refusal, text};

/// The latest events of a trace, as many as fit. Clones are the same.
#[derive(Clone)]
pub struct RecentEvents(Arc<Mutex<Lines>>);

struct Lines {
    bytes_max: usize,
    bytes: usize,
    /// Each with its event's number; they count up without gaps.
    lines: VecDeque<(u64, Box<str>)>,
}

impl fmt::Debug for RecentEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecentEvents({})", self.lines().lines.len())
    }
}

impl RecentEvents {
    /// Keeps at most so many bytes of lines.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Lines { bytes_max, bytes: 0, lines: VecDeque::new() })))
    }

    /// The lines of the events after the one of this number, as far as they are still there.
    fn after(&self, number: u64) -> String {
        let kept = self.lines();
        let from = kept.lines.partition_point(|(known, _)| *known <= number);
        kept.lines.range(from..).flat_map(|(_, line)| [&**line, "\n"]).collect()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for RecentEvents {
    fn observe(&mut self, record: &Record, line: &str) {
        let mut kept = self.lines();
        kept.bytes += line.len();
        kept.lines.push_back((record.number, line.into()));
        while kept.bytes > kept.bytes_max {
            let Some((_, forgotten)) = kept.lines.pop_front() else { return };
            kept.bytes -= forgotten.len();
        }
    }
}

impl Management {
    pub(super) fn recent_events(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return bare(StatusCode::METHOD_NOT_ALLOWED);
        }
        let Some(events) = &self.events else {
            let mut response = refusal("no events are kept: they are with -event-log or -judge\n");
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let after = match request.uri().query() {
            None => Some(0),
            Some(query) => query.strip_prefix("after=").and_then(|number| number.parse().ok()),
        };
        match after {
            Some(after) => text("application/jsonl", events.after(after), &[]),
            None => refusal("of an event's number, ask ?after=NUMBER\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::trace::{Event, Trace};

    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_the_rest_is_told_from_any_number_on() {
        let events = RecentEvents::new(200);
        let mut trace = Trace::default();
        trace.add_observer(Box::new(events.clone()));
        (0..9).for_each(|_| trace.record(0, None, Event::probe("a")));
        let told = |after| events.after(after).lines().map(|line| line[10..11].to_owned()).collect::<Vec<_>>();
        assert_eq!(told(0), ["6", "7", "8", "9"]);
        assert_eq!(told(7), ["8", "9"]);
        assert!(told(9).is_empty() && told(u64::MAX).is_empty());
    }
}
