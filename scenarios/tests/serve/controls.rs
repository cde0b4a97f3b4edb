//! What tests do to a served CA: scenario files, fault rules, its clock, its state.

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http1, header::DATE};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sim::{Env, real};
use tokio::time::timeout;

use super::{DIRECTORY, PATIENCE, ROOTS, Served, any_port, gauntlet, output, scratch};

struct Reply {
    status: u16,
    date: String,
    /// All header fields and the body.
    whole: String,
    body: String,
}

async fn call(env: &Env, method: Method, url: &str, body: &str) -> Reply {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let stream = env.connect(address.parse().unwrap()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    env.spawn("connection", connection).detach();
    // Answers that are compared are given under one name.
    let request =
        Request::builder().method(method).uri(format!("/{path}")).header("host", "ca.test").header("user-agent", "a");
    let response = sender.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let date = head.headers.get(DATE).map(|date| date.to_str().unwrap().to_owned()).unwrap_or_default();
    Reply { status: head.status.as_u16(), date, whole: format!("{:?} {body}", head.headers), body }
}

fn management(ca: &Served, path: &str) -> String {
    ca.told(ROOTS).replace("roots/0", path)
}

const SCENARIO: &str = r#"
scenario = 1
[meta]
id = "served"
title = "A CA that is out of order at first and after sixty days"
[run]
until = "90d"
[hosts.ca]
kind = "ca"
[ca]
validity = "6d"
[[timeline]]
at = "0s"
do = "ca.fault"
endpoints = "directory"
count = 1
status = 503
html = "<p>later</p>"
[[timeline]]
at = "60d"
do = "ca.fault"
name = "then"
endpoints = "directory"
status = 502
[[timeline]]
at = "61d"
do = "host.kill"
host = "ca"
[[expect]]
id = "it-happened"
sometimes = "probe:ca/fault/then"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_scenarios_faults_come_when_the_cas_clock_has_come_so_far() {
    let (config, file) = (any_port("serve-scenario.json", ""), scratch("serve-scenario.toml", SCENARIO));
    let flags = ["serve", "-plain-http", "-config", &config, "-scenario", file.to_str().unwrap()];
    let ca = Served::start(gauntlet(), &flags, &[]).await;
    assert!(ca.lines.iter().any(|line| line.contains("host.kill") && line.contains("left out")), "{:#?}", ca.lines);
    let env = real::env("visitor", real::Options::default());
    let directory = ca.told(DIRECTORY);
    let first = call(&env, Method::GET, directory, "").await;
    assert_eq!((first.status, first.body.as_str()), (503, "<p>later</p>"));
    assert_eq!(call(&env, Method::GET, directory, "").await.status, 200);

    let clock = management(&ca, "clock");
    let wrong = call(&env, Method::POST, &clock, "{\"advance\": 1}").await;
    assert!(wrong.status == 400 && wrong.body.contains("advanceSeconds"), "{}", wrong.body);
    let moved = call(&env, Method::POST, &clock, r#"{"set": "2031-01-01T00:00:00Z", "frozen": true}"#).await;
    assert_eq!(moved.body.parse::<Value>().unwrap()["now"], "2031-01-01T00:00:00Z");
    timeout(PATIENCE, async { while call(&env, Method::GET, directory, "").await.status != 502 {} }).await.unwrap();

    let faults = management(&ca, "faults");
    assert_eq!(call(&env, Method::DELETE, &faults, "").await.status, 204);
    assert_eq!(call(&env, Method::GET, directory, "").await.date, "Wed, 01 Jan 2031 00:00:00 GMT");
    let wrong = call(&env, Method::POST, &faults, "{\n \"endpoint\": \"dir\"}").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("2:14: \"dir\" is none of directory, "), "{}", wrong.body);

    let missing = output(gauntlet(), &["serve", "-scenario", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert_eq!(output(gauntlet(), &["serve", "-preset", "acme"]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_seeds_and_requests_give_equal_bytes_with_faults_and_a_stopped_clock() {
    let config = any_port("serve-equal.json", "");
    let env = real::env("visitor", real::Options::default());
    let mut seen = Vec::new();
    for seed in ["5", "5", "6"] {
        let flags = ["serve", "-plain-http", "-config", &config, "-seed", seed, "-preset", "boulder"];
        let ca = Served::start(gauntlet(), &flags, &[]).await;
        call(&env, Method::POST, &management(&ca, "clock"), r#"{"set": "2031-01-01T00:00:00Z", "frozen": true}"#).await;
        let rule = r#"{"percent": 50, "fault": {"problem": "serverInternal"}}"#;
        assert_eq!(call(&env, Method::POST, &management(&ca, "faults"), rule).await.status, 201);
        let nonces = ca.told(DIRECTORY).replace("/directory", "/acme/new-nonce");
        let mut answers = Vec::new();
        for _ in 0..20 {
            let reply = call(&env, Method::GET, &nonces, "").await;
            answers.push((reply.status, reply.whole));
        }
        seen.push(answers);
    }
    assert!(seen[0].iter().any(|(status, _)| *status == 500) && seen[0].iter().any(|(status, _)| *status == 204));
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn known_behaviours_are_switched_on_by_name_and_a_reset_keeps_them() {
    let wrong = output(gauntlet(), &["serve", "-bug", "ca.paused-429", "--bug=lb-503-html,replica-404-ordre"]);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && said.contains("did you mean `ca.replica-404-order`?"), "{said}");
    let list = output(gauntlet(), &["serve", "-bug", "list"]);
    let said = String::from_utf8_lossy(&list.stdout);
    assert!(list.status.success() && said.contains("ca.acct-409\n") && said.contains("boulder/issues/3327"), "{said}");

    let config = any_port("serve-bug.json", "");
    let flags = ["serve", "-plain-http", "-config", &config, "-bug", "ari-not-supported", "-bug", "ca.lb-503-html"];
    let ca = Served::start(gauntlet(), &flags, &[]).await;
    let env = real::env("visitor", real::Options::default());
    let reset = call(&env, Method::POST, &management(&ca, "reset"), "").await;
    assert_eq!(reset.status, 204);
    let directory = ca.told(DIRECTORY);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let reply = call(&env, Method::GET, directory, "").await;
        seen.push((reply.status, reply.body.contains("renewalInfo")));
    }
    assert_eq!(seen, [(200, false); 3], "of two rules the first acts");
    let rules = call(&env, Method::GET, &management(&ca, "faults"), "").await;
    assert!(rules.body.contains("lb-503-html"), "{}", rules.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_brings_its_paths_and_profiles_and_terms_change_while_it_is_served() {
    let config = any_port("serve-preset.json", "");
    let flags = ["serve", "-plain-http", "-config", &config, "-preset", "letsencrypt-2027"];
    let ca = Served::start(gauntlet(), &flags, &[]).await;
    let env = real::env("visitor", real::Options::default());
    let directory = ca.told(DIRECTORY);
    assert!(directory.ends_with("/directory"), "{directory}");
    let shown = call(&env, Method::GET, directory, "").await.body;
    assert!(shown.starts_with("{\n  \"keyChange\"") && shown.contains("\"shortlived\""), "{shown}");

    let terms = management(&ca, "terms-of-service");
    for (wrong, told) in [(r#"{"url": "nowhere"}"#, "not a URL"), (r#"{"agreedBy": "https://a.test/"}"#, "agreedBy")] {
        let refused = call(&env, Method::POST, &terms, wrong).await;
        assert!(refused.status == 400 && refused.body.contains(told), "{}", refused.body);
    }
    let changed = r#"{"url": "https://ca.test/terms/2", "agreedBy": "all"}"#;
    assert_eq!(call(&env, Method::POST, &terms, changed).await.status, 200);
    let shown: Value = call(&env, Method::GET, directory, "").await.body.parse().unwrap();
    assert_eq!(shown["meta"]["termsOfService"], "https://ca.test/terms/2");
}
