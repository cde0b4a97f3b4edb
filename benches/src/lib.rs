//! Programs that the benchmarks run, written once against the seam so that each backend runs the same.

pub mod certificates;
pub mod defects;
pub mod figures;
pub mod gate;
pub mod guarded;
pub mod load;
pub mod origin;
pub mod readers;
pub mod report;
pub mod results;
pub mod served_ca;
pub mod table;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, Full};
use hyper::{Request, Response, body::Bytes, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyIdMethod, SerialNumber};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName},
    sign::{CertifiedKey, SingleCertAndKey},
};
use sim::{Env, crypto::P256Key, tls};

/// Where the server listens.
pub const PORT: u16 = 443;
const NAME: &str = "server.test";

/// Whether an exchange is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// A full TLS 1.3 handshake for each exchange.
    Tls,
    /// Plain TCP.
    Plain,
}

/// A key and its self-signed certificate, equal each time.
#[must_use]
pub fn identity() -> (P256Key, CertificateDer<'static>) {
    let key = P256Key::from_pem(KEY).expect("a key that this crate wrote");
    let mut params = CertificateParams::new([NAME.to_owned()]).expect("a DNS name");
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2200, 1, 1);
    params.serial_number = Some(SerialNumber::from(1_u64));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
    let certificate = params.self_signed(&key).expect("signable");
    (key, certificate.der().clone())
}

/// Answers every request with `hello`, one a connection.
pub async fn serve(env: Env, security: Security) {
    let (key, certificate) = identity();
    let certified = CertifiedKey::new(vec![certificate], Arc::new(key));
    let resolver = Arc::new(SingleCertAndKey::from(certified));
    let server = tls::Server::new(&env, resolver, &[]).expect("TLS 1.3 is supported");
    let listener = env.listen(SocketAddr::from(([0, 0, 0, 0], PORT))).await.expect("the port is free");
    while let Ok(stream) = listener.accept().await {
        let server = server.clone();
        env.spawn("connection", async move {
            match security {
                Security::Tls => {
                    if let Ok(stream) = server.accept(stream).await {
                        answer(stream).await;
                    }
                }
                Security::Plain => answer(stream).await,
            }
        })
        .detach();
    }
}

async fn answer(stream: impl sim::net::Socket + 'static) {
    let hello = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello")))) });
    let connection = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), hello);
    // A client that hangs up is no matter here.
    let _ = connection.await;
}

/// Makes `exchanges` requests, one every `pause`, each on a connection of its own.
pub async fn visit(env: Env, server: SocketAddr, security: Security, exchanges: u64, pause: Duration) {
    let mut roots = RootCertStore::empty();
    roots.add(identity().1).expect("a certificate");
    let client = tls::Client::new(&env, roots, &[]);
    for _ in 0..exchanges {
        env.sleep(pause).await;
        let stream = env.connect(server).await.expect("the server is up");
        let body = match security {
            Security::Tls => {
                let name = ServerName::try_from(NAME).expect("a DNS name");
                ask(&env, client.connect(stream, name).await.expect("the certificate is trusted")).await
            }
            Security::Plain => ask(&env, stream).await,
        };
        assert_eq!(&body[..], b"hello");
    }
}

async fn ask(env: &Env, stream: impl sim::net::Socket + 'static) -> Bytes {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("hyper takes any stream");
    let driver = env.spawn("connection", connection);
    let request = Request::get("/").header("host", NAME).body(Empty::<Bytes>::new()).expect("a request");
    let response = sender.send_request(request).await.expect("the server answers");
    let body = response.into_body().collect().await.expect("the server answers in full").to_bytes();
    drop(sender);
    driver.await;
    body
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeqfHdJWUBDpkWhaA
yPNup+S+E1fwXqOaeUfektpFcOuhRANCAASYbk6itUC52CAci0uOxqZf1F85W5G9
vdWicYmAO69sLX/RKr8bWiU8DO6vw5r/CEJXHTpjV3E516Z7VhkiFcW7
-----END PRIVATE KEY-----
";
