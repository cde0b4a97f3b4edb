//! The event log of a served CA, judged by the laws; and snapshots, which it tells of.

use std::fs;

use client_under_test::acme::{
    account::{Account, Applicant, Consent, Session},
    client::Client,
    http::HttpClient,
};
use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use sim::{Env, crypto::P256Key, real, tls};

use super::{DIRECTORY, ROOTS, Served, any_port, gauntlet, output, scratch};

fn roots(ca: &Served) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.trust().as_bytes()).unwrap()).unwrap();
    roots
}

async fn client(env: &Env, ca: &Served) -> Client {
    let directory = ca.told(DIRECTORY).parse().unwrap();
    Client::connect(env, &HttpClient::new(env, roots(ca)), &directory).await.unwrap()
}

/// Somebody who agrees to the terms of service.
fn agreeing() -> Applicant {
    Applicant { consent: Some(Consent::ToAny), ..Applicant::default() }
}

/// Status and body of a call to the management API.
async fn manage(env: &Env, ca: &Served, method: Method, call: &str) -> (u16, String) {
    let address = ca.told(ROOTS).strip_prefix("https://").unwrap().split_once('/').unwrap().0.parse().unwrap();
    let stream = env.connect(address).await.unwrap();
    let name = ServerName::IpAddress(address.ip().into());
    let stream = tls::Client::new(env, roots(ca), &["http/1.1"]).connect(stream, name).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    env.spawn("connection", connection).detach();
    let request = Request::builder().method(method).uri(call).header("host", "ca.test");
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

/// What `gauntlet check-log` says, and its exit code.
fn checked(file: &str) -> (String, Option<i32>) {
    let output = output(gauntlet(), &["check-log", file]);
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.code())
}

async fn reads_account(mut session: Session<'_>) -> bool {
    session.read_account().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_law_that_a_defect_breaks_is_found_in_the_log_and_without_the_defect_none() {
    for (bug, is_let_in) in [("on", true), ("off", false)] {
        let scenario = format!(
            r#"
            scenario = 1
            [meta]
            id = "served-defect"
            title = "Front ends remember keys"
            [run]
            until = "1d"
            [hosts.ca]
            kind = "ca"
            [bugs]
            "ca.stale-account-cache" = "{bug}"
            [[expect]]
            id = "it-happened"
            sometimes = "probe:ca/key-changed"
            "#
        );
        let scenario = scratch(&format!("log-{bug}.toml"), &scenario);
        let log = scratch(&format!("log-{bug}.jsonl"), "");
        let (scenario, log) = (scenario.to_str().unwrap(), log.to_str().unwrap());
        let config = any_port(&format!("log-{bug}.json"), "");
        let flags = ["serve", "-config", &config, "-scenario", scenario, "-event-log", log, "-judge"];
        let ca = Served::start(gauntlet(), &flags, &[]).await;

        let env = real::env("client", real::Options::default());
        let mut client = client(&env, &ca).await;
        let [old, new] = ["old", "new"].map(|purpose| P256Key::generate(&env, purpose));
        let account = Account::register(&mut client, old.clone(), &agreeing()).await.unwrap();
        assert!(reads_account(account.session(&mut client)).await);
        assert!(account.session(&mut client).change_key(&new).await.unwrap());
        assert_eq!(reads_account(account.session(&mut client)).await, is_let_in);

        let (_, key) = manage(&env, &ca, Method::GET, "/root-keys/0").await;
        let (_, events) = manage(&env, &ca, Method::GET, "/events").await;
        let (_, later) = manage(&env, &ca, Method::GET, "/events?after=9").await;
        assert!(key.contains("PRIVATE KEY") && later.starts_with("{\"number\":10,") && events.ends_with(&later));
        assert_eq!(manage(&env, &ca, Method::GET, "/events?from=9").await.0, 400);
        drop(ca);
        let written = fs::read_to_string(log).unwrap();
        assert!(written.starts_with(&events) && written.contains("ca/key-changed"), "{written}");

        let (said, code) = checked(log);
        assert_eq!(code, Some(i32::from(is_let_in)), "{said}");
        let found = said.lines().filter(|line| line.starts_with(log)).collect::<Vec<_>>();
        assert_eq!(found.len(), usize::from(is_let_in), "{said}");
        assert!(found.iter().all(|line| line.ends_with(": ca.old-key-refused")), "{said}");
        assert!(said.contains("without a name server"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_brings_back_what_was_and_what_came_after_is_gone() {
    let log = scratch("log-snapshot.jsonl", "");
    let log = log.to_str().unwrap();
    let config = any_port("log-snapshot.json", "");
    let ca = Served::start(gauntlet(), &["serve", "-config", &config, "-event-log", log], &[]).await;
    let env = real::env("client", real::Options::default());
    let mut client = client(&env, &ca).await;
    let [key, later] = ["first", "second"].map(|purpose| P256Key::generate(&env, purpose));
    let account = Account::register(&mut client, key.clone(), &agreeing()).await.unwrap();
    assert_eq!(manage(&env, &ca, Method::POST, "/snapshots/before").await.0, 201);

    assert!(account.session(&mut client).change_key(&later).await.unwrap());
    let changed = Account::known(later.clone(), account.url().clone());
    assert!(reads_account(changed.session(&mut client)).await);
    for _ in 0..2 {
        assert_eq!(manage(&env, &ca, Method::POST, "/snapshots/before/restore").await.0, 204);
        assert!(reads_account(account.session(&mut client)).await);
        assert!(!reads_account(changed.session(&mut client)).await);
        assert!(account.session(&mut client).change_key(&later).await.unwrap());
    }
    assert_eq!(manage(&env, &ca, Method::POST, "/snapshots/never/restore").await.0, 404);
    assert_eq!(manage(&env, &ca, Method::POST, "/snapshots/a%20b").await.0, 400);
    let (_, all) = manage(&env, &ca, Method::GET, "/snapshots").await;
    assert!(all.contains("\"before\""), "{all}");
    drop(ca);

    let (said, code) = checked(log);
    assert_eq!(code, Some(0), "what a snapshot undoes is nobody's fault: {said}");
}

#[test]
fn a_file_that_is_no_log_is_told_by_its_line() {
    let world = r#"{"number":1,"at_ns":0,"event":"world","seed":1,"epoch":"2026-01-01T00:00:00Z"}"#;
    let probe = |number: u32| format!(r#"{{"number":{number},"at_ns":0,"event":"probe","name":"x"}}"#);
    for (name, text, why) in [
        ("foreign", "{\"level\": \"info\"}\n".to_owned(), "line 1 is no event of a trace: missing field `number`"),
        ("cut", format!("{world}\n{}", &probe(2)[..20]), "line 2 is no event of a trace: EOF"),
        ("gap", format!("{world}\n{}\n", probe(3)), "line 2 has event 3 where event 2 should be"),
        ("empty", String::new(), "it has no events"),
    ] {
        let file = scratch(&format!("log-{name}.jsonl"), &text);
        let (said, code) = checked(file.to_str().unwrap());
        assert!(code == Some(2) && said.contains(why), "{code:?} {said}");
    }
    let file = scratch("log-idle.jsonl", &format!("{world}\n{}\n", probe(2)));
    assert_eq!(checked(file.to_str().unwrap()).1, Some(4), "nothing to judge");
    assert_eq!(checked("nowhere.jsonl").1, Some(2));
}
