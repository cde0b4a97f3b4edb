//! `gauntlet serve`: the CA on real sockets, a drop-in for `pebble`. Its companion is [`challtestsrv`].
//!
//! Here it is put together: flags, files, the seed, sockets and signals. What Pebble's configuration means is
//! `ca_mock::pebble`'s knowledge.

pub(crate) mod challtestsrv;
mod event_log;
mod flags;
mod identity;
mod names;
pub(crate) mod scenario;

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ca_mock::{
    AddressSource, Ca, LeafUrls, Preset, Transport,
    pebble::{Environment, HostPort, Remark, Settings},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::sign::CertifiedKey;
use scenarios::runner::{self, ca::Switch};
use sim::{Env, MovableClock, real};
use tokio::{runtime::Runtime, sync::Notify};

use event_log::EventLog;
use flags::{Flag, Given, WrongFlags};

const FAILED: u8 = 1;
const WRONG_INPUT: u8 = 2;

/// Under which name the command was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalledAs {
    /// `gauntlet serve`.
    Gauntlet,
    /// `pebble`, by link or copy.
    Pebble,
}

/// Where Pebble looks for its configuration if it is not told.
const PEBBLES_CONFIG: &str = "test/config/pebble-config.json";

const FLAGS: &[Flag] = &[
    Flag {
        name: "config",
        value: Some("FILE"),
        about: "Pebble's configuration file (called as pebble: test/config/pebble-config.json; otherwise none is needed)",
    },
    Flag { name: "strict", value: None, about: "accepted as Pebble does; this CA is always strict" },
    Flag {
        name: "dnsserver",
        value: Some("HOST:PORT"),
        about: "whom to ask when validating; without it the operating system is asked, and CAA is not looked up",
    },
    Flag { name: "version", value: None, about: "tells the version and ends" },
    Flag { name: "seed", value: Some("N"), about: "draws every choice from this seed; else one is drawn and told" },
    Flag { name: "plain-http", value: None, about: "serves without TLS" },
    Flag {
        name: "root-file",
        value: Some("FILE"),
        about: "writes the root that HTTPS clients trust to this file; else to one that is told and removed at the end",
    },
    Flag {
        name: "revocation-status",
        value: Some("HOST:PORT"),
        about: "serves the CRL, OCSP and the issuer's certificate there without TLS, and names them in certificates",
    },
    Flag {
        name: "client-timeout",
        value: Some("SECONDS"),
        about: "how long a client may take for a handshake, a header or a body, and be idle (30)",
    },
    Flag {
        name: "preset",
        value: Some("NAME"),
        about: "is set up like a CA that is in use: pebble, boulder, letsencrypt-2026, letsencrypt-2027, letsencrypt-2028, \
                step-ca, zerossl-like, buypass-like or strict-rfc; over what the configuration and the environment say",
    },
    Flag {
        name: "bug",
        value: Some("NAME[,NAME]"),
        about: "does what CAs have been seen to do wrong, as [bugs] in a scenario file; `-bug list` tells the names; may be repeated",
    },
    Flag {
        name: "scenario",
        value: Some("FILE"),
        about: "is the CA of a scenario file, or of one of its cases: its settings, defects, limits and faults; over all else",
    },
    Flag {
        name: "event-log",
        value: Some("FILE"),
        about: "writes every request, answer, DNS message and decision there, a line of JSON each, for gauntlet check-log; \
                HTTP/2 is not offered then",
    },
    Flag {
        name: "judge",
        value: None,
        about: "says at once when the CA breaks a law that binds CAs; HTTP/2 is not offered then",
    },
    Flag { name: "help", value: None, about: "tells this" },
];

/// Serves until a signal ends it; the exit code.
pub(crate) fn main(called_as: CalledAs, arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> u8 {
    let options = match Given::parse(FLAGS, arguments).and_then(|given| Options::read(called_as, &given)) {
        Ok(options) => options,
        Err(e) => {
            eprintln!("{e}\nUsage:\n{}", flags::usage(FLAGS));
            return WRONG_INPUT;
        }
    };
    match options.action {
        Action::Help => {
            print(&format!("Usage:\n{}", flags::usage(FLAGS)));
            return 0;
        }
        Action::Bugs => {
            print(&Switch::all().map(|switch| format!("{switch}\n")).collect::<String>());
            return 0;
        }
        Action::Version => {
            print(&format!("Pebble version: gauntlet {}\n", env!("CARGO_PKG_VERSION")));
            return 0;
        }
        // Pebble ends with 1 then, though with 2 for wrong flags.
        Action::Refuse => {
            eprintln!("invalid command line arguments: {}", options.rest.join(" "));
            return FAILED;
        }
        Action::Serve => {}
    }
    match serve(&options, &Environment::read(variable)) {
        Ok(()) => 0,
        Err(failure) => {
            eprint!("{}", failure.message);
            failure.exit_code
        }
    }
}

#[derive(Debug)]
enum Action {
    Serve,
    Help,
    Bugs,
    Version,
    Refuse,
}

/// The flags, read.
#[derive(Debug)]
struct Options {
    action: Action,
    config: Option<PathBuf>,
    dns_server: Option<HostPort>,
    seed: Option<u64>,
    plain_http: bool,
    root_file: Option<PathBuf>,
    revocation_status: Option<HostPort>,
    client_timeout: Option<Duration>,
    preset: Option<Preset>,
    bugs: Vec<Switch>,
    scenario: Option<String>,
    event_log: Option<PathBuf>,
    is_judged: bool,
    rest: Vec<String>,
}

impl Options {
    fn read(called_as: CalledAs, given: &Given) -> Result<Self, WrongFlags> {
        let default = match called_as {
            CalledAs::Gauntlet => None,
            CalledAs::Pebble => Some(PEBBLES_CONFIG),
        };
        given.switch("strict")?;
        let action = match (given.switch("help")?, given.switch("version")?, given.rest.is_empty()) {
            (true, ..) => Action::Help,
            (_, true, _) => Action::Version,
            _ if given.texts("bug").any(|name| name == "list") => Action::Bugs,
            (.., true) => Action::Serve,
            (.., false) => Action::Refuse,
        };
        let has_server = given.text("dnsserver").is_some_and(|server| !server.is_empty());
        Ok(Self {
            action,
            config: given.text("config").or(default).map(PathBuf::from),
            dns_server: if has_server { given.value("dnsserver", "HOST:PORT")? } else { None },
            seed: given.value("seed", "a whole number below 2^64")?,
            plain_http: given.switch("plain-http")?,
            root_file: given.text("root-file").map(PathBuf::from),
            revocation_status: given.value("revocation-status", "HOST:PORT")?,
            client_timeout: given
                .value::<NonZeroU32>("client-timeout", "a whole number of seconds from 1")?
                .map(|seconds| Duration::from_secs(seconds.get().into())),
            preset: preset(given)?,
            bugs: bugs(given)?,
            scenario: given.text("scenario").map(str::to_owned),
            event_log: given.text("event-log").map(PathBuf::from),
            is_judged: given.switch("judge")?,
            rest: given.rest.clone(),
        })
    }
}

fn preset(given: &Given) -> Result<Option<Preset>, WrongFlags> {
    let Some(name) = given.text("preset") else { return Ok(None) };
    let found = Preset::ALL.iter().find(|preset| preset.name() == name);
    let names = || Preset::ALL.iter().map(|preset| preset.name()).collect::<Vec<_>>().join(", ");
    found.copied().map(Some).ok_or_else(|| WrongFlags::Value {
        name: "preset",
        value: name.to_owned(),
        expected: format!("one of {}", names()),
    })
}

fn bugs(given: &Given) -> Result<Vec<Switch>, WrongFlags> {
    let wrong = |value: &str, help| WrongFlags::Word { name: "bug", value: value.to_owned(), help };
    let names = given.texts("bug").filter(|name| *name != "list");
    names.map(|name| Switch::find(name).map_err(|help| wrong(name, help))).collect()
}

/// Why nothing is served.
#[derive(Debug)]
struct Failure {
    message: String,
    exit_code: u8,
}

impl Failure {
    fn wrong_input(message: impl Into<String>) -> Self {
        Self { message: message.into() + "\n", exit_code: WRONG_INPUT }
    }

    fn of_system(what: &str, error: &io::Error) -> Self {
        Self { message: format!("{what}: {error}\n"), exit_code: FAILED }
    }

    /// All that is wrong with a file.
    fn mistakes(file: &Path, mistakes: &[Remark]) -> Self {
        let file = file.display();
        let lines: String = mistakes.iter().map(|mistake| format!("{file}:{mistake}\n")).collect();
        let count = mistakes.len();
        Self::wrong_input(format!("{lines}{count} mistake{} in {file}", if count == 1 { "" } else { "s" }))
    }
}

fn serve(options: &Options, environment: &Environment) -> Result<(), Failure> {
    let (settings, certificate) = settings(options)?;
    allow_open_files();
    let scenario = options.scenario.as_deref().map(scenario::load).transpose()?;
    let event_log = EventLog::open(options.event_log.as_deref(), options.is_judged)?;
    let runtime = Runtime::new().map_err(|e| Failure::of_system("starting", &e))?;
    let served = runtime.block_on(async {
        let system = real::env("ca", real::Options::default());
        let seed = options.seed.unwrap_or_else(|| u64::from_le_bytes(system.entropy("seed")));
        let clock = MovableClock::default();
        let trace = event_log.as_ref().map(|log| log.trace.clone());
        let env = real::env(
            "ca",
            real::Options { seed: Some(seed), trace, trace_clock: clock.clone(), ..real::Options::default() },
        );
        let log = Log::new(&system, "Pebble");
        log.say("Starting Gauntlet's CA as an ACME server");
        log.say(&format!("Seed: {seed} (to have the same choices again: -seed {seed})"));
        let file = options.config.as_deref().unwrap_or(Path::new(""));
        settings.warnings.iter().for_each(|warning| log.say(&format!("Warning: {}:{warning}", file.display())));
        environment.warnings.iter().for_each(|warning| log.say(&format!("Warning: {warning}")));
        environment.lines().iter().for_each(|line| log.say(line));

        let mut config = settings.config();
        environment.apply(&mut config);
        if let Some(preset) = options.preset {
            preset.apply(&mut config);
            log.say(&format!("Set up like {}", preset.name()));
        }
        if let Some(case) = &scenario {
            runner::ca::configure(case, &mut config);
            log.say(&format!("The CA of the scenario {}", case.id));
            scenario::left_out(case).iter().for_each(|what| log.say(&format!("Warning: {}: {what}", case.id)));
        }
        for bug in &options.bugs {
            bug.switch_on(&mut config);
            log.say(&format!("Switched on: {}", bug.name()));
        }
        config.api_certificate = certificate;
        config.client_timeout = options.client_timeout.unwrap_or(config.client_timeout);
        if options.plain_http {
            config.transport = Transport::PlainHttp;
        }
        if let Some(event_log) = &event_log {
            if config.transport == Transport::HttpsWithHttp2 {
                log.say("HTTP/2 is not offered, so that the event log can be read");
                config.transport = Transport::Https;
            }
            if options.is_judged {
                event_log.judge(&log);
            }
            event_log.begin(seed, env.utc_now());
        }
        match &options.dns_server {
            Some(server) => {
                log.say(&format!("Using custom DNS server {server} for ACME challenges"));
                config.dns_server = address(&env, server).await?;
            }
            None => {
                log.say("Using system DNS resolver for ACME challenges; CAA is not looked up");
                config.addresses = AddressSource::OperatingSystem;
                config.dns_server = names::system_server();
            }
        }
        if let Some(shown) = &options.revocation_status {
            if shown.port == 0 {
                return Err(Failure::wrong_input(
                    "-revocation-status: certificates name this port; it can't be 0".to_owned(),
                ));
            }
            let url = |call: &str| Some(format!("http://{shown}/{call}"));
            // An own responder that the configuration names goes before.
            let ocsp = config.leaf_urls.ocsp.take().or_else(|| url("ocsp"));
            config.leaf_urls = LeafUrls { ocsp, issuer: url("issuer"), crl: url("crl") };
        }
        config.listen = address(&env, &settings.listen).await?.ip();
        let ca = Ca::with_clock(&env, config, clock);
        let timeline = scenario.map(|case| scenario::begin(&env, &ca, case));
        let _steps = timeline.map(|work| env.spawn("timeline", work));
        let served = serve_until_stopped(&log, &env, ca, &settings, options, event_log.as_ref()).await;
        served.and(event_log.map_or(Ok(()), |event_log| event_log.finish()))
    });
    // A lookup that hangs must not keep the command.
    runtime.shutdown_background();
    served
}

/// What the configuration says, and the certificate whose files it names.
fn settings(options: &Options) -> Result<(Settings, Option<Arc<CertifiedKey>>), Failure> {
    let Some(file) = &options.config else { return Ok((Settings::default(), None)) };
    let text = fs::read_to_string(file)
        .map_err(|e| Failure::wrong_input(format!("{}: the configuration can't be read: {e}", file.display())))?;
    let mut certificate = None;
    let settings = Settings::read(&text, |identity| match identity::load(identity) {
        Ok(loaded) => {
            certificate = Some(loaded);
            Vec::new()
        }
        Err(mistakes) => mistakes,
    });
    let settings = settings.map_err(|mistakes| Failure::mistakes(file, &mistakes))?;
    Ok((settings, certificate))
}

async fn address(env: &Env, wanted: &HostPort) -> Result<SocketAddr, Failure> {
    names::resolve(env, wanted).await.map_err(|e| Failure::of_system(&format!("looking up {wanted}"), &e))
}

async fn serve_until_stopped(
    log: &Log,
    env: &Env,
    ca: Ca,
    settings: &Settings,
    options: &Options,
    event_log: Option<&EventLog>,
) -> Result<(), Failure> {
    let stop = stop_signal()?;

    let in_use = |wanted: &HostPort| {
        let what = format!("listening on {wanted}");
        move |e: io::Error| Failure::of_system(&what, &e)
    };
    let scheme = ca.config().transport.scheme();
    let mut tasks = Vec::new();
    if let Some(wanted) = &settings.management {
        let wanted_address = address(env, wanted).await?;
        let management = ca.bind_management(env, wanted_address).await.map_err(in_use(wanted))?;
        let port = management.local_address().map_err(in_use(wanted))?.port();
        let shown = HostPort { port, ..wanted.clone() };
        log.say(&format!("Management interface listening on: {shown}"));
        log.say(&format!("Root CA certificate(s) available at: {scheme}://{shown}/roots/0"));
        let management = management.with_events(event_log.map(|log| log.recent.clone()));
        tasks.push(env.spawn("management", management.serve()));
    }
    if let Some(wanted) = &options.revocation_status {
        let wanted_address = address(env, wanted).await?;
        let status = ca.bind_revocation_status(env, wanted_address).await.map_err(in_use(wanted))?;
        log.say(&format!("Revocation status available at: http://{wanted}/crl and http://{wanted}/ocsp"));
        tasks.push(env.spawn("revocation status", status.serve()));
    }
    let bound = ca.bind(env).await.map_err(in_use(&settings.listen))?;
    let port = bound.local_address().map_err(in_use(&settings.listen))?.port();
    let shown = HostPort { port, ..settings.listen.clone() };
    let own_certificate = settings.identity.is_none() && !options.plain_http;
    // Removed when it is dropped.
    let _root_file = if own_certificate { publish_root(log, ca.api_root_pem(), options)? } else { None };
    log.say(&format!("Listening on: {shown}"));
    log.say(&format!("ACME directory available at: {scheme}://{shown}{}", ca.config().paths.directory()));
    tasks.push(env.spawn("acme", bound.serve()));

    // Where there is one machine, all perspectives are on it.
    let config = ca.config();
    let _perspectives: Vec<_> =
        (0..config.remote_perspectives).map(|_| ca.open_perspective(env, config.dns_server)).collect();

    stop.notified().await;
    drop(tasks);
    log.say("Stopped by a signal");
    Ok(())
}

/// As many connections as the system lets this process have; by default that is often 1,024.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // If it refuses, there are fewer.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Notified by SIGTERM and Ctrl-C.
fn stop_signal() -> Result<Arc<Notify>, Failure> {
    let stop = Arc::new(Notify::new());
    let signal = stop.clone();
    ctrlc::set_handler(move || signal.notify_one())
        .map_err(|e| Failure { message: format!("signals can't be waited for: {e}\n"), exit_code: FAILED })?;
    Ok(stop)
}

/// Tells where the root is that clients of the API have to trust.
fn publish_root(log: &Log, pem: &str, options: &Options) -> Result<Option<tempfile::NamedTempFile>, Failure> {
    let cannot = |e: io::Error| Failure::of_system("writing the root to trust for HTTPS", &e);
    let (path, kept) = match &options.root_file {
        Some(path) => {
            fs::write(path, pem).map_err(cannot)?;
            (path.clone(), None)
        }
        None => {
            let mut file =
                tempfile::Builder::new().prefix("gauntlet-root-").suffix(".pem").tempfile().map_err(cannot)?;
            file.write_all(pem.as_bytes()).map_err(cannot)?;
            (file.path().to_owned(), Some(file))
        }
    };
    log.say(&format!("Root to trust for HTTPS: {}", path.display()));
    Ok(kept)
}

/// Lines on standard output, in Pebble's form.
#[derive(Clone)]
struct Log {
    env: Env,
    /// What each line begins with.
    program: &'static str,
}

impl Log {
    fn new(env: &Env, program: &'static str) -> Self {
        Self { env: env.clone(), program }
    }

    fn say(&self, what: &str) {
        let now = self.env.utc_now();
        let (date, (hour, minute, second)) = (now.date(), now.time().as_hms());
        let date = format!("{:04}/{:02}/{:02}", date.year(), u8::from(date.month()), date.day());
        print(&format!("{} {date} {hour:02}:{minute:02}:{second:02} {what}\n", self.program));
    }
}

/// A reader that has gone is no fault.
fn print(text: &str) {
    drop(io::stdout().write_all(text.as_bytes()));
}
