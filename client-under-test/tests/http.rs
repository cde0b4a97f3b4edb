//! The HTTPS client over real sockets, against a server that answers as told and then hangs up.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use client_under_test::acme::{
    address::Address,
    client::Client,
    http::{Conversation, HttpClient, HttpError, Request},
};
use rcgen::{CertificateParams, DistinguishedName};
use rustls::{
    RootCertStore,
    sign::{CertifiedKey, SingleCertAndKey},
};
use sim::{Env, Task, crypto::P256Key, real, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Server {
    env: Env,
    http: HttpClient,
    url: Address,
    connections: Arc<AtomicUsize>,
    /// What it was asked, without bodies.
    asked: Arc<Mutex<Vec<String>>>,
    _running: Task<()>,
}

impl Server {
    /// Answers each request with `answer`, and hangs up after `answers_max` on one connection.
    async fn start(answer: &'static [u8], answers_max: usize) -> Self {
        let env = real::env("client", real::Options::default());
        let key = P256Key::generate(&env, "leaf");
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(1_u64.into());
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let certified = CertifiedKey::new(vec![certificate.der().clone()], Arc::new(key));
        let server = tls::Server::new(&env, Arc::new(SingleCertAndKey::from(certified)), &[]).unwrap();
        let listener = env.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("https://{}/directory", listener.local_address().unwrap()).parse().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = asked.clone();
        let running = env.spawn("server", async move {
            loop {
                let mut stream = server.accept(listener.accept().await.unwrap()).await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                for _ in 0..answers_max {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { break };
                        request.push(byte);
                    }
                    noted.lock().unwrap().push(String::from_utf8(request).unwrap());
                    stream.write_all(answer).await.unwrap();
                    stream.flush().await.unwrap();
                }
                stream.shutdown().await.ok();
            }
        });
        let http = HttpClient::new(&env, roots);
        Self { env, http, url, connections, asked, _running: running }
    }

    async fn ask(&self, conversation: &mut Conversation) -> Result<String, HttpError> {
        let response = conversation.send(&Request::get(&self.url)).await?;
        Ok(String::from_utf8(response.body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_conversation_keeps_its_connection_while_it_lasts_and_reconnects_when_it_is_gone() {
    let server = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 2).await;
    let mut conversation = server.http.converse();
    for _ in 0..5 {
        assert_eq!(server.ask(&mut conversation).await.unwrap(), "ok");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}

/// RFC 8555 §6.1 and §6.4.
#[tokio::test]
async fn a_request_is_made_as_its_address_was_written_and_says_by_whom_and_in_which_language() {
    let server = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 1).await;
    let authority = server.url.authority().to_owned();
    let written = format!("HTTPS://nobody@{authority}/a/../%7eb;c+d?order=%2f&#part").parse().unwrap();
    server.http.converse().send(&Request::get(&written)).await.unwrap();
    let asked = server.asked.lock().unwrap().remove(0);
    assert!(asked.starts_with("GET /a/../%7eb;c+d?order=%2f& HTTP/1.1\r\n"), "{asked}");
    let header = |name: &str| asked.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    assert_eq!(header("host"), Some(&*authority));
    assert_eq!(header("accept-language"), Some("en"));
    let agent = header("user-agent").unwrap();
    assert!(agent.starts_with("gauntlet-client/") && agent.contains(" hyper/"), "{agent}");
}

#[tokio::test]
async fn a_body_that_is_cut_or_endless_is_an_error() {
    let cut = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok", 1).await;
    let error = cut.ask(&mut cut.http.converse()).await.unwrap_err();
    assert!(matches!(error, HttpError::Broken { .. }), "{error}");
    let endless = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n", 1).await;
    assert!(endless.ask(&mut endless.http.converse()).await.is_err());
    let redirect = Server::start(b"HTTP/1.1 302 Found\r\nlocation: /directory\r\ncontent-length: 0\r\n\r\n", 100).await;
    let error = redirect.ask(&mut redirect.http.converse()).await.unwrap_err();
    assert!(error.to_string().contains("redirects for ever"), "{error}");
}

#[tokio::test]
async fn a_page_of_html_is_a_refusal_with_its_retry_after() {
    let server = Server::start(
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 120\r\ncontent-length: 12\r\n\r\n<html>oops</",
        1,
    )
    .await;
    let error = Client::connect(&server.env, &server.http, server.url.url()).await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.retry_after().unwrap().as_secs(), 120);
}

#[tokio::test]
async fn only_https_is_asked() {
    let server = Server::start(b"", 1).await;
    let url: Address = "http://127.0.0.1/directory".parse().unwrap();
    let error = server.http.converse().send(&Request::get(&url)).await.unwrap_err();
    assert!(error.was_not_sent());
}
