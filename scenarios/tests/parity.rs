//! Parity: the same client and CA code holds the same ACME conversation in the world, on stock turmoil and
//! over real loopback sockets, once times and ports are dropped. It keeps the simulation honest.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use ca_mock::{
    Ca,
    dns::{DnsServer, Zone, ZoneHandle},
};
use client_under_test::Manager;
use scenarios::oracles::Conversation;
use sim::{
    Env, UtcDateTime, real, stock,
    trace::{Event, Observer, Record, Trace},
    world::{HostOptions, Options, World},
};

const SEED: u64 = 7;
const NAME: &str = "www.example.test";
/// 2026-01-01.
const EPOCH: i64 = 1_767_225_600;

/// Where everything is in one of the three networks.
#[derive(Clone)]
struct Place {
    ca: IpAddr,
    dns: IpAddr,
    manager: IpAddr,
    storage: PathBuf,
}

impl Place {
    fn new(network: [u8; 3], storage: &Path) -> Self {
        let host = |last| IpAddr::from([network[0], network[1], network[2], last]);
        Self { ca: host(2), dns: host(3), manager: host(20), storage: storage.to_owned() }
    }

    fn names(&self) -> BTreeMap<String, Vec<IpAddr>> {
        BTreeMap::from([("ca.test".to_owned(), vec![self.ca]), (NAME.to_owned(), vec![self.manager])])
    }

    /// The CA; it exists before its host runs.
    fn ca(&self, env: &Env) -> Ca {
        let config = ca_mock::Config {
            listen: self.ca,
            https_port: 14_000,
            dns_server: SocketAddr::new(self.dns, 8_053),
            http01_port: 5_002,
            ..ca_mock::Config::default()
        };
        Ca::new(env, config)
    }

    async fn run_dns(self, env: Env) {
        let zone = format!("$ORIGIN test.\n$TTL 60\nwww.example IN A {}\n", self.manager);
        let zones = ZoneHandle::new(vec![Zone::parse(".", &zone).unwrap()]);
        DnsServer::bind(&env, SocketAddr::new(self.dns, 8_053), zones).await.unwrap().serve().await;
    }

    async fn run_manager(self, env: Env, roots: String) {
        let mut config = client_under_test::Config::new([NAME], "https://ca.test:14000/directory", roots);
        config.issuers[0].consent = Some(client_under_test::acme::account::Consent::ToAny);
        config.storage_root = self.storage;
        config.http_address = SocketAddr::new(self.manager, 5_002);
        config.tls_address = SocketAddr::new(self.manager, 5_001);
        Manager::new(env, config).unwrap().run().await.unwrap();
    }
}

/// Writes the conversation down until the certificate is stored.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<(Conversation, bool)>>);

impl Observer for Listener {
    fn observe(&mut self, record: &Record, line: &str) {
        let mut state = self.0.lock().unwrap();
        if !state.1 {
            state.0.observe(record, line);
            state.1 = matches!(&record.event, Event::Probe { name, .. } if name == "manager/certificate-stored");
        }
    }
}

impl Listener {
    fn is_done(&self) -> bool {
        self.0.lock().unwrap().1
    }

    fn trace(&self) -> Arc<Mutex<Trace>> {
        let mut trace = Trace::default();
        trace.add_observer(Box::new(self.clone()));
        Arc::new(Mutex::new(trace))
    }

    fn conversation(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        assert!(state.1, "no certificate was stored; so far:\n{}", state.0.lines().join("\n"));
        state.0.lines().to_vec()
    }
}

fn epoch() -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(EPOCH).unwrap()
}

fn in_the_world() -> Vec<String> {
    let place = Place::new([10, 0, 0], Path::new("/var/lib/acme"));
    let listener = Listener::default();
    let host = |name: &str, address| HostOptions {
        name: name.into(),
        addresses: vec![address],
        clock: Default::default(),
        shared_disk: None,
    };
    let hosts = vec![host("ca", place.ca), host("dns", place.dns), host("manager", place.manager)];
    let mut world = World::new(Options { seed: SEED, epoch: epoch(), hosts }, vec![Box::new(listener.clone())]);
    let [ca_host, dns_host, manager_host] = ["ca", "dns", "manager"].map(|name| world.host(name).unwrap());
    for (name, addresses) in place.names() {
        world.add_name(&name, addresses);
    }
    let ca = place.ca(&world.env(ca_host));
    let roots = ca.api_root_pem().to_owned();
    let (of_dns, of_manager) = (place.clone(), place);
    world.set_program(ca_host, move |env| {
        let ca = ca.clone();
        async move { ca.serve(env).await.unwrap() }
    });
    world.set_program(dns_host, move |env| of_dns.clone().run_dns(env));
    world.set_program(manager_host, move |env| of_manager.clone().run_manager(env, roots.clone()));
    [dns_host, ca_host, manager_host].into_iter().for_each(|host| world.start(host));
    world.run_until(Duration::from_secs(600)).unwrap();
    listener.conversation()
}

fn on_stock_turmoil() -> Vec<String> {
    let storage = tempfile::tempdir().unwrap();
    let place = Place::new([192, 168, 7], storage.path());
    let listener = Listener::default();
    let options = stock::Options { epoch: epoch(), seed: SEED, trace: listener.trace(), names: place.names() };
    let ca = place.ca(&stock::env("ca", options.clone()));
    let roots = ca.api_root_pem().to_owned();
    let mut sim = turmoil::Builder::new().simulation_duration(Duration::from_secs(600)).rng_seed(SEED).build();
    let (of_ca, of_dns, of_manager) = (options.clone(), options.clone(), options);
    let (dns, manager) = (place.clone(), place.clone());
    sim.host(place.ca, move || {
        let (ca, options) = (ca.clone(), of_ca.clone());
        async move { Ok(ca.serve(stock::env("ca", options)).await?) }
    });
    sim.host(place.dns, move || {
        let (place, options) = (dns.clone(), of_dns.clone());
        async move {
            place.run_dns(stock::env("dns", options)).await;
            Ok(())
        }
    });
    sim.host(place.manager, move || {
        let (place, options, roots) = (manager.clone(), of_manager.clone(), roots.clone());
        async move {
            place.run_manager(stock::env("manager", options), roots).await;
            Ok(())
        }
    });
    while !listener.is_done() {
        sim.step().unwrap();
    }
    listener.conversation()
}

fn over_loopback() -> Vec<String> {
    let storage = tempfile::tempdir().unwrap();
    // All of 127.0.0.0/8 is this machine; a network of our own keeps other processes' ports out of the way.
    let [.., high, low] = std::process::id().to_be_bytes();
    let place = Place::new([127, high.max(1), low], storage.path());
    let listener = Listener::default();
    let trace = listener.trace();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let env = |host: &str| {
            let names = place.names();
            real::env(host, real::Options { seed: Some(SEED), trace: Some(trace.clone()), names, ..Default::default() })
        };
        let ca = place.ca(&env("ca"));
        let roots = ca.api_root_pem().to_owned();
        let serving = ca.bind(&env("ca")).await.unwrap();
        let waiting = env("test");
        let _ca = waiting.spawn("ca", serving.serve());
        let _dns = waiting.spawn("dns", place.clone().run_dns(env("dns")));
        let _manager = waiting.spawn("manager", place.clone().run_manager(env("manager"), roots));
        while !listener.is_done() {
            waiting.sleep(Duration::from_millis(5)).await;
        }
    });
    listener.conversation()
}

#[test]
fn the_world_stock_turmoil_and_real_sockets_hold_the_same_conversation() {
    let world = in_the_world();
    assert!(world.iter().any(|line| line.contains("certificate")), "{}", world.join("\n"));
    assert!(world.len() >= 8, "{}", world.join("\n"));
    assert_eq!(world, on_stock_turmoil(), "the world (left) and stock turmoil (right)");
    assert_eq!(world, over_loopback(), "the world (left) and real sockets (right)");
}
