//! What an account can do and have done to it: bindings, keys, pages of orders, authorizations, revocation.

use ca_mock::{ExternalAccountKey, ExternalAccountKeys};
use ring::hmac;
use serde_json::{Value, json};
use sim::crypto::P256Key;

use crate::{
    LIMIT,
    stage::{Client, Reply, Stage, Url, base64url, jwk, jws},
};

const SECRET: &str = "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH";

async fn with_stage(change: impl FnOnce(&mut ca_mock::Config), test: impl AsyncFnOnce(Stage)) {
    let stage = Stage::new(change).await;
    stage.env.clone().timeout(LIMIT, test(stage)).await.expect("the test ends");
}

#[tokio::test]
async fn a_ca_with_external_accounts_takes_new_accounts_with_a_good_binding_only() {
    let mut key = ExternalAccountKey::parse(SECRET).unwrap();
    key.is_single_use = true;
    let mut keys = ExternalAccountKeys::default();
    keys.add("kid-1", key);
    let change = |config: &mut ca_mock::Config| {
        config.external_account_required = true;
        config.external_account_keys = keys;
    };
    with_stage(change, async |stage| {
        let mut client = stage.client().await;
        assert_eq!(client.directory["meta"]["externalAccountRequired"], true);
        let url = client.url("newAccount");
        let unbound = json!({"termsOfServiceAgreed": true});
        client.post(&url, Some(&unbound)).await.assert_problem(403, "externalAccountRequired");
        let bound = |client: &Client, kid: &str| {
            let header = json!({"alg": "HS256", "kid": kid, "url": url.0});
            let [protected, payload] = [header, jwk(&client.key)].map(|part| base64url(part.to_string()));
            let mac = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, &data_encoding::BASE64URL_NOPAD.decode(SECRET.as_bytes()).unwrap()),
                format!("{protected}.{payload}").as_bytes(),
            );
            let binding = json!({"protected": protected, "payload": payload, "signature": base64url(mac)});
            json!({"termsOfServiceAgreed": true, "externalAccountBinding": binding})
        };
        let wrong = bound(&client, "kid-2");
        client.post(&url, Some(&wrong)).await.assert_problem(403, "unauthorized");
        let right = bound(&client, "kid-1");
        let created = client.post(&url, Some(&right)).await;
        assert_eq!(created.status, 201);
        assert_eq!(created.json()["externalAccountBinding"], right["externalAccountBinding"]);
        // RFC 8555 §7.3.1: an account that exists is found, whatever else is asked.
        assert_eq!(client.post(&url, Some(&unbound)).await.status, 200);

        let mut second = stage.client().await;
        let used_up = bound(&second, "kid-1");
        second.post(&url, Some(&used_up)).await.assert_problem(403, "unauthorized");
    })
    .await;
}

#[tokio::test]
async fn the_pages_of_the_orders_list_have_every_order_once_even_if_one_ends_while_they_are_turned() {
    let change = |config: &mut ca_mock::Config| config.orders_per_page = 2.try_into().unwrap();
    with_stage(change, async |stage| {
        let mut client = stage.client().await;
        let account = client.new_account().await.json();
        let mut orders = Vec::new();
        for _ in 0..5 {
            let order = client.new_order(&["a.example"], None).await;
            orders.push((order.header("location").unwrap().to_owned(), order.json()));
        }
        let mut seen = Vec::new();
        let mut page = Some(Url(account["orders"].as_str().unwrap().to_owned()));
        while let Some(url) = page {
            let reply = client.post(&url, None).await;
            let urls = reply.json()["orders"].as_array().unwrap().clone();
            assert!((1..=2).contains(&urls.len()), "{urls:?}");
            seen.extend(urls.iter().map(|url| url.as_str().unwrap().to_owned()));
            page = next(&reply);
            // The first order ends while its page has been seen already; nothing moves.
            let authorization = Url(orders[0].1["authorizations"][0].as_str().unwrap().to_owned());
            client.post(&authorization, Some(&json!({"status": "deactivated"}))).await;
        }
        assert_eq!(seen, orders.into_iter().map(|(url, _)| url).collect::<Vec<_>>());
    })
    .await;
}

/// The URL of the page after this one.
fn next(reply: &Reply) -> Option<Url> {
    let links = reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
    links.filter_map(|link| link.strip_suffix(">;rel=\"next\"")).map(|url| Url(url[1..].to_owned())).next()
}

#[tokio::test]
async fn a_certificate_is_revoked_by_its_key_and_by_whoever_proves_control_of_all_its_names() {
    with_stage(
        |_| {},
        async |stage| {
            let mut client = stage.client().await;
            client.new_account().await;
            let revoke = client.url("revokeCert");

            let (_, leaf) = client.issue(&["a.example", "b.example"], None).await;
            let request = json!({"certificate": base64url(&leaf.chain[0])});
            let mut other = stage.client().await;
            other.new_account().await;
            other.post(&revoke, Some(&request)).await.assert_problem(403, "unauthorized");
            for name in ["a.example", "b.example"] {
                other.post(&revoke, Some(&request)).await.assert_problem(403, "unauthorized");
                let order = other.new_order(&[name], None).await.json();
                other.authorize(&order).await;
            }
            assert_eq!(other.post(&revoke, Some(&request)).await.status, 200);

            let (_, leaf) = client.issue(&["a.example"], None).await;
            let request = json!({"certificate": base64url(&leaf.chain[0]), "reason": 1});
            let mut holder = stage.client().await;
            holder.post(&revoke, Some(&request)).await.assert_problem(403, "unauthorized");
            holder.key = leaf.key.clone();
            let forbidden = json!({"certificate": base64url(&leaf.chain[0]), "reason": 7});
            holder.post(&revoke, Some(&forbidden)).await.assert_problem(400, "badRevocationReason");
            assert_eq!(holder.post(&revoke, Some(&request)).await.status, 200);
            client.post(&revoke, Some(&request)).await.assert_problem(400, "alreadyRevoked");
            let unknown = json!({"certificate": base64url(&leaf.chain[1])});
            client.post(&revoke, Some(&unknown)).await.assert_problem(404, "malformed");
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_change_is_refused_unless_both_keys_agree_on_everything() {
    with_stage(
        |_| {},
        async |stage| {
            let mut client = stage.client().await;
            client.new_account().await;
            let mut other = stage.client().await;
            other.new_account().await;
            let url = client.url("keyChange");
            let new = P256Key::generate(&stage.env, "account key");
            let header = json!({"alg": "ES256", "jwk": jwk(&new), "url": url.0});
            let payload = json!({"account": client.account_url(), "oldKey": jwk(&client.key)});
            let with = |object: &Value, member: &str, value: Value| {
                let mut changed = object.clone();
                changed[member] = value;
                changed
            };
            let inner = |key: &P256Key, header: &Value, payload: &Value| jws(key, header, &payload.to_string());
            let by_kid = json!({"alg": "ES256", "kid": client.account_url(), "url": url.0});
            for bad in [
                inner(&new, &with(&header, "nonce", "AAAA".into()), &payload),
                inner(&new, &with(&header, "url", client.url("newOrder").0.into()), &payload),
                inner(&new, &header, &with(&payload, "account", other.account_url().into())),
                inner(&new, &header, &with(&payload, "oldKey", jwk(&other.key))),
                inner(&new, &header, &with(&payload, "oldKey", jwk(&new))),
                inner(&new, &header, &json!({"account": client.account_url()})),
                inner(&client.key, &header, &payload),
                inner(&new, &by_kid, &payload),
                payload.clone(),
            ] {
                client.post(&url, Some(&bad)).await.assert_problem(400, "malformed");
            }
            let taken = with(&header, "jwk", jwk(&other.key));
            let conflict = client.post(&url, Some(&inner(&other.key, &taken, &payload))).await;
            conflict.assert_problem(409, "malformed");
            assert_eq!(conflict.header("location"), Some(other.account_url()));

            // None of this has harmed the account.
            let changed = client.post(&url, Some(&inner(&new, &header, &payload))).await;
            assert_eq!((changed.status, &changed.json()["status"]), (200, &json!("valid")));
            client.key = new;
            assert_eq!(client.new_order(&["a.example"], None).await.status, 201);
        },
    )
    .await;
}

#[tokio::test]
async fn what_is_deactivated_is_of_no_use_any_more() {
    with_stage(
        |_| {},
        async |stage| {
            let mut client = stage.client().await;
            client.new_account().await;
            // A valid authorization that is given up ends the order that stood on it.
            let created = client.new_order(&["a.example"], None).await;
            let order = Url(created.header("location").unwrap().to_owned());
            client.authorize(&created.json()).await;
            assert_eq!(client.post(&order, None).await.json()["status"], "ready");
            let authorization = Url(created.json()["authorizations"][0].as_str().unwrap().to_owned());
            client.post(&authorization, Some(&json!({"status": "valid"}))).await.assert_problem(400, "malformed");
            let given_up = client.post(&authorization, Some(&json!({"status": "deactivated"}))).await;
            assert_eq!((given_up.status, &given_up.json()["status"]), (200, &json!("deactivated")));
            assert_eq!(client.post(&order, None).await.json()["status"], "invalid");
            let finalize = Url(created.json()["finalize"].as_str().unwrap().to_owned());
            let csr = json!({"csr": stage.csr(&["a.example"], None)});
            client.post(&finalize, Some(&csr)).await.assert_problem(403, "orderNotReady");

            let account = Url(client.account_url().to_owned());
            client.post(&account, Some(&json!({"status": "deactivated"}))).await;
            for url in [&order, &authorization, &client.url("newOrder"), &client.url("keyChange")] {
                client.post(url, None).await.assert_problem(401, "unauthorized");
            }
            // Its key makes no other account.
            let again = json!({"termsOfServiceAgreed": true});
            client.post(&client.url("newAccount"), Some(&again)).await.assert_problem(401, "unauthorized");
        },
    )
    .await;
}

#[tokio::test]
async fn an_authorization_that_was_had_before_the_order_makes_it_ready_at_once() {
    with_stage(
        |config| config.pre_authorization = true,
        async |stage| {
            let mut client = stage.client().await;
            client.new_account().await;
            let url = client.url("newAuthz");
            let identifier = |value: &str| json!({"identifier": {"type": "dns", "value": value}});
            for (value, kind) in [("*.a.example", "rejectedIdentifier"), ("com", "rejectedIdentifier")] {
                client.post(&url, Some(&identifier(value))).await.assert_problem(403, kind);
            }
            let created = client.post(&url, Some(&identifier("a.example"))).await;
            assert_eq!((created.status, &created.json()["status"]), (201, &json!("pending")));
            let location = created.header("location").unwrap();
            client.authorize(&json!({"authorizations": [location]})).await;
            let again = client.post(&url, Some(&identifier("A.example"))).await;
            assert_eq!((again.status, again.header("location")), (200, Some(location)));

            let order = client.new_order(&["a.example"], None).await.json();
            assert_eq!((&order["status"], &order["authorizations"]), (&json!("ready"), &json!([location])));
            assert_eq!(order["expires"], again.json()["expires"]);
        },
    )
    .await;
    with_stage(
        |_| {},
        async |stage| {
            let mut client = stage.client().await;
            client.new_account().await;
            assert_eq!(client.directory.get("newAuthz"), None);
            let url = Url(client.url("newOrder").0.replace("new-order", "new-authorization"));
            client.post(&url, Some(&json!({}))).await.assert_problem(404, "malformed");
        },
    )
    .await;
}

#[tokio::test]
async fn an_order_says_when_its_certificate_ends_if_the_ca_lets_it() {
    with_stage(
        |config| config.honors_requested_validity = true,
        async |stage| {
            let mut client = stage.client().await;
            client.new_account().await;
            let url = client.url("newOrder");
            let identifiers = json!([{"type": "dns", "value": "a.example"}]);
            let past = json!({"identifiers": identifiers, "notAfter": "2020-01-01T00:00:00Z"});
            client.post(&url, Some(&past)).await.assert_problem(400, "malformed");
            let asked = json!({"identifiers": identifiers, "notAfter": "2100-01-01T00:00:00+00:00"});
            let created = client.post(&url, Some(&asked)).await;
            assert_eq!(created.json()["notAfter"], "2100-01-01T00:00:00Z");
            let (_, leaf) = client.obtain(created, &["a.example"]).await;
            assert_eq!(leaf.not_after, time::macros::utc_datetime!(2100-01-01 00:00));
        },
    )
    .await;
}
