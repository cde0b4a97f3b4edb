//! `gauntlet challtestsrv` beside `gauntlet serve`: every kind of challenge, told what to answer over its management API.

use std::{
    net::{IpAddr, SocketAddr},
    os::unix::fs::symlink,
    path::Path,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use client_under_test::acme::{
    account::{Account, Applicant, Consent},
    authorization::AuthorizationState,
    challenge::ChallengeKind,
    client::Client,
    http::HttpClient,
    order::OrderState,
};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, LOCATION},
};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, DistinguishedName};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sim::{Env, crypto::P256Key, real, tls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{DIRECTORY, PATIENCE, Served, any_port, gauntlet, output};

const MANAGEMENT: &str = "Starting management server on ";
const DNS: &str = "Starting TCP and UDP DNS server on ";
const HTTP01: &str = "Starting HTTP-01 server on ";

/// An address of this machine that no other process uses: all of 127.0.0.0/8 is it.
fn here(last: u8) -> IpAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    [127, high | 0x80, low, last].into()
}

/// Sends a request over plain HTTP; the status, the place that it is redirected to, and the body.
async fn send(env: &Env, to: SocketAddr, path: &str, body: String) -> (StatusCode, Option<String>, String) {
    let stream = env.connect(to).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    env.spawn("connection", connection).detach();
    let request = Request::post(path).header(HOST, "www.example.test:5002").body(Full::<Bytes>::from(body)).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let location = head.headers.get(LOCATION).map(|place| place.to_str().unwrap().to_owned());
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, location, String::from_utf8(body.to_vec()).unwrap())
}

/// A server and what it is asked from.
struct Tested {
    env: Env,
    served: Served,
}

impl Tested {
    async fn start(program: &Path, flags: &[&str]) -> Self {
        let served = Served::start_until(MANAGEMENT, program, flags, &[]).await;
        Self { env: real::env("visitor", real::Options::default()), served }
    }

    fn address(&self, label: &str) -> SocketAddr {
        self.served.told(label).parse().unwrap()
    }

    async fn call(&self, path: &str, parameters: Value) -> String {
        let (status, _, body) = send(&self.env, self.address(MANAGEMENT), path, parameters.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Asks over TCP if `is_tcp`.
    async fn ask(&self, name: &str, kind: RecordType, is_tcp: bool) -> Message {
        let mut question = Message::new(7, MessageType::Query, OpCode::Query);
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        let question = question.to_vec().unwrap();
        let server = self.address(DNS);
        let mut answer = vec![0; 65_535];
        let len = if is_tcp {
            let mut stream = self.env.connect(server).await.unwrap();
            stream.write_u16(question.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&question).await.unwrap();
            let len = stream.read_u16().await.unwrap().into();
            stream.read_exact(&mut answer[..len]).await.unwrap();
            len
        } else {
            let socket = self.env.bind_udp(SocketAddr::new(server.ip(), 0)).await.unwrap();
            socket.send_to(&question, server).await.unwrap();
            timeout(PATIENCE, socket.receive_from(&mut answer)).await.unwrap().unwrap().0
        };
        Message::from_vec(&answer[..len]).unwrap()
    }

    /// The texts of the answers.
    async fn answers(&self, name: &str, kind: RecordType) -> Vec<String> {
        let message = self.ask(name, kind, false).await;
        assert!(message.answers.iter().all(|record| record.ttl == 0));
        message.answers.iter().map(|record| record.data.to_string()).collect()
    }
}

fn flags(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_is_validated_by_http_01_dns_01_and_tls_alpn_01() {
    let (dns, web) = (SocketAddr::new(here(43), 8_053), here(40));
    let texts = [
        format!("-http01={web}:5002"),
        format!("-tlsalpn01={web}:5001"),
        "-https01=".to_owned(),
        "-doh=".to_owned(),
        format!("-dnsserver={dns}"),
        "-management=127.0.0.1:0".to_owned(),
        format!("-defaultIPv4={web}"),
        "-defaultIPv6=\"\"".to_owned(),
    ];
    let tested = Tested::start(gauntlet(), &[&["challtestsrv"], &flags(&texts)[..]].concat()).await;
    let config = any_port("serve-challtestsrv.json", "");
    let server = dns.to_string();
    let ca = Served::start(
        gauntlet(),
        &["serve", "-config", &config, "-dnsserver", &server],
        &[("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_AUTHZREUSE", "0")],
    )
    .await;

    let env = &tested.env;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.trust().as_bytes()).unwrap()).unwrap();
    let directory = ca.told(DIRECTORY).parse().unwrap();
    let mut client = Client::connect(env, &HttpClient::new(env, roots), &directory).await.unwrap();
    let applicant = Applicant { consent: Some(Consent::ToAny), ..Applicant::default() };
    let account = Account::register(&mut client, P256Key::generate(env, "account"), &applicant).await.unwrap();
    let mut session = account.session(&mut client);
    let texts = ["web.example.test", "dns.example.test", "tls.example.test"];
    let names = texts.map(|name| name.parse().unwrap());
    let mut order = session.new_order(&names, None, None).await.unwrap();
    for url in order.authorizations.clone() {
        let mut authorization = session.authorization(&url).await.unwrap();
        let host = authorization.identifier.clone();
        let wanted = texts.iter().position(|name| *name == host).unwrap();
        let answered = authorization.challenges.iter().find_map(|challenge| match (&challenge.kind, wanted) {
            (ChallengeKind::Http01(token), 0)
            | (ChallengeKind::Dns01(token), 1)
            | (ChallengeKind::TlsAlpn01(token), 2) => Some((challenge, token)),
            (
                ChallengeKind::Http01(_)
                | ChallengeKind::Dns01(_)
                | ChallengeKind::TlsAlpn01(_)
                | ChallengeKind::DnsPersist01(_),
                _,
            ) => None,
        });
        let (challenge, token) = answered.unwrap();
        let (content, token) = (session.account().key_authorization(token), token.as_str());
        match &challenge.kind {
            ChallengeKind::Http01(_) => tested.call("/add-http01", json!({ "token": token, "content": content })).await,
            ChallengeKind::Dns01(_) => {
                let value = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
                let host = format!("_acme-challenge.{host}.");
                tested.call("/set-txt", json!({ "host": host, "value": value })).await
            }
            ChallengeKind::TlsAlpn01(_) => {
                tested.call("/add-tlsalpn01", json!({ "host": host, "content": content })).await
            }
            ChallengeKind::DnsPersist01(_) => unreachable!("it has no token"),
        };
        session.respond(challenge).await.unwrap();
        while authorization.state == AuthorizationState::Pending {
            env.sleep(std::time::Duration::from_millis(20)).await;
            authorization = session.authorization(&url).await.unwrap();
        }
        assert_eq!(authorization.state, AuthorizationState::Valid, "{host}: {}", authorization.reason);
    }

    order = session.order(&order.url).await.unwrap();
    let OrderState::Ready { finalize } = order.state.clone() else { panic!("{order:?}") };
    let key = P256Key::generate(env, "certificate");
    let mut params = CertificateParams::new(texts.map(str::to_owned)).unwrap();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).unwrap();
    order = session.finalize(&order, &finalize, request.der()).await.unwrap();
    while matches!(order.state, OrderState::Processing) {
        env.sleep(std::time::Duration::from_millis(20)).await;
        order = session.order(&order.url).await.unwrap();
    }
    let OrderState::Valid { certificate } = order.state else { panic!("{order:?}") };
    let chain = session.download(&certificate, None).await.unwrap();
    assert!(chain.leaf().covers(&names));

    for (path, host) in [
        ("/http-request-history", texts[0]),
        ("/dns-request-history", "_acme-challenge.dns.example.test"),
        ("/tlsalpn01-request-history", texts[2]),
    ] {
        let history: Value = serde_json::from_str(&tested.call(path, json!({ "host": host })).await).unwrap();
        // From each of three perspectives, as with Pebble.
        assert_eq!(history.as_array().map(Vec::len), Some(3), "{path}: {history}");
    }
    assert_eq!(tested.served.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_named_pebble_challtestsrv_does_what_its_calls_say() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pebble-challtestsrv");
    symlink(gauntlet(), &program).unwrap();
    let any = "127.0.0.1:0";
    let given = ["-http01", any, "-https01", any, "-tlsalpn01", "\"\"", "-dns01", any, "-management", any, "-doh", ""];
    let tested = Tested::start(&program, &given).await;

    assert_eq!(tested.answers("any.test.", RecordType::A).await, ["127.0.0.1"]);
    assert_eq!(tested.answers("any.test.", RecordType::AAAA).await, ["::1"]);
    tested.call("/set-default-ipv4", json!({ "ip": "192.0.2.9" })).await;
    tested.call("/set-default-ipv6", json!({ "ip": "" })).await;
    assert_eq!(tested.answers("any.test.", RecordType::A).await, ["192.0.2.9"]);
    assert_eq!(tested.answers("any.test.", RecordType::AAAA).await, [""; 0]);
    for (add, clear, parameters, kind, expected) in [
        ("/add-a", "/clear-a", json!({ "addresses": ["192.0.2.1"] }), RecordType::A, "192.0.2.1"),
        ("/add-aaaa", "/clear-aaaa", json!({ "addresses": ["2001:db8::1"] }), RecordType::AAAA, "2001:db8::1"),
        ("/set-cname", "/clear-cname", json!({ "target": "b.test" }), RecordType::CNAME, "b.test."),
        ("/set-txt", "/clear-txt", json!({ "value": "text" }), RecordType::TXT, "text"),
    ] {
        let mut parameters = parameters;
        parameters["host"] = "A.test".into();
        tested.call(add, parameters).await;
        assert_eq!(tested.answers("a.test.", kind).await, [expected], "{add}");
        tested.call(clear, json!({ "host": "a.test." })).await;
        assert!(!tested.answers("a.test.", kind).await.contains(&expected.to_owned()), "{clear}");
    }
    let policies = json!([{ "Tag": "issue", "Value": "ca.test" }]);
    tested.call("/add-caa", json!({ "host": "a.test", "policies": policies })).await;
    let message = tested.ask("a.test.", RecordType::CAA, true).await;
    assert!(matches!(&message.answers[0].data, RData::CAA(caa) if caa.tag == "issue" && caa.value == b"ca.test"));
    tested.call("/set-servfail", json!({ "host": "a.test" })).await;
    assert_eq!(tested.ask("a.test.", RecordType::CAA, false).await.metadata.response_code, ResponseCode::ServFail);
    tested.call("/clear-servfail", json!({ "host": "a.test" })).await;
    tested.call("/clear-caa", json!({ "host": "a.test" })).await;
    assert_eq!(tested.answers("a.test.", RecordType::CAA).await, [""; 0]);

    // What is too long for a datagram is told over TCP.
    tested.call("/set-txt", json!({ "host": "long.test", "value": "x".repeat(600) })).await;
    assert!(tested.ask("long.test.", RecordType::TXT, false).await.metadata.truncation);
    let long = tested.ask("long.test.", RecordType::TXT, true).await;
    assert!(matches!(&long.answers[0].data, RData::TXT(txt) if txt.txt_data.len() == 3));

    let http = tested.address(HTTP01);
    let path = "/.well-known/acme-challenge/t";
    tested.call("/add-http01", json!({ "token": "t", "content": "t.key" })).await;
    assert_eq!(send(&tested.env, http, path, String::new()).await, (StatusCode::OK, None, "t.key".to_owned()));
    tested.call("/add-redirect", json!({ "path": path, "targetURL": "https://b.test/x" })).await;
    let (status, location, _) = send(&tested.env, http, path, String::new()).await;
    assert_eq!((status, location.as_deref()), (StatusCode::MOVED_PERMANENTLY, Some("https://b.test/x")));
    tested.call("/del-redirect", json!({ "path": path })).await;
    tested.call("/del-http01", json!({ "token": "t" })).await;
    assert_eq!(send(&tested.env, http, path, String::new()).await, (StatusCode::OK, None, String::new()));

    let host = json!({ "host": "www.example.test" });
    let history: Value = serde_json::from_str(&tested.call("/http-request-history", host.clone()).await).unwrap();
    let first = json!({ "URL": path, "Host": "www.example.test:5002", "HTTPS": false, "ServerName": "" });
    assert_eq!((history.as_array().map(Vec::len), &history[0]), (Some(3), &first));
    tested.call("/clear-request-history", json!({ "host": "www.example.test", "type": "http" })).await;
    assert_eq!(tested.call("/http-request-history", host).await, "[]");
}

/// RFC 8484 §4.1, its §4.1.1 for the example.
#[tokio::test(flavor = "multi_thread")]
async fn dns_over_https_answers_a_post_and_a_get_under_the_certificate_that_is_named() {
    let env = real::env("visitor", real::Options::default());
    let folder = tempfile::tempdir().unwrap();
    let key = P256Key::generate(&env, "key");
    let certificate = CertificateParams::new(["doh.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let [certificate_file, key_file] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.to_pem()).unwrap();
    let [certificate_file, key_file] = [&certificate_file, &key_file].map(|file| file.to_str().unwrap());
    let alone = output(gauntlet(), &["challtestsrv", "-doh-cert", certificate_file]);
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.code() == Some(2) && said.contains("-doh-cert-key beside it"), "{said}");
    let swapped = ["challtestsrv", "-doh-cert", key_file, "-doh-cert-key", certificate_file];
    let swapped = output(gauntlet(), &swapped);
    let said = String::from_utf8_lossy(&swapped.stderr);
    assert!(
        swapped.status.code() == Some(2) && said.contains("-doh-cert: ") && said.contains("-doh-cert-key: "),
        "{said}"
    );

    let others = ["challtestsrv", "-http01=", "-https01=", "-tlsalpn01=", "-dnsserver=", "-management=127.0.0.1:0"];
    let doh = ["-doh", "127.0.0.1:0", "-doh-cert", certificate_file, "-doh-cert-key", key_file];
    let tested = Tested::start(gauntlet(), &[&others[..], &doh[..]].concat()).await;

    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let client = tls::Client::new(&env, roots, &[]);
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii("www.example.com.").unwrap(), RecordType::A));
    let question = question.to_vec().unwrap();
    let get = format!("/dns-query?dns={}", URL_SAFE_NO_PAD.encode(&question));
    let post = |content_type: &str| Request::post("/dns-query").header(CONTENT_TYPE, content_type);
    for (request, body, status) in [
        (post("application/dns-message"), question.clone(), 200),
        (Request::get(get), Vec::new(), 200),
        (post("application/json"), question, 415),
        (post("application/dns-message"), Vec::new(), 400),
        (Request::get("/dns-query?dns=%"), Vec::new(), 400),
        (Request::put("/dns-query"), Vec::new(), 405),
    ] {
        let request = request.header(HOST, "doh.test").body(Full::<Bytes>::from(body)).unwrap();
        let shown = format!("{} {}", request.method(), request.uri());
        let stream = env.connect(tested.address("Starting DNS-over-HTTPS server on ")).await.unwrap();
        let stream = client.connect(stream, "doh.test".try_into().unwrap()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        env.spawn("connection", connection).detach();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(head.status, status, "{shown}");
        if status == 200 {
            assert_eq!(head.headers[CONTENT_TYPE], "application/dns-message");
            assert_eq!(Message::from_vec(&body).unwrap().answers[0].data.to_string(), "127.0.0.1", "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_and_flags_are_refused_with_a_sentence() {
    let disabled = ["-http01=", "-https01=", "-tlsalpn01=", "-dnsserver=", "-doh=", "-management=127.0.0.1:0"];
    let tested = Tested::start(gauntlet(), &[&["challtestsrv"], &disabled[..]].concat()).await;
    for (path, body, status, sentence) in [
        ("/add-a", "", 400, "the body is not a JSON object"),
        ("/add-a", r#"{"host": "a.test", "addresses": ["::1"]}"#, 400, "addresses is not a list of IPv4 addresses"),
        ("/set-txt", r#"{"host": "a.test"}"#, 400, "value is missing or empty"),
        ("/set-cname", r#"{"host": "a.test", "target": "a..b"}"#, 400, "target: "),
        ("/clear-request-history", r#"{"host": "a", "type": "x"}"#, 400, "type is http, dns or tlsalpn"),
        ("/nothing", "{}", 404, "there is no such call"),
    ] {
        let (said, _, text) = send(&tested.env, tested.address(MANAGEMENT), path, body.to_owned()).await;
        assert_eq!(said.as_u16(), status, "{path}: {text}");
        assert!(text.starts_with(sentence), "{path}: {text}");
    }
    assert_eq!(output(gauntlet(), &["challtestsrv", "-http01", "x"]).status.code(), Some(2));
    assert_eq!(output(gauntlet(), &["challtestsrv", "more"]).status.code(), Some(1));
}
