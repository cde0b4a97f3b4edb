//! The world: hosts on a simulated network under virtual time.
//!
//! It leaps: hosts run until none has anything left to do, then time moves on to the next thing that is
//! due (a timer, a packet, a fault), however far away. What a run costs follows what happens in it, not
//! how long it lasts. Everything random comes from the seed; equal seeds give equal traces.
//!
//! One world lives on one thread; a process may run as many as it has threads.

mod backend;
mod clock;
mod crash;
mod disk;
mod filesystem;
mod host;
mod link;
mod panic;
mod shared;
mod sockets;
mod survival;
mod wire;

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use time::{UtcDateTime, format_description::well_known::Rfc3339};
use turmoil_net::{EnterGuard, KernelConfig, Net};

pub use clock::ClockOptions;
pub use crash::{Crash, CrashKind};
pub use disk::{CrashPoint, DiskFaults};
pub use link::{Condition, Latency, Link};
pub use shared::Progress;
pub use survival::{CrashStates, Survival};

use self::{
    backend::HostBackend,
    clock::{HostClock, VirtualTime},
    disk::{Files, PowerCut, SimDisk},
    host::{Host, Inbox, Turn},
    shared::{Due, Shared},
    wire::Wire,
};
use crate::{
    Env, crypto,
    entropy::Stream,
    trace::{Checkpoint, Ending, Event, Observer, TraceHash},
};

/// Something to do to the world at a given time.
pub type Action = Box<dyn FnOnce(&mut World) + Send>;

/// Lets an observer of the trace ask for something to be done to the world, which it can't reach itself.
#[derive(Clone, Default)]
pub struct Requests(Arc<Mutex<Vec<(Duration, Action)>>>);

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Requests")
    }
}

impl Requests {
    /// Has `action` done so long after the present moment.
    pub fn push(&self, delay: Duration, action: impl FnOnce(&mut World) + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((delay, Box::new(action)));
    }
}

/// What a world begins with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything random is drawn from it.
    pub seed: u64,
    /// What the wall clocks show at virtual time 0.
    pub epoch: UtcDateTime,
    /// The machines.
    pub hosts: Vec<HostOptions>,
}

/// A machine of the world.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Its name, which other hosts can look up.
    pub name: String,
    /// Its addresses, at least one.
    pub addresses: Vec<IpAddr>,
    /// How its clock differs from true time.
    pub clock: ClockOptions,
    /// The name of the disk that it mounts instead of its own. Hosts that name the same one share it: each
    /// operation takes a round trip to the disk, and a host's power loss takes nothing from it that was done.
    pub shared_disk: Option<String>,
}

/// A host of one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(usize);

/// A simulated world.
pub struct World {
    // Dropped in this order: hosts close their sockets, which needs the network below.
    hosts: Vec<Host>,
    wire: Wire,
    shared: Arc<Shared>,
    disks: Vec<SimDisk>,
    disk_entropy: Stream,
    seed: u64,
    stopped: bool,
    requests: Requests,
    guard: EnterGuard,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World(seed {}, at {:?})", self.seed, self.now())
    }
}

impl World {
    /// A world at time 0 in which nothing runs yet, seen by `observers` from its first event on.
    ///
    /// # Panics
    /// If a host has no address, two share one, or this thread has another world.
    #[must_use]
    pub fn new(options: Options, observers: Vec<Box<dyn Observer>>) -> Self {
        // Retransmission by calls instead of time is off: `wire` sends again what was held back.
        let mut net = Net::with_config(KernelConfig::default().retx_threshold(u32::MAX));
        let host_names: Vec<Arc<str>> = options.hosts.iter().map(|host| host.name.as_str().into()).collect();
        let clocks = options.hosts.iter().map(|host| HostClock::new(options.epoch, host.clock)).collect();
        let shared = Arc::new(Shared::new(options.seed, host_names, clocks));
        observers.into_iter().for_each(|observer| shared.state().trace.add_observer(observer));
        let provider = crypto::seeded_provider();
        let mut world_hosts = Vec::new();
        let mut disks = Vec::new();
        let mut mounted: BTreeMap<&str, Files> = BTreeMap::new();
        for (index, host) in options.hosts.iter().enumerate() {
            assert!(!host.addresses.is_empty(), "host {} has no address", host.name);
            let id = HostId(index);
            let kernel = net.add_host(host.addresses.clone());
            let disk = match &host.shared_disk {
                Some(name) => SimDisk::mounted(id, shared.clone(), mounted.entry(name).or_default().clone()),
                None => SimDisk::new(id, shared.clone()),
            };
            let inbox = Inbox::default();
            let waker = shared.host_waker(id);
            let backend = HostBackend {
                id,
                shared: shared.clone(),
                inbox: inbox.clone(),
                disk: disk.clone(),
                provider: provider.clone(),
                waker: waker.clone(),
            };
            let env = Env::new(Arc::new(backend));
            world_hosts.push(Host::new(id, kernel, env, inbox, waker, shared.clone()));
            disks.push(disk);
            shared.state().names.insert(host.name.to_ascii_lowercase(), host.addresses.clone());
        }
        let addresses: Vec<Vec<IpAddr>> = options.hosts.iter().map(|host| host.addresses.clone()).collect();
        let epoch = options.epoch.format(&Rfc3339).unwrap_or_else(|_| options.epoch.to_string());
        shared.record(None, Event::World { seed: options.seed, epoch });
        for (index, host) in options.hosts.iter().enumerate() {
            if let Some(disk) = &host.shared_disk {
                shared.record(Some(HostId(index)), Event::DiskMounted { disk: disk.clone() });
            }
        }
        Self {
            hosts: world_hosts,
            wire: Wire::new(options.seed, &addresses),
            shared,
            disks,
            disk_entropy: Stream::new(options.seed, "", "power loss"),
            seed: options.seed,
            stopped: false,
            requests: Requests::default(),
            guard: net.enter(),
        }
    }

    /// The host called `name`.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.shared.host_names.iter().position(|known| &**known == name).map(HostId)
    }

    /// A host's name.
    #[must_use]
    pub fn host_name(&self, host: HostId) -> &str {
        &self.shared.host_names[host.0]
    }

    /// What programs on `host` use; also before any has started.
    #[must_use]
    pub fn env(&self, host: HostId) -> Env {
        self.hosts[host.0].env.clone()
    }

    /// Lets every host look up `name`, as from its hosts file.
    pub fn add_name(&mut self, name: &str, addresses: Vec<IpAddr>) {
        self.shared.state().names.insert(name.to_ascii_lowercase(), addresses);
    }

    /// Sets what runs on `host` each time that it starts.
    pub fn set_program<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        host: HostId,
        program: impl Fn(Env) -> F + 'static,
    ) {
        self.hosts[host.0].program = Some(Box::new(move |env| Box::pin(program(env))));
    }

    /// Shows every later event to `observer`.
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.shared.state().trace.add_observer(observer);
    }

    /// Does something at a time counted from the world's beginning; at once if that has passed.
    pub fn at(&mut self, time: Duration, action: impl FnOnce(&mut Self) + Send + 'static) {
        self.shared.schedule(VirtualTime::from_start(time), Due::Action(Box::new(action)));
    }

    /// Where observers leave what they want done.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// The time since the world began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now().since_start()
    }

    /// Adds an event that concerns the whole world.
    pub fn record(&self, event: Event) {
        self.shared.record(None, event);
    }

    /// How many events there have been.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.shared.state().trace.len()
    }

    /// The hash over the trace so far.
    #[must_use]
    pub fn trace_hash(&self) -> TraceHash {
        self.shared.state().trace.hash()
    }

    /// The trace's hash along the way.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.shared.state().trace.checkpoints()
    }

    /// For another thread to see whether the world moves.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        self.shared.progress.clone()
    }

    /// Ends the run before its time: [`Self::run_until`] returns as soon as the present moment is over.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Lets the world run until `end`, counted from its beginning, or until it is stopped.
    ///
    /// # Errors
    /// [`Crash`] if a task panics or the world is stuck for ever. A world that has crashed must not run on.
    pub fn run_until(&mut self, end: Duration) -> Result<(), Crash> {
        let end = VirtualTime::from_start(end);
        self.settle()?;
        while !self.stopped {
            self.take_requests();
            match self.shared.advance(end) {
                Some(Due::Timer(waker)) => waker.wake(),
                Some(Due::Flow(key)) => self.wire.flow_due(&self.shared, &self.guard, key),
                Some(Due::Datagram(packet)) => self.wire.datagram_due(&self.shared, &self.guard, packet),
                Some(Due::Action(action)) => action(self),
                None => {
                    if self.shared.nothing_is_due()
                        && let Some(open) = self.shared.waits.open_operations()
                    {
                        self.record(Event::Deadlock { report: open.clone() });
                        return Err(self.crash(None, CrashKind::Stuck(open)));
                    }
                    self.shared.leap_to(end);
                    return Ok(());
                }
            }
            self.wire.collect(&self.shared, &self.guard);
            self.settle()?;
        }
        Ok(())
    }

    fn take_requests(&mut self) {
        let requests = std::mem::take(&mut *self.requests.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (delay, action) in requests {
            self.shared.schedule(self.shared.now().after(delay), Due::Action(action));
        }
    }

    /// Lets hosts run until none has anything to do at this moment.
    fn settle(&mut self) -> Result<(), Crash> {
        while let Some(id) = self.shared.next_ready() {
            match self.hosts[id.0].turn() {
                Turn::Done => {}
                Turn::ProgramReturned => {
                    self.hosts[id.0].stop();
                    self.shared.record(Some(id), Event::HostEnded { ending: Ending::Finished });
                }
                Turn::Panicked { task, message } => {
                    self.shared.record(Some(id), Event::Panic { task: task.clone(), message: message.clone() });
                    return Err(self.crash(Some(id), CrashKind::Panic { task, message }));
                }
            }
            if let Some(cycle) = self.shared.waits.take_cycle() {
                self.shared.record(Some(id), Event::Deadlock { report: cycle.clone() });
                return Err(self.crash(Some(id), CrashKind::Deadlock(cycle)));
            }
            if let Some(cut) = self.disks[id.0].take_cut() {
                self.carry_out(id, cut);
            }
            self.wire.collect(&self.shared, &self.guard);
        }
        Ok(())
    }

    fn carry_out(&mut self, host: HostId, cut: PowerCut) {
        let what = format!("the power is cut after disk operation {}: {:?}", cut.operation, cut.survival);
        self.shared.record(Some(host), Event::Fault { what });
        self.lose_power(host, cut.survival);
        self.at(self.now() + cut.restart_after, move |world| world.start(host));
    }

    fn crash(&self, host: Option<HostId>, kind: CrashKind) -> Crash {
        Crash {
            kind,
            host: host.map(|host| self.host_name(host).to_owned()),
            seed: self.seed,
            at: self.now(),
            event: self.events(),
        }
    }
}

/// What can be done to hosts.
impl World {
    /// Starts a host's program; nothing happens if it runs.
    pub fn start(&mut self, host: HostId) {
        self.wire.set_powered(host, true);
        self.hosts[host.0].start();
    }

    /// Kills a host's process. Its kernel closes the sockets, and what was written survives.
    pub fn kill(&mut self, host: HostId) {
        if self.hosts[host.0].is_running() {
            self.hosts[host.0].stop();
            self.wire.collect(&self.shared, &self.guard);
            self.shared.record(Some(host), Event::HostEnded { ending: Ending::Killed });
        }
    }

    /// Cuts a host's power: it sends nothing more, its connections are forgotten without a word, and
    /// of what it had not synced, `survival` says what is kept.
    pub fn lose_power(&mut self, host: HostId, survival: Survival) {
        self.resume(host);
        self.wire.collect(&self.shared, &self.guard);
        self.wire.set_powered(host, false);
        self.hosts[host.0].stop();
        self.wire.collect(&self.shared, &self.guard);
        self.wire.forget_connections(&self.guard, host);
        self.shared.record(Some(host), Event::HostEnded { ending: Ending::PowerLost });
        self.disks[host.0].lose_power(survival, &mut self.disk_entropy);
    }

    /// Cuts a host's power right after its disk has carried out the operation with this number, as the trace
    /// counts them: the program never sees the result. `restart_after` the cut, the host is started again.
    pub fn cut_power_after(&mut self, host: HostId, operation: u64, survival: Survival, restart_after: Duration) {
        self.disks[host.0].set_cut(PowerCut { operation, survival, restart_after });
    }

    /// Has the operation of a host's disk with this number, as the trace counts them, fail with `error` instead of being carried
    /// out. Those before and after it are as ever.
    pub fn fail_disk_operation(&mut self, host: HostId, operation: u64, error: io::ErrorKind) {
        self.disks[host.0].set_failing(operation, error);
    }

    /// From now on counts, at each operation of a host's disk, the legal states that a power cut could leave.
    pub fn count_crash_states(&mut self, host: HostId, among: CrashStates) {
        self.disks[host.0].count_crash_states(among);
    }

    /// What has been counted since [`Self::count_crash_states`], a point for each operation.
    #[must_use]
    pub fn crash_points(&self, host: HostId) -> Vec<CrashPoint> {
        self.disks[host.0].crash_points()
    }

    /// Suspends a host: it neither runs nor answers, and its monotonic clock stands still.
    pub fn suspend(&mut self, host: HostId) {
        if !std::mem::replace(&mut self.hosts[host.0].suspended, true) {
            let mut state = self.shared.state();
            let now = state.now;
            state.clocks[host.0].suspend(now);
            drop(state);
            self.wire.set_powered(host, false);
            self.shared.record(Some(host), Event::HostSuspended);
        }
    }

    /// Wakes a suspended host. Its wall clock has jumped.
    pub fn resume(&mut self, host: HostId) {
        if std::mem::replace(&mut self.hosts[host.0].suspended, false) {
            let mut state = self.shared.state();
            let now = state.now;
            state.clocks[host.0].resume(now);
            drop(state);
            self.wire.set_powered(host, true);
            self.shared.record(Some(host), Event::HostResumed);
            self.hosts[host.0].wake();
        }
    }

    /// Sets a host's wall clock forward, or back if negative.
    pub fn step_clock(&mut self, host: HostId, by: time::Duration) {
        let by_ns = i64::try_from(by.whole_nanoseconds()).unwrap_or(if by.is_negative() { i64::MIN } else { i64::MAX });
        self.change_clock(host, |clock, _| clock.step(by_ns));
    }

    /// Lets a host's wall clock run faster than true time from now on, or slower if negative.
    pub fn set_drift(&mut self, host: HostId, drift_ppm: i32) {
        self.change_clock(host, |clock, now| clock.set_drift(now, drift_ppm));
    }

    fn change_clock(&mut self, host: HostId, change: impl FnOnce(&mut HostClock, VirtualTime)) {
        let mut state = self.shared.state();
        let now = state.now;
        let clock = &mut state.clocks[host.0];
        change(clock, now);
        let event = Event::ClockChanged { offset_ns: clock.offset_ns(now), drift_ppm: clock.drift_ppm() };
        drop(state);
        self.shared.record(Some(host), event);
    }

    /// How often a host's program has been started.
    #[must_use]
    pub fn incarnation(&self, host: HostId) -> u32 {
        self.hosts[host.0].incarnation
    }

    /// How a host's disk misbehaves at present.
    #[must_use]
    pub fn disk_faults(&self, host: HostId) -> DiskFaults {
        self.disks[host.0].faults()
    }

    /// Makes a host's disk misbehave from now on, or behave again.
    pub fn set_disk_faults(&mut self, host: HostId, faults: DiskFaults) {
        self.shared.record(Some(host), Event::Fault { what: format!("disk: {faults:?}") });
        self.disks[host.0].set_faults(faults);
    }

    /// Changes a file behind the host's back, as a failing disk, a restored backup or a person does: it holds
    /// `content` from now on, or is gone.
    pub fn damage_file(&mut self, host: HostId, path: &Path, content: Option<&[u8]>) {
        let event = Event::DiskDamaged { path: path.display().to_string(), content: content.map(<[u8]>::to_vec) };
        self.shared.record(Some(host), event);
        match content {
            Some(content) => self.disks[host.0].plant(path, content),
            None => self.disks[host.0].erase(path),
        }
    }

    /// Puts a file on a host's disk, durable at once, with the directories above it.
    pub fn plant_file(&mut self, host: HostId, path: &Path, content: &[u8]) {
        self.disks[host.0].plant(path, content);
    }

    /// Every file on a host's disk and its content, sorted by path.
    #[must_use]
    pub fn files(&self, host: HostId) -> Vec<(PathBuf, Vec<u8>)> {
        self.disks[host.0].files()
    }
}

/// What can be done to the network.
impl World {
    /// How hosts without a link of their own reach each other.
    pub fn set_default_link(&mut self, link: Link) {
        self.wire.set_default_link(link);
    }

    /// The link from one host to another.
    #[must_use]
    pub fn link(&self, from: HostId, to: HostId) -> Link {
        self.wire.link(from, to)
    }

    /// Changes the link from one host to another, in that direction.
    pub fn set_link(&mut self, from: HostId, to: HostId, link: Link) {
        self.shared.record(
            None,
            Event::LinkChanged {
                from: self.host_name(from).to_owned(),
                to: self.host_name(to).to_owned(),
                behaviour: link.to_string(),
            },
        );
        self.wire.set_link(&self.shared, from, to, link);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Sockets close in their own host's stack, which must be current and still there.
        for host in &mut self.hosts {
            host.stop();
        }
        self.wire.discard(&self.guard);
    }
}
