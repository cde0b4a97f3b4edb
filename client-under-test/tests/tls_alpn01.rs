//! The TLS endpoint tells validation authorities (RFC 8737) from visitors by their hello alone.

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc};

use client_under_test::{
    acme::certificate::Chain,
    manager::{
        cache::Unguarded,
        endpoint::{Endpoint, Greeting},
        lookup::{Certificates, Source, StandIns},
        tls_alpn01,
    },
    name::Name,
    storage::certificate::CertificateSet,
};
use rcgen::{CertificateParams, DistinguishedName};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sim::{Env, crypto::P256Key, real, tls};

/// Takes anything: what is shown is what the test is about.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn set(env: &Env, name: &str) -> CertificateSet {
    let key = P256Key::generate(env, "leaf");
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(1_u64.into());
    let certificate = params.self_signed(&key).unwrap();
    CertificateSet::new(Chain::parse(certificate.pem().as_bytes()).unwrap(), key).unwrap()
}

/// The certificate that a hello with these protocols is answered with, and what was agreed on.
async fn shown(env: &Env, endpoint: SocketAddr, name: &str, alpn: &[&str]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let client = tls::Client::judging_by(env, Arc::new(Anything), alpn);
    let stream = env.connect(endpoint).await.unwrap();
    let stream = client.connect(stream, name.to_owned().try_into().unwrap()).await.ok()?;
    Some((stream.peer_certificates()[0].to_vec(), stream.alpn().map(<[u8]>::to_vec)))
}

#[tokio::test]
async fn only_who_offers_acme_tls_alone_is_shown_the_challenge_and_nothing_else() {
    let env = real::env("client", real::Options::default());
    let name: Name = "a.test".parse().unwrap();
    let cache = Unguarded::make(&env, Arc::new(Certificates::new(1, StandIns::default())));
    let ordinary = set(&env, "a.test").shown(None);
    cache.insert(&name, Source::Managed, &ordinary, env.utc_now()).await;
    let listener = env.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_address().unwrap();
    let endpoint = Endpoint::new(&env, cache.clone(), Arc::new(Greeting), NonZeroUsize::new(8).unwrap());
    let _serving = env.spawn("endpoint", endpoint.serve(listener));
    let ordinary = ordinary.certified.cert[0].to_vec();

    let challenge = Arc::new(tls_alpn01::certificate(&env, &name, "token.thumbprint").unwrap());
    assert_eq!(shown(&env, address, "a.test", &["acme-tls/1"]).await, None, "before there is a challenge");
    cache.insert_challenge(&name, &challenge).await;
    let agreed = shown(&env, address, "a.test", &["acme-tls/1"]).await;
    assert_eq!(agreed, Some((challenge.cert[0].to_vec(), Some(b"acme-tls/1".to_vec()))));
    assert_eq!(shown(&env, address, "b.test", &["acme-tls/1"]).await, None, "a name without challenge");
    for both in [["acme-tls/1", "http/1.1"], ["http/1.1", "acme-tls/1"]] {
        assert_eq!(shown(&env, address, "a.test", &both).await, None, "{both:?}");
    }
    assert_eq!(shown(&env, address, "a.test", &[]).await, Some((ordinary.clone(), None)));
    let http = shown(&env, address, "a.test", &["http/1.1"]).await;
    assert_eq!(http, Some((ordinary, Some(b"http/1.1".to_vec()))));
    drop(challenge);
    assert_eq!(shown(&env, address, "a.test", &["acme-tls/1"]).await, None, "once the challenge is over");
}
