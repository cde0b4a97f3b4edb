//! An ACME client of the tests' own: each call is one request on one connection, and nothing is retried.

use std::net::{IpAddr, SocketAddr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use ring::digest;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use sim::{Env, UtcDateTime, crypto::P256Key, tls};
use x509_parser::{
    extensions::ParsedExtension,
    prelude::{FromDer, X509Certificate},
};

use super::{Pages, Stage};

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A request in base64url, with a new key unless one is given.
pub(super) fn csr(env: &Env, names: &[&str], key: Option<&P256Key>) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let new = P256Key::generate(env, "certificate key");
    base64url(params.serialize_request(key.unwrap_or(&new)).unwrap().der())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(pub String);

impl Url {
    fn path(&self) -> &str {
        let after_scheme = self.0.strip_prefix("https://").expect("ACME is HTTPS");
        &after_scheme[after_scheme.find('/').expect("every URL here has a path")..]
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, kind: &str) {
        let problem = self.json();
        assert_eq!((self.status, &problem["status"]), (status, &json!(status)), "{problem}");
        assert_eq!(problem["type"], format!("urn:ietf:params:acme:error:{kind}"), "{problem}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
    }
}

/// A certificate as the client got it.
pub(crate) struct Leaf {
    /// DER, leaf first.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) key: P256Key,
    pub(crate) not_after: UtcDateTime,
    /// RFC 9773 §4.1.
    pub(crate) ari_id: String,
}

pub(crate) struct Client {
    env: Env,
    tls: tls::Client,
    address: SocketAddr,
    pages: Pages,
    pub(crate) key: P256Key,
    account: Option<String>,
    pub(crate) directory: Value,
}

impl Client {
    /// With a new key, no account, and the directory read.
    pub(super) async fn new(env: &Env, tls: tls::Client, address: SocketAddr, pages: Pages, directory: &Url) -> Self {
        let key = P256Key::generate(env, "account key");
        let mut client = Self { env: env.clone(), tls, address, pages, key, account: None, directory: Value::Null };
        let directory = client.get(directory).await;
        assert_eq!((directory.status, directory.header("content-type")), (200, Some("application/json")));
        client.directory = directory.json();
        client
    }

    pub(crate) fn url(&self, resource: &str) -> Url {
        Url(self.directory[resource].as_str().unwrap_or_else(|| panic!("no {resource}")).to_owned())
    }

    pub(crate) fn account_url(&self) -> &str {
        self.account.as_deref().expect("there is an account")
    }

    pub(crate) async fn get(&self, url: &Url) -> Reply {
        self.send(Method::GET, url, None).await
    }

    pub(crate) async fn send(&self, method: Method, url: &Url, body: Option<(&str, Vec<u8>)>) -> Reply {
        let stream = self.env.connect(self.address).await.unwrap();
        let stream = self.tls.connect(stream, "ca.test".try_into().unwrap()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let _connection = self.env.spawn("connection", connection);
        let mut request = Request::builder().method(method).uri(url.path()).header(header::HOST, "ca.test");
        let mut bytes = Bytes::new();
        if let Some((content_type, body)) = body {
            request = request.header(header::CONTENT_TYPE, content_type);
            bytes = body.into();
        }
        let response = sender.send_request(request.body(Full::new(bytes)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// How much of an answer's body comes before the connection ends; `None` if not even a header does.
    pub(crate) async fn bytes_until_cut_off(&self, method: Method, url: &Url) -> Option<usize> {
        let stream = self.env.connect(self.address).await.unwrap();
        let stream = self.tls.connect(stream, "ca.test".try_into().unwrap()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let _connection = self.env.spawn("connection", connection);
        let request = Request::builder().method(method).uri(url.path()).header(header::HOST, "ca.test");
        let mut body = sender.send_request(request.body(Full::new(Bytes::new())).unwrap()).await.ok()?.into_body();
        let mut arrived = 0;
        while let Ok(frame) = body.frame().await.expect("the connection ends before the body does") {
            arrived += frame.into_data().unwrap().len();
        }
        Some(arrived)
    }

    pub(crate) async fn send_as(&self, content_type: &str, url: &Url, body: Vec<u8>) -> Reply {
        let reply = self.send(Method::POST, url, Some((content_type, body))).await;
        assert!(reply.header("replay-nonce").is_some(), "every answer to a POST has a nonce");
        reply
    }

    pub(crate) async fn send_jws(&self, url: &Url, header: &Value, payload: &str) -> Reply {
        self.send_as("application/jose+json", url, jws(&self.key, header, payload).to_string().into_bytes()).await
    }

    pub(crate) async fn fresh_nonce(&self) -> String {
        let reply = self.send(Method::HEAD, &self.url("newNonce"), None).await;
        reply.header("replay-nonce").expect("newNonce has a nonce").to_owned()
    }

    /// Signed with the account's URL, or with the key itself before there is one. No payload: POST-as-GET.
    pub(crate) async fn post(&mut self, url: &Url, payload: Option<&Value>) -> Reply {
        let by_key = *url == self.url("newAccount");
        let mut header = json!({"alg": "ES256", "nonce": self.fresh_nonce().await, "url": url.0});
        match &self.account {
            Some(account) if !by_key => header["kid"] = account.as_str().into(),
            Some(_) | None => header["jwk"] = jwk(&self.key),
        }
        self.send_jws(url, &header, &payload.map(Value::to_string).unwrap_or_default()).await
    }

    pub(crate) async fn new_account(&mut self) -> Reply {
        let reply = self.post(&self.url("newAccount"), Some(&json!({"termsOfServiceAgreed": true}))).await;
        self.account = Some(reply.header("location").expect("an account has a URL").to_owned());
        reply
    }

    pub(crate) async fn find_account(&mut self) -> Reply {
        self.post(&self.url("newAccount"), Some(&json!({"onlyReturnExisting": true}))).await
    }

    pub(crate) async fn change_key(&mut self, stage: &Stage) -> Reply {
        let url = self.url("keyChange");
        let new = P256Key::generate(&stage.env, "account key");
        let payload = json!({"account": self.account_url(), "oldKey": jwk(&self.key)}).to_string();
        let inner = jws(&new, &json!({"alg": "ES256", "jwk": jwk(&new), "url": url.0}), &payload);
        let reply = self.post(&url, Some(&inner)).await;
        self.key = new;
        reply
    }

    pub(crate) async fn new_order(&mut self, names: &[&str], replaces: Option<&str>) -> Reply {
        let kind = |name: &str| if name.parse::<IpAddr>().is_ok() { "ip" } else { "dns" };
        let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": kind(name), "value": name})).collect();
        let mut order = json!({ "identifiers": identifiers });
        if let Some(replaces) = replaces {
            order["replaces"] = replaces.into();
        }
        self.post(&self.url("newOrder"), Some(&order)).await
    }

    /// Tells the CA to validate; what is then served is the key authorization, something else, or for a name
    /// that begins with "missing", nothing.
    pub(crate) async fn answer_challenges(&mut self, order: &Value, wrongly: bool) {
        for url in order["authorizations"].as_array().unwrap() {
            let authorization = self.post(&Url(url.as_str().unwrap().to_owned()), None).await.json();
            let challenge = &authorization["challenges"][0];
            assert_eq!((challenge["type"].as_str(), challenge["status"].as_str()), (Some("http-01"), Some("pending")));
            let token = challenge["token"].as_str().unwrap();
            let right = self.key_authorization(token) + "\n";
            let body = if wrongly { format!("{right}x") } else { right };
            if !authorization["identifier"]["value"].as_str().unwrap().starts_with("missing") {
                self.pages.lock().unwrap().insert(format!("/.well-known/acme-challenge/{token}"), body);
            }
            let url = Url(challenge["url"].as_str().unwrap().to_owned());
            let answered = self.post(&url, Some(&json!({}))).await;
            assert_eq!((answered.status, answered.json()["status"].as_str()), (200, Some("processing")));
        }
    }

    /// RFC 8555 §8.1.
    pub(crate) fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", thumbprint(&self.key))
    }

    /// Proves control of all identifiers.
    pub(crate) async fn authorize(&mut self, order: &Value) {
        self.answer_challenges(order, false).await;
        for url in order["authorizations"].as_array().unwrap() {
            let done = self.poll(&Url(url.as_str().unwrap().to_owned()), &["pending"]).await;
            assert_eq!(done["status"], "valid", "{done}");
        }
    }

    /// Asks again while the status is one of `unfinished`.
    pub(crate) async fn poll(&mut self, url: &Url, unfinished: &[&str]) -> Value {
        loop {
            let object = self.post(url, None).await.json();
            if !unfinished.contains(&object["status"].as_str().unwrap()) {
                return object;
            }
        }
    }

    /// From the order to the certificate; returns the valid order too.
    pub(crate) async fn issue(&mut self, names: &[&str], replaces: Option<&str>) -> (Value, Leaf) {
        let created = self.new_order(names, replaces).await;
        self.obtain(created, names).await
    }

    /// From the answer to a new order to the certificate; returns the valid order too.
    pub(crate) async fn obtain(&mut self, created: Reply, names: &[&str]) -> (Value, Leaf) {
        assert_eq!((created.status, created.json()["status"].as_str()), (201, Some("pending")));
        self.authorize(&created.json()).await;
        let finalize = Url(created.json()["finalize"].as_str().unwrap().to_owned());
        let key = P256Key::generate(&self.env, "certificate key");
        let csr = csr(&self.env, names, Some(&key));
        let finalized = self.post(&finalize, Some(&json!({ "csr": csr }))).await;
        assert_eq!((finalized.status, finalized.json()["status"].as_str()), (200, Some("processing")));
        assert_eq!(finalized.header("retry-after"), Some("3"));
        let order = self.poll(&Url(created.header("location").unwrap().to_owned()), &["processing"]).await;
        assert_eq!(order["status"], "valid", "{order}");

        let download = self.post(&Url(order["certificate"].as_str().unwrap().to_owned()), None).await;
        assert_eq!(
            (download.status, download.header("content-type")),
            (200, Some("application/pem-certificate-chain"))
        );
        let chain: Vec<Vec<u8>> =
            CertificateDer::pem_slice_iter(&download.body).map(|certificate| certificate.unwrap().to_vec()).collect();
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        let (_, issuer) = X509Certificate::from_der(&chain[1]).unwrap();
        let key_identifier = issuer.iter_extensions().find_map(|extension| {
            if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() {
                Some(base64url(id.0))
            } else {
                None
            }
        });
        let ari_id = format!("{}.{}", key_identifier.unwrap(), base64url(leaf.raw_serial()));
        let not_after = UtcDateTime::from_unix_timestamp(leaf.validity().not_after.timestamp()).unwrap();
        (order, Leaf { not_after, ari_id, chain, key })
    }
}

fn coordinates(key: &P256Key) -> [String; 2] {
    [&key.public_point()[1..33], &key.public_point()[33..]].map(base64url)
}

pub(crate) fn jwk(key: &P256Key) -> Value {
    let [x, y] = coordinates(key);
    json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
}

fn thumbprint(key: &P256Key) -> String {
    let [x, y] = coordinates(key);
    base64url(digest::digest(
        &digest::SHA256,
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes(),
    ))
}

/// A request, or what else is signed, in flattened JSON.
pub(crate) fn jws(key: &P256Key, header: &Value, payload: &str) -> Value {
    let [protected, payload] = [header.to_string(), payload.to_owned()].map(base64url);
    let signature = base64url(key.sign_fixed(format!("{protected}.{payload}").as_bytes()));
    json!({"protected": protected, "payload": payload, "signature": signature})
}
