//! `gauntlet conform`: tries on a CA, over its public interface, what the RFCs ask of one.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use futures_util::future::{Either, select};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use scenarios::conformance::{
    case::{About, Case, Level},
    driver::{Common, Driver, ExternalAccount, Target},
    report,
    responder::Responder,
    server,
    suite::{self, Outcome},
    verdict::Stop,
};
use sim::{Env, real};
use tokio::{runtime::Runtime, sync::Notify};
use url::Url;

use super::{
    INTERRUPTED, STOPPING, WRONG_INPUT,
    examine::interrupt,
    outputs::{OutputError, Outputs, Results, command, level, selected},
    say,
};

/// Directories of CAs whose certificates the web trusts.
const PRODUCTION: [&str; 8] = [
    "acme-v02.api.letsencrypt.org",
    "acme.zerossl.com",
    "api.buypass.com",
    "dv.acme-v02.api.pki.goog",
    "acme.ssl.com",
    "acme.digicert.com",
    "acme.sectigo.com",
    "emea.acme.atlas.globalsign.com",
];

/// How often a CA that is waited for is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What is tried, and on whom.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The CA's directory, such as https://localhost:14000/dir.
    #[arg(long, value_name = "URL", required_unless_present = "list")]
    directory: Option<Url>,
    /// The roots to trust for the CA's HTTPS, PEM; the system's if not given.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Only the cases of this section, or this one: rfc8555/7, rfc8555/7.4, rfc8555/7.4/issuance. May be repeated.
    #[arg(long, value_name = "CLAUSE")]
    only: Vec<String>,
    /// Only the cases that are at least as binding as this: must, should, may or robustness.
    #[arg(long, value_parser = level, value_name = "LEVEL", default_value = "robustness")]
    level: Level,
    /// The contact of accounts that are made. May be repeated.
    #[arg(long, value_name = "URL", default_value = "mailto:conformance@example.com")]
    contact: Vec<String>,
    /// Names are ordered below this one.
    #[arg(long, value_name = "NAME", default_value = "conformance.example.com")]
    domain: String,
    /// Where http-01 is answered; the CA must look there.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5002")]
    http: SocketAddr,
    /// Where DNS is answered, for a CA that is told to ask there; not answered if not given.
    #[arg(long, value_name = "HOST:PORT")]
    dns: Option<SocketAddr>,
    /// The address that DNS tells for every name.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Where tls-alpn-01 is answered, for a CA that is told to ask there, and HTTPS for http-01 that is sent there; not
    /// answered if not given.
    #[arg(long, value_name = "HOST:PORT")]
    tls_alpn: Option<SocketAddr>,
    /// What new accounts are bound to: the name of a key, and the key in base64url.
    #[arg(long, value_parser = external_account, value_name = "KID:KEY")]
    eab: Option<ExternalAccount>,
    /// Says that the CA is one whose certificates the web trusts, so that what is asked of those alone is tried too.
    #[arg(long)]
    public_ca: bool,
    /// How many requests a second the CA is asked at most.
    #[arg(long, value_name = "REQUESTS", default_value = "20")]
    rate: NonZeroU32,
    /// How long the CA may take to answer for the first time, its root's file included.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u32,
    #[command(flatten)]
    outputs: Outputs,
    /// Tells the cases instead of trying them.
    #[arg(long)]
    list: bool,
    /// Says that a CA whose certificates the web trusts may be asked; it has to be said twice.
    #[arg(long, action = clap::ArgAction::Count)]
    production: u8,
}

fn external_account(text: &str) -> Result<ExternalAccount, String> {
    let (kid, key) = text.rsplit_once(':').ok_or("expected KID:KEY")?;
    let secret =
        URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')).map_err(|e| format!("the key is not base64url: {e}"))?;
    Ok(ExternalAccount { kid: kid.to_owned(), secret })
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{0}: there is no certificate in it (expected PEM)")]
    NoCertificate(PathBuf),
    #[error("nothing is called {0}; `gauntlet conform --list` tells all cases")]
    NoCase(String),
    #[error("{0} is a CA whose certificates the web trusts: say --production twice if its operator knows of this")]
    Production(String),
    #[error("{address}: {source}; say with --http, --dns and --tls-alpn where validations are answered")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("{directory} is no ACME directory: {why}")]
    NoDirectory { directory: Box<Url>, why: Stop },
    #[error("starting: {0}")]
    Start(io::Error),
    #[error("--list tells the cases and tries none")]
    List,
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Options {
    /// What says which CA is tried and how, as it was given or by default.
    fn words(&self) -> Vec<(&'static str, String)> {
        let mut words = vec![("--directory", self.directory.as_ref().map(Url::to_string).unwrap_or_default())];
        words.extend(self.ca_file.iter().map(|file| ("--ca-file", file.display().to_string())));
        words.extend(self.contact.iter().map(|contact| ("--contact", contact.clone())));
        words.push(("--domain", self.domain.clone()));
        words.push(("--http", self.http.to_string()));
        words.extend(self.dns.iter().map(|address| ("--dns", address.to_string())));
        words.push(("--address", self.address.to_string()));
        words.extend(self.tls_alpn.iter().map(|address| ("--tls-alpn", address.to_string())));
        words.extend(
            self.eab.iter().map(|eab| ("--eab", format!("{}:{}", eab.kid, URL_SAFE_NO_PAD.encode(&eab.secret)))),
        );
        words
    }
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

fn cases(options: &Options) -> Result<Vec<&'static Case>, Refusal> {
    selected(server::cases(), &options.only, options.level).map_err(Refusal::NoCase)
}

/// Tries the cases, no further than to an `interrupt`, and tells what came of them.
pub(super) fn results(options: &Options, interrupt: &Notify) -> Result<Results, Refusal> {
    let cases = cases(options)?;
    let directory = options.directory.clone().filter(|_| !options.list).ok_or(Refusal::List)?;
    let host = directory.host_str().unwrap_or_default().to_owned();
    if options.production < 2 && PRODUCTION.contains(&host.as_str()) {
        return Err(Refusal::Production(host));
    }
    let known = options.outputs.known()?;
    let tried = directory.to_string();
    let runtime = Runtime::new().map_err(Refusal::Start)?;
    let outcomes = runtime.block_on(run(options, &directory, &cases, interrupt));
    // A lookup that hangs must not keep the command.
    runtime.shutdown_background();
    let (words, is_public) = (options.words(), options.public_ca);
    let repeat = move |about: &About| {
        let words = [words.clone(), vec![("--only", about.id.to_owned())]].concat();
        command("conform", &words) + if is_public { " --public-ca" } else { "" }
    };
    let results = Results { tried, repeat: Box::new(repeat), outcomes: outcomes?, exit_code: 0 };
    let is_case = |id: &str| server::cases().iter().any(|case| case.id == id);
    let mut results = results.told(&options.outputs, &known, is_case)?;
    if STOPPING.load(Ordering::Relaxed) {
        eprintln!("interrupted: {} of {} cases were tried", results.outcomes.len(), cases.len());
        results.exit_code = INTERRUPTED;
    }
    Ok(results)
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, Refusal> {
    let path = file.unwrap_or(Path::new("/etc/ssl/certs/ca-certificates.crt"));
    let text = fs::read(path).map_err(|source| Refusal::File { path: path.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
    if roots.is_empty() { Err(Refusal::NoCertificate(path.to_owned())) } else { Ok(roots) }
}

async fn run(
    options: &Options,
    directory: &Url,
    cases: &[&'static Case],
    interrupt: &Notify,
) -> Result<Vec<Outcome>, Refusal> {
    let env: Env = real::env("conform", real::Options::default());
    let responder = Responder::default();
    let listen = |address| move |source| Refusal::Listen { address, source };
    let _http = responder.serve_http01(&env, options.http).await.map_err(listen(options.http))?;
    let _tls = match options.tls_alpn {
        Some(at) => Some(responder.serve_tls(&env, at).await.map_err(listen(at))?),
        None => None,
    };
    let _dns = match options.dns {
        Some(at) => Some(responder.serve_dns(&env, at, options.address).await.map_err(listen(at))?),
        None => None,
    };
    let common = match select(pin!(awaited(options, directory, &env, &responder)), pin!(interrupt.notified())).await {
        Either::Left((common, _)) => common?,
        Either::Right(_) => return Ok(Vec::new()),
    };
    let told = |outcome: &Outcome| {
        say(&report::line(outcome));
    };
    let outcomes = suite::run(common.clone(), cases, interrupt, told).await;
    if STOPPING.load(Ordering::Relaxed) {
        eprintln!("cleaning up; Ctrl-C once more leaves the CA what cases have made there");
    }
    let cleaned_up = match select(pin!(suite::clean_up(&common)), pin!(interrupt.notified())).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => "not cleaned up: interrupted".to_owned(),
    };
    say(&(cleaned_up + "\n"));
    Ok(outcomes)
}

/// The CA, once its directory can be read, which is waited for as long as is said.
async fn awaited(options: &Options, directory: &Url, env: &Env, responder: &Responder) -> Result<Arc<Common>, Refusal> {
    let begun = env.monotonic_now();
    loop {
        match reached(options, directory, env, responder).await {
            Err(_) if env.monotonic_now().since(begun) < Duration::from_secs(options.wait.into()) => {
                env.sleep(LOOK_INTERVAL).await;
            }
            outcome => return outcome,
        }
    }
}

/// The CA, if its directory can be read.
async fn reached(options: &Options, directory: &Url, env: &Env, responder: &Responder) -> Result<Arc<Common>, Refusal> {
    let target = Target {
        directory: directory.clone(),
        roots: roots(options.ca_file.as_deref())?,
        contact: options.contact.clone(),
        domain: options.domain.clone(),
        address: options.address,
        http_port: options.http.port(),
        tls_port: options.tls_alpn.map(|address| address.port()),
        external_account: options.eab.clone(),
        is_public: options.public_ca,
        request_interval: Duration::from_secs(1) / options.rate.get(),
    };
    let common = Arc::new(Common::new(env, target, responder.clone()));
    match Driver::new(&common).resource("newOrder").await {
        Ok(_) | Err(Stop::Skip(_)) => Ok(common),
        Err(why) => Err(Refusal::NoDirectory { directory: Box::new(directory.clone()), why }),
    }
}
