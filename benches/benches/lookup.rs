//! From a client's hello to its certificate: ours beside rustls's resolver by server name and a table behind a lock; the
//! README's tables.
//!
//! `cargo bench -p benches --bench lookup`, or with `-- quick` the same with fewer rounds and names, which writes nothing.
//!
//! How it is measured: short rounds of all contenders alternate, since a machine's pace changes from second to second, and of
//! each the 15th percentile counts, since neighbours only ever add time, and to the longer round more. A memory fence precedes
//! each lookup, or the processor would work on several at once, as no handshake lets it. So many names are asked for in turn that
//! of a large table what one lookup touched is out of the caches when it is touched again.
#![expect(clippy::disallowed_types, reason = "real time is what is measured, and the standard table is a contender")]

use std::{
    collections::HashMap,
    fmt::Write as _,
    hint::black_box,
    sync::{
        Arc, Barrier, RwLock,
        atomic::{AtomicBool, Ordering, fence},
    },
    thread,
    time::{Duration, Instant},
};

use benches::{
    figures, identity,
    results::Measured,
    table::{Ours, Question, certified, held},
};
use client_under_test::manager::{
    Resolver,
    lookup::{Shown, Source},
};
use rcgen::{CertificateParams, KeyIdMethod, SerialNumber};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    client::Resumption,
    pki_types::ServerName,
    server::{NoServerSessionStorage, ResolvesServerCert, ResolvesServerCertUsingSni},
    sign::{CertifiedKey, SingleCertAndKey},
};
use sim::{UtcDateTime, real};

/// How many names are asked for in turn, and how many in a round.
const ASKED: usize = 1 << 16;
const ROUND: usize = 1 << 11;
const SWAP_INTERVAL: Duration = Duration::from_millis(10);
/// How much is measured.
struct Extent {
    names: &'static [usize],
    rounds: usize,
    handshakes: usize,
    certificates: usize,
}

const WHOLE: Extent =
    Extent { names: &[1, 1_000, 100_000, 1_000_000], rounds: 320, handshakes: 20, certificates: 20_000 };
const QUICK: Extent = Extent { names: &[1, 1_000, 100_000], rounds: 64, handshakes: 5, certificates: 2_000 };

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "quick");
    let extent = if is_quick { QUICK } else { WHOLE };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    // Memory comes first, while there is none left over that could be used again.
    let memory = memory(&extent);
    let mut measured = Measured::by("lookup");
    let lookups = lookups(&extent, &mut measured);
    println!("{lookups}");
    let beside = handshakes_in_words(&extent, &mut measured) + &in_words(memory, &extent, &mut measured);
    println!("{beside}");
    if !is_quick {
        measured.leave();
        let written = [lookups, beside].join("\n");
        figures::quote("lookup", &written);
    }
}

/// What answers.
trait Design: Sync {
    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>>;
    fn swap(&self, name: &str, certified: &Arc<CertifiedKey>);
}

/// What [`ResolvesServerCertUsingSni`] is inside: rustls lets nobody else make the hello that it takes.
struct UsingSni(HashMap<String, Arc<CertifiedKey>>);

impl Design for UsingSni {
    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.0.get(name).cloned()
    }

    fn swap(&self, _name: &str, _certified: &Arc<CertifiedKey>) {
        unreachable!("it can't be changed once it is in use");
    }
}

/// The same that can be changed, with wildcards.
struct Locked(RwLock<HashMap<Box<str>, Arc<CertifiedKey>>>);

impl Design for Locked {
    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let table = self.0.read().expect("nobody panics");
        if let Some(found) = table.get(name) {
            return Some(found.clone());
        }
        let parent = &name[name.find('.')?..];
        let mut wildcard = [0; 256];
        wildcard[0] = b'*';
        wildcard[1..=parent.len()].copy_from_slice(parent.as_bytes());
        table.get(str::from_utf8(&wildcard[..=parent.len()]).ok()?).cloned()
    }

    fn swap(&self, name: &str, certified: &Arc<CertifiedKey>) {
        self.0.write().expect("nobody panics").insert(name.into(), certified.clone());
    }
}

impl Design for Ours {
    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        Self::find(self, name)
    }

    fn swap(&self, name: &str, certified: &Arc<CertifiedKey>) {
        Self::swap(self, name, certified);
    }
}

fn lookups(extent: &Extent, measured: &mut Measured) -> String {
    let mut out = String::new();
    let mut row = |cells: &[String]| writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
    let head = [
        "names",
        "asked for",
        "threads",
        "rustls's resolver",
        "ours",
        "table behind a lock",
        "ours, 100 swaps a second",
        "behind a lock, 100 swaps a second",
        "one swap of ours",
    ];
    row(&head.map(str::to_owned));
    row(&["---"; 9].map(str::to_owned));
    for names in extent.names {
        let contenders = Contenders::new(*names);
        let swap = contenders.time_of_a_swap();
        measured.lower(format!("one swap, {names} names"), "ns", swap);
        for question in Question::ALL {
            let asked = question.asked(*names, ASKED);
            for threads in [1, 2] {
                let [rustls, ours, locked] = contenders.alternate(extent, question, &asked, threads, false);
                let [_, ours_swapped, locked_swapped] = contenders.alternate(extent, question, &asked, threads, true);
                measured
                    .lower(format!("{}, {names} names, {threads} threads", question.in_words()), "ns", ours)
                    .beside("rustls's resolver", rustls)
                    .beside("table behind a lock", locked);
                let beside = |ns: f64| format!("{:.2} × ({ns:.0} ns)", ns / rustls);
                row(&[
                    names.to_string(),
                    question.in_words().to_owned(),
                    threads.to_string(),
                    format!("{rustls:.0} ns"),
                    beside(ours),
                    beside(locked),
                    beside(ours_swapped),
                    beside(locked_swapped),
                    format!("{swap:.0} ns"),
                ]);
            }
        }
    }
    out
}

struct Contenders {
    designs: [Box<dyn Design>; 3],
    names: usize,
    spare: Vec<Arc<CertifiedKey>>,
}

impl Contenders {
    fn new(names: usize) -> Self {
        let certified = certified();
        let ours = Ours::new(now());
        let (mut using_sni, mut locked) = (HashMap::new(), HashMap::new());
        for name in held(names) {
            let certified = certified();
            ours.swap(&name, &certified);
            locked.insert(name.clone().into_boxed_str(), certified.clone());
            if !name.starts_with('*') {
                using_sni.insert(name, certified);
            }
        }
        let spare = (0..1_000).map(|_| certified()).collect();
        Self {
            designs: [Box::new(UsingSni(using_sni)), Box::new(Locked(RwLock::new(locked))), Box::new(ours)],
            names,
            spare,
        }
    }

    /// Nanoseconds a lookup: rustls's resolver, ours, behind a lock. Asked for a wildcard, which it does not know, rustls's
    /// resolver is asked for a name that it has.
    fn alternate(
        &self,
        extent: &Extent,
        question: Question,
        asked: &[String],
        threads: usize,
        with_swaps: bool,
    ) -> [f64; 3] {
        let [using_sni, locked, ours] = self.designs.each_ref().map(|design| &**design);
        let instead = (question == Question::Wildcard).then(|| Question::Exact.asked(self.names, ASKED));
        let all = [(using_sni, instead.as_deref().unwrap_or(asked)), (ours, asked), (locked, asked)];
        let mut rounds: [Vec<f64>; 3] = Default::default();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            if with_swaps {
                scope.spawn(|| self.keep_swapping([ours, locked], &is_over));
            }
            for number in 0..extent.rounds {
                for ((design, asked), rounds) in all.into_iter().zip(&mut rounds) {
                    rounds.push(round(design, asked, number, threads));
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        rounds.map(low_quantile)
    }

    #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
    fn keep_swapping(&self, designs: [&dyn Design; 2], is_over: &AtomicBool) {
        for number in (0..).step_by(7_919) {
            for design in designs {
                design.swap(&Question::Exact.name(number % self.names), &self.spare[number % self.spare.len()]);
            }
            thread::sleep(SWAP_INTERVAL);
            if is_over.load(Ordering::Relaxed) {
                break;
            }
        }
    }

    fn time_of_a_swap(&self) -> f64 {
        let [_, _, ours] = &self.designs;
        let names: Vec<String> = (0..1_000).map(|number| Question::Exact.name(number * 997 % self.names)).collect();
        let rounds = (0..5).map(|_| {
            let began = Instant::now();
            for (name, certified) in names.iter().zip(&self.spare) {
                ours.swap(name, certified);
            }
            began.elapsed().as_nanos() as f64 / names.len() as f64
        });
        low_quantile(rounds.collect())
    }
}

/// Nanoseconds a lookup, in the round of this number.
fn round(design: &dyn Design, asked: &[String], number: usize, threads: usize) -> f64 {
    let begin = Barrier::new(threads);
    let read = &|reader: usize| {
        let first = (number * threads + reader) * ROUND % asked.len();
        let asked = &asked[first..][..ROUND];
        // A thread's first lookup registers it with the table.
        black_box(design.find(&asked[0]));
        begin.wait();
        let began = Instant::now();
        for name in asked {
            fence(Ordering::SeqCst);
            black_box(design.find(black_box(name)));
        }
        began.elapsed().as_nanos() as f64 / ROUND as f64
    };
    let took: f64 = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|reader| scope.spawn(move || read(reader))).collect();
        let own = read(0);
        own + others.into_iter().map(|other| other.join().expect("nobody panics")).sum::<f64>()
    });
    took / threads as f64
}

/// The 15th percentile.
fn low_quantile(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() * 15 / 100]
}

fn now() -> UtcDateTime {
    real::env("bench", real::Options::default()).utc_now()
}

/// What a lookup is part of.
fn handshakes_in_words(extent: &Extent, measured: &mut Measured) -> String {
    let mut out = String::new();
    let mut row = |what: &str, figure: String| writeln!(out, "| {what} | {figure} |").expect("a String takes all");
    row("beside the lookup", "value".into());
    row("---", "---".into());
    let [single, using_sni, ours] = handshakes(extent);
    measured
        .lower("a full handshake, the server's side, 1,000 names", "µs", ours)
        .beside("rustls's resolver", using_sni)
        .beside("rustls with one certificate", single);
    row(
        "a full TLS 1.3 handshake, the server's side, with the one certificate that there is",
        format!("{single:.1} µs"),
    );
    row("the same with rustls's resolver, 1,000 names", format!("{using_sni:.1} µs"));
    row("the same with ours, 1,000 names, the clock being read", format!("{ours:.1} µs"));
    let env = real::env("bench", real::Options::default());
    let began = Instant::now();
    for _ in 0..100_000 {
        black_box(env.utc_now());
    }
    row("of which, reading the clock", format!("{:.0} ns", began.elapsed().as_nanos() as f64 / 1e5));
    out
}

/// Bytes: the table's for each name of the greatest number of them, and a certificate's.
fn memory(extent: &Extent) -> [f64; 2] {
    let names = extent.names.last().expect("there are some");
    [bytes_for_a_name(*names), bytes_for_a_certificate(extent)]
}

fn in_words([name, certificate]: [f64; 2], extent: &Extent, measured: &mut Measured) -> String {
    let names = extent.names.last().expect("there are some");
    let mut out = String::new();
    for (what, bytes) in [
        (format!("memory of the table for each of {names} names"), name),
        ("memory of a P-256 certificate with its key and a chain of two".to_owned(), certificate),
    ] {
        writeln!(out, "| {what} | {bytes:.0} bytes |").expect("a String takes all");
        measured.lower(what, "bytes", bytes);
    }
    out
}

fn bytes_for_a_name(names: usize) -> f64 {
    let certified = certified();
    let all: Vec<_> = (0..names).map(|_| certified()).collect();
    let ours = Ours::new(now());
    let before = figures::resident_bytes("self");
    for (number, certified) in all.iter().enumerate() {
        ours.swap(&Question::Exact.name(number), certified);
    }
    let used = figures::resident_bytes("self").saturating_sub(before);
    // What is measured next shall find nothing to use again.
    std::mem::forget((all, ours));
    used as f64 / names as f64
}

fn bytes_for_a_certificate(extent: &Extent) -> f64 {
    let (key, der) = identity();
    let mut all = Vec::with_capacity(extent.certificates);
    let before = figures::resident_bytes("self");
    all.extend(
        (0..extent.certificates).map(|_| CertifiedKey::new(vec![der.clone(), der.clone()], Arc::new(key.clone()))),
    );
    let used = figures::resident_bytes("self").saturating_sub(before);
    std::mem::forget(all);
    used as f64 / extent.certificates as f64
}

/// Microseconds of the server's side: with one certificate, with rustls's resolver, with ours.
fn handshakes(extent: &Extent) -> [f64; 3] {
    let (key, _) = identity();
    let mut using_sni = ResolvesServerCertUsingSni::new();
    let env = real::env("bench", real::Options::default());
    let ours = Ours::new(env.utc_now());
    let mut roots = RootCertStore::empty();
    let mut single = None;
    for number in 0..1_000 {
        let name = Question::Exact.name(number);
        let mut params = CertificateParams::new([name.clone()]).expect("a DNS name");
        params.not_after = rcgen::date_time_ymd(2200, 1, 1);
        params.serial_number = Some(SerialNumber::from(1_u64));
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
        let certificate = params.self_signed(&key).expect("signable");
        let certified = CertifiedKey::new(vec![certificate.der().clone()], Arc::new(key.clone()));
        roots.add(certificate.der().clone()).expect("a certificate");
        using_sni.add(&name, certified.clone()).expect("it is for the name");
        let shown = Shown { not_after: ours.now + Duration::from_secs(86_400), ..ours.shown(&Arc::new(certified)) };
        ours.certificates.insert(&name.parse().expect("a DNS name"), Source::Managed, &shown, ours.now);
        single = Some(shown.certified);
    }
    let single = SingleCertAndKey::from(single.expect("there are names"));
    let resolvers: [Arc<dyn ResolvesServerCert>; 3] =
        [Arc::new(single), Arc::new(using_sni), Arc::new(Resolver::new(&env, Arc::new(ours.certificates)))];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut of_client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("they are supported")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A resumed handshake would need no certificate.
    of_client.resumption = Resumption::disabled();
    let of_client = Arc::new(of_client);
    let servers = resolvers.map(|resolver| {
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("they are supported")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Arc::new(config)
    });
    let name = ServerName::try_from(Question::Exact.name(999)).expect("a DNS name");
    let mut rounds: [Vec<f64>; 3] = Default::default();
    for _ in 0..extent.rounds {
        for (server, rounds) in servers.iter().zip(&mut rounds) {
            let took: Duration = (0..extent.handshakes).map(|_| handshake(&of_client, server, &name)).sum();
            rounds.push(took.as_nanos() as f64 / 1e3 / extent.handshakes as f64);
        }
    }
    rounds.map(low_quantile)
}

/// How long the server computed.
fn handshake(of_client: &Arc<ClientConfig>, of_server: &Arc<ServerConfig>, name: &ServerName<'static>) -> Duration {
    let mut client = ClientConnection::new(of_client.clone(), name.clone()).expect("the configuration is whole");
    let mut computed = Duration::ZERO;
    let began = Instant::now();
    let mut server = ServerConnection::new(of_server.clone()).expect("the configuration is whole");
    computed += began.elapsed();
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        wire.clear();
        client.write_tls(&mut wire).expect("a Vec takes all");
        let began = Instant::now();
        server.read_tls(&mut wire.as_slice()).expect("a slice gives all");
        server.process_new_packets().expect("the client is honest");
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).expect("a Vec takes all");
        }
        computed += began.elapsed();
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).expect("a slice gives all");
            client.process_new_packets().expect("the server is trusted");
        }
    }
    computed
}
