//! `gauntlet examine`: tries on any client, run by its command line, what the RFCs ask of one.

pub(super) mod program;
mod slot;

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    pin::pin,
    rc::Rc,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use ca_mock::{Bound, Ca, Config, Paths, Transport};
use clap::Args;
use futures_util::future::{Either, join_all, select};
use scenarios::{
    conformance::{
        case::{About, Level},
        client::{self, Case, EXTERNAL_ACCOUNT, Ended, Ran, Task, UNSUPPORTED, Watch},
        report,
        responder::Responder,
        suite::Outcome,
        verdict::Verdict,
    },
    language, runner,
};
use sim::{
    Env, MovableClock, real,
    trace::{Event, Trace},
};
use time::{UtcDateTime, format_description::well_known::Rfc3339};
use tokio::{
    runtime::Runtime,
    sync::{Notify, OnceCell},
};

use self::{
    program::{FOLDER, Program, Running},
    slot::{Slot, TooMany},
};
use super::{
    INTERRUPTED, STOPPING, WRONG_INPUT,
    outputs::{OutputError, Outputs, Results, command, level, quoted, selected},
    say,
    serve::scenario,
};

/// How long a port may be taken before a case, and how often that is looked at.
const PORT_LIMIT: Duration = Duration::from_secs(5);
const PORT_INTERVAL: Duration = Duration::from_millis(100);

/// What is tried, and on whom.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Only the cases of this section, or this one: rfc8555/6, rfc8555/6.5, rfc8555/6.5/client-bad-nonce. May be repeated.
    #[arg(long, value_name = "CLAUSE")]
    only: Vec<String>,
    /// Only the cases that are at least as binding as this: must, should, may or robustness.
    #[arg(long, value_parser = level, value_name = "LEVEL", default_value = "robustness")]
    level: Level,
    /// Where the CA of each case is served, by HTTPS.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:14000")]
    listen: SocketAddr,
    /// The host in URLs; it must lead to the address of --listen.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    host: String,
    /// Where the CA asks for names; every name has the address of --address, and the records that the client publishes.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8053")]
    dns: SocketAddr,
    /// The address of the client, where the CA looks for proofs.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// The port where the CA looks for http-01.
    #[arg(long, value_name = "PORT", default_value_t = 5002)]
    http_port: u16,
    /// The port where the CA looks for tls-alpn-01.
    #[arg(long, value_name = "PORT", default_value_t = 5001)]
    tls_port: u16,
    /// How long the command may take for one case.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u32,
    /// How many cases are tried side by side; most of a client's time is waiting. The second one has its CA and its client's
    /// proofs at ports that are ten above those of --listen, --dns, --http-port and --tls-port, the third twenty above, and so on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    #[command(flatten)]
    outputs: Outputs,
    /// Tells the cases instead of trying them.
    #[arg(long)]
    list: bool,
    /// What renews the certificate that COMMAND has got in {folder}; run by sh, as the following ones.
    #[arg(long, value_name = "COMMAND")]
    renew: Option<String>,
    /// What a timer would run, which renews the certificate that COMMAND has got in {folder} when it is due; its clock must show
    /// {now}, to which the CA's has gone on by days: faketime {now} certbot renew.
    #[arg(long, value_name = "COMMAND")]
    timer: Option<String>,
    /// What gets one certificate for {domain} and {other-domain}.
    #[arg(long, value_name = "COMMAND")]
    both: Option<String>,
    /// What gets a certificate by an account that is bound to the external one {eab-kid}, whose key is {eab-key} in base64url.
    #[arg(long, value_name = "COMMAND")]
    eab: Option<String>,
    /// What has the certificate revoked that COMMAND has got in {folder}.
    #[arg(long, value_name = "COMMAND")]
    revoke: Option<String>,
    /// What gives the account another key that has got a certificate in {folder} by COMMAND.
    #[arg(long, value_name = "COMMAND")]
    key_change: Option<String>,
    /// What gets a certificate by tls-alpn-01, at {tls-port}.
    #[arg(long, value_name = "COMMAND")]
    tls_alpn: Option<String>,
    /// What gets a certificate by dns-01, for a wildcard too: it has {"fqdn": …, "value": …} POSTed to {dns-url}/present and
    /// {dns-url}/cleanup for each record. {dns} is the server that shows them.
    #[arg(long, value_name = "COMMAND")]
    dns_01: Option<String>,
    /// What gets one certificate for {domain}, a wildcard, and {other-domain}, the name above it, in the same way.
    #[arg(long, value_name = "COMMAND")]
    both_dns_01: Option<String>,
    /// The client's command, which has to get one certificate by http-01. In its words {directory}, {ca-file}, {domain}, {email},
    /// {folder}, {http-port}, {tls-port}, {now} and {case} stand for what they say; the environment has ACME_DIRECTORY and so on.
    #[arg(last = true, required_unless_present = "list", value_name = "COMMAND")]
    command: Vec<String>,
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("nothing is called {0}; `gauntlet examine --list` tells all cases")]
    NoCase(String),
    #[error("{address}: {source}; say with {option} where instead")]
    Listen { address: SocketAddr, option: &'static str, source: io::Error },
    #[error("the command {program} can't be started: {source}")]
    Command { program: String, source: io::Error },
    #[error("{path}: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error("starting: {0}")]
    Start(io::Error),
    #[error("--list tells the cases and tries none")]
    List,
    #[error(transparent)]
    Slots(#[from] TooMany),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Tries the cases, or tells them; the exit code.
pub(super) fn main(options: &Options) -> u8 {
    let told = if options.list {
        cases(options).map(|cases| say(&cases.iter().map(|case| case.to_string()).collect::<String>()))
    } else {
        results(options, &interrupt()).map(|results| results.exit_code)
    };
    told.unwrap_or_else(|e| {
        eprintln!("{e}");
        WRONG_INPUT
    })
}

/// Hears of Ctrl-C, so that what was tried is told all the same. It does not reach a client, which is in a group of its own.
pub(super) fn interrupt() -> Arc<Notify> {
    let interrupt = Arc::new(Notify::new());
    let heard = interrupt.clone();
    let handler = move || {
        STOPPING.store(true, Ordering::Relaxed);
        heard.notify_one();
    };
    if let Err(e) = ctrlc::set_handler(handler) {
        eprintln!("Ctrl-C will end this at once, with no report, and leave a client that runs: {e}");
    }
    interrupt
}

fn cases(options: &Options) -> Result<Vec<&'static Case>, Refusal> {
    selected(client::cases(), &options.only, options.level).map_err(Refusal::NoCase)
}

/// Tries the cases, no further than to an `interrupt`, and tells what came of them.
pub(super) fn results(options: &Options, interrupt: &Notify) -> Result<Results, Refusal> {
    let cases = cases(options)?;
    if options.list {
        return Err(Refusal::List);
    }
    let known = options.outputs.known()?;
    let runtime = Runtime::new().map_err(Refusal::Start)?;
    let outcomes = runtime.block_on(run(options, &cases, interrupt));
    // A lookup that hangs must not keep the command.
    runtime.shutdown_background();
    let client: Vec<String> = options.command.iter().map(|word| quoted(word)).collect();
    let client = client.join(" ");
    let (words, tried) = (options.words(), client.clone());
    let repeat = move |about: &About| {
        let words = [words.clone(), vec![("--only", about.id.to_owned())]].concat();
        format!("{} -- {client}", command("examine", &words))
    };
    let results = Results { tried, repeat: Box::new(repeat), outcomes: outcomes?, exit_code: 0 };
    let is_case = |id: &str| client::cases().iter().any(|case| case.id == id);
    let mut results = results.told(&options.outputs, &known, is_case)?;
    if STOPPING.load(Ordering::Relaxed) {
        eprintln!("interrupted: {} of {} cases were tried", results.outcomes.len(), cases.len());
        results.exit_code = INTERRUPTED;
    }
    Ok(results)
}

impl Options {
    /// What a client is run with for a task, in this order.
    ///
    /// # Errors
    /// The option that is missing.
    fn runs(&self, task: Task) -> Result<Vec<Run>, &'static str> {
        let by_shell = |command: &Option<String>, option| {
            let words = command.as_ref().map(|command| ["sh", "-c", command].map(ToOwned::to_owned).to_vec());
            words.map(Run::now).ok_or(option)
        };
        let first = Run::now(self.command.clone());
        match task {
            Task::Obtain => Ok(vec![first]),
            Task::ObtainByDns | Task::ObtainWildcard => Ok(vec![by_shell(&self.dns_01, "--dns-01")?]),
            Task::ObtainWildcardAndApex => Ok(vec![by_shell(&self.both_dns_01, "--both-dns-01")?]),
            Task::ObtainByTlsAlpn => Ok(vec![by_shell(&self.tls_alpn, "--tls-alpn")?]),
            Task::ObtainForBoth => Ok(vec![by_shell(&self.both, "--both")?]),
            Task::ObtainBound => Ok(vec![by_shell(&self.eab, "--eab")?]),
            Task::Revoke => Ok(vec![first, by_shell(&self.revoke, "--revoke")?]),
            Task::ChangeKey => Ok(vec![first, by_shell(&self.key_change, "--key-change")?]),
            Task::Renew => Ok(vec![first, by_shell(&self.renew, "--renew")?]),
            Task::RunByTimer(hours) => {
                let run = by_shell(&self.timer, "--timer")?;
                let later = hours.iter().map(|hour| Run { hour: Some(*hour), ..run.clone() });
                Ok([first].into_iter().chain(later).collect())
            }
        }
    }

    /// What says how a client is tried, as it was given or by default.
    fn words(&self) -> Vec<(&'static str, String)> {
        let commands = [
            ("--renew", &self.renew),
            ("--timer", &self.timer),
            ("--both", &self.both),
            ("--eab", &self.eab),
            ("--revoke", &self.revoke),
            ("--key-change", &self.key_change),
            ("--tls-alpn", &self.tls_alpn),
            ("--dns-01", &self.dns_01),
            ("--both-dns-01", &self.both_dns_01),
        ];
        let commands = commands.into_iter().filter_map(|(option, command)| Some((option, command.clone()?)));
        let mut words = vec![
            ("--listen", self.listen.to_string()),
            ("--host", self.host.clone()),
            ("--dns", self.dns.to_string()),
            ("--address", self.address.to_string()),
            ("--http-port", self.http_port.to_string()),
            ("--tls-port", self.tls_port.to_string()),
            ("--seconds", self.seconds.to_string()),
        ];
        words.extend(commands);
        words
    }

    /// The CA of a case.
    fn config(&self, slot: &Slot, case: &Case, scenario: &language::Case) -> Config {
        let mut config = Config::default();
        runner::ca::configure(scenario, &mut config);
        config.directory_host.clone_from(&self.host);
        config.listen = slot.listen.ip();
        config.https_port = slot.listen.port();
        config.paths = Paths::Below(case.id);
        // HTTP/2 can't be read from outside.
        config.transport = Transport::Https;
        config.remote_perspectives = 0;
        config.dns_server = slot.dns;
        config.http01_port = slot.http_port;
        config.tls_alpn01_port = slot.tls_port;
        config
    }
}

async fn run(options: &Options, cases: &[&'static Case], interrupt: &Notify) -> Result<Vec<Outcome>, Refusal> {
    let Options { listen, dns, http_port, tls_port, .. } = *options;
    let slots = Slot { listen, dns, http_port, tls_port }.side_by_side(options.jobs)?;
    let system = real::env("examine", real::Options::default());
    let (running, tried) = (Running::default(), RefCell::default());
    let examiner = Examiner { options, system, interrupt, running, tried };
    let progress = RefCell::new(Progress::new(cases));
    let ends = join_all(slots.iter().map(|slot| examiner.work(slot, &progress))).await;
    ends.into_iter().collect::<Result<(), Refusal>>()?;
    let mut outcomes = progress.into_inner().into_outcomes();
    if !STOPPING.load(Ordering::Relaxed) {
        let others = examiner.tried.into_inner().into_values().filter_map(|tried| tried.get().cloned());
        let is_new = |other: &Outcome| cases.iter().all(|case| case.id != other.case.id);
        for other in others.filter(|other| other.verdict.is_bad() && is_new(other)) {
            say(&report::line(&other));
            outcomes.push(other);
        }
    }
    Ok(outcomes)
}

/// What a client is run with.
#[derive(Clone)]
struct Run {
    /// To when the CA's clock is set before, counted from the beginning of the case.
    hour: Option<u16>,
    words: Vec<String>,
}

impl Run {
    fn now(words: Vec<String>) -> Self {
        Self { hour: None, words }
    }
}

/// Cases that wait, and what came of the others.
struct Progress {
    waiting: VecDeque<(usize, &'static Case)>,
    outcomes: Vec<Option<Outcome>>,
    /// How many of them were told.
    told: usize,
}

impl Progress {
    fn new(cases: &[&'static Case]) -> Self {
        let outcomes = cases.iter().map(|_| None).collect();
        Self { waiting: cases.iter().copied().enumerate().collect(), outcomes, told: 0 }
    }

    /// Keeps what came of a case, and tells it once all before it are told: a run reads the same however many go side by side.
    fn ended(&mut self, index: usize, outcome: Outcome) {
        self.outcomes[index] = Some(outcome);
        while let Some(Some(next)) = self.outcomes.get(self.told) {
            say(&report::line(next));
            self.told += 1;
        }
    }

    /// All that there are, once no more are to come: after an interrupt not all before the last ones.
    fn into_outcomes(self) -> Vec<Outcome> {
        for outcome in self.outcomes.iter().skip(self.told).flatten() {
            say(&report::line(outcome));
        }
        self.outcomes.into_iter().flatten().collect()
    }
}

/// What all cases share.
struct Examiner<'a> {
    options: &'a Options,
    system: Env,
    interrupt: &'a Notify,
    running: Running,
    /// What came of cases, by id: those that they block have to know, whether they are to be tried or not.
    tried: RefCell<BTreeMap<&'static str, Rc<OnceCell<Outcome>>>>,
}

/// The CA of this slot can't listen.
fn listen_refused(slot: &Slot, source: io::Error) -> Refusal {
    Refusal::Listen { address: slot.listen, option: "--listen", source }
}

impl Examiner<'_> {
    /// Tries cases that wait, one after the other, until there are no more.
    async fn work(&self, slot: &Slot, progress: &RefCell<Progress>) -> Result<(), Refusal> {
        let names = Names::begin(&self.system, slot, self.options.address).await;
        let names = names.map_err(|source| Refusal::Listen { address: slot.dns, option: "--dns", source })?;
        let free = self.system.listen(slot.listen).await;
        drop(free.map_err(|source| listen_refused(slot, source))?);
        while !STOPPING.load(Ordering::Relaxed) {
            let next = progress.borrow_mut().waiting.pop_front();
            let Some((index, case)) = next else { break };
            let outcome =
                self.judged(slot, &names, case).await.inspect_err(|_| progress.borrow_mut().waiting.clear())?;
            if STOPPING.load(Ordering::Relaxed) {
                // What became of this client is not its own doing.
                break;
            }
            progress.borrow_mut().ended(index, outcome);
        }
        Ok(())
    }

    /// What comes of a case, and of those that block it.
    async fn judged(&self, slot: &Slot, names: &Names, case: &'static Case) -> Result<Outcome, Refusal> {
        let mut outcome = self.tried(slot, names, case).await?;
        while let Verdict::Blocked { by, otherwise } = &outcome.verdict
            && !self.tried(slot, names, client::find(by)).await?.verdict.blocks_others()
        {
            outcome.verdict = Verdict::clone(otherwise);
        }
        Ok(outcome)
    }

    /// What comes of a case, which is tried once.
    async fn tried(&self, slot: &Slot, names: &Names, case: &'static Case) -> Result<Outcome, Refusal> {
        let tried = self.tried.borrow_mut().entry(case.id).or_default().clone();
        tried.get_or_try_init(|| self.outcome(slot, names, case)).await.cloned()
    }

    async fn outcome(&self, slot: &Slot, names: &Names, case: &'static Case) -> Result<Outcome, Refusal> {
        let begun = self.system.monotonic_now();
        let (verdict, exchanges) = match self.options.runs(case.run.task) {
            Ok(runs) => match self.session(slot, names, case, &runs).await {
                Ok(session) => (case.verdict(&session), session.exchanges()),
                // It was free at the beginning: somebody else has taken it meanwhile, and may give it back.
                Err(taken @ Refusal::Listen { .. }) => (Verdict::Skipped(taken.to_string()), Vec::new()),
                Err(other) => return Err(other),
            },
            Err(option) => (Verdict::Skipped(format!("it needs {option} COMMAND")), Vec::new()),
        };
        Ok(Outcome { case: case.about(), verdict, exchanges, took: self.system.monotonic_now().since(begun) })
    }

    /// What the CA of `case` saw of the client.
    async fn session(&self, slot: &Slot, names: &Names, case: &Case, runs: &[Run]) -> Result<client::Session, Refusal> {
        names.responder.forget_records();
        let watch = Watch::default();
        let mut trace = Trace::default();
        trace.add_observer(Box::new(watch.clone()));
        let epoch = self.system.utc_now().format(&Rfc3339).expect("the clock shows a year of four digits");
        trace.record(0, None, Event::World { seed: 0, epoch });
        let (trace, clock) = (Arc::new(Mutex::new(trace)), MovableClock::default());
        let env =
            real::env("ca", real::Options { trace: Some(trace), trace_clock: clock.clone(), ..Default::default() });
        let scenario = case.scenario("");
        let ca = Ca::with_clock(&env, self.options.config(slot, case, &scenario), clock);
        let bound = self.bound(&ca, &env, slot).await?;
        let _timeline = env.spawn("timeline", scenario::begin(&env, &ca, scenario));

        let folder = tempfile::Builder::new().prefix("gauntlet-examine-").tempdir();
        let folder = folder.map_err(|source| Refusal::Folder { path: std::env::temp_dir(), source })?;
        let ca_file = folder.path().join("ca.pem");
        fs::write(&ca_file, ca.api_root_pem()).map_err(|source| Refusal::Folder { path: ca_file.clone(), source })?;
        let setting = Setting::new(slot, names, case, bound.directory_url(), folder.path(), &ca_file);
        let clock = (ca.clock(), ca.clock().around(&env));
        let running = pin!(self.run_all(&setting, clock, runs));
        // Not a task of its own: with this the port is free again, for the next case.
        let outcome = match select(running, pin!(bound.serve())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((_, running)) => running.await,
        };
        let ran = Ran { records_left: names.responder.names_with_records(), ..outcome? };
        Ok(watch.session(case.run.task, ran))
    }

    /// Listens where the slot has it, once what was there before is gone.
    async fn bound(&self, ca: &Ca, env: &Env, slot: &Slot) -> Result<Bound, Refusal> {
        let begun = self.system.monotonic_now();
        loop {
            match ca.bind(env).await {
                Err(e)
                    if e.kind() == io::ErrorKind::AddrInUse
                        && self.system.monotonic_now().since(begun) < PORT_LIMIT =>
                {
                    self.system.sleep(PORT_INTERVAL).await;
                }
                outcome => return outcome.map_err(|source| listen_refused(slot, source)),
            }
        }
    }

    /// Runs the client so, one time after the other, as long as it ends with success; how it ended the last time, and what it has
    /// printed and left behind in all. A timer comes again, even after a failure.
    async fn run_all(
        &self,
        setting: &Setting,
        (clock, env): (&MovableClock, Env),
        runs: &[Run],
    ) -> Result<Ran, Refusal> {
        let begun = env.utc_now();
        let limit = Duration::from_secs(self.options.seconds.into());
        let mut all =
            Ran { ended: Ended::Exit(0), output: String::new(), left_behind: Vec::new(), records_left: Vec::new() };
        for Run { hour, words } in runs {
            if let Some(hour) = hour {
                clock.set(&env, begun.saturating_add(time::Duration::hours((*hour).into())));
            }
            let outcome =
                setting.program(words, env.utc_now()).run(&self.system, &self.running, limit, self.interrupt).await;
            let started = |source| Refusal::Command { program: words.first().cloned().unwrap_or_default(), source };
            let Ran { ended, output, left_behind, .. } = outcome.map_err(started)?;
            all.ended = ended;
            all.output.push_str(&output);
            all.left_behind.extend(left_behind);
            let is_over = match ended {
                Ended::Exit(0) => false,
                Ended::Exit(code) => hour.is_none() || code == UNSUPPORTED,
                Ended::Signal | Ended::Killed | Ended::GoesOn => true,
            };
            if is_over {
                break;
            }
        }
        Ok(all)
    }
}

/// The names as the CAs of a slot see them, and as clients may change them.
struct Names {
    responder: Responder,
    /// Where records are taken.
    records: SocketAddr,
    _tasks: [sim::Task<()>; 3],
}

impl Names {
    async fn begin(env: &Env, slot: &Slot, address: IpAddr) -> io::Result<Self> {
        let responder = Responder::default();
        let [udp, tcp] = responder.serve_dns(env, slot.dns, address).await?;
        let (records, http) = responder.serve_records(env, SocketAddr::new(slot.dns.ip(), 0)).await?;
        Ok(Self { responder, records, _tasks: [udp, tcp, http] })
    }
}

/// What a client's commands are given for one case.
struct Setting {
    /// What stands for what in a command's words, and in its environment.
    meanings: Vec<(&'static str, &'static str, String)>,
    ca_file: String,
    folder: PathBuf,
}

impl Setting {
    fn new(slot: &Slot, names: &Names, case: &Case, directory: String, folder: &Path, ca_file: &Path) -> Self {
        let shown = |path: &Path| path.display().to_string();
        let task = case.run.task;
        let meanings = vec![
            ("directory", "ACME_DIRECTORY", directory),
            ("ca-file", "ACME_CA_FILE", shown(ca_file)),
            ("domain", "ACME_DOMAIN", task.name().to_owned()),
            ("other-domain", "ACME_OTHER_DOMAIN", task.other_name().unwrap_or_default().to_owned()),
            ("eab-kid", "ACME_EAB_KID", EXTERNAL_ACCOUNT.0.to_owned()),
            ("eab-key", "ACME_EAB_KEY", EXTERNAL_ACCOUNT.1.to_owned()),
            ("email", "ACME_EMAIL", "operator@example.test".to_owned()),
            ("folder", FOLDER, shown(folder)),
            ("http-port", "ACME_HTTP_PORT", slot.http_port.to_string()),
            ("tls-port", "ACME_TLS_PORT", slot.tls_port.to_string()),
            ("dns", "ACME_DNS", slot.dns.to_string()),
            ("dns-url", "ACME_DNS_URL", format!("http://{}", names.records)),
            ("case", "ACME_CASE", case.id.to_owned()),
        ];
        Self { meanings, ca_file: shown(ca_file), folder: folder.to_owned() }
    }

    /// The program that these words run now.
    fn program(&self, words: &[String], now: UtcDateTime) -> Program {
        let now = ("now", "ACME_NOW", now.truncate_to_second().format(&Rfc3339).expect("a year of four digits"));
        let meanings = || self.meanings.iter().chain([&now]);
        let filled = |word: &String| {
            let fill = |word: String, (name, _, value): &(_, _, String)| word.replace(&format!("{{{name}}}"), value);
            meanings().fold(word.clone(), fill)
        };
        let mut environment: Vec<(&str, String)> = meanings().map(|(_, name, value)| (*name, value.clone())).collect();
        // Where OpenSSL, Go, Python's requests and lego look for whom to trust.
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "LEGO_CA_CERTIFICATES"] {
            environment.push((name, self.ca_file.clone()));
        }
        Program { words: words.iter().map(filled).collect(), environment, folder: self.folder.clone() }
    }
}
