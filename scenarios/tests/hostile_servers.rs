//! The conformance suite against servers that mean harm: each case ends within the suite's bounds, with a verdict that says
//! what was found. Most run in the world, where a bound of minutes takes no time; what depends on real sockets and on the
//! command's exit code runs over loopback.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::RootCertStore;
use scenarios::conformance::{
    case::Case,
    driver::{Common, Driver, Target},
    responder::Responder,
    server,
    suite::{self, CASE_LIMIT, Outcome},
    verdict::{Stop, Verdict},
};
use sim::{
    Env, real,
    world::{ClockOptions, HostOptions, Options, World},
};
use time::macros::utc_datetime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};

const CA_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const SUITE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));
const END: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What a server does with one request.
#[derive(Clone, Debug)]
struct Reply {
    /// What it says, before it has read the request's body if `is_early`.
    says: Vec<u8>,
    is_early: bool,
    then: Then,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Close,
    /// Nothing more, and the connection stays.
    Silence,
    /// This again and again.
    Repeat(&'static [u8]),
}

impl Reply {
    fn new(says: impl Into<Vec<u8>>, then: Then) -> Self {
        Self { says: says.into(), is_early: false, then }
    }

    /// An answer without a fault in HTTP.
    fn whole(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nReplay-Nonce: bm9uY2U\r\n{headers}\r\n");
        Self::new(head + body, Then::Close)
    }
}

fn directory(base: &str) -> String {
    let names = ["newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "renewalInfo"];
    let members: Vec<String> = names.iter().map(|name| format!("\"{name}\": \"{base}/{name}\"")).collect();
    format!("{{{}}}", members.join(", "))
}

/// The first line of a request, and which of the connections it came on.
type Server = Arc<dyn Fn(&str, usize) -> Reply + Send + Sync>;

/// A server that answers everything so.
fn always(reply: Reply) -> Server {
    Arc::new(move |_, _| reply.clone())
}

/// One whose directory is right, and everything else as `reply` has it.
fn but_for_its_directory(reply: Reply) -> Server {
    Arc::new(move |line, _| match line.contains(" /dir ") {
        true => Reply::whole(200, "Content-Type: application/json\r\n", &directory("http://ca.test")),
        false => reply.clone(),
    })
}

async fn serve(env: Env, server: Server) {
    let listener = env.listen(SocketAddr::new(CA_ADDRESS, 80)).await.expect("the port is free on its own host");
    for number in 0.. {
        let Ok(mut stream) = listener.accept().await else { return };
        let (server, host) = (server.clone(), env.clone());
        let answer = async move {
            let mut request = Vec::new();
            let head_length = loop {
                if let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") {
                    break at + 4;
                }
                match stream.read_buf(&mut request).await {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return,
                }
            };
            let head = String::from_utf8_lossy(&request[..head_length]).into_owned();
            let reply = server(head.lines().next().unwrap_or_default(), number);
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
            while !reply.is_early && request.len() < head_length + length.unwrap_or(0) {
                if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
                    return;
                }
            }
            if stream.write_all(&reply.says).await.is_err() {
                return;
            }
            match reply.then {
                Then::Close => drop(stream.shutdown().await),
                Then::Silence => host.sleep(END).await,
                Then::Repeat(again) => while stream.write_all(again).await.is_ok() {},
            }
        };
        env.spawn("connection", answer).detach();
    }
}

const DIRECTORY: &str = "http://ca.test/dir";

fn common(env: &Env, directory: &str, responder: Responder) -> Arc<Common> {
    let target = Target {
        directory: directory.parse().expect("a URL"),
        roots: RootCertStore::empty(),
        contact: Vec::new(),
        domain: "suite.test".to_owned(),
        address: SUITE_ADDRESS,
        http_port: 80,
        tls_port: None,
        external_account: None,
        is_public: true,
        request_interval: Duration::ZERO,
    };
    Arc::new(Common::new(env, target, responder))
}

/// What `suite` comes to on a host beside that server; a panic of either fails the test.
fn beside<T, F>(server: Server, suite: impl Fn(Env) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let host = |name: &str, address| HostOptions {
        name: name.to_owned(),
        addresses: vec![address],
        clock: ClockOptions::default(),
        shared_disk: None,
    };
    let hosts = vec![host("ca", CA_ADDRESS), host("suite", SUITE_ADDRESS)];
    let mut world = World::new(Options { seed: 1, epoch: utc_datetime!(2026-01-01 0:00), hosts }, Vec::new());
    let [ca_host, suite_host] = ["ca", "suite"].map(|name| world.host(name).expect("it was just made"));
    world.add_name("ca.test", vec![CA_ADDRESS]);
    world.set_program(ca_host, move |env| serve(env, server.clone()));
    let (outcome, requests) = (Arc::new(Mutex::new(None)), world.requests());
    let told = outcome.clone();
    world.set_program(suite_host, move |env| {
        let (told, requests, running) = (told.clone(), requests.clone(), suite(env));
        async move {
            let outcome = running.await;
            *told.lock().unwrap() = Some(outcome);
            requests.push(Duration::ZERO, World::stop);
        }
    });
    world.start(ca_host);
    world.start(suite_host);
    world.run_until(END).unwrap_or_else(|crash| panic!("{crash:?}"));
    let outcome = outcome.lock().unwrap().take();
    outcome.expect("it ends in time")
}

/// What comes of asking that server for its directory.
fn asked(server: Server) -> Result<String, Stop> {
    beside(server, |env| async move {
        Driver::new(&common(&env, DIRECTORY, Responder::default())).resource("newOrder").await
    })
}

/// What comes of these cases on that server; each within its bound.
fn tried(server: Server, is_meant: fn(&Case) -> bool) -> Vec<Outcome> {
    let outcomes = beside(server, move |env| async move {
        let responder = Responder::default();
        let on = |port| SocketAddr::new(SUITE_ADDRESS, port);
        let _http = responder.serve_http01(&env, on(80)).await.expect("the port is free on the suite's own host");
        let _tls = responder.serve_tls(&env, on(443)).await.expect("the port is free");
        let _dns = responder.serve_dns(&env, on(53), SUITE_ADDRESS).await.expect("the port is free");
        let cases: Vec<&Case> = server::cases().into_iter().filter(|case| is_meant(case)).collect();
        suite::run(common(&env, DIRECTORY, responder), &cases, &Notify::new(), |_| {}).await
    });
    for outcome in &outcomes {
        assert!(outcome.took <= CASE_LIMIT, "{}: {:?}", outcome.case.id, outcome.took);
    }
    outcomes
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Answers that are none, or far too much of one, and what is said of each.
fn nonsense() -> Vec<(Reply, &'static str)> {
    let ok = |headers: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}");
    let closed = |says: String| Reply::new(says, Then::Close);
    vec![
        (Reply::new("", Then::Silence), "no whole answer from http://ca.test/dir within 30s"),
        (Reply::new("HTTP/1.1 200 OK\r\n", Then::Silence), "no whole answer from"),
        (Reply::new(ok("Content-Length: 10\r\n", "{"), Then::Silence), "no whole answer from"),
        (Reply::new(ok("", "["), Then::Repeat(b"[")), "its body has more than 1048576 bytes"),
        (Reply::new(ok("Content-Length: 104857600\r\n", ""), Then::Repeat(&[b' '; 4096])), "its body has more than"),
        (Reply::new(CHUNKED, Then::Repeat(b"1\r\n[\r\n")), "its body has more than 1048576 bytes"),
        (
            Reply::new(format!("{CHUNKED}1;"), Then::Repeat(&[b'x'; 512])),
            "the head of a chunk has more than 4096 bytes",
        ),
        (closed(format!("{CHUNKED}zz\r\n")), "the length of a chunk can't be read"),
        (closed(format!("{CHUNKED}5\r\n{{")), "the connection was closed within a chunk"),
        (closed(format!("{CHUNKED}1\r\n{{}}\r\n0\r\n\r\n")), "a chunk is longer than it says"),
        (closed(format!("{CHUNKED}ffffffffffffffff\r\n{{")), "its body has more than 1048576 bytes"),
        (
            Reply::new("HTTP/1.1 200 OK\r\n", Then::Repeat(b"X: y\r\n")),
            "the answer from http://ca.test/dir can't be read",
        ),
        (Reply::new("HTTP/1.1 200 OK\r\nX: ", Then::Repeat(&[b'y'; 512])), "its head has more than 65536 bytes"),
        (Reply::new("", Then::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n")), "its head has more than 65536 bytes"),
        (closed(ok("Content-Length: 1000\r\n", "{}")), "its body ended after 2 of 1000 bytes"),
        (closed(ok("Content-Length: 1\r\n", "{}")), "expected a JSON object, found {"),
        (closed(ok("Content-Length: -1\r\n", "{}")), "its Content-Length is \"-1\""),
        (closed(ok("Content-Length: 1\r\nContent-Length: 2\r\n", "{}")), "it has two values of Content-Length"),
        (closed("\u{0}\u{1}\u{2} no HTTP".to_owned()), "the answer from http://ca.test/dir can't be read"),
        (closed(String::new()), "the connection was closed after 0 bytes of its head"),
        (
            Reply::whole(302, "Location: http://ca.test/dir\r\n", ""),
            "expected the directory to succeed, found status 302",
        ),
        (Reply::whole(200, "Content-Type: image/png\r\n", "\u{1b}[2J"), "expected a JSON object"),
        (Reply::whole(200, "", &"[".repeat(100_000)), "expected a JSON object, found [[["),
        (
            Reply::whole(200, "", &format!("{{\"a\": {}", "{\"a\":".repeat(100_000))),
            "expected a JSON object, found {\"a\"",
        ),
        (Reply::whole(200, "", "{\"newOrder\": 1}"), "expected a text \"newOrder\" in the object"),
        (Reply::whole(200, "", &format!("{{\"x\": \"{}\"}}", "y".repeat(500_000))), "bytes more)"),
    ]
}

#[test]
fn a_directory_that_is_none_is_told_in_words() {
    for (reply, part) in nonsense() {
        let (Stop::Fail(why) | Stop::Hang(why)) = asked(always(reply.clone())).expect_err("it is none") else {
            panic!("{reply:?} must not be passed over");
        };
        let why = why.to_string();
        assert!(why.contains(part) && why.len() < 3_000, "{reply:?}: {why}");
    }
}

#[test]
fn an_answer_that_ends_at_any_byte_is_told_as_such() {
    let Reply { says: whole, .. } = Reply::whole(200, "", &directory("http://ca.test"));
    // What is asked of the one directory comes to be known by bytes, one connection after the other.
    for length in 0..=whole.len() {
        let outcome = asked(always(Reply::new(&whole[..length], Then::Close)));
        match (outcome, length == whole.len()) {
            (Ok(url), true) => assert_eq!(url, "http://ca.test/newOrder"),
            (Err(Stop::Fail(why)), false) => assert!(why.to_string().contains("can't be read"), "{length}: {why}"),
            (outcome, _) => panic!("{length}: {outcome:?}"),
        }
    }
}

#[test]
fn every_case_ends_with_a_verdict_whatever_comes_after_the_directory() {
    for (reply, _) in nonsense() {
        // A flood of a megabyte for each of hundreds of cases would show nothing more.
        let is_meant: fn(&Case) -> bool = match reply.then {
            Then::Close | Then::Silence => |_| true,
            Then::Repeat(_) => |case| case.is_below("rfc8555/7.2") || case.is_below("rfc8555/7.4"),
        };
        let outcomes = tried(but_for_its_directory(reply.clone()), is_meant);
        let missed = outcomes.iter().filter(|outcome| outcome.verdict.finding().is_some()).count();
        assert!(missed > outcomes.len() / 2, "{reply:?}: {outcomes:?}");
        let gone = outcomes.iter().filter(|outcome| match &outcome.verdict {
            Verdict::Skipped(reason) => reason.contains("does not answer any more"),
            Verdict::Pass | Verdict::Note(_) | Verdict::Fail(_) | Verdict::Hang(_) | Verdict::Blocked { .. } => false,
        });
        assert_eq!(gone.count(), 0, "{reply:?}: who answers for its directory is not gone");
    }
}

#[test]
fn once_a_ca_is_gone_the_rest_is_skipped_and_says_why() {
    let server: Server = Arc::new(|line, number| match number {
        0 if line.contains(" /dir ") => Reply::whole(200, "", &directory("http://ca.test")),
        _ => Reply::new("", Then::Silence),
    });
    let outcomes = tried(server, |_| true);
    assert_eq!(outcomes.len(), server::cases().len());
    let words: Vec<&str> = outcomes.iter().map(|outcome| outcome.verdict.word()).collect();
    let first = words.iter().position(|word| *word == "hang").expect("it is noticed");
    assert!(first < 3 && words[first + 1..].iter().all(|word| *word == "skipped"), "{words:?}");
    let last = outcomes.last().map(|outcome| &outcome.verdict);
    let Some(Verdict::Skipped(reason)) = last else { panic!("{last:?}") };
    assert!(reason.starts_with("the CA does not answer any more: expected an answer, found no whole"), "{reason}");
}

#[test]
fn a_ca_that_comes_back_is_tried_further() {
    let server: Server = Arc::new(|line, number| match number {
        3..=4 => Reply::new("", Then::Close),
        _ if line.contains(" /dir ") => Reply::whole(200, "", &directory("http://ca.test")),
        _ => Reply::whole(200, "", "{}"),
    });
    let outcomes = tried(server, |case| case.is_below("rfc8555/7.1"));
    assert!(
        outcomes.iter().all(|outcome| outcome.verdict.word() != "skipped" || outcome.took > Duration::ZERO),
        "{outcomes:?}"
    );
}

/// Values of members as no CA gives them.
const MAD: [&str; 9] = ["null", "true", "-1", "1e999", "\"\"", "[]", "[null, 1, {}, \"\"]", "{}", "\"mailto:a@b\""];

/// Members that cases read.
const MEMBERS: [&str; 16] = [
    "status",
    "expires",
    "identifiers",
    "identifier",
    "authorizations",
    "finalize",
    "certificate",
    "challenges",
    "error",
    "orders",
    "contact",
    "suggestedWindow",
    "subproblems",
    "type",
    "detail",
    "wildcard",
];

/// A server that plays a CA well enough for cases to get far, and of whose answers one in four is mad, another in each round.
fn mad(round: usize) -> Server {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(vec!["ca.test".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let no_certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let chains =
        [certificate.clone(), no_certificate.to_owned(), certificate[..200].to_owned(), certificate.repeat(50)];
    Arc::new(move |line, number| {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let is_mad = (number + round) % 4 == 3;
        let status = ["pending", "ready", "valid", "processing", "invalid", "valid"][number / 2 % 6];
        let challenges = ["http-01", "dns-01", "tls-alpn-01", "dns-persist-01"].map(|kind| {
            format!(
                r#"{{"type": "{kind}", "url": "http://ca.test/challenge", "token": "token", "status": "{status}"}}"#
            )
        });
        let one = format!(
            r#""status": "{status}", "authorizations": ["http://ca.test/authorization"], "identifiers": [{{}}],
               "finalize": "http://ca.test/order", "certificate": "http://ca.test/certificate", "expires": "9999-99-99",
               "identifier": {{"type": "dns", "value": "*."}}, "challenges": [{}], "orders": "http://ca.test/orders",
               "suggestedWindow": {{"start": "9999-12-31T23:59:59Z", "end": "0000-01-01T00:00:00Z"}}"#,
            challenges.join(", ")
        );
        let body = match (path, is_mad) {
            ("/dir", false) => directory("http://ca.test"),
            ("/certificate", _) => chains[(number + round) % chains.len()].clone(),
            // Of a name that is there twice, the last one is taken.
            (_, true) => format!(
                "{{{one}, \"{}\": {}}}",
                MEMBERS[(number + round) % MEMBERS.len()],
                MAD[(number / 4 + round) % MAD.len()]
            ),
            (_, false) => format!("{{{one}}}"),
        };
        let retry_after = ["0", "-1", "18446744073709551615", "99999999999999999999", "soon"][(number + round) % 5];
        let link =
            ["<>;rel=", "<http://ca.test/orders>;rel=\"next\"", ";;", "<mailto:a>;rel=\"alternate\""][number % 4];
        let headers = format!("Location: http://ca.test/order\r\nRetry-After: {retry_after}\r\nLink: {link}\r\n");
        let of_http = match (path, is_mad) {
            ("/newAccount" | "/newOrder" | "/newAuthz", false) => 201,
            ("/order" | "/authorization", true) => [200, 503, 429, 204, 600][number / 4 % 5],
            (_, _) => 200,
        };
        Reply::whole(of_http, &headers, &body)
    })
}

#[test]
fn a_ca_of_whose_answers_some_are_mad_makes_no_case_panic() {
    for round in 0..8 {
        let outcomes = tried(mad(round), |_| true);
        assert_eq!(outcomes.len(), server::cases().len());
        let far = outcomes.iter().filter(|outcome| outcome.exchanges.len() > 4);
        assert!(far.count() > 20, "answers that end each case at once show nothing");
    }
}

#[test]
fn a_ca_that_wants_to_be_asked_again_at_once_is_asked_with_pauses() {
    let asked_for = Arc::new(Mutex::new(0_u32));
    let counted = asked_for.clone();
    let server: Server = Arc::new(move |line, _| {
        if line.contains(" /dir ") {
            return Reply::whole(200, "", &directory("http://ca.test"));
        }
        *counted.lock().unwrap() += 1;
        let order = r#"{"status": "pending", "authorizations": [], "finalize": "http://ca.test/any"}"#;
        Reply::whole(201, "Location: http://ca.test/any\r\nRetry-After: 0\r\n", order)
    });
    let outcomes = tried(server, |case| case.id == "rfc8555/7.4/issuance");
    let [Outcome { verdict: Verdict::Hang(why), .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(why.found.contains("the same status for"), "{why}");
    // Ninety seconds, ten times a second.
    assert!(*asked_for.lock().unwrap() <= 1_000, "{asked_for:?}");
}

/// One that makes accounts, and answers every order before it has read it.
fn early(then: Then) -> Server {
    Arc::new(move |line, _| match line {
        _ if line.contains(" /newOrder ") => {
            let refusal = Reply::whole(413, "Content-Type: application/problem+json\r\n", "{}");
            Reply { is_early: true, then, ..refusal }
        }
        _ => Reply::whole(201, "Location: http://ca.test/account\r\n", &directory("")),
    })
}

/// The answers to the orders of the case about large bodies were those that came early.
fn judge_early(outcomes: &[Outcome]) {
    let [outcome] = outcomes else { panic!("{outcomes:?}") };
    let orders = outcome.exchanges.iter().filter(|exchange| exchange.request.starts_with("POST /newOrder "));
    let answers: Vec<&str> = orders.map(|exchange| exchange.response.lines().next().unwrap_or_default()).collect();
    assert_eq!(answers, ["HTTP/1.1 413"; 3], "{:?}", outcome.verdict);
    assert_eq!(outcome.verdict, Verdict::Pass);
}

fn is_about_large_bodies(case: &Case) -> bool {
    case.id == "rfc8555/6.2/body-large"
}

#[test]
fn an_answer_is_taken_from_who_reads_no_further() {
    let server = early(Then::Silence);
    let named: Server = Arc::new(move |line, number| match line.contains(" /dir ") {
        true => Reply::whole(200, "", &directory("http://ca.test")),
        false => server(line, number),
    });
    judge_early(&tried(named, is_about_large_bodies));
}

/// A server on loopback, for as long as `work` takes, which is told its address.
fn on_loopback<T>(server: impl Fn(SocketAddr, &str) -> Reply + Sync, work: impl FnOnce(SocketAddr) -> T) -> T {
    #[expect(clippy::disallowed_methods, reason = "the command under test is a process of its own")]
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                // Whoever goes away in the middle of an answer has read enough.
                let _ = stream.and_then(|stream| answer(stream, |line| server(address, line)));
            }
        });
        let outcome = work(address);
        is_over.store(true, Ordering::Relaxed);
        #[expect(clippy::disallowed_methods, reason = "it wakes the thread that listens")]
        drop(TcpStream::connect(address));
        outcome
    })
}

fn answer(mut stream: TcpStream, server: impl Fn(&str) -> Reply) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        length = line.trim().strip_prefix("Content-Length: ").and_then(|told| told.parse().ok()).unwrap_or(length);
    }
    let reply = server(&first);
    if !reply.is_early {
        io::copy(&mut lines.take(length), &mut io::sink())?;
    }
    stream.write_all(&reply.says)?;
    match reply.then {
        Then::Close => Ok(()),
        // Until the other side goes.
        Then::Silence => stream.read_to_end(&mut Vec::new()).map(drop),
        Then::Repeat(again) => loop {
            stream.write_all(again)?;
        },
    }
}

/// How the command ends that tries these cases on a server: what it says, and its exit code.
fn conform(directory: &str, only: &str) -> (String, Option<i32>) {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-servers-root.pem");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(vec!["ca.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(&root, certificate.pem()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["conform", "--directory", directory, "--only", only, "--http", "127.0.0.1:0", "--ca-file"])
        .arg(root)
        .output()
        .expect("the command can be started");
    let told = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&told).into_owned(), output.status.code())
}

/// What a server does, which knows its own address.
type At = fn(SocketAddr) -> Reply;

#[test]
fn the_command_says_what_is_wrong_with_a_server_and_ends_as_it_should() {
    let redirect = |at: SocketAddr| Reply::whole(302, &format!("Location: http://{at}/dir\r\n"), "");
    let sent: [(&str, At, &str); 5] = [
        ("http", |_| Reply::new("HTTP/1.1 200 OK\r\n\r\n", Then::Repeat(&[b' '; 4096])), "its body has more than"),
        ("http", |_| Reply::new("HTTP/1.1 200 OK\r\n", Then::Repeat(b"X: y\r\n")), "can't be read: too many headers"),
        ("http", |_| Reply::new("", Then::Close), "the connection was closed after 0 bytes of its head"),
        ("http", redirect, "expected the directory to succeed, found status 302"),
        ("https", |_| Reply::new("HTTP/1.1 200 OK\r\n\r\n", Then::Close), "no connection to 127.0.0.1:"),
    ];
    for (scheme, reply, part) in sent {
        let (said, code) = on_loopback(|at, _| reply(at), |at| conform(&format!("{scheme}://{at}/dir"), "rfc8555/7.2"));
        assert!(said.contains("/dir is no ACME directory: ") && said.contains(part), "{said}");
        assert_eq!(code, Some(2), "{said}");
    }
}

#[test]
fn the_command_fails_when_cases_do() {
    let server = |at: SocketAddr, line: &str| match line.contains(" /dir ") {
        true => Reply::whole(200, "", &directory(&format!("http://{at}"))),
        false => Reply::new("HTTP/1.1 200 OK\r\n", Then::Repeat(b"X: y\r\n")),
    };
    let (said, code) = on_loopback(server, |at| conform(&format!("http://{at}/dir"), "rfc8555/7.2"));
    assert!(said.contains("fail") && !said.contains("pass"), "{said}");
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn an_answer_is_taken_from_who_closes_with_the_request_unread() {
    let outcomes = on_loopback(
        |at, line| match line.contains(" /dir ") {
            true => Reply::whole(200, "", &directory(&format!("http://{at}"))),
            false => early(Then::Close)(line, 0),
        },
        |at| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let env = real::env("suite", real::Options::default());
                let cases: Vec<&Case> =
                    server::cases().into_iter().filter(|case| is_about_large_bodies(case)).collect();
                let common = common(&env, &format!("http://{at}/dir"), Responder::default());
                suite::run(common, &cases, &Notify::new(), |_| {}).await
            })
        },
    );
    judge_early(&outcomes);
}
