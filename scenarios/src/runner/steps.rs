//! The timeline: what each verb does to the world, and when.

pub(super) mod disk;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ca_mock::{
    Ca,
    dns::{RecordData, Zone, ZoneHandle},
};
use sim::{
    entropy::Stream,
    trace::{Event, Observer, Record},
    world::{Condition, DiskFaults, HostId, Link, Requests, Survival, World},
};

use super::{ca, operator::Operator, operators_ca::OperatorsCa, stage};
use crate::{
    language::{Case, HostName, Moment, Net, Trigger, Verb},
    oracles::{Bench, Settings},
};

/// Whom the steps act on.
#[derive(Clone)]
pub(super) struct Cast {
    pub(super) hosts: BTreeMap<String, HostId>,
    pub(super) order: Vec<HostId>,
    pub(super) net: Net,
    /// What each DNS host serves.
    pub(super) zones: BTreeMap<String, ZoneHandle>,
    pub(super) cas: BTreeMap<String, Ca>,
    /// By their managers' hosts.
    pub(super) operators: BTreeMap<String, Operator>,
    /// Signs the certificates that the operator gives managers, where a step does so.
    pub(super) operators_ca: Option<Arc<OperatorsCa>>,
    pub(super) log: StepLog,
    pub(super) seed: u64,
}

impl Cast {
    fn host(&self, name: &crate::language::HostName) -> HostId {
        self.hosts[name.as_str()]
    }
}

/// Which steps were carried out, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct StepLog(Arc<Mutex<Vec<(usize, Duration)>>>);

impl StepLog {
    pub(super) fn all(&self) -> Vec<(usize, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, step: usize, at: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((step, at));
    }
}

/// Sets the whole timeline going.
pub(super) fn schedule(world: &mut World, cast: &Cast, case: &Case, bench: &Bench) {
    let mut awaited = Vec::new();
    for (index, step) in case.timeline.iter().enumerate() {
        let doing = Doing { index, steps: case.timeline.clone().into(), cast: cast.clone() };
        match &step.trigger {
            Trigger::At(at) => world.at(*at, move |world| doing.carry_out(world)),
            // Steps that follow another are begun by it; only the very first has nobody before it.
            Trigger::After(delay) if index == 0 => world.at(*delay, move |world| doing.carry_out(world)),
            Trigger::After(_) => {}
            Trigger::When { moment, delay } => awaited.push((moment.clone(), *delay, doing)),
            Trigger::Every { period, starting, until, times } => {
                let left = times.map_or(u32::MAX, std::num::NonZeroU32::get);
                let (period, until) = (*period, until.unwrap_or(Duration::MAX));
                world.at(*starting, move |world| doing.repeat(world, period, until, left));
            }
        }
    }
    if !awaited.is_empty() {
        let seat = |law| bench.seat(law, Settings::default()).expect("a law of the registry");
        let lookout = Lookout {
            bench: bench.clone(),
            first_issue: seat("manager.certificate-obtained"),
            renewal: seat("manager.certificate-renewed"),
            requests: world.requests(),
            awaited,
        };
        world.observe(Box::new(lookout));
    }
}

/// A step and what it needs.
#[derive(Clone)]
struct Doing {
    index: usize,
    steps: Arc<[crate::language::Step]>,
    cast: Cast,
}

impl Doing {
    fn carry_out(self, world: &mut World) {
        let step = &self.steps[self.index];
        world.record(Event::Fault { what: step.text.clone() });
        self.cast.log.note(self.index, world.now());
        apply(world, &self.cast, &step.verb);
        let next = self.index + 1;
        if let Some(Trigger::After(delay)) = self.steps.get(next).map(|step| &step.trigger) {
            let at = world.now() + *delay;
            let following = Self { index: next, ..self };
            world.at(at, move |world| following.carry_out(world));
        }
    }

    fn repeat(self, world: &mut World, period: Duration, until: Duration, left: u32) {
        if left == 0 || world.now() > until {
            return;
        }
        let again = self.clone();
        self.carry_out(world);
        world.at(world.now() + period, move |world| again.repeat(world, period, until, left - 1));
    }
}

/// Waits for moments that the run brings about, and begins the steps that wait for them.
struct Lookout {
    bench: Bench,
    first_issue: crate::oracles::SeatId,
    renewal: crate::oracles::SeatId,
    requests: Requests,
    awaited: Vec<(Moment, Duration, Doing)>,
}

impl Observer for Lookout {
    fn observe(&mut self, record: &Record, _line: &str) {
        // The bench has seen this event before: it was added first.
        let (bench, first_issue, renewal) = (&self.bench, self.first_issue, self.renewal);
        let has_come = |moment: &Moment| match moment {
            Moment::FirstIssue => bench.exercised(first_issue) > 0,
            Moment::Renewal => bench.exercised(renewal) > 0,
            Moment::Restart => matches!(record.event, Event::HostStarted { incarnation } if incarnation > 1),
            Moment::Probe(probe) => matches!(&record.event, Event::Probe { name, .. } if probe.matches(name)),
            Moment::LastStep => false,
        };
        for (_, delay, doing) in self.awaited.extract_if(.., |(moment, _, _)| has_come(moment)) {
            self.requests.push(delay, move |world| doing.carry_out(world));
        }
    }
}

fn apply(world: &mut World, cast: &Cast, verb: &Verb) {
    match verb {
        Verb::HostKill { host, duration } => {
            let host = cast.host(host);
            world.kill(host);
            later(world, *duration, move |world| world.start(host));
        }
        Verb::HostPowerLoss { host, duration } => {
            let host = cast.host(host);
            world.lose_power(host, Survival::Random);
            later(world, *duration, move |world| world.start(host));
        }
        Verb::HostStart { host } => world.start(cast.host(host)),
        Verb::HostSuspend { host, duration } => {
            let host = cast.host(host);
            world.suspend(host);
            later(world, *duration, move |world| world.resume(host));
        }
        Verb::HostResume { host } => world.resume(cast.host(host)),
        Verb::DiskFail { host, error, on, duration } => disk::fail(world, cast.host(host), *error, *on, *duration),
        Verb::DiskDamage { host, file, how, remove_fields } => {
            let remove_fields = remove_fields.as_deref().unwrap_or_default();
            disk::damage(world, cast.host(host), file, *how, remove_fields);
        }
        Verb::DiskGiveCertificate { host, file, names, validity } => {
            let host = cast.host(host);
            let operators_ca = cast.operators_ca.as_ref().expect("made for scenarios with such a step");
            let pem = operators_ca.certificate(&world.env(host), &names.0, *validity);
            world.plant_file(host, Path::new(file), pem.as_bytes());
        }
        Verb::ClockStep { host, by } => {
            world.step_clock(cast.host(host), time::Duration::nanoseconds(by.nanoseconds()));
        }
        Verb::ClockSetDrift { host, drift_ppm } => world.set_drift(cast.host(host), *drift_ppm),
        Verb::LinkSet { from, to, one_way, latency, loss, duplicate, bandwidth } => {
            let change = crate::language::LinkChange {
                latency: latency.clone(),
                loss: *loss,
                duplicate: *duplicate,
                bandwidth: *bandwidth,
            };
            for (from, to) in directions(from.as_str(), to.as_str(), *one_way) {
                let condition = world.link(cast.hosts[from], cast.hosts[to]).condition;
                let changed = stage::link(&cast.net.between(from, to).changed_by(&change));
                world.set_link(cast.hosts[from], cast.hosts[to], Link { condition, ..changed });
            }
        }
        Verb::LinkBlackhole { from, to, one_way, duration } => {
            condition(world, cast, (from.as_str(), to.as_str(), *one_way), Condition::Blackhole, *duration);
        }
        Verb::LinkReset { from, to, duration } => {
            condition(world, cast, (from.as_str(), to.as_str(), false), Condition::Reset, *duration);
        }
        Verb::LinkStall { from, to, one_way, duration } => {
            condition(world, cast, (from.as_str(), to.as_str(), *one_way), Condition::Stalled, *duration);
        }
        Verb::LinkTruncate { from, to, after_bytes } => {
            let (from, to) = (cast.host(from), cast.host(to));
            let link = Link { truncate_after_bytes: Some(u64::from(*after_bytes)), ..world.link(from, to) };
            world.set_link(from, to, link);
        }
        Verb::LinkHeal { from, to } => heal(world, cast, from.as_str(), to.as_str()),
        Verb::DiskSlow { host, latency, duration } => {
            let host = cast.host(host);
            set_disk_latency(world, host, *latency);
            later(world, *duration, move |world| set_disk_latency(world, host, Duration::ZERO));
        }
        Verb::DnsReplace { owner, record, server } => {
            let name = resolve(world, cast, owner);
            let text = format!("$ORIGIN .\n$TTL 60\n{name}. IN {} {}\n", record.kind, record.data);
            let record = format!("{} {}", record.kind, record.data);
            let change = |zones: &ZoneHandle| {
                // The language has checked the words; what the DNS server can't hold is left out, and said so.
                let data: Vec<RecordData> = Zone::parse(".", &text).map_err(|e| e.to_string())?.data_at(&name);
                zones.set(&name, 60, data).map_err(|e| e.to_string())
            };
            let changed = change_zones(cast, server.as_ref(), change);
            world.record(match (changed, server) {
                (Ok(()), None) => Event::ZoneChanged { name, record: Some(record) },
                (Ok(()), Some(server)) => Event::Fault { what: format!("{server} says that {name} is {record}") },
                (Err(error), _) => Event::Fault { what: format!("{name} stays as it was: {error}") },
            });
        }
        Verb::DnsRemove { owner, server } => {
            let name = resolve(world, cast, owner);
            let changed = change_zones(cast, server.as_ref(), |zones| match zones.remove(&name) {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(()),
            });
            world.record(match (changed, server) {
                (Ok(()), None) => Event::ZoneChanged { name, record: None },
                (Ok(()), Some(server)) => Event::Fault { what: format!("{server} knows nothing of {name} any more") },
                (Err(()), _) => Event::Fault { what: format!("{name} was not there") },
            });
        }
        Verb::DnsServfail { owner, server } => {
            let name = resolve(world, cast, owner);
            let what = match change_zones(cast, server.as_ref(), |zones| zones.fail(&name)) {
                Ok(()) => format!("{name} can't be looked up any more"),
                Err(error) => format!("{name} stays as it was: {error}"),
            };
            world.record(Event::Fault { what });
        }
        Verb::CaAriSet { .. }
        | Verb::CaOcspSet { .. }
        | Verb::CaRevoke { .. }
        | Verb::CaAriAdvance { .. }
        | Verb::CaFault { .. }
        | Verb::CaFaultClear { .. }
        | Verb::CaTermsSet { .. }
        | Verb::CaAccountsDeactivate {}
        | Verb::CaTermsAgree {} => {
            let struck = if let Verb::CaFault { host, .. } = verb { host.as_ref() } else { None };
            let is_struck = |name: &str| struck.is_none_or(|host| host.as_str() == name);
            for (name, served) in cast.cas.iter().filter(|(name, _)| is_struck(name)) {
                ca::carry_out(verb, served, world.env(cast.hosts[name]).utc_now());
            }
        }
        Verb::ManagerReload { host, names } => {
            if let Some(operator) = cast.operators.get(host.as_str()) {
                operator.change_names(&names.0);
            }
        }
        Verb::ManagerRevoke { host, names, reason } => {
            if let Some(operator) = cast.operators.get(host.as_str()) {
                names.0.iter().for_each(|name| operator.revoke(name, *reason));
            }
        }
        Verb::ManagerShutDown { host, duration } => {
            if let Some(operator) = cast.operators.get(host.as_str()) {
                operator.shut_down();
            }
            let host = cast.host(host);
            later(world, *duration, move |world| {
                // Nothing happens if it has ended.
                world.kill(host);
                world.start(host);
            });
        }
        Verb::Probe { probe } => world.record(Event::probe(probe.as_str())),
    }
}

/// Changes what one DNS host says, or what all of them say.
fn change_zones<E>(
    cast: &Cast,
    server: Option<&HostName>,
    change: impl Fn(&ZoneHandle) -> Result<(), E>,
) -> Result<(), E> {
    let is_meant = |name: &str| server.is_none_or(|server| server.as_str() == name);
    cast.zones.iter().filter(|(name, _)| is_meant(name)).try_for_each(|(_, zones)| change(zones))
}

/// Changes how fast a disk is, and nothing else about it.
fn set_disk_latency(world: &mut World, host: HostId, latency: Duration) {
    let faults = DiskFaults { latency, ..world.disk_faults(host) };
    world.set_disk_faults(host, faults);
}

/// The name, with what is random in it drawn from the seed and the moment.
fn resolve(world: &World, cast: &Cast, owner: &crate::language::NamePattern) -> String {
    let mut stream = Stream::new(cast.seed, "timeline", &format!("{:?}", world.now()));
    owner.resolve(|range| {
        let width = u64::from(range.end() - range.start()) + 1;
        range.start() + u32::try_from(stream.below(width)).expect("below a u32")
    })
}

fn later(world: &mut World, delay: Option<Duration>, action: impl FnOnce(&mut World) + Send + 'static) {
    if let Some(delay) = delay {
        world.at(world.now() + delay, action);
    }
}

fn directions<'a>(from: &'a str, to: &'a str, one_way: bool) -> Vec<(&'a str, &'a str)> {
    if one_way { vec![(from, to)] } else { vec![(from, to), (to, from)] }
}

fn condition(
    world: &mut World,
    cast: &Cast,
    ends: (&str, &str, bool),
    condition: Condition,
    duration: Option<Duration>,
) {
    let (from, to, one_way) = ends;
    for (from, to) in directions(from, to, one_way) {
        let (from, to) = (cast.hosts[from], cast.hosts[to]);
        let link = Link { condition, ..world.link(from, to) };
        world.set_link(from, to, link);
    }
    let (cast, from, to) = (cast.clone(), from.to_owned(), to.to_owned());
    later(world, duration, move |world| heal(world, &cast, &from, &to));
}

/// Makes the link as the scenario's `[net]` says.
fn heal(world: &mut World, cast: &Cast, from: &str, to: &str) {
    for (from, to) in directions(from, to, false) {
        world.set_link(cast.hosts[from], cast.hosts[to], stage::link(&cast.net.between(from, to)));
    }
}
