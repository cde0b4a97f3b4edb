//! One certificate's life over loopback sockets: what a client sees of the CA, and what the CA does not let pass.
//!
//! The client here is this test's own: a JWS writer that can be told to be wrong, and nothing that retries.

mod accounts;
mod faults;
mod stage;
mod validation;

use std::{collections::BTreeSet, time::Duration};

use ca_mock::dns::RecordData;
use data_encoding::BASE32_NOPAD;
use hyper::{Method, header};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use stage::{Client, Reply, Stage, Url, base64url};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

/// Far more than any of this takes; only a hanging test gets here.
const LIMIT: Duration = Duration::from_secs(120);

async fn with_stage(test: impl AsyncFnOnce(Stage)) {
    let stage = Stage::new(|_| {}).await;
    stage.env.clone().timeout(LIMIT, test(stage)).await.expect("the test ends");
}

fn time(value: &Value) -> UtcDateTime {
    UtcDateTime::parse(value.as_str().expect("a time is text"), &Rfc3339).expect("a time is RFC 3339")
}

#[tokio::test]
async fn a_certificate_is_issued_renewed_and_revoked() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        let account = client.new_account().await;
        assert_eq!((account.status, account.json()["status"].as_str()), (201, Some("valid")));

        let (order, leaf) = client.issue(&["a.example", "b.example"], None).await;
        assert_eq!(order["identifiers"].as_array().map(Vec::len), Some(2));
        stage.check_chain(&leaf.chain, "a.example");
        stage.check_chain(&leaf.chain, "b.example");

        // RFC 9773: the window lies in the last third of the life, and the next order may replace this certificate.
        let info_url = Url(format!("{}/{}", client.directory["renewalInfo"].as_str().unwrap(), leaf.ari_id));
        let info = client.get(&info_url).await;
        assert_eq!((info.status, info.header("retry-after")), (200, Some("21600")));
        let window = &info.json()["suggestedWindow"];
        assert!(time(&window["start"]) < time(&window["end"]));
        assert!(time(&window["end"]) < leaf.not_after);
        assert!(time(&window["start"]) > stage.env.utc_now());

        let (renewal, _) = client.issue(&["a.example"], Some(&leaf.ari_id)).await;
        assert_eq!(renewal["replaces"], leaf.ari_id.as_str());
        let again = client.new_order(&["a.example"], Some(&leaf.ari_id)).await;
        again.assert_problem(409, "alreadyReplaced");

        let revoke = client.url("revokeCert");
        let request = json!({"certificate": base64url(&leaf.chain[0]), "reason": 4});
        assert_eq!(client.post(&revoke, Some(&request)).await.status, 200);
        client.post(&revoke, Some(&request)).await.assert_problem(400, "alreadyRevoked");
        let info = client.get(&info_url).await;
        assert!(time(&info.json()["suggestedWindow"]["end"]) <= stage.env.utc_now());

        for probe in ["ca/order-finalized", "ca/certificate-issued", "ca/ari-answered", "ca/order-replaces"] {
            assert!(stage.probes().contains(probe), "{probe}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_directory_and_nonces_are_as_rfc_8555_wants_them() {
    with_stage(async |stage| {
        let client = stage.client().await;
        for name in ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange", "renewalInfo"] {
            assert!(client.directory[name].as_str().is_some_and(|url| url.starts_with("https://ca.test:")), "{name}");
        }
        let new_nonce = client.url("newNonce");
        let mut nonces = BTreeSet::new();
        for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::HEAD, 200)] {
            let reply = client.send(method, &new_nonce, None).await;
            assert_eq!((reply.status, reply.header("cache-control")), (status, Some("no-store")));
            assert!(reply.header("link").is_some_and(|link| link.contains("rel=\"index\"")));
            assert!(reply.header("date").is_some_and(|date| date.ends_with(" GMT")));
            nonces.insert(reply.header("replay-nonce").expect("newNonce has a nonce").to_owned());
        }
        assert_eq!(nonces.len(), 3);

        let wrong_method = client.send(Method::GET, &client.url("newOrder"), None).await;
        wrong_method.assert_problem(405, "malformed");
        assert_eq!(wrong_method.header("allow"), Some("POST"));
        client.send(Method::GET, &Url("https://ca.test/nowhere".into()), None).await.assert_problem(404, "malformed");
        assert_eq!(client.send(Method::OPTIONS, &client.url("newOrder"), None).await.status, 204);
        for id in ["aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", "x", "a.b.c", ""] {
            let reply = client.get(&Url(format!("{}/{id}", client.directory["renewalInfo"].as_str().unwrap()))).await;
            let status = if id.len() > 10 { 404 } else { 400 };
            reply.assert_problem(status, "malformed");
        }
    })
    .await;
}

#[tokio::test]
async fn accounts_are_found_changed_and_deactivated() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        let new_account = client.url("newAccount");
        let post = async |client: &mut Client, payload: Value| client.post(&new_account, Some(&payload)).await;
        post(&mut client, json!({"onlyReturnExisting": true})).await.assert_problem(400, "accountDoesNotExist");
        let refused = post(&mut client, json!({"contact": null})).await;
        refused.assert_problem(403, "userActionRequired");
        assert!(
            refused
                .headers
                .get_all(header::LINK)
                .iter()
                .any(|link| link.to_str().unwrap().contains("terms-of-service"))
        );
        let telephone = json!({"termsOfServiceAgreed": true, "contact": ["tel:1"]});
        post(&mut client, telephone).await.assert_problem(400, "unsupportedContact");

        let created = client.new_account().await;
        let url = Url(created.header("location").unwrap().to_owned());
        let found = client.find_account().await;
        assert_eq!((found.status, found.header("location")), (200, Some(url.0.as_str())));
        let updated = client.post(&url, Some(&json!({"contact": ["mailto:a@b.example"], "status": "valid"}))).await;
        assert_eq!((updated.status, &updated.json()["contact"]), (200, &json!(["mailto:a@b.example"])));

        let order = client.new_order(&["a.example"], None).await;
        let orders = client.post(&Url(updated.json()["orders"].as_str().unwrap().to_owned()), None).await;
        assert_eq!(orders.json(), json!({"orders": [order.header("location").unwrap()]}));

        // A new key: the old one is nobody's any more.
        let old = client.key.clone();
        assert_eq!(client.change_key(&stage).await.status, 200);
        assert_eq!(client.post(&url, None).await.status, 200);
        let new = std::mem::replace(&mut client.key, old);
        client.post(&url, None).await.assert_problem(400, "malformed");
        client.key = new;

        let gone = client.post(&url, Some(&json!({"status": "deactivated"}))).await;
        assert_eq!(gone.json()["status"], "deactivated");
        client.post(&url, None).await.assert_problem(401, "unauthorized");
        client.find_account().await.assert_problem(401, "unauthorized");
    })
    .await;
}

#[tokio::test]
async fn requests_that_are_not_as_they_must_be_are_refused() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        let url = client.url("newOrder");
        let payload = json!({"identifiers": [{"type": "dns", "value": "a.example"}]}).to_string();

        // A nonce is good once; the refusal brings a fresh one.
        let nonce = client.fresh_nonce().await;
        let header = |client: &Client, nonce: &str| {
            json!({"alg": "ES256", "kid": client.account_url(), "nonce": nonce, "url": url.0})
        };
        let first = client.send_jws(&url, &header(&client, &nonce), &payload).await;
        assert_eq!(first.status, 201);
        let replayed = client.send_jws(&url, &header(&client, &nonce), &payload).await;
        replayed.assert_problem(400, "badNonce");
        assert!(stage.probes().contains("ca/nonce-refused"));
        let fresh = replayed.header("replay-nonce").expect("a refusal has a nonce too").to_owned();
        assert_eq!(client.send_jws(&url, &header(&client, &fresh), &payload).await.status, 201);

        let change = async |change: &dyn Fn(&mut Value)| -> Reply {
            let nonce = client.fresh_nonce().await;
            let mut changed = header(&client, &nonce);
            change(&mut changed);
            client.send_jws(&url, &changed, &payload).await
        };
        change(&|h| h["url"] = "https://ca.test/acme/new-order".into()).await.assert_problem(401, "unauthorized");
        change(&|h| h["alg"] = "HS256".into()).await.assert_problem(400, "badSignatureAlgorithm");
        change(&|h| h["alg"] = "EdDSA".into()).await.assert_problem(400, "malformed");
        change(&|h| drop(h.as_object_mut().unwrap().remove("nonce"))).await.assert_problem(400, "badNonce");
        change(&|h| h["nonce"] = "AAAA".into()).await.assert_problem(400, "badNonce");
        change(&|h| h["nonce"] = "not base64url".into()).await.assert_problem(400, "malformed");
        change(&|h| h["kid"] = "https://elsewhere/1".into()).await.assert_problem(400, "accountDoesNotExist");

        let as_json = client.send_as("application/json", &url, b"{}".to_vec()).await;
        as_json.assert_problem(415, "malformed");
        let huge = client.send_as("application/jose+json", &url, vec![b' '; 200_000]).await;
        huge.assert_problem(413, "malformed");
        for garbage in [&b""[..], b"{", b"[]", b"null", b"\xff", b"{\"protected\":1,\"payload\":\"\",\"signature\":\"\"}"] {
            client.send_as("application/jose+json", &url, garbage.to_vec()).await.assert_problem(400, "malformed");
        }
    })
    .await;
}

#[tokio::test]
async fn orders_are_checked_before_anything_is_issued() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        for (identifiers, kind) in [
            (json!([]), "malformed"),
            (json!([{"type": "dns"}]), "malformed"),
            (json!([{"type": "onion", "value": "a"}]), "unsupportedIdentifier"),
            (json!([{"type": "ip", "value": "2001:DB8::1"}]), "rejectedIdentifier"),
            (json!([{"type": "dns", "value": "a_b.example"}, {"type": "dns", "value": "x"}]), "rejectedIdentifier"),
        ] {
            let url = client.url("newOrder");
            let reply = client.post(&url, Some(&json!({ "identifiers": identifiers }))).await;
            reply.assert_problem(400, kind);
        }
        let order = client.new_order(&["A.example", "a.example"], None).await;
        assert_eq!(order.json()["identifiers"], json!([{"type": "dns", "value": "a.example"}]));
        let finalize = Url(order.json()["finalize"].as_str().unwrap().to_owned());
        let csr = stage.csr(&["a.example"], None);
        client.post(&finalize, Some(&json!({"csr": csr}))).await.assert_problem(403, "orderNotReady");

        let order_url = Url(order.header("location").unwrap().to_owned());
        client.authorize(&order.json()).await;
        assert_eq!(client.post(&order_url, None).await.json()["status"], "ready");
        let own_key = client.key.clone();
        for bad in [
            stage.csr(&["a.example", "b.example"], None),
            stage.csr(&["b.example"], None),
            stage.csr(&["a.example"], Some(&own_key)),
            base64url(b"not a CSR"),
        ] {
            client.post(&finalize, Some(&json!({"csr": bad}))).await.assert_problem(400, "badCSR");
        }
        client.post(&finalize, Some(&json!({"csr": "a="}))).await.assert_problem(400, "malformed");
        // None of this has harmed the order.
        assert_eq!(client.post(&finalize, Some(&json!({"csr": csr}))).await.json()["status"], "processing");

        let mut stranger = stage.client().await;
        stranger.new_account().await;
        stranger.post(&order_url, None).await.assert_problem(404, "malformed");
    })
    .await;
}

#[tokio::test]
async fn a_failed_validation_ends_the_order_and_says_why() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        for (name, kind) in
            [("wrong.example", "unauthorized"), ("missing.example", "unauthorized"), ("nowhere.example", "dns")]
        {
            let order = client.new_order(&[name], None).await;
            let url = Url(order.header("location").unwrap().to_owned());
            client.answer_challenges(&order.json(), name == "wrong.example").await;
            let done = client.poll(&url, &["pending"]).await;
            assert_eq!(done["status"], "invalid", "{done}");
            assert_eq!(done["error"]["type"], format!("urn:ietf:params:acme:error:{kind}"), "{done}");
            let authorization = Url(done["authorizations"][0].as_str().unwrap().to_owned());
            let authorization = client.post(&authorization, None).await.json();
            assert_eq!(authorization["status"], "invalid");
            assert_eq!(authorization["challenges"][0]["error"]["type"], done["error"]["type"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_failed_tls_alpn_01_says_whether_the_connection_or_tls_failed_and_is_the_one_challenge_shown() {
    // On port 1 nobody listens; the web server speaks no TLS.
    let nobody = Stage::new(|config| config.tls_alpn01_port = 1).await;
    let no_tls = Stage::new(|config| config.tls_alpn01_port = config.http01_port).await;
    for (stage, kind) in [(nobody, "connection"), (no_tls, "tls")] {
        let test = async {
            let mut client = stage.client().await;
            client.new_account().await;
            let order = client.new_order(&["a.example"], None).await;
            let url = Url(order.header("location").unwrap().to_owned());
            let authorization = Url(order.json()["authorizations"][0].as_str().unwrap().to_owned());
            let offered = client.post(&authorization, None).await.json();
            assert_eq!(types(&offered), ["http-01", "tls-alpn-01", "dns-01", "dns-account-01", "dns-persist-01"]);
            let challenge = Url(offered["challenges"][1]["url"].as_str().unwrap().to_owned());
            assert_eq!(client.post(&challenge, Some(&json!({}))).await.status, 200);
            let done = client.poll(&url, &["pending"]).await;
            assert_eq!(done["error"]["type"], format!("urn:ietf:params:acme:error:{kind}"), "{done}");
            let shown = client.post(&authorization, None).await.json();
            assert_eq!(shown["challenges"].as_array().map(Vec::len), Some(1));
            assert_eq!(shown["challenges"][0]["type"], "tls-alpn-01");
        };
        stage.env.timeout(LIMIT, test).await.expect("the test ends");
    }
}

#[tokio::test]
async fn a_wildcard_is_proved_in_the_dns_by_each_of_three_challenges_and_without_the_record_by_none() {
    with_stage(async |stage| {
        let mut client = stage.client().await;
        client.new_account().await;
        let account = client.account_url().to_owned();
        let own = BASE32_NOPAD.encode(&digest(&SHA256, account.as_bytes()).as_ref()[..10]).to_lowercase();
        for (kind, labels) in [
            ("dns-01", "_acme-challenge".to_owned()),
            ("dns-account-01", format!("_{own}._acme-challenge")),
            ("dns-persist-01", "_validation-persist".to_owned()),
        ] {
            for is_there in [false, true] {
                let order = client.new_order(&["*.a.example"], None).await.json();
                assert_eq!(order["identifiers"][0]["value"], "*.a.example");
                let url = Url(order["authorizations"][0].as_str().unwrap().to_owned());
                let authorization = client.post(&url, None).await.json();
                assert_eq!(authorization["identifier"], json!({"type": "dns", "value": "a.example"}));
                assert_eq!(authorization["wildcard"], true);
                assert_eq!(types(&authorization), ["dns-01", "dns-account-01", "dns-persist-01"]);
                let challenges = authorization["challenges"].as_array().unwrap();
                let challenge = challenges.iter().find(|challenge| challenge["type"] == kind).unwrap();
                let text = match challenge["token"].as_str() {
                    Some(token) => base64url(digest(&SHA256, client.key_authorization(token).as_bytes())),
                    None => {
                        assert_eq!((&challenge["accounturi"], kind), (&json!(account), "dns-persist-01"));
                        let issuer = challenge["issuer-domain-names"][0].as_str().unwrap();
                        format!("{issuer}; policy=wildcard; accounturi={account}")
                    }
                };
                if is_there {
                    let texts = ["another", text.as_str()].map(|text| RecordData::Txt(vec![text.into()]));
                    stage.zones.set(&format!("{labels}.a.example"), 60, texts.into()).unwrap();
                }
                let challenge = Url(challenge["url"].as_str().unwrap().to_owned());
                assert_eq!(client.post(&challenge, Some(&json!({}))).await.status, 200);
                let done = client.poll(&url, &["pending"]).await;
                assert_eq!(done["status"], if is_there { "valid" } else { "invalid" }, "{done}");
            }
        }
    })
    .await;
}

/// The types of the challenges that an authorization offers.
fn types(authorization: &Value) -> Vec<&str> {
    authorization["challenges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|challenge| challenge["type"].as_str().unwrap())
        .collect()
}
