//! `gauntlet serve` against Pebble: certificates per second, how long each takes, memory; the README's table.
//!
//! `cargo bench -p benches --bench issuance`, or with `-- rates` or `-- memory` one of the two tables. Rounds of the two
//! CAs alternate, each with a new process. Without `pebble` on the PATH only ours is measured.

use std::{env, io::Write, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use benches::{
    figures, identity,
    load::{self, Answers, Load, Outcome},
    results::{Figure, Measured},
    served_ca::{HTTP01_PORT, ServedCa, Validation, names},
};
use client_under_test::acme::http::HttpClient;
use rustls::RootCertStore;
use sim::{Env, real};

const ROUND: Duration = Duration::from_secs(10);
/// Clients at the same time, and how often each round is repeated.
const CLIENTS: [(usize, usize); 3] = [(1, 3), (16, 3), (1_000, 1)];
/// After so many certificates, memory is looked at.
const CERTIFICATES: [usize; 2] = [10_000, 100_000];
const MEMORY_ROUND: Duration = Duration::from_secs(1_800);

/// A CA to be measured.
struct Contender {
    name: &'static str,
    command: Vec<PathBuf>,
    /// How many clients it bears for long.
    clients_borne: usize,
}

fn main() {
    let gauntlet = built_gauntlet();
    let mut contenders =
        vec![Contender { name: "gauntlet serve", command: vec![gauntlet.clone(), "serve".into()], clients_borne: 16 }];
    if Command::new("pebble").arg("-help").output().is_ok() {
        contenders.push(Contender { name: "Pebble", command: vec!["pebble".into()], clients_borne: 1 });
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |table: &str| wanted.is_empty() || wanted.iter().any(|one| one == table);
    runtime.block_on(async {
        let options = real::Options { names: names(), ..real::Options::default() };
        let bench = Bench::new(real::env("load", options), gauntlet);
        if is_wanted("rates") {
            bench.rates(&contenders).await;
        }
        if is_wanted("memory") {
            bench.memory(&contenders).await;
        }
    });
}

/// A table that grows in the README row by row, for whoever can't wait.
struct Table {
    mark: &'static str,
    text: String,
}

impl Table {
    fn new(mark: &'static str, head: &str) -> Self {
        Self { mark, text: head.to_owned() }
    }

    fn add(&mut self, row: &str) {
        print!("{row}");
        self.text.push_str(row);
        figures::quote(self.mark, &self.text);
    }
}

/// The command as `cargo build --release` makes it.
fn built_gauntlet() -> PathBuf {
    let built = Command::new(env!("CARGO")).args(["build", "--release", "--workspace", "--bin", "gauntlet"]).status();
    assert!(built.is_ok_and(|status| status.success()), "gauntlet can't be built");
    let this = env::current_exe().expect("this program is a file");
    let release = this.ancestors().nth(2).expect("it lies in target/release/deps");
    release.join("gauntlet")
}

struct Bench {
    env: Env,
    http: HttpClient,
    answers: Answers,
    gauntlet: PathBuf,
}

impl Bench {
    fn new(env: Env, gauntlet: PathBuf) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(identity().1).expect("a certificate");
        let answers = Answers::default();
        let address = SocketAddr::from(([127, 0, 0, 1], HTTP01_PORT));
        env.spawn("http-01", answers.clone().serve(env.clone(), address)).detach();
        Self { http: HttpClient::new(&env, roots), env, answers, gauntlet }
    }

    async fn rates(&self, contenders: &[Contender]) {
        let mut table = Table::new(
            "issuance-rates",
            "| CA | validation | clients | certificates per second | median, p99 | CPU time of the CA for each | hung \
             clients | failures |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        let mut measured = Measured::by("issuance-rates");
        for (validation, shown) in [(Validation::Http01, "http-01"), (Validation::AlwaysValid, "always valid")] {
            for (clients, repetitions) in CLIENTS {
                let mut outcomes: Vec<Vec<_>> = contenders.iter().map(|_| Vec::new()).collect();
                for _ in 0..repetitions {
                    for (contender, outcomes) in contenders.iter().zip(&mut outcomes) {
                        let ca = self.start(contender, validation).await;
                        let outcome = self.load(clients, usize::MAX, ROUND).await;
                        outcomes.push((outcome, ca.cpu_time()));
                    }
                }
                let medians: Vec<_> = outcomes.iter().map(|outcomes| Medians::of(outcomes)).collect();
                for (contender, medians) in contenders.iter().zip(&medians) {
                    table.add(&format!("| {} | {shown} | {clients} | {} |\n", contender.name, medians.row()));
                }
                let of = format!("{shown}, {clients} clients");
                let rate = measured.higher(format!("certificates per second, {of}"), "1/s", medians[0].rate);
                beside(rate, contenders, medians.iter().map(|medians| Some(medians.rate)));
                let cpu = measured.lower(format!("CPU time for each, {of}"), "ms", medians[0].cpu_ms);
                beside(cpu, contenders, medians.iter().map(|medians| Some(medians.cpu_ms)));
            }
        }
        measured.leave();
    }

    async fn memory(&self, contenders: &[Contender]) {
        let mut table = Table::new(
            "issuance-memory",
            "| CA | certificates | resident memory | for each certificate |\n| --- | --- | --- | --- |\n",
        );
        let mut measured = Measured::by("issuance-memory");
        for wanted in CERTIFICATES {
            let mut resident = Vec::new();
            for contender in contenders {
                let ca = self.start(contender, Validation::AlwaysValid).await;
                let empty = ca.resident_bytes();
                let issued = self.load(contender.clients_borne, wanted, MEMORY_ROUND).await.took.len();
                let bytes = ca.resident_bytes();
                let each = bytes.saturating_sub(empty) as f64 / issued.max(1) as f64 / 1e3;
                table.add(&format!(
                    "| {} | {issued} | {:.0} MB | {each:.1} kB |\n",
                    contender.name,
                    bytes as f64 / 1e6
                ));
                // One that stops before says nothing of so many.
                resident.push((issued >= wanted).then_some(bytes as f64 / 1e6));
            }
            if let [Some(ours), ..] = resident[..] {
                let figure = measured.lower(format!("resident memory after {wanted} certificates"), "MB", ours);
                beside(figure, contenders, resident.iter().copied());
            }
        }
        measured.leave();
    }

    async fn start(&self, contender: &Contender, validation: Validation) -> ServedCa {
        let ca = ServedCa::start(&contender.command, &self.gauntlet, validation)
            .unwrap_or_else(|e| panic!("{}: {e}", contender.name));
        // Pebble says that it listens before it does.
        while self.env.connect(ServedCa::address()).await.is_err() {
            self.env.sleep(Duration::from_millis(20)).await;
        }
        ca
    }

    async fn load(&self, clients: usize, certificates: usize, time: Duration) -> Outcome {
        let load = Load { directory: ServedCa::directory(), clients, certificates, time };
        let outcome = load::run(&self.env, &self.http, &self.answers, &load).await;
        if let Some(failure) = outcome.failures.first() {
            eprintln!("{} clients failed, the first: {failure}", outcome.failures.len());
        }
        drop(std::io::stdout().flush());
        outcome
    }
}

/// Puts the values of all but the first, which is ours, beside the figure.
fn beside(figure: &mut Figure, contenders: &[Contender], values: impl Iterator<Item = Option<f64>>) {
    for (contender, value) in contenders.iter().zip(values).skip(1) {
        if let Some(value) = value {
            figure.beside(contender.name, value);
        }
    }
}

/// Medians over the repetitions, each with the time that the CA's process has computed.
struct Medians {
    rate: f64,
    half_ms: f64,
    most_ms: f64,
    cpu_ms: f64,
    hung: usize,
    failed: usize,
}

impl Medians {
    fn of(outcomes: &[(Outcome, Duration)]) -> Self {
        let middle = |value: &dyn Fn(&(Outcome, Duration)) -> f64| {
            let mut values: Vec<f64> = outcomes.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let percentile = |percent| middle(&|(outcome, _)| outcome.percentile(percent).as_secs_f64() * 1e3);
        Self {
            rate: middle(&|(outcome, _)| outcome.rate()),
            half_ms: percentile(50),
            most_ms: percentile(99),
            cpu_ms: middle(&|(outcome, cpu)| cpu.as_secs_f64() * 1e3 / outcome.took.len().max(1) as f64),
            hung: outcomes.iter().map(|(outcome, _)| outcome.hung).sum(),
            failed: outcomes.iter().map(|(outcome, _)| outcome.failures.len()).sum(),
        }
    }

    fn row(&self) -> String {
        let Self { rate, half_ms, most_ms, cpu_ms, hung, failed } = self;
        format!("{rate:.0} | {half_ms:.1} ms, {most_ms:.1} ms | {cpu_ms:.1} ms | {hung} | {failed}")
    }
}
