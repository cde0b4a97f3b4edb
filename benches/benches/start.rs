//! A certificate manager's cold start: from nothing to a visitor's handshake for the last of many certificates that its storage
//! holds; the README's table.
//!
//! `cargo bench -p benches --bench start`, or with `-- quick` fewer certificates, which writes nothing.
//!
//! Each start is a process of its own. The files are in the page cache, where writing them has left them. No CA can be reached,
//! and none is needed.
#![expect(clippy::disallowed_types, reason = "real time is what is measured")]

use std::{
    env,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use benches::{certificates::Root, figures, results::Measured};
use client_under_test::{
    Config, Manager,
    name::Name,
    storage::{Storage, lock::Lease},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use sim::{Env, real, tls};

/// Nobody answers here.
const CA: &str = "https://127.0.0.1:1/directory";
/// What the certificates are signed by; it is in the directory of the storage.
const ROOT: &str = "root.pem";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().collect();
    let env = real::env("bench", real::Options::default());
    if let [_, begin, directory, count, ..] = &arguments[..]
        && begin == "begin"
    {
        return start(&env, Path::new(directory), count.parse().expect("a number")).await;
    }
    let is_quick = arguments.iter().any(|argument| argument == "quick");
    let counts: &[usize] = if is_quick { &[1_000] } else { &[1_000, 10_000, 100_000] };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut out = String::new();
    let mut row = |cells: [&str; 2]| writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
    row(["certificates", "until the last one is shown"]);
    row(["---"; 2]);
    let mut measured = Measured::by("start");
    let mut written = 0;
    for count in counts {
        write(&env, directory.path(), written..*count).await;
        written = *count;
        let took = start_apart(directory.path(), *count);
        measured.lower(format!("{count} certificates"), "s", took);
        row([&count.to_string(), &format!("{took:.2} s")]);
    }
    println!("{out}");
    if !is_quick {
        measured.leave();
        figures::quote("start", &out);
    }
}

fn name(number: usize) -> String {
    format!("shop{number:07}.example.com")
}

/// Stores certificates, each with a key of its own and the root behind it.
async fn write(env: &Env, directory: &Path, numbers: std::ops::Range<usize>) {
    let root = Root::new(env);
    fs::write(directory.join(ROOT), &root.pem).expect("there is room");
    let storage = Storage::new(env, directory.to_owned(), &CA.parse().expect("a URL"));
    for number in numbers {
        let name: Name = name(number).parse().expect("a DNS name");
        let set = root.set(env, name.as_str());
        storage.store_certificate(&name, &set, &Lease::unlocked()).await.expect("there is room");
    }
}

/// How many seconds a manager takes that starts in a process of its own.
fn start_apart(directory: &Path, count: usize) -> f64 {
    let program = env::current_exe().expect("it has a file");
    let output = Command::new(program)
        .arg("begin")
        .arg(directory)
        .arg(count.to_string())
        .stderr(Stdio::inherit())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{:?}", output.status);
    let told = String::from_utf8(output.stdout).expect("it tells a number");
    told.trim().parse().expect("a number")
}

async fn start(env: &Env, directory: &Path, count: usize) {
    let began = Instant::now();
    let root = fs::read_to_string(directory.join(ROOT)).expect("it was written");
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config {
        storage_root: directory.to_owned(),
        http_address: any_port,
        tls_address: any_port,
        ..Config::new((0..count).map(name), CA, root.clone())
    };
    let manager = Manager::new(env.clone(), config).expect("it is understood");
    let listening = manager.listen().await.expect("there are free ports");
    let address = listening.tls_address().expect("it has one");
    let _working = env.spawn("manager", listening.run());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).expect("PEM")).expect("a certificate");
    let last = ServerName::try_from(name(count - 1)).expect("a DNS name");
    let stream = env.connect(address).await.expect("it listens");
    tls::Client::new(env, roots, &["http/1.1"]).connect(stream, last).await.expect("the certificate is shown");
    println!("{}", began.elapsed().as_secs_f64());
}
