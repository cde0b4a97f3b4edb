//! A manager on real sockets, restarted from its storage, with its CA out of reach.

use std::{net::SocketAddr, time::Duration};

use client_under_test::{
    Config, Manager,
    acme::certificate::Chain,
    storage::{Storage, certificate::CertificateSet, lock::Lease},
};
use rcgen::{CertificateParams, DistinguishedName};
use rustls::RootCertStore;
use sim::{Env, crypto::P256Key, real, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CA: &str = "https://127.0.0.1:1/directory";

fn set(env: &Env, name: &str) -> (CertificateSet, RootCertStore) {
    let key = P256Key::generate(env, "leaf");
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(1_u64.into());
    params.not_before = (env.utc_now() - Duration::from_secs(3_600)).into();
    params.not_after = (env.utc_now() + Duration::from_secs(90 * 86_400)).into();
    let certificate = params.self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    (CertificateSet::new(Chain::parse(certificate.pem().as_bytes()).unwrap(), key).unwrap(), roots)
}

#[tokio::test]
async fn stored_certificates_are_served_without_the_ca() {
    let env = real::env("client", real::Options::default());
    let root = tempfile::tempdir().unwrap();
    let (set, roots) = set(&env, "a.test");
    let storage = Storage::new(&env, root.path().into(), &CA.parse().unwrap());
    storage.store_certificate(&"a.test".parse().unwrap(), &set, &Lease::unlocked()).await.unwrap();

    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = Config {
        storage_root: root.path().into(),
        http_address: loopback,
        tls_address: loopback,
        ..Config::new(["a.test", "other.test"], CA, "")
    };
    let manager = Manager::new(env.clone(), config).unwrap().listen().await.unwrap();
    let (http, https) = (manager.http_address().unwrap(), manager.tls_address().unwrap());
    let _running = env.spawn("manager", manager.run());

    let visitor = tls::Client::new(&env, roots, &["http/1.1"]);
    let stream = env.connect(https).await.unwrap();
    let mut stream = visitor.connect(stream, "a.test".try_into().unwrap()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello\n"), "{answer}");

    let stream = env.connect(https).await.unwrap();
    assert!(visitor.connect(stream, "stranger.test".try_into().unwrap()).await.is_err());

    let mut stream = env.connect(http).await.unwrap();
    let question = "GET /.well-known/acme-challenge/abc HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n";
    stream.write_all(question.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 Not Found"), "{answer}");
}
