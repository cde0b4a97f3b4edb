//! `gauntlet serve` as its users run it: a process of its own, on loopback sockets whose ports it picks itself.

mod bad_input;
mod challtestsrv;
mod controls;
mod event_log;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use ca_mock::dns::{DnsServer, Zone, ZoneHandle};
use client_under_test::Manager;
use http_body_util::{BodyExt, Empty};
use hyper::{
    HeaderMap, Request,
    body::Bytes,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use sim::{
    Env, real, tls,
    trace::{Event, Observer, Record, Trace},
};
use tokio::{sync::Notify, task::spawn_blocking, time::timeout};

/// A bound against hanging, never a measure.
const PATIENCE: Duration = Duration::from_secs(120);
const DIRECTORY: &str = "ACME directory available at: ";
const ROOTS: &str = "Root CA certificate(s) available at: ";
const TRUST: &str = "Root to trust for HTTPS: ";

/// A CA or challenge test server that runs. It is killed when it is dropped.
struct Served {
    child: Child,
    /// What it said until it was ready.
    lines: Vec<String>,
    rest: Option<BufReader<ChildStdout>>,
}

impl Served {
    async fn start(program: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_until(DIRECTORY, program, flags, variables).await
    }

    /// Starts it; it is ready once it has said `last`.
    async fn start_until(last: &'static str, program: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(flags)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command can be started");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut served = Self { child, lines: Vec::new(), rest: None };
        let reading = spawn_blocking(move || {
            let mut lines = Vec::new();
            let mut line = String::new();
            while !line.contains(last) {
                line.clear();
                assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended after saying {lines:#?}");
                lines.push(line.trim_end().to_owned());
            }
            (lines, output)
        });
        let (lines, rest) = timeout(PATIENCE, reading).await.expect("it is ready in time").unwrap();
        served.lines = lines;
        served.rest = Some(rest);
        served
    }

    /// What stands after `label` in what it said.
    fn told(&self, label: &str) -> &str {
        let told = self.lines.iter().find_map(|line| line.split_once(label));
        told.unwrap_or_else(|| panic!("{label:?} is missing in {:#?}", self.lines)).1
    }

    /// The root of its own HTTPS certificate.
    fn trust(&self) -> String {
        std::fs::read_to_string(self.told(TRUST)).unwrap()
    }

    /// Ends it by a signal; its exit code.
    async fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut rest = self.rest.take().unwrap();
        let ending = spawn_blocking(move || rest.read_to_string(&mut String::new()));
        timeout(PATIENCE, ending).await.expect("it ends in time").unwrap().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn gauntlet() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gauntlet"))
}

fn scratch(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A configuration whose ports are picked by the system, and whose keys are made quickly.
fn any_port(name: &str, more: &str) -> String {
    let address = "127.0.0.1:0";
    let text = format!(
        r#"{{"pebble": {{"listenAddress": "{address}", "managementListenAddress": "{address}", "keyAlgorithm": "ecdsa"{more}}}}}"#
    );
    scratch(name, &text).to_str().unwrap().to_owned()
}

fn output(program: &Path, flags: &[&str]) -> Output {
    Command::new(program).args(flags).output().expect("the command can be started")
}

/// GETs a URL over the version of HTTP that `alpn` names; the headers and the body.
async fn get(env: &Env, trust: &str, url: &str, alpn: &str) -> (HeaderMap, String) {
    let (address, path) = url.strip_prefix("https://").unwrap().split_once('/').unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trust.as_bytes()).unwrap()).unwrap();
    let socket: SocketAddr = address.parse().unwrap();
    let name = ServerName::IpAddress(socket.ip().into());
    let stream = env.connect(socket).await.unwrap();
    let stream = tls::Client::new(env, roots, &[alpn]).connect(stream, name).await.unwrap();
    assert_eq!(stream.alpn(), Some(alpn.as_bytes()));
    let response = if alpn == "h2" {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        env.spawn("connection", connection).detach();
        sender
            .send_request(Request::get(url).header("user-agent", "test").body(Empty::<Bytes>::new()).unwrap())
            .await
            .unwrap()
    } else {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        env.spawn("connection", connection).detach();
        let request = Request::get(format!("/{path}")).header("host", address).header("user-agent", "test");
        sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap()
    };
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// Tells when the manager has a certificate.
struct Stored(Arc<Notify>);

impl Observer for Stored {
    fn observe(&mut self, record: &Record, _line: &str) {
        if matches!(&record.event, Event::Probe { name, .. } if name == "manager/certificate-stored") {
            self.0.notify_one();
        }
    }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![std::fs::read_to_string(path).unwrap()] })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_gets_a_certificate_with_its_nonces_refused_now_and_then() {
    const NAME: &str = "www.example.test";
    // All of 127.0.0.0/8 is this machine; a network of our own keeps other processes' ports out of the way.
    let [.., high, low] = std::process::id().to_be_bytes();
    let here = |last| IpAddr::from([127, high | 0x80, low, last]);
    let dns_address = SocketAddr::new(here(3), 8_053);
    let config = any_port("serve-client.json", "");
    let server = dns_address.to_string();
    let ca = Served::start(
        gauntlet(),
        &["serve", "-config", &config, "--dnsserver", &server, "-seed=3", "-strict"],
        &[("PEBBLE_WFE_NONCEREJECT", "30"), ("PEBBLE_VA_NOSLEEP", "1")],
    )
    .await;

    let stored = Arc::new(Notify::new());
    let mut trace = Trace::default();
    trace.add_observer(Box::new(Stored(stored.clone())));
    let names = BTreeMap::from([(NAME.to_owned(), vec![here(20)])]);
    let env =
        real::env("manager", real::Options { trace: Some(Arc::new(Mutex::new(trace))), names, ..Default::default() });
    let zone = format!("$ORIGIN test.\n$TTL 60\nwww.example IN A {}\n", here(20));
    let zones = ZoneHandle::new(vec![Zone::parse(".", &zone).unwrap()]);
    let dns = DnsServer::bind(&env, dns_address, zones).await.unwrap();
    let _dns = env.spawn("dns", dns.serve());
    let storage = tempfile::tempdir().unwrap();
    let mut config = client_under_test::Config::new([NAME], ca.told(DIRECTORY), ca.trust());
    config.issuers[0].consent = Some(client_under_test::acme::account::Consent::ToAny);
    config.storage_root = storage.path().to_owned();
    config.http_address = SocketAddr::new(here(20), 5_002);
    config.tls_address = SocketAddr::new(here(20), 5_001);
    let manager = Manager::new(env.clone(), config).unwrap();
    let _manager = env.spawn("manager", manager.run());
    timeout(PATIENCE, stored.notified()).await.expect("a certificate is stored in time");

    let intermediate = ca.told(ROOTS).replace("/roots/", "/intermediates/");
    let (_, intermediate) = get(&env, &ca.trust(), &intermediate, "h2").await;
    assert!(files(storage.path()).iter().any(|file| file.contains(intermediate.trim())), "{intermediate}");
    let (headers, directory) = get(&env, &ca.trust(), ca.told(DIRECTORY), "http/1.1").await;
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert!(directory.starts_with("{\n   \"keyChange\": ") && directory.contains("/sign-me-up"), "{directory}");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_seeds_give_equal_keys_and_nonces_side_by_side() {
    let config = any_port("serve-seeds.json", "");
    let env = real::env("visitor", real::Options::default());
    let mut seen = Vec::new();
    let mut running = Vec::new();
    for seed in ["11", "11", "12"] {
        let ca = Served::start(gauntlet(), &["serve", "--config", &config, "--seed", seed], &[]).await;
        let trust = ca.trust();
        let keys = ca.told(ROOTS).replace("/roots/", "/root-keys/");
        let (_, key) = get(&env, &trust, &keys, "h2").await;
        assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"), "{key}");
        let nonces = ca.told(DIRECTORY).replace("/dir", "/nonce-plz");
        let (headers, _) = get(&env, &trust, &nonces, "h2").await;
        seen.push((key, headers["replay-nonce"].to_str().unwrap().to_owned()));
        running.push(ca);
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0].0, seen[2].0);
    assert_ne!(seen[0].1, seen[2].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_named_pebble_behaves_as_pebble_and_a_signal_ends_it_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let pebble = folder.path().join("pebble");
    std::os::unix::fs::symlink(gauntlet(), &pebble).unwrap();

    let config = any_port("serve-pebble.json", r#", "certificateValidityPeriod": 60"#);
    let ca = Served::start(&pebble, &["--config", &config], &[("PEBBLE_CHAIN_LENGTH", "0")]).await;
    for warning in ["serve-pebble.json:1:", "PEBBLE_CHAIN_LENGTH=0"] {
        assert!(ca.lines.iter().any(|line| line.contains("Warning") && line.contains(warning)), "{:#?}", ca.lines);
    }
    let trust = PathBuf::from(ca.told(TRUST));
    assert_eq!(ca.terminate().await, Some(0));
    assert!(!trust.exists());

    assert_eq!(output(&pebble, &["-version"]).status.code(), Some(0));
    assert_eq!(output(&pebble, &["-strict", "false"]).status.code(), Some(1));
    let missing = Command::new(&pebble).current_dir(folder.path()).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).starts_with("test/config/pebble-config.json: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_without_key_algorithm_means_rsa_and_roots_have_alternates() {
    let config = scratch(
        "serve-rsa.json",
        r#"{"pebble": {"listenAddress": "127.0.0.1:0", "managementListenAddress": "127.0.0.1:0"}}"#,
    );
    let flags = ["serve", "-config", config.to_str().unwrap(), "-seed", "3"];
    let ca = Served::start(gauntlet(), &flags, &[("PEBBLE_ALTERNATE_ROOTS", "1")]).await;
    let env = real::env("visitor", real::Options::default());
    let (trust, roots) = (ca.trust(), ca.told(ROOTS));
    let (headers, _) = get(&env, &trust, roots, "h2").await;
    assert_eq!(headers["link"], format!("<{}>;rel=\"alternate\"", roots.replace("/roots/0", "/roots/1")));
    let mut keys = BTreeSet::new();
    for call in ["/root-keys/0", "/root-keys/1", "/intermediate-keys/0", "/intermediate-keys/1"] {
        let (_, key) = get(&env, &trust, &roots.replace("/roots/0", call), "h2").await;
        assert!(key.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "{key}");
        keys.insert(key);
    }
    // Both roots vouch for one intermediate.
    assert_eq!(keys.len(), 3);
}

#[test]
fn every_mistake_of_a_configuration_is_told_with_its_line() {
    let text = "{\"pebble\": {\n\"listenAddress\": 14000,\n\"certificate\": \"/nowhere/c.pem\",\n\
                \"privateKey\": \"/nowhere/k.pem\",\n\"httpPort\": \"80\"\n}}";
    let file = scratch("serve-wrong.json", text);
    let path = file.to_str().unwrap();
    let wrong = output(gauntlet(), &["serve", "-config", path]);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    let expected = [
        format!("{path}:2:18: listenAddress is text, not 14000"),
        format!("{path}:3:16: /nowhere/c.pem: "),
        format!("{path}:4:15: /nowhere/k.pem: "),
        format!("{path}:5:13: httpPort is a whole number from 0 to 65535, not text"),
        format!("4 mistakes in {path}"),
    ];
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    for (line, expected) in said.lines().zip(expected) {
        assert!(line.starts_with(&expected), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pebbles_keys_for_external_accounts_are_obeyed() {
    let more = r#", "externalAccountBindingRequired": true, "externalAccountMACKeys": {"kid-1": "zWNDZM6eQGHWpSRT"}"#;
    let ca = Served::start(gauntlet(), &["serve", "-config", &any_port("serve-eab.json", more)], &[]).await;
    assert!(!ca.lines.iter().any(|line| line.contains("Warning")), "{:#?}", ca.lines);
    let env = real::env("visitor", real::Options::default());
    let (_, directory) = get(&env, &ca.trust(), ca.told(DIRECTORY), "h2").await;
    assert!(directory.contains("\"externalAccountRequired\": true"), "{directory}");
}
