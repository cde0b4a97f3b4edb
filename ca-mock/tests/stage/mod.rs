//! A CA, a DNS server and a web server on loopback, and clients of the CA.

mod client;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use ca_mock::{
    Ca, Config,
    dns::{DnsServer, Zone, ZoneHandle},
};
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, header, server, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use sim::{
    Env, Task,
    crypto::P256Key,
    real, tls,
    trace::{Event, Observer, Record, Trace},
};

pub(crate) use client::{Client, Reply, Url, base64url, jwk, jws};

const ZONE: &str = "a A 127.0.0.1\nb CNAME a\nwrong A 127.0.0.1\nmissing A 127.0.0.1\n";

/// Path to body, or to `Location: URL`, on every host name alike.
type Pages = Arc<Mutex<BTreeMap<String, String>>>;

pub(crate) struct Stage {
    pub(crate) env: Env,
    pub(crate) ca: Ca,
    address: SocketAddr,
    pub(crate) directory_url: Url,
    /// What its DNS server answers with.
    pub(crate) zones: ZoneHandle,
    /// What its web server has.
    pub(crate) pages: Pages,
    probes: Arc<Mutex<BTreeSet<String>>>,
    _running: Vec<Task<()>>,
}

impl Stage {
    pub(crate) async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let probes = Arc::new(Mutex::new(BTreeSet::new()));
        let mut trace = Trace::default();
        trace.add_observer(Box::new(Probes(probes.clone())));
        let trace = Some(Arc::new(Mutex::new(trace)));
        let env = real::env("test", real::Options { trace, ..real::Options::default() });
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));

        let zones = ZoneHandle::new(vec![Zone::parse("example", ZONE).unwrap()]);
        let dns = DnsServer::bind(&env, anywhere, zones.clone()).await.unwrap();
        let web = env.listen(anywhere).await.unwrap();
        let mut config = Config {
            listen: anywhere.ip(),
            https_port: 0,
            issuance_delay: Duration::ZERO,
            dns_server: dns.local_address().unwrap(),
            http01_port: web.local_address().unwrap().port(),
            ..Config::default()
        };
        change(&mut config);
        let ca = Ca::new(&env, config);
        let bound = ca.bind(&env).await.unwrap();
        let address = bound.local_address().unwrap();
        let directory_url = Url(bound.directory_url());
        let pages = Pages::default();
        let running = vec![
            env.spawn("dns", dns.serve()),
            env.spawn("ca", bound.serve()),
            env.spawn("web", serve_pages(env.clone(), web, pages.clone())),
        ];
        Self { env, ca, address, directory_url, zones, pages, probes, _running: running }
    }

    /// A client with a new key and no account.
    pub(crate) async fn client(&self) -> Client {
        let tls = tls::Client::new(&self.env, roots(self.ca.api_root_pem()), &["http/1.1"]);
        Client::new(&self.env, tls, self.address, self.pages.clone(), &self.directory_url).await
    }

    pub(crate) fn probes(&self) -> BTreeSet<String> {
        self.probes.lock().unwrap().clone()
    }

    /// A request in base64url, with a new key unless one is given.
    pub(crate) fn csr(&self, names: &[&str], key: Option<&P256Key>) -> String {
        client::csr(&self.env, names, key)
    }

    /// As a browser would check it.
    pub(crate) fn check_chain(&self, chain: &[Vec<u8>], name: &str) {
        let roots = Arc::new(roots(&self.ca.issuer_root_pem()));
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, self.env.crypto_provider()).build().unwrap();
        let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let now = self.env.time_provider().current_time().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], now).unwrap();
    }
}

struct Probes(Arc<Mutex<BTreeSet<String>>>);

impl Observer for Probes {
    fn observe(&mut self, record: &Record, _line: &str) {
        if let Event::Probe { name, .. } = &record.event {
            self.0.lock().unwrap().insert(name.clone());
        }
    }
}

async fn serve_pages(env: Env, listener: sim::net::TcpListener, pages: Pages) {
    while let Ok(stream) = listener.accept().await {
        let pages = pages.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let page = pages.lock().unwrap().get(request.uri().path()).cloned();
            let mut response = Response::new(Full::default());
            match page.as_deref().map(|page| (page, page.strip_prefix("Location: "))) {
                None => *response.status_mut() = StatusCode::NOT_FOUND,
                Some((_, Some(target))) => {
                    *response.status_mut() = StatusCode::FOUND;
                    response.headers_mut().insert(header::LOCATION, target.parse().unwrap());
                }
                Some((page, None)) => *response.body_mut() = Full::new(Bytes::from(page.to_owned())),
            }
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        env.spawn("page", connection).detach();
    }
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    roots
}
