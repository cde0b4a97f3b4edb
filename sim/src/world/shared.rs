//! What the world and its hosts' environments share: the time, what is due, the trace and the entropy.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Wake, Waker},
};

use turmoil_net::Packet;

use super::{
    Action, HostId,
    clock::{HostClock, VirtualTime},
    wire::FlowKey,
};
use crate::{
    entropy::Streams,
    lock::WaitGraph,
    trace::{Event, Trace},
};

/// What happens when its time comes.
pub(super) enum Due {
    Timer(Waker),
    Flow(FlowKey),
    Datagram(Packet),
    Action(Action),
}

/// A place in the queue of what is due: the time, then the order of scheduling.
pub(super) type Slot = (VirtualTime, u64);

pub(super) struct State {
    pub(super) now: VirtualTime,
    sequence: u64,
    due: BTreeMap<Slot, Due>,
    pub(super) trace: Trace,
    pub(super) streams: Streams,
    pub(super) clocks: Vec<HostClock>,
    pub(super) names: BTreeMap<String, Vec<IpAddr>>,
}

impl State {
    pub(super) fn insert(&mut self, at: VirtualTime, due: Due) -> Slot {
        self.sequence += 1;
        let slot = (at, self.sequence);
        self.due.insert(slot, due);
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.due.remove(&slot);
    }

    pub(super) fn timer_mut(&mut self, slot: Slot) -> Option<&mut Waker> {
        match self.due.get_mut(&slot) {
            Some(Due::Timer(waker)) => Some(waker),
            Some(Due::Flow(_) | Due::Datagram(_) | Due::Action(_)) | None => None,
        }
    }
}

pub(super) struct Shared {
    state: Mutex<State>,
    ready: Arc<Mutex<VecDeque<HostId>>>,
    pub(super) waits: Arc<WaitGraph>,
    pub(super) progress: Arc<Progress>,
    pub(super) host_names: Vec<Arc<str>>,
    next_task: AtomicU64,
}

impl Shared {
    pub(super) fn new(seed: u64, host_names: Vec<Arc<str>>, clocks: Vec<HostClock>) -> Self {
        Self {
            state: Mutex::new(State {
                now: VirtualTime::default(),
                sequence: 0,
                due: BTreeMap::new(),
                trace: Trace::default(),
                streams: Streams::new(seed),
                clocks,
                names: BTreeMap::new(),
            }),
            ready: Arc::default(),
            waits: Arc::default(),
            progress: Arc::default(),
            host_names,
            next_task: AtomicU64::new(0),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Only an observer can panic while this is held, and then the run has failed anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> VirtualTime {
        self.state().now
    }

    pub(super) fn schedule(&self, at: VirtualTime, due: Due) {
        self.state().insert(at, due);
    }

    /// Moves the time on to what is due next, if that is not after `until`.
    pub(super) fn advance(&self, until: VirtualTime) -> Option<Due> {
        let mut state = self.state();
        let entry = state.due.first_entry()?;
        let (at, _) = *entry.key();
        if at > until {
            return None;
        }
        let due = entry.remove();
        // What was scheduled for the past (a link that was opened again) happens now.
        state.now = state.now.max(at);
        drop(state);
        self.progress.steps.fetch_add(1, Ordering::Relaxed);
        Some(due)
    }

    pub(super) fn nothing_is_due(&self) -> bool {
        self.state().due.is_empty()
    }

    pub(super) fn leap_to(&self, time: VirtualTime) {
        let mut state = self.state();
        state.now = state.now.max(time);
    }

    pub(super) fn record(&self, host: Option<HostId>, event: Event) {
        let host = host.map(|host| self.host_names[host.0].clone());
        let mut state = self.state();
        let at_ns = state.now.0;
        state.trace.record(at_ns, host, event);
    }

    pub(super) fn new_task_id(&self) -> u64 {
        self.next_task.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn next_ready(&self) -> Option<HostId> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    pub(super) fn host_waker(&self, host: HostId) -> Arc<HostWaker> {
        Arc::new(HostWaker { host, queued: AtomicBool::new(false), ready: self.ready.clone() })
    }
}

/// Puts its host into the queue of those that have something to do, once.
pub(super) struct HostWaker {
    host: HostId,
    queued: AtomicBool,
    ready: Arc<Mutex<VecDeque<HostId>>>,
}

impl HostWaker {
    /// The host is about to be polled; later wakes queue it again.
    pub(super) fn taken(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }
}

impl Wake for HostWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.host);
        }
    }
}

/// Lets another thread see whether the world moves, and what it is doing.
#[derive(Debug, Default)]
pub struct Progress {
    steps: AtomicU64,
    doing: Mutex<String>,
}

impl Progress {
    /// Grows with everything that happens. If it stands still in real time, a task never yields.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// The host and task that run.
    #[must_use]
    pub fn doing(&self) -> String {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_doing(&self, host: &str, task: &str) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        doing.clear();
        doing.push_str(host);
        doing.push_str(": ");
        doing.push_str(task);
    }
}
