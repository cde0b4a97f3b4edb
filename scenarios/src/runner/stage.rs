//! Builds the world of a case: its hosts and what runs on them, the links, the names.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use ca_mock::{
    Ca, LeafUrls,
    dns::{DnsServer, RecordData, Zone, ZoneHandle},
};
use client_under_test::{
    acme::{external_account, preferred_chain::PreferredChain},
    manager::{Dns01, ExternalCertificate, OnDemand, Solver},
};
use rustls::RootCertStore;
use sim::{
    Env,
    trace::{Event, Observer},
    world::{ClockOptions, CrashPoint, CrashStates, HostId, HostOptions, Latency, Link, Options, World},
};

use super::{
    ask, bucket, ca,
    explore::{self, Exploration, Mishap, MishapKind},
    faulty, manager,
    operator::Operator,
    operators_ca::OperatorsCa,
    steps::{Cast, StepLog, disk::error_kind},
    visitor::{self, Visits},
};
use crate::{
    language::{self, Case, ChallengeType, Host, HostKind, HostName, MacAlgorithm, Verb},
    oracles::Bench,
};

/// The world of a case can't be built; the message says why.
#[derive(Debug)]
pub(super) struct StageError(pub(super) String);

/// A world that is ready to start.
pub(super) struct Staged {
    pub(super) world: World,
    cast: Cast,
    bench: Bench,
}

impl Staged {
    /// Starts every host and sets the timeline going.
    pub(super) fn start(&mut self, case: &Case) {
        super::steps::schedule(&mut self.world, &self.cast, case, &self.bench);
        // Servers first, so that nobody is refused at the very beginning.
        for host in &self.cast.order {
            self.world.start(*host);
        }
    }

    /// Counts the operations of the disk, and lets befall it what shall.
    pub(super) fn explore(&mut self, exploration: Exploration<'_>, mishaps: &[Mishap]) {
        let host = self.cast.hosts[exploration.host()];
        let states = match exploration {
            Exploration::PowerCuts(exploration) => explore::states(exploration),
            Exploration::DiskErrors(_) => CrashStates::default(),
        };
        self.world.count_crash_states(host, states);
        for Mishap { operation, kind } in mishaps {
            match (exploration, kind) {
                (Exploration::PowerCuts(exploration), MishapKind::PowerCut(state)) => {
                    let survival = explore::survival(exploration, *state);
                    self.world.cut_power_after(host, *operation, survival, exploration.restart_after);
                }
                (Exploration::DiskErrors(_), MishapKind::Error(error)) => {
                    self.world.fail_disk_operation(host, *operation, error_kind(*error));
                }
                // It is told as one that did not come about.
                (Exploration::PowerCuts(_), MishapKind::Error(_))
                | (Exploration::DiskErrors(_), MishapKind::PowerCut(_)) => {}
            }
        }
    }

    /// What has been counted.
    pub(super) fn points(&self, exploration: Exploration<'_>) -> Vec<CrashPoint> {
        self.world.crash_points(self.cast.hosts[exploration.host()])
    }

    /// The steps carried out so far.
    pub(super) fn steps(&self) -> Vec<(usize, Duration)> {
        self.cast.log.all()
    }
}

pub(super) fn build(
    case: &Case,
    seed: u64,
    bench: &Bench,
    observer: Option<Box<dyn Observer>>,
) -> Result<Staged, StageError> {
    let addresses = addresses(case);
    let options = Options {
        seed,
        epoch: case.run.epoch.0,
        hosts: case
            .hosts
            .iter()
            .map(|(name, host)| HostOptions {
                name: name.as_str().to_owned(),
                addresses: vec![addresses[name.as_str()]],
                clock: ClockOptions { skew_ns: host.clock.skew.nanoseconds(), drift_ppm: host.clock.drift_ppm },
                shared_disk: host.shared_disk.as_ref().map(|disk| disk.as_str().to_owned()),
            })
            .collect(),
    };
    let watching: Box<dyn Observer> = Box::new(bench.clone());
    let mut world = World::new(options, std::iter::once(watching).chain(observer).collect());
    let hosts: BTreeMap<String, HostId> = case
        .hosts
        .keys()
        .map(|name| (name.as_str().to_owned(), world.host(name.as_str()).expect("just added")))
        .collect();
    set_links(&mut world, case, &hosts);
    let zone = the_zone(case)?;
    add_visited_names(&mut world, case, &zone);
    for (name, served_at) in served_names(case, &addresses) {
        world.add_name(name, served_at);
    }
    let zones = zones(case, &zone);
    let resolvers = Resolvers { addresses: &addresses, zones: &zones };
    for step in &case.timeline {
        if let Verb::DnsReplace { server, .. } | Verb::DnsRemove { server, .. } | Verb::DnsServfail { server, .. } =
            &step.verb
        {
            resolvers.server(server.as_ref())?;
        }
    }
    let cas = cas(case, &mut world, &hosts, &resolvers)?;
    let operators_ca = operators_ca(case, &world, &hosts);
    let mut operators = BTreeMap::new();
    let mut shelves = bucket::shelves(case);
    for (name, host) in &case.hosts {
        let id = hosts[name.as_str()];
        let operator = set_program(&mut world, case, (name, host), id, &resolvers, &cas, operators_ca.as_deref())?;
        if let (Some(operator), Some(shelf)) = (&operator, shelves.remove(name)) {
            operator.have_it_keep_in(shelf);
        }
        operators.extend(operator.map(|operator| (name.as_str().to_owned(), operator)));
    }
    for step in &case.timeline {
        if let Verb::ManagerReload { host, .. } | Verb::ManagerRevoke { host, .. } | Verb::ManagerShutDown { host, .. } =
            &step.verb
            && !operators.contains_key(host.as_str())
        {
            return Err(StageError(format!("{host} is not a host of kind manager")));
        }
        if let Verb::CaFault { host: Some(host), .. } = &step.verb {
            the_ca(&cas, host)?;
        }
        if let Verb::ManagerReload { host, names } = &step.verb {
            names.0.iter().for_each(|name| world.add_name(name, vec![addresses[host.as_str()]]));
        }
    }
    let net = case.net.clone();
    let order = start_order(case, &hosts);
    Ok(Staged {
        world,
        cast: Cast { hosts, order, net, zones, cas, operators, operators_ca, log: StepLog::default(), seed },
        bench: bench.clone(),
    })
}

/// Each host's address; those that the file leaves out count up from 10.0.1.1.
fn addresses(case: &Case) -> BTreeMap<String, IpAddr> {
    let mut next = 0_u16;
    let taken: Vec<IpAddr> = case.hosts.values().filter_map(|host| host.address).collect();
    let mut free = || loop {
        next += 1;
        let [high, low] = next.to_be_bytes();
        let candidate = IpAddr::from([10, 0, high + 1, low]);
        if !taken.contains(&candidate) {
            return candidate;
        }
    };
    case.hosts.iter().map(|(name, host)| (name.as_str().to_owned(), host.address.unwrap_or_else(&mut free))).collect()
}

/// The names that managers have, each with the addresses of those that serve it.
fn served_names<'a>(case: &'a Case, addresses: &BTreeMap<String, IpAddr>) -> BTreeMap<&'a str, Vec<IpAddr>> {
    let mut served: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
    for (host, of_host) in &case.hosts {
        let HostKind::Manager { names, on_demand, .. } = &of_host.kind else { continue };
        for name in names.0.iter().chain(on_demand.iter().flat_map(|names| &names.0)) {
            let visited: Vec<&str> = match name.strip_prefix("*.") {
                None => vec![name],
                Some(parent) => visited_below(case, parent).collect(),
            };
            // An address leads to itself.
            let address = name.parse().unwrap_or(addresses[host.as_str()]);
            for name in visited {
                let known = served.entry(name).or_default();
                if !known.contains(&address) {
                    known.push(address);
                }
            }
        }
    }
    served
}

fn start_order(case: &Case, hosts: &BTreeMap<String, HostId>) -> Vec<HostId> {
    let rank = |host: &Host| match host.kind {
        HostKind::Dns { .. } | HostKind::Ask { .. } => 0,
        HostKind::Ca { .. } => 1,
        HostKind::Perspective { .. } | HostKind::Manager { .. } => 2,
        HostKind::Visitor { .. } | HostKind::Faulty { .. } => 3,
    };
    let mut all: Vec<_> = case.hosts.iter().map(|(name, host)| (rank(host), hosts[name.as_str()])).collect();
    all.sort();
    all.into_iter().map(|(_, id)| id).collect()
}

fn set_links(world: &mut World, case: &Case, hosts: &BTreeMap<String, HostId>) {
    for (from, a) in hosts {
        for (to, b) in hosts {
            if a != b {
                world.set_link(*a, *b, link(&case.net.between(from, to)));
            }
        }
    }
}

/// A link as the world knows it.
pub(super) fn link(link: &language::Link) -> Link {
    Link {
        latency: match link.latency {
            language::Latency::Fixed(latency) => Latency::Fixed(latency),
            language::Latency::Uniform { from, to } => Latency::Uniform { min: from, max: to },
            language::Latency::LongTail { from, to } => Latency::LongTail { min: from, usual: to },
        },
        loss_per_million: link.loss.ppm,
        duplicate_per_million: link.duplicate.ppm,
        bandwidth_bytes_per_second: link.bandwidth.map(|bandwidth| bandwidth.bits_per_second / 8),
        ..Link::default()
    }
}

/// The DNS hosts, as those see them that ask.
#[derive(Clone, Copy)]
struct Resolvers<'a> {
    addresses: &'a BTreeMap<String, IpAddr>,
    zones: &'a BTreeMap<String, ZoneHandle>,
}

impl Resolvers<'_> {
    /// The address of the DNS host that is named, or else of the first; `None` if there is none.
    fn server(&self, named: Option<&HostName>) -> Result<Option<SocketAddr>, StageError> {
        let name = match named {
            Some(name) if !self.zones.contains_key(name.as_str()) => {
                return Err(StageError(format!("{name} is not a host of kind dns")));
            }
            Some(name) => Some(name.as_str()),
            None => self.zones.keys().next().map(String::as_str),
        };
        Ok(name.map(|name| SocketAddr::new(self.addresses[name], 53)))
    }
}

/// What each DNS host serves: at first the same zone.
fn zones(case: &Case, zone: &[Zone]) -> BTreeMap<String, ZoneHandle> {
    let servers = case.hosts.iter().filter(|(_, host)| matches!(host.kind, HostKind::Dns { .. }));
    servers.map(|(name, _)| (name.as_str().to_owned(), ZoneHandle::new(zone.to_vec()))).collect()
}

fn the_zone(case: &Case) -> Result<Vec<Zone>, StageError> {
    let Some(zone) = &case.zone else { return Ok(Vec::new()) };
    let parsed = Zone::parse(".", &zone.text()).map_err(|e| {
        let place = zone.lines.get(e.line - 1).map_or(&zone.location, |(_, at)| at);
        StageError(format!(
            "{}:{}: [dns] zone: expected {}, found {}",
            place.file.name,
            place.line(),
            e.expected,
            e.found
        ))
    })?;
    Ok(vec![parsed])
}

/// Visitors go where the zone sends them, also with a name that no manager knows of.
fn add_visited_names(world: &mut World, case: &Case, zone: &[Zone]) {
    for host in case.hosts.values() {
        let HostKind::Visitor { visits, .. } = &host.kind else { continue };
        for name in &visits.0 {
            let data = zone.iter().flat_map(|zone| zone.data_at(name));
            let addresses: Vec<IpAddr> = data
                .filter_map(|data| if let RecordData::A(address) = data { Some(address.into()) } else { None })
                .collect();
            if !addresses.is_empty() {
                world.add_name(name, addresses);
            }
        }
    }
}

/// The CA by which the operator gives managers certificates, if a step does so.
fn operators_ca(case: &Case, world: &World, hosts: &BTreeMap<String, HostId>) -> Option<Arc<OperatorsCa>> {
    let (_, any) = hosts.first_key_value()?;
    let is_used = case.timeline.iter().any(|step| matches!(step.verb, Verb::DiskGiveCertificate { .. }));
    is_used.then(|| Arc::new(OperatorsCa::new(&world.env(*any))))
}

/// The CAs, which exist before their hosts start and outlive their crashes, as a database does.
fn cas(
    case: &Case,
    world: &mut World,
    hosts: &BTreeMap<String, HostId>,
    resolvers: &Resolvers<'_>,
) -> Result<BTreeMap<String, Ca>, StageError> {
    let perspectives = case.hosts.values().filter(|host| matches!(host.kind, HostKind::Perspective { .. })).count();
    let mut cas = BTreeMap::new();
    for (name, host) in &case.hosts {
        let HostKind::Ca { directory_name, resolver } = &host.kind else { continue };
        let directory_name = directory_name.0.first().ok_or_else(|| StageError("a CA without a name".into()))?;
        let mut config = ca_mock::Config {
            directory_host: directory_name.clone(),
            remote_perspectives: match case.ca.perspectives {
                Some(wanted) => usize::try_from(wanted).expect("a usize has 32 bits at least"),
                None => perspectives,
            },
            ..ca_mock::Config::default()
        };
        ca::configure(case, &mut config);
        let status = |call: &str| Some(format!("http://{directory_name}/{call}"));
        config.leaf_urls.ocsp = case.ca.ocsp.as_ref().and_then(|_| status("ocsp"));
        config.leaf_urls.crl = case.ca.crl.as_ref().and_then(|_| status("crl"));
        if let Some(server) = resolvers.server(resolver.as_ref())? {
            config.dns_server = server;
        }
        world.add_name(directory_name, vec![resolvers.addresses[name.as_str()]]);
        cas.insert(name.as_str().to_owned(), Ca::new(&world.env(hosts[name.as_str()]), config));
    }
    Ok(cas)
}

/// Sets what runs on a host; if that is a manager, it has an operator.
fn set_program(
    world: &mut World,
    case: &Case,
    (name, host): (&HostName, &Host),
    id: HostId,
    resolvers: &Resolvers<'_>,
    cas: &BTreeMap<String, Ca>,
    operators_ca: Option<&OperatorsCa>,
) -> Result<Option<Operator>, StageError> {
    let a_ca = || {
        let own_or_first = cas.get(name.as_str()).or_else(|| cas.values().next());
        own_or_first.cloned().ok_or_else(|| StageError(format!("host {name} needs a host of kind ca")))
    };
    match &host.kind {
        HostKind::Ca { .. } => {
            let ca = a_ca()?;
            world.set_program(id, move |env| {
                let ca = ca.clone();
                async move {
                    // Where certificates say nothing of it, nobody asks.
                    let _status = if ca.config().leaf_urls == LeafUrls::default() {
                        None
                    } else {
                        let bound = ca.bind_revocation_status(&env, SocketAddr::from(([0, 0, 0, 0], 80))).await;
                        let bound = bound.expect("the port for status is free on the CA's own host");
                        Some(env.spawn("revocation status", bound.serve()))
                    };
                    ca.serve(env).await.expect("the CA's port is free on its own host");
                }
            });
        }
        HostKind::Perspective { resolver } => {
            let ca = a_ca()?;
            let server = resolvers.server(resolver.as_ref())?.unwrap_or(ca.config().dns_server);
            world.set_program(id, move |env| {
                let ca = ca.clone();
                async move {
                    let _open = ca.open_perspective(&env, server);
                    std::future::pending::<()>().await;
                }
            });
        }
        HostKind::Dns { update_lag } => {
            let (zones, update_lag) = (resolvers.zones[world.host_name(id)].clone(), *update_lag);
            world.set_program(id, move |env| serve_dns(env, zones.clone(), update_lag));
        }
        HostKind::Manager {
            names,
            account_key_lifetime,
            one_certificate,
            cas: asked,
            on_demand,
            ask,
            visitors_waiting_max,
            on_demand_capacity,
            connections_max,
            external_certificate,
            bucket: _,
            bucket_conditions: _,
            challenge,
            persist_for,
            external_account,
            external_account_algorithm,
            profile,
            preferred_issuer,
            must_staple,
            first_order_rate,
        } => {
            let asked = match asked {
                Some(asked) => asked.iter().map(|name| the_ca(cas, name)).collect::<Result<Vec<_>, _>>()?,
                None => vec![a_ca()?],
            };
            let mut config = manager::config(case, &names.0, &asked);
            if host.shared_disk.is_some() {
                config.storage_locks = Some(manager::storage_locks(case));
            }
            config.solver = match challenge {
                ChallengeType::Http01 => Solver::Http01,
                ChallengeType::TlsAlpn01 => Solver::TlsAlpn01,
                ChallengeType::Dns01 => Solver::Dns01,
                ChallengeType::DnsPersist01 => Solver::DnsPersist01,
            };
            config.persistent_record_lifetime = *persist_for;
            if matches!(challenge, ChallengeType::Dns01 | ChallengeType::DnsPersist01) {
                let server = resolvers.server(None)?;
                let needs_dns = || StageError("dns-01 and dns-persist-01 need a host of kind dns".into());
                let server = server.ok_or_else(needs_dns)?;
                config.dns01 = Some(Dns01::new(manager::dns_provider(case, server), server));
            }
            let asked = ask.as_ref().map(|ask| the_asked(case, ask)).transpose()?;
            let size = |number: NonZeroU32| number.try_into().expect("a usize has 32 bits at least");
            config.connections_max = size(*connections_max);
            if on_demand.is_some() || asked.is_some() {
                config.on_demand = Some(OnDemand {
                    allowed: on_demand.iter().flat_map(|names| names.0.clone()).collect(),
                    decision: asked.as_ref().map(|(url, _)| manager::decision(case, url)).transpose()?,
                    capacity: size(*on_demand_capacity),
                    waiting_max: size(*visitors_waiting_max),
                });
            }
            if let Some((_, allowed)) = asked {
                let address = resolvers.addresses[name.as_str()];
                allowed.iter().for_each(|name| world.add_name(name, vec![address]));
                let host = || ("host".to_owned(), name.as_str().to_owned());
                let tell = |probe: &str, about| Event::Probe { name: probe.to_owned(), about };
                world.record(tell("scenario/asks", BTreeMap::from([host()])));
                for set_up in names.0.iter().chain(on_demand.iter().flat_map(|names| &names.0)) {
                    let about = BTreeMap::from([host(), ("name".to_owned(), set_up.clone())]);
                    world.record(tell("scenario/needs-no-ask", about));
                }
            }
            config.external_certificates = external_certificate
                .iter()
                .map(|file| ExternalCertificate { chain: file.into(), key: file.into() })
                .collect();
            if *one_certificate {
                config.certificates = vec![names.0.clone()];
            }
            config.account_key_lifetime = *account_key_lifetime;
            let algorithm = match external_account_algorithm {
                MacAlgorithm::Hs256 => external_account::MacAlgorithm::Hs256,
                MacAlgorithm::Hs384 => external_account::MacAlgorithm::Hs384,
                MacAlgorithm::Hs512 => external_account::MacAlgorithm::Hs512,
            };
            for issuer in &mut config.issuers {
                issuer.external_account =
                    external_account.as_deref().map(|kid| manager::external(case, kid, algorithm)).transpose()?;
                issuer.profile = profile.as_ref().map(|profile| profile.as_str().to_owned());
                issuer.must_staple = *must_staple;
                issuer.first_order_rate = first_order_rate.map(manager::order_rate);
                issuer.preferred_chain = preferred_issuer.clone().map(PreferredChain::Issuer);
            }
            let operator = Operator::new(config);
            let of_host = operator.clone();
            world.set_program(id, move |env| of_host.clone().run_manager(env));
            return Ok(Some(operator));
        }
        HostKind::Ask { host_name, allows, answer_delay } => {
            let address = resolvers.addresses[name.as_str()];
            host_name.0.iter().for_each(|name| world.add_name(name, vec![address]));
            let answers = ask::Answers { allowed: Arc::new(allows.0.iter().cloned().collect()), delay: *answer_delay };
            world.set_program(id, move |env| ask::serve(env, answers.clone()));
        }
        HostKind::Visitor { visits, offers, every, from, at_once } => {
            let mut roots = RootCertStore::empty();
            for ca in cas.values() {
                let pem = pem::parse(ca.issuer_root_pem()).map_err(|e| StageError(e.to_string()))?;
                roots.add(pem.into_contents().into()).map_err(|e| StageError(e.to_string()))?;
            }
            if let Some(operators_ca) = operators_ca {
                roots.add(operators_ca.root().clone()).map_err(|e| StageError(e.to_string()))?;
            }
            let (names, first, every, at_once) = (visits.0.clone(), *from, *every, at_once.get());
            let offers = offers.clone().unwrap_or_default();
            let visits = Visits { names, port: 443, offers, first, every, at_once, roots };
            world.set_program(id, move |env| visitor::visit(env, visits.clone()));
        }
        HostKind::Faulty { misconduct } => {
            let misconduct = *misconduct;
            world.set_program(id, move |env| faulty::misbehave(env, misconduct));
        }
    }
    Ok(None)
}

/// The address of the host of kind `ask` of this name, and what it allows.
fn the_asked<'a>(case: &'a Case, name: &HostName) -> Result<(String, &'a [String]), StageError> {
    match case.hosts.get(name).map(|host| &host.kind) {
        Some(HostKind::Ask { host_name, allows, .. }) => {
            let host = host_name.0.first().ok_or_else(|| StageError("an endpoint to ask without a name".into()))?;
            Ok((format!("http://{host}/allowed"), &allows.0))
        }
        Some(_) | None => Err(StageError(format!("{name} is not a host of kind ask"))),
    }
}

/// The CA on the host of this name.
fn the_ca(cas: &BTreeMap<String, Ca>, name: &HostName) -> Result<Ca, StageError> {
    cas.get(name.as_str()).cloned().ok_or_else(|| StageError(format!("{name} is not a host of kind ca")))
}

/// The names directly below `parent` that visitors ask for.
fn visited_below<'a>(case: &'a Case, parent: &str) -> impl Iterator<Item = &'a str> {
    let visited = case.hosts.values().flat_map(|host| match &host.kind {
        HostKind::Visitor { visits, .. } => &visits.0[..],
        HostKind::Ca { .. }
        | HostKind::Perspective { .. }
        | HostKind::Dns { .. }
        | HostKind::Manager { .. }
        | HostKind::Ask { .. }
        | HostKind::Faulty { .. } => &[],
    });
    visited.map(String::as_str).filter(move |name| name.split_once('.').is_some_and(|(_, above)| above == parent))
}

async fn serve_dns(env: Env, zones: ZoneHandle, update_lag: Duration) {
    let local = SocketAddr::from(([0, 0, 0, 0], 53));
    let server = DnsServer::bind_lagging(&env, local, zones, update_lag).await;
    server.expect("the DNS port is free on its own host").serve().await;
}
