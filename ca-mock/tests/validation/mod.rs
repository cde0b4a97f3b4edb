//! How control is proved: where the CA goes, what it takes for a proof, and what it tells of a failure.

use std::sync::Arc;

use ca_mock::dns::RecordData;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName};
use ring::digest::{SHA256, digest};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use sim::{crypto::P256Key, real, tls::Hello};

use super::{Client, LIMIT, Stage, Url, base64url, with_stage};

const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// The challenge of the type that is wanted, and the authorization that it is of.
async fn offered(client: &mut Client, name: &str, kind: &str) -> (Value, Url) {
    let order = client.new_order(&[name], None).await.json();
    let url = Url(order["authorizations"][0].as_str().unwrap().to_owned());
    let authorization = client.post(&url, None).await.json();
    let mut challenges = authorization["challenges"].as_array().unwrap().iter();
    (challenges.find(|challenge| challenge["type"] == kind).unwrap().clone(), url)
}

/// The challenge as it is once the CA has validated it.
async fn validated(client: &mut Client, (challenge, authorization): (Value, Url)) -> Value {
    let url = Url(challenge["url"].as_str().unwrap().to_owned());
    assert_eq!(client.post(&url, Some(&json!({}))).await.json()["status"], "processing");
    client.poll(&authorization, &["pending"]).await;
    client.post(&url, None).await.json()
}

/// Answers http-01 by redirects through `pages`, at whose end the key authorization is.
async fn http01(stage: &Stage, client: &mut Client, name: &str, redirects: &[&str]) -> Value {
    let (challenge, authorization) = offered(client, name, "http-01").await;
    let token = challenge["token"].as_str().unwrap();
    let mut place = format!("{CHALLENGES}{token}");
    for target in redirects {
        stage.pages.lock().unwrap().insert(place, format!("Location: {target}"));
        place = (*target).to_owned();
    }
    let body = client.key_authorization(token) + " \r\n";
    stage.pages.lock().unwrap().entry(place).or_insert(body);
    validated(client, (challenge, authorization)).await
}

#[tokio::test]
async fn redirects_are_followed_ten_times_and_never_in_circles_and_every_hop_is_told() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        let hops: Vec<String> = (1..=11).map(|hop| format!("/hop/{hop}")).collect();
        let hops: Vec<&str> = hops.iter().map(String::as_str).collect();
        let done = http01(&stage, &mut client, "a.example", &hops[..10]).await;
        assert_eq!(done["status"], "valid", "{done}");
        let records = done["validationRecord"].as_array().unwrap();
        assert_eq!(records.len(), 11);
        assert_eq!(records[0]["hostname"], "a.example");
        assert_eq!(records[0]["addressesResolved"], json!(["127.0.0.1"]));
        assert!(records[10]["url"].as_str().unwrap().ends_with("/hop/10"), "{done}");

        for (redirects, why) in [
            (&hops[..], "Too many redirects"),
            (&["/here", "/there", "/here"], "Redirect loop detected"),
            (&["http://localhost/"], "must end in IANA registered TLD"),
            (&["https://a.example/"], "Connection refused"),
        ] {
            let done = http01(&stage, &mut client, "a.example", redirects).await;
            let detail = done["error"]["detail"].as_str().unwrap_or_else(|| panic!("{done}"));
            assert!(detail.starts_with("127.0.0.1: Fetching http") && detail.ends_with(why), "{detail}");
            assert_eq!(done["error"]["type"], "urn:ietf:params:acme:error:connection");
        }
    })
    .await;
}

#[tokio::test]
async fn ipv6_is_tried_first_and_ipv4_if_there_is_no_connection() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        let ipv6 = vec![RecordData::Aaaa("::1".parse().unwrap())];
        stage.zones.set("six.example", 60, ipv6.clone()).unwrap();
        stage.zones.set("a.example", 60, ipv6).unwrap();

        let done = http01(&stage, &mut client, "a.example", &[]).await;
        assert_eq!(done["status"], "valid", "{done}");
        let record = &done["validationRecord"][0];
        assert_eq!(record["addressesResolved"], json!(["::1", "127.0.0.1"]));
        assert_eq!((&record["addressesTried"], &record["addressUsed"]), (&json!(["::1"]), &json!("127.0.0.1")));

        let done = http01(&stage, &mut client, "six.example", &[]).await;
        let detail = done["error"]["detail"].as_str().unwrap();
        assert!(detail.starts_with("::1: Fetching http://six.example:"), "{detail}");
        assert!(detail.ends_with(": Connection refused"), "{detail}");
    })
    .await;
}

#[tokio::test]
async fn what_the_dns_said_is_told_in_the_words_that_people_search_for() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        stage.zones.fail("broken.example").unwrap();
        stage.zones.set("empty.example", 60, vec![RecordData::Txt(vec![b"x".to_vec()])]).unwrap();
        for (name, detail) in [
            (
                "nowhere.example",
                "DNS problem: NXDOMAIN looking up A for nowhere.example - check that a DNS record exists for this domain",
            ),
            (
                "broken.example",
                "DNS problem: SERVFAIL looking up A for broken.example - the domain's nameservers may be malfunctioning",
            ),
            ("a.elsewhere", "DNS problem: REFUSED looking up A for a.elsewhere"),
            ("empty.example", "No valid IP addresses found for empty.example"),
        ] {
            let done = http01(&stage, &mut client, name, &[]).await;
            assert_eq!(done["error"]["type"], "urn:ietf:params:acme:error:dns");
            assert_eq!(done["error"]["detail"], detail);
        }
    })
    .await;
}

#[tokio::test]
async fn a_text_that_no_datagram_can_hold_is_fetched_over_tcp_behind_an_alias() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        let (challenge, authorization) = offered(&mut client, "a.example", "dns-01").await;
        let token = challenge["token"].as_str().unwrap();
        let answer = base64url(digest(&SHA256, client.key_authorization(token).as_bytes()));
        let mut texts: Vec<RecordData> = (b'a'..b'k').map(|byte| RecordData::Txt(vec![vec![byte; 255]])).collect();
        texts.push(RecordData::Txt(vec![answer.into_bytes()]));
        stage.zones.set("texts.example", 60, texts).unwrap();
        let alias = RecordData::Cname("texts.example.".parse().unwrap());
        stage.zones.set("_acme-challenge.a.example", 60, vec![alias]).unwrap();
        let done = validated(&mut client, (challenge, authorization)).await;
        assert_eq!(done["status"], "valid", "{done}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_given_twice_is_validated_once() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        let (challenge, authorization) = offered(&mut client, "a.example", "http-01").await;
        let url = Url(challenge["url"].as_str().unwrap().to_owned());
        let token = challenge["token"].as_str().unwrap();
        for _ in 0..2 {
            let answered = client.post(&url, Some(&json!({}))).await;
            // RFC 8555 §7.5.1: the challenge is shown, whatever its state.
            assert_eq!((answered.status, &answered.json()["token"]), (200, &json!(token)));
        }
        assert_eq!(client.poll(&authorization, &["pending"]).await["status"], "invalid");
        // Being right at last does not help: there was one validation, and it has failed.
        stage.pages.lock().unwrap().insert(format!("{CHALLENGES}{token}"), client.key_authorization(token));
        assert_eq!(client.post(&url, Some(&json!({}))).await.json()["status"], "invalid");
        assert_eq!(client.poll(&authorization, &["pending"]).await["status"], "invalid");
    })
    .await;
}

#[tokio::test]
async fn an_address_is_certified_after_http_01_and_offers_nothing_of_the_dns() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        let order = client.new_order(&["127.0.0.1"], None).await.json();
        assert_eq!(order["identifiers"], json!([{"type": "ip", "value": "127.0.0.1"}]));
        let url = Url(order["authorizations"][0].as_str().unwrap().to_owned());
        let authorization = client.post(&url, None).await.json();
        assert_eq!(authorization["identifier"], order["identifiers"][0]);
        assert_eq!(super::types(&authorization), ["http-01", "tls-alpn-01"]);

        let (_, leaf) = client.issue(&["127.0.0.1", "a.example"], None).await;
        stage.check_chain(&leaf.chain, "127.0.0.1");
        stage.check_chain(&leaf.chain, "a.example");
    })
    .await;
}

#[tokio::test]
async fn an_address_is_proved_by_tls_alpn_01_under_its_reverse_name() {
    let env = real::env("web", real::Options::default());
    let listener = env.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let stage = Stage::new(|config| config.tls_alpn01_port = listener.local_address().unwrap().port()).await;
    let test = async {
        let mut client = stage.client().await;
        client.new_account().await;
        let (challenge, authorization) = offered(&mut client, "127.0.0.1", "tls-alpn-01").await;
        let proof = client.key_authorization(challenge["token"].as_str().unwrap());
        let web = async {
            let hello = Hello::read(&env, listener.accept().await.unwrap()).await.unwrap();
            // RFC 8738 §6.
            assert_eq!(hello.server_name(), Some("1.0.0.127.in-addr.arpa"));
            let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
            params.serial_number = Some(1_u64.into());
            params.distinguished_name = DistinguishedName::new();
            let digest = digest(&SHA256, proof.as_bytes());
            params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
            let key = P256Key::generate(&env, "challenge");
            let certificate = params.self_signed(&key).unwrap().der().clone();
            let shown = Arc::new(CertifiedKey::new(vec![certificate], Arc::new(key)));
            hello.answer(Some(shown), &["acme-tls/1"]).await.unwrap()
        };
        let (_stream, done) = tokio::join!(web, validated(&mut client, (challenge, authorization)));
        assert_eq!(done["status"], "valid", "{done}");
        assert_eq!(done["validationRecord"][0]["hostname"], "127.0.0.1");
    };
    stage.env.timeout(LIMIT, test).await.expect("the test ends");
}

#[tokio::test]
async fn control_of_a_domain_is_proof_for_the_names_below_it_where_ca_and_client_want_that() {
    let stage = Stage::new(|config| {
        config.subdomain_authorization = true;
        config.pre_authorization = true;
    })
    .await;
    let test = async {
        let mut client = stage.client().await;
        client.new_account().await;
        assert_eq!(client.directory["meta"]["subdomainAuthAllowed"], true);
        let ordered = |name: &str, ancestor: &str| json!({"type": "dns", "value": name, "ancestorDomain": ancestor});
        let new_order = client.url("newOrder");
        for (name, ancestor) in [
            ("a.example", "a.example"),
            ("a.example", "b.example"),
            ("a.example", "example."),
            ("*.a.example", "b.a.example"),
        ] {
            let refused = client.post(&new_order, Some(&json!({"identifiers": [ordered(name, ancestor)]}))).await;
            assert_eq!((refused.status, name, ancestor), (400, name, ancestor));
        }

        // One proof for both names, in the DNS.
        let names = ["a.below.example", "*.b.below.example"];
        let order = json!({"identifiers": names.map(|name| ordered(name, "below.example"))});
        let created = client.post(&new_order, Some(&order)).await;
        let order = created.json();
        let authorizations = order["authorizations"].as_array().unwrap();
        assert_eq!(authorizations.len(), 1, "{order}");
        let url = Url(authorizations[0].as_str().unwrap().to_owned());
        let authorization = client.post(&url, None).await.json();
        assert_eq!(authorization["identifier"]["value"], "below.example");
        assert_eq!(authorization["subdomainAuthAllowed"], true);
        assert_eq!(super::types(&authorization), ["dns-01", "dns-account-01"]);
        let challenge = authorization["challenges"][0].clone();
        publish(&stage, &client, &challenge, "below.example");
        assert_eq!(validated(&mut client, (challenge, url)).await["status"], "valid");

        // CAA is each name's own.
        let nobody = RecordData::Caa { flags: 0, tag: "issue".to_owned(), value: b";".to_vec() };
        stage.zones.set("b.below.example", 60, vec![nobody]).unwrap();
        let finalize = Url(order["finalize"].as_str().unwrap().to_owned());
        let csr = json!({"csr": stage.csr(&names, None)});
        client.post(&finalize, Some(&csr)).await;
        let order = Url(created.header("location").unwrap().to_owned());
        let refused = client.poll(&order, &["processing"]).await;
        assert_eq!(refused["error"]["type"], "urn:ietf:params:acme:error:caa", "{refused}");
        let why = refused["error"]["detail"].as_str().unwrap();
        assert!(why.contains("CAA record for b.below.example prevents issuance"), "{refused}");

        // What was had before the order is taken over for names below, if that was asked for.
        let new_authorization = client.url("newAuthz");
        let wanted = |covers: bool| {
            let identifier = json!({"type": "dns", "value": "pre.example"});
            json!({"identifier": identifier, "subdomainAuthAllowed": covers})
        };
        let plain = client.post(&new_authorization, Some(&wanted(false))).await;
        assert_eq!((plain.status, plain.json().get("subdomainAuthAllowed")), (201, None));
        let covering = client.post(&new_authorization, Some(&wanted(true))).await;
        assert_eq!((covering.status, &covering.json()["subdomainAuthAllowed"]), (201, &json!(true)));
        for (name, authorization) in [("pre.example", &plain), ("x.pre.example", &covering)] {
            let order = client.new_order(&[name], None).await.json();
            assert_eq!(order["authorizations"], json!([authorization.header("location").unwrap()]), "{name}");
        }
    };
    stage.env.timeout(LIMIT, test).await.expect("the test ends");
}

/// Answers a challenge by dns-01.
fn publish(stage: &Stage, client: &Client, challenge: &Value, name: &str) {
    let proof = client.key_authorization(challenge["token"].as_str().unwrap());
    let text = base64url(digest(&SHA256, proof.as_bytes())).into_bytes();
    stage.zones.set(&format!("_acme-challenge.{name}"), 60, vec![RecordData::Txt(vec![text])]).unwrap();
}
