//! Peers that send what they should not, or nothing: they are refused, and others are served meanwhile.

use std::{net::SocketAddr, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use sim::{Env, net::Socket, real, tls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{DIRECTORY, PATIENCE, ROOTS, Served, any_port, gauntlet, get};

fn address(url: &str) -> SocketAddr {
    url.strip_prefix("https://").unwrap().split('/').next().unwrap().parse().unwrap()
}

/// What comes back, until the server ends the connection.
async fn answer_to(stream: &mut impl Socket, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let conversation = async {
        // The server may well hang up before it has read all.
        if stream.write_all(bytes).await.is_ok() {
            drop(stream.flush().await);
        }
        drop(stream.read_to_end(&mut answer).await);
    };
    timeout(PATIENCE, conversation).await.expect("the server ends the connection");
    answer
}

async fn over_tls(env: &Env, trust: &str, server: SocketAddr, bytes: &[u8]) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trust.as_bytes()).unwrap()).unwrap();
    let stream = env.connect(server).await.unwrap();
    let client = tls::Client::new(env, roots, &["http/1.1"]);
    let mut stream = client.connect(stream, ServerName::IpAddress(server.ip().into())).await.unwrap();
    String::from_utf8_lossy(&answer_to(&mut stream, bytes).await).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_are_refused_at_every_port() {
    let config = any_port("serve-bad-input.json", "");
    let ca = Served::start(gauntlet(), &["serve", "-config", &config], &[]).await;
    let env = real::env("visitor", real::Options::default());
    let trust = ca.trust();
    for server in [ca.told(DIRECTORY), ca.told(ROOTS)].map(address) {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 65_536], &[0x16, 3, 1, 0xff, 0xff], &[0xff; 5]] {
            answer_to(&mut env.connect(server).await.unwrap(), bytes).await;
        }
        let long = "x".repeat(1 << 20);
        for request in [
            "\r\n\r\n\0\0\0".to_owned(),
            "GET /dir HTTP/9.9\r\n\r\n".to_owned(),
            format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
            format!("GET /dir HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
            format!("GET /dir HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1_000)),
            "POST /order-plz HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n".to_owned(),
        ] {
            let answer = over_tls(&env, &trust, server, request.as_bytes()).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{request:.40}: {answer:.200}");
        }
    }
    let server = address(ca.told(DIRECTORY));
    for path in ["sign-me-up", "order-plz", "revoke-cert", "rollover-account-key", "my-order/x", "finalize-order/%00"] {
        for body in ["", "{", "null", "[]", r#"{"protected":"","payload":"","signature":""}"#, "\u{0}"] {
            let request = format!(
                "POST /{path} HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/jose+json\r\nuser-agent: t\r\n\
                 connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = over_tls(&env, &trust, server, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("problem+json"), "{path} {body}: {answer}");
        }
    }
    assert_eq!(ca.terminate().await, Some(0));
}

/// Sends one byte after the other, for as long as the server takes them; what it answered before it hung up.
async fn drip(env: &Env, mut stream: impl Socket, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    let conversation = async {
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let writing = async {
            for byte in bytes {
                if writer.write_all(&[*byte]).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
                env.sleep(Duration::from_millis(100)).await;
            }
        };
        let reading = reader.read_to_end(&mut answer);
        tokio::select! { _ = reading => {}, () = writing => panic!("it was read to its end") }
    };
    timeout(PATIENCE, conversation).await.expect("the server ends the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_byte_by_byte_is_cut_off_and_so_is_what_is_no_http2() {
    let config = any_port("serve-slow.json", "");
    let ca = Served::start(gauntlet(), &["serve", "-config", &config, "-client-timeout", "1"], &[]).await;
    let env = real::env("visitor", real::Options::default());
    let server = address(ca.told(DIRECTORY));
    let connect = async |alpn: &'static str| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.trust().as_bytes()).unwrap()).unwrap();
        let stream = env.connect(server).await.unwrap();
        let name = ServerName::IpAddress(server.ip().into());
        tls::Client::new(&env, roots, &[alpn]).connect(stream, name).await.unwrap()
    };
    // Each would take minutes.
    let header = format!("GET /dir HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(6_000));
    let body = format!(
        "POST /order-plz HTTP/1.1\r\nhost: a\r\nuser-agent: t\r\ncontent-type: application/jose+json\r\n\
         content-length: 6000\r\n\r\n{}",
        "{".repeat(6_000)
    );
    let (head_end, hello) = (body.find("\r\n\r\n").unwrap() + 4, "\u{16}\u{3}\u{1}".repeat(2_000));
    let slow_body = async {
        let mut stream = connect("http/1.1").await;
        stream.write_all(&body.as_bytes()[..head_end]).await.unwrap();
        drip(&env, stream, &body.as_bytes()[head_end..]).await
    };
    let handshake = async { drip(&env, env.connect(server).await.unwrap(), hello.as_bytes()).await };
    let garbage = async {
        let mut stream = connect("h2").await;
        answer_to(&mut stream, &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 4_096]].concat()).await
    };
    let slow_header = async { drip(&env, connect("http/1.1").await, header.as_bytes()).await };
    let (slow_header, slow_body, _, _) = tokio::join!(slow_header, slow_body, handshake, garbage);
    for answer in [slow_header, slow_body] {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    let (_, directory) = get(&env, &ca.trust(), ca.told(DIRECTORY), "h2").await;
    assert!(directory.contains("newOrder"), "{directory}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_silent_connections_keep_nobody_out() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { ..limit }).unwrap();
    // This process and the CA's have the same limit; some files are open for other reasons.
    let silent = limit.maximum.map_or(10_000, |most| most.saturating_sub(200).min(10_000));
    let config = any_port("serve-silent.json", "");
    let ca = Served::start(gauntlet(), &["serve", "-config", &config], &[]).await;
    let env = real::env("visitor", real::Options::default());
    let mut connections = Vec::new();
    for _ in 0..silent {
        connections.push(env.connect(address(ca.told(DIRECTORY))).await.unwrap());
    }
    let visit = async { get(&env, &ca.trust(), ca.told(DIRECTORY), "h2").await };
    let (_, directory) = timeout(PATIENCE, visit).await.expect("the directory is served meanwhile");
    assert!(directory.contains("newOrder"), "{directory}");
}
