//! Asking over HTTPS who may have a certificate: only a server that the given roots vouch for is believed.

use std::{net::SocketAddr, sync::Arc};

use client_under_test::manager::{AskEndpoint, Decision, decision::Asked};
use rcgen::{CertificateParams, DistinguishedName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sim::{Env, crypto::P256Key, real, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A certificate for 127.0.0.1, and its PEM.
fn certified(env: &Env, purpose: &str) -> (CertifiedKey, String) {
    let key = P256Key::generate(env, purpose);
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(1_u64.into());
    let certificate = params.self_signed(&key).unwrap();
    (CertifiedKey::new(vec![certificate.der().clone()], Arc::new(key)), certificate.pem())
}

#[tokio::test]
async fn a_server_that_the_roots_vouch_for_decides_and_another_denies() {
    let env = real::env("client", real::Options::default());
    let (key, pem) = certified(&env, "server");
    let (_, other_pem) = certified(&env, "somebody else");
    let server = tls::Server::new(&env, Arc::new(SingleCertAndKey::from(key)), &[]).unwrap();
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = env.listen(loopback).await.unwrap();
    let url = format!("https://{}/allowed", listener.local_address().unwrap());
    let _running = env.spawn("server", async move {
        loop {
            let Ok(mut stream) = server.accept(listener.accept().await.unwrap()).await else { continue };
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                question.push(byte);
            }
            let question = String::from_utf8(question).unwrap();
            let is_allowed = question.starts_with("GET /allowed?domain=a.test HTTP/1.1\r\n");
            let status = if is_allowed { "200 OK" } else { "403 Forbidden" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.ok();
        }
    });
    let asks = async |roots: &str, name: &str| {
        let asked = Asked { name: name.parse().unwrap(), visitor: None };
        AskEndpoint::over_https(&url, roots).unwrap().allows(&env, &asked).await
    };
    assert!(asks(&pem, "a.test").await);
    assert!(!asks(&pem, "b.test").await);
    assert!(!asks(&other_pem, "a.test").await);
}
