//! A web server that gets its certificates by itself: hyper on real sockets, behind the certificate manager.
//!
//! Against the CA of this project, with nothing to set up but the two commands:
//!
//! ```text
//! gauntlet serve --root-file root.pem
//! cargo run --example https -- --directory https://localhost:14000/dir --ca-file root.pem --storage acme \
//!     --agree-to-terms any --on-demand www.example.test --http 127.0.0.1:5002 --tls 127.0.0.1:5001
//! curl --insecure --connect-to www.example.test:443:127.0.0.1:5001 https://www.example.test/
//! ```
//!
//! Any other CA will do, if its directory is named and it finds this machine on the ports that it validates.
//!
//! Several hosts serve the same certificates if each is told the same storage, and a name of its own:
//! `--storage redis://10.0.0.9 --shared-as web-1`.

use std::{
    convert::Infallible,
    error::Error,
    fs,
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use client_under_test::{
    Config, Manager,
    acme::account::Consent,
    manager::{
        AriThenRatio, AskEndpoint, Decision, Dns01, DnsProvider, IssuerConfig, OnDemand, Solver,
        dns01::{challtestsrv::Challtestsrv, update::DnsUpdate},
        endpoint::Application,
    },
    storage::{
        bucket::Bucket,
        lock::{NumberedFiles, StorageLocks},
        medium::Medium,
        redis::Redis,
    },
};
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::HOST,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use object_store::aws::AmazonS3Builder;
use sim::{Env, real, tls::TlsStream};

/// A web server whose certificates come from an ACME CA.
#[derive(Debug, Parser)]
struct Options {
    /// The CA's directory.
    #[arg(long, value_name = "URL")]
    directory: String,
    /// The roots that vouch for the CA's own HTTPS, PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: PathBuf,
    /// Where accounts and certificates are kept: a folder; `s3://BUCKET[/PREFIX]`, with what else is to be said in the environment
    /// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; for others than Amazon AWS_ENDPOINT, and AWS_ALLOW_HTTP=true if that is
    /// without TLS); or a Redis server, `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, whose keys begin with `acme/`.
    #[arg(long, value_name = "FOLDER|URL", default_value = "acme")]
    storage: String,
    /// Other hosts use the storage too, and know this one by this name, which is no other's. A bucket is tried first: one that does
    /// not keep to conditional writes is refused.
    #[arg(long, value_name = "NAME")]
    shared_as: Option<String>,
    /// A name that has a certificate from the start. May be said again.
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// A name that gets a certificate when its first visitor comes; a wildcard allows each name one label below. May
    /// be said again.
    #[arg(long, value_name = "NAME")]
    on_demand: Vec<String>,
    /// Who says whether other names may have one when their first visitor comes: this address is asked with
    /// `?domain=NAME` and answers 200 for those that may.
    #[arg(long, value_name = "URL")]
    ask: Option<String>,
    /// The roots that vouch for the HTTPS of whoever is asked, PEM. Without them it is asked over plain HTTP.
    #[arg(long, value_name = "FILE", requires = "ask")]
    ask_ca_file: Option<PathBuf>,
    /// How the CA is shown that the names are ours.
    #[arg(long, value_enum, default_value = "http-01")]
    challenge: Challenge,
    /// For dns-01 and dns-persist-01: a name server that is asked whether a record has come to where the CA looks.
    #[arg(
        long,
        value_name = "ADDRESS",
        required_if_eq_any([("challenge", "dns-01"), ("challenge", "dns-persist-01")])
    )]
    dns_server: Option<SocketAddr>,
    /// For those too: the management API of `gauntlet challtestsrv` or pebble-challtestsrv, which sets the records. Without
    /// it the name server is told by DNS UPDATE (RFC 2136).
    #[arg(long, value_name = "ADDRESS")]
    challtestsrv: Option<SocketAddr>,
    /// Where http-01 challenges are answered.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:80")]
    http: SocketAddr,
    /// Where visitors are answered.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:443")]
    tls: SocketAddr,
    /// How often it is looked whether a certificate is to be renewed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    look_every: u64,
    /// Where the CA can reach the operator, such as `mailto:ops@example.org`. May be said again.
    #[arg(long, value_name = "URL")]
    contact: Vec<String>,
    /// The CA's terms of service that you agree to, by the URL that its directory names, or `any` for whatever they are.
    #[arg(long, value_name = "URL")]
    agree_to_terms: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Challenge {
    #[value(name = "http-01")]
    Http01,
    #[value(name = "tls-alpn-01")]
    TlsAlpn01,
    #[value(name = "dns-01")]
    Dns01,
    #[value(name = "dns-persist-01")]
    DnsPersist01,
}

impl From<Challenge> for Solver {
    fn from(challenge: Challenge) -> Self {
        match challenge {
            Challenge::Http01 => Self::Http01,
            Challenge::TlsAlpn01 => Self::TlsAlpn01,
            Challenge::Dns01 => Self::Dns01,
            Challenge::DnsPersist01 => Self::DnsPersist01,
        }
    }
}

/// Where accounts and certificates are kept.
struct Place {
    root: PathBuf,
    medium: Option<Arc<dyn Medium>>,
    locks: Option<Arc<dyn StorageLocks>>,
}

impl Place {
    async fn find(env: &Env, storage: &str, is_shared: bool) -> Result<Self, String> {
        let said = |e: io::Error| e.to_string();
        if let Some(bucket) = storage.strip_prefix("s3://") {
            let (name, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
            if name.is_empty() {
                return Err(format!("{storage}: expected s3://BUCKET[/PREFIX], found no bucket's name"));
            }
            // The HTTP client wants to know by whom it encrypts.
            drop(rustls::crypto::ring::default_provider().install_default());
            let store = AmazonS3Builder::from_env().with_bucket_name(name).build().map_err(|e| e.to_string())?;
            let (bucket, root) = (Bucket::new(Arc::new(store)), PathBuf::from(prefix));
            let locks = if is_shared { Some(bucket.locks(env, &root).await.map_err(said)?) } else { None };
            return Ok(Self { root, medium: Some(Arc::new(bucket)), locks });
        }
        if storage.contains("://") {
            let redis = Redis::new(env, storage).map_err(|e| e.to_string())?;
            match redis.warnings().await {
                Ok(warnings) => warnings.iter().for_each(|warning| println!("Warning: {warning}")),
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => println!("Warning: {e}"),
                Err(e) => return Err(said(e)),
            }
            let locks = is_shared.then(|| redis.locks());
            return Ok(Self { root: "acme".into(), medium: Some(Arc::new(redis)), locks });
        }
        let locks = is_shared.then(|| Arc::new(NumberedFiles) as Arc<dyn StorageLocks>);
        Ok(Self { root: storage.into(), medium: None, locks })
    }
}

/// The web site.
#[derive(Debug)]
struct Site;

impl Application for Site {
    fn serve<'a>(&'a self, _env: &'a Env, visitor: TlsStream) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(30))
            .serve_connection(TokioIo::new(visitor), service_fn(page));
        // A visitor who breaks off is no concern of the others.
        Box::pin(async move { drop(serving.await) })
    }
}

async fn page(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("nobody in particular");
    Ok(Response::new(format!("This is {host}, {}.\n", request.uri().path()).into()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let read = |file: &Path| fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()));
    let roots = read(&options.ca_file)?;
    let consent = options.agree_to_terms.map(|terms| if terms == "any" { Consent::ToAny } else { Consent::To(terms) });
    let issuer = IssuerConfig { contact: options.contact, consent, ..IssuerConfig::new(options.directory, roots) };
    let decision = match (&options.ask, &options.ask_ca_file) {
        (Some(url), Some(file)) => Some(AskEndpoint::over_https(url, &read(file)?)?),
        (Some(url), None) => Some(AskEndpoint::new(url)?),
        (None, _) => None,
    };
    let provider = |server| match options.challtestsrv {
        Some(api) => Arc::new(Challtestsrv::new(api)) as Arc<dyn DnsProvider>,
        None => Arc::new(DnsUpdate { server }),
    };
    let env = real::env(options.shared_as.as_deref().unwrap_or("https"), real::Options::default());
    let place = Place::find(&env, &options.storage, options.shared_as.is_some()).await?;
    let config = Config {
        dns01: options.dns_server.map(|server| Dns01::new(provider(server), server)),
        issuers: vec![issuer],
        storage_root: place.root,
        storage_medium: place.medium,
        storage_locks: place.locks,
        http_address: options.http,
        tls_address: options.tls,
        application: Arc::new(Site),
        solver: options.challenge.into(),
        renewal_schedule: Arc::new(AriThenRatio { check_interval: Duration::from_secs(options.look_every.max(1)) }),
        on_demand: (decision.is_some() || !options.on_demand.is_empty()).then(|| OnDemand {
            decision: decision.map(|decision| Arc::new(decision) as Arc<dyn Decision>),
            ..OnDemand::of(options.on_demand)
        }),
        ..Config::new(options.name, "", "")
    };
    let manager = Manager::new(env.clone(), config)?;
    let (handle, mut events) = (manager.handle(), manager.handle().events());
    let listening = manager.listen().await?;
    println!("visitors on {}, http-01 on {}", listening.tls_address()?, listening.http_address()?);
    let _telling = env.spawn("tell", async move {
        while let Some(heard) = events.next().await {
            println!("{heard}");
        }
    });
    let _ending = env.spawn("end", async move {
        drop(tokio::signal::ctrl_c().await);
        handle.shut_down();
    });
    listening.run().await;
    Ok(())
}
