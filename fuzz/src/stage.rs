//! What guards need besides bytes: a CA that has something to ask for, and a storage whose files all hold the same.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ca_mock::{Ca, Config, FrontDesk};
use client_under_test::{
    acme::{
        address::Address,
        authorization::Authorization,
        certificate::Chain,
        http::Response,
        jws::{self, KeyId, base64url},
        nonce::Nonce,
        order::{Order, OrderState},
    },
    storage::medium::{Answer, Medium},
};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, header::CONTENT_TYPE};
use rcgen::{CertificateParams, DistinguishedName};
use serde_json::{Value, json};
use sim::{Env, MovableClock, crypto::P256Key, real};
use time::{UtcDateTime, macros::utc_datetime};
use tokio::runtime::Runtime;

/// What time it is.
pub(crate) const NOW: UtcDateTime = utc_datetime!(2026-11-22 00:00:00);

/// A host whose entropy is the same each time.
pub(crate) fn env(name: &str) -> Env {
    real::env(name, real::Options { seed: Some(1), ..real::Options::default() })
}

/// Where futures of this thread run.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

/// A CA where one client has had a certificate, has an order that is ready and one that is pending.
pub(crate) struct Stage {
    runtime: Runtime,
    desk: FrontDesk,
    key: P256Key,
    /// One that the CA does not know.
    new_key: P256Key,
    nonce: RefCell<Option<Nonce>>,
    urls: BTreeMap<&'static str, Address>,
    /// What stands for what in payloads: none of it can be known beforehand.
    words: Vec<(&'static str, String)>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let runtime = runtime();
        let (desk, keys) = runtime.block_on(async {
            let (env, clock) = (env("ca"), MovableClock::default());
            let around = clock.around(&env);
            clock.set(&around, NOW);
            clock.freeze(&around, true);
            let config = Config {
                always_valid: true,
                awaits_issuance: true,
                honors_requested_validity: true,
                issuance_delay: std::time::Duration::ZERO,
                pre_authorization: true,
                terms_of_service: None,
                ..Config::default()
            };
            let desk = Ca::with_clock(&around, config, clock).front_desk(&env);
            (desk, ["account", "new account", "certificate"].map(|purpose| P256Key::generate(&env, purpose)))
        });
        let [key, new_key, certified] = keys;
        let urls = BTreeMap::from([("directory", address(&desk.directory_url()))]);
        let mut stage = Self { runtime, desk, key, new_key, nonce: RefCell::default(), urls, words: Vec::new() };
        stage.furnish(&certified);
        stage
    }

    fn furnish(&mut self, certified: &P256Key) {
        let directory: Value = serde_json::from_slice(&self.get("directory").body).expect("the directory is JSON");
        for resource in ["newNonce", "newAccount", "newAuthz", "newOrder", "revokeCert", "keyChange"] {
            self.urls.insert(resource, address(directory[resource].as_str().expect("there is such a resource")));
        }
        self.get("newNonce");
        let account = self.ask(&self.urls["newAccount"], &self.key, None, b"{}");
        self.urls.insert("account", account.location().expect("the account's address"));

        let issued = self.ready_order(&["a.test"]);
        let OrderState::Ready { finalize } = issued.state else { panic!("{issued:?}") };
        let payload = json!({ "csr": base64url(csr(certified, &["a.test"])) }).to_string();
        let order = Order::read(issued.url, &self.ask_as_account(&finalize, payload.as_bytes())).expect("the order");
        let OrderState::Valid { certificate } = order.state else { panic!("{order:?}") };
        let chain = Chain::parse(&self.ask_as_account(&certificate, b"").body).expect("a chain");
        self.urls.insert("certificate", certificate);

        let ready = self.ready_order(&["a.test", "*.b.test"]);
        let OrderState::Ready { finalize } = ready.state else { panic!("{ready:?}") };
        self.urls.insert("finalize", finalize);
        self.urls.insert("order", ready.url);
        let pending = self.order(&["c.test"]);
        let (authz, authorization) = self.authorization(&pending, 0);
        self.urls.insert("challenge", authorization.challenges[0].url.clone());
        self.urls.insert("authz", authz);

        let renewed = chain.leaf().id.as_ref().expect("it has an authority key identifier").as_str().to_owned();
        self.words = vec![
            ("@account@", self.urls["account"].to_string()),
            ("@certificate@", base64url(&chain.certificates()[0])),
            ("@csr@", base64url(csr(certified, &["a.test", "*.b.test"]))),
            ("@replaces@", renewed),
            ("@oldKey@", jwk(&self.key).to_string()),
        ];
        self.desk.take_snapshot("furnished").expect("it is the only one");
    }

    fn order(&self, names: &[&str]) -> Order {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        let payload = json!({ "identifiers": identifiers }).to_string();
        let answer = self.ask_as_account(&self.urls["newOrder"], payload.as_bytes());
        Order::read(answer.location().expect("the order's address"), &answer).expect("an order")
    }

    fn authorization(&self, order: &Order, number: usize) -> (Address, Authorization) {
        let url = order.authorizations[number].clone();
        let shown = Authorization::read(url.clone(), &self.ask_as_account(&url, b"")).expect("an authorization");
        (url, shown)
    }

    fn ready_order(&self, names: &[&str]) -> Order {
        let order = self.order(names);
        for number in 0..order.authorizations.len() {
            let (_, authorization) = self.authorization(&order, number);
            self.ask_as_account(&authorization.challenges[0].url, b"{}");
        }
        // What is validated meanwhile is validated while somebody asks.
        for _ in 0..100 {
            let shown = Order::read(order.url.clone(), &self.ask_as_account(&order.url, b"")).expect("an order");
            if matches!(shown.state, OrderState::Ready { .. }) {
                return shown;
            }
            self.runtime.block_on(tokio::task::yield_now());
        }
        panic!("the order for {names:?} does not become ready");
    }

    /// The answer to a payload that is sent to a resource of the name that the directory or RFC 8555 §7.1 has for it, by its
    /// account. The CA then forgets that it was asked.
    pub(crate) fn answer(&self, resource: &str, payload: &[u8]) -> Option<(Vec<u8>, Response)> {
        let url = self.urls.get(resource)?;
        let mut payload = payload.to_vec();
        if let Ok(text) = str::from_utf8(&payload) {
            payload = self.words.iter().fold(text.to_owned(), |text, (word, meant)| text.replace(word, meant)).into();
        }
        let answer = match resource {
            "newAccount" => self.ask(url, &self.new_key, None, &payload),
            "keyChange" => self.ask_as_account(url, &by_new_key(&self.new_key, url, &payload)),
            _ => self.ask_as_account(url, &payload),
        };
        assert!(self.runtime.block_on(async { self.desk.restore_snapshot("furnished") }));
        Some((payload, answer))
    }

    fn ask_as_account(&self, url: &Address, payload: &[u8]) -> Response {
        self.ask(url, &self.key, self.urls.get("account"), payload)
    }

    fn ask(&self, url: &Address, key: &P256Key, account: Option<&Address>, payload: &[u8]) -> Response {
        let nonce = self.nonce.borrow_mut().take().expect("the CA gives nonces");
        let key_id = account.map_or(KeyId::Jwk, KeyId::Account);
        self.send(Method::POST, url, jws::sign(key, key_id, &nonce, url, payload))
    }

    fn get(&self, resource: &str) -> Response {
        self.send(Method::GET, &self.urls[resource], Vec::new())
    }

    fn send(&self, method: Method, url: &Address, body: Vec<u8>) -> Response {
        let request = Request::builder().method(method).uri(url.as_str()).header(CONTENT_TYPE, "application/jose+json");
        let request = request.body(Full::from(body)).expect("the CA's addresses can be asked");
        let (head, body) = self.runtime.block_on(async {
            let (head, body) = self.desk.answer(request).await.into_parts();
            (head, body.collect().await.expect("it is there").to_bytes())
        });
        let given = Nonce::of(&head.headers);
        if given.is_some() {
            *self.nonce.borrow_mut() = given;
        }
        Response { url: url.clone(), status: head.status, headers: head.headers, retry_after: None, body }
    }
}

fn address(text: &str) -> Address {
    text.parse().expect("the CA's directory has an address")
}

/// A CSR in DER.
fn csr(key: &P256Key, names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("they are names");
    params.distinguished_name = DistinguishedName::new();
    params.serialize_request(key).expect("it can be signed").der().to_vec()
}

fn jwk(key: &P256Key) -> Value {
    let (x, y) = key.public_point()[1..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
}

/// The JWS inside of a keyChange request (RFC 8555 §7.3.5), with this payload.
fn by_new_key(key: &P256Key, url: &Address, payload: &[u8]) -> Vec<u8> {
    let header = json!({ "alg": "ES256", "jwk": jwk(key), "url": url.as_str() });
    let (protected, payload) = (base64url(header.to_string()), base64url(payload));
    let signature = base64url(key.sign_fixed(format!("{protected}.{payload}").as_bytes()));
    json!({ "protected": protected, "payload": payload, "signature": signature }).to_string().into()
}

/// A storage's medium where each file holds the same until it is written, and where all is very old.
#[derive(Debug)]
pub(crate) struct EveryFile {
    content: Vec<u8>,
    /// What becomes of what is written.
    kept: fn(&[u8]) -> Vec<u8>,
    /// Nothing, where a file was removed.
    written: Mutex<BTreeMap<PathBuf, Option<Vec<u8>>>>,
}

impl EveryFile {
    pub(crate) fn holds(content: &[u8], kept: fn(&[u8]) -> Vec<u8>) -> Self {
        Self { content: content.to_vec(), kept, written: Mutex::default() }
    }

    fn put(&self, path: &Path, content: Option<Vec<u8>>) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), content);
    }

    fn found(&self, path: &Path) -> Option<Vec<u8>> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_aside = path.extension().is_some_and(|extension| extension == "bad");
        let former = || (!is_aside).then(|| self.content.clone());
        written.get(path).cloned().unwrap_or_else(former)
    }
}

fn done<'a, T: Send + 'a>(answer: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(io::Result::Ok(answer)))
}

impl Medium for EveryFile {
    fn read<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        done(self.found(path))
    }

    fn write<'a>(&'a self, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        self.put(path, Some((self.kept)(bytes)));
        done(())
    }

    fn remove<'a>(&'a self, path: &'a Path) -> Answer<'a, ()> {
        self.put(path, None);
        done(())
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Answer<'a, ()> {
        self.put(to, self.found(from));
        self.put(from, None);
        done(())
    }

    fn list<'a>(&'a self, _folder: &'a Path) -> Answer<'a, Vec<String>> {
        done(vec!["a.json".to_owned()])
    }

    fn modified<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<UtcDateTime>> {
        done(self.found(path).map(|_| UtcDateTime::UNIX_EPOCH))
    }
}
