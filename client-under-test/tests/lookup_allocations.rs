//! What a handshake is answered with is found without an allocation, whatever comes of it: in the lookup itself, and on the way
//! from rustls's hello to rustls's key. Each thread registers with the table at its first lookup, which is not counted.

use std::sync::Arc;

use client_under_test::{
    manager::{
        Resolver,
        lookup::{Certificates, Found, Hello, Protocols, Schemes, Shown, Source, StandIns},
        resolver::schemes,
    },
    name::Name,
};
use rcgen::{CertificateParams, DistinguishedName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sim::{UtcDateTime, crypto::P256Key, real};
use time::{Duration, macros::utc_datetime};

const NOW: UtcDateTime = utc_datetime!(2026-11-21 00:00:00);
const P256: u16 = 0x0403;
const ED25519: u16 = 0x0807;
const RSA: u16 = 0x0804;
/// Too long for the table's entry: it has memory of its own.
const LONG: &str = "a-name-that-is-rather-longer-than-most-names-are.test";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// What `work` gives, if it made no allocation on this thread.
fn without_allocation<T>(what: &str, work: impl Fn() -> T) -> T {
    let mut given = None;
    drop(work());
    let counted = allocation_counter::measure(|| given = Some(work()));
    assert_eq!(counted.count_total, 0, "{what}");
    given.expect("it was measured")
}

#[test]
fn no_outcome_of_a_lookup_takes_an_allocation() {
    let shown = |what: &'static str, scheme, days| Shown {
        certified: Arc::new(what),
        schemes: Schemes::new([scheme]),
        not_before: NOW - Duration::DAY,
        not_after: NOW + Duration::days(days),
        stapled: None,
        must_staple: false,
    };
    let stand_ins = |fallback| StandIns { default: Some(name("a.test")), fallback };
    let [open, strict] = [Some(name("a.test")), None].map(|fallback| {
        let certificates = Certificates::new(1, stand_ins(fallback));
        for (of, source, shown) in [
            ("a.test", Source::Managed, shown("ecdsa", P256, 1)),
            ("a.test", Source::External(0), shown("rsa", RSA, 1)),
            ("*.test", Source::Managed, shown("wildcard", ED25519, 1)),
            ("old.b.test", Source::Managed, shown("expired", P256, -1)),
            (LONG, Source::Managed, shown("long", P256, 1)),
        ] {
            certificates.insert(&name(of), source, &shown, NOW);
        }
        certificates
    });
    let challenge = Arc::new("challenge");
    strict.insert_challenge(&name("a.test"), &challenge);

    let outcomes = [
        (&strict, Some("a.test"), &[RSA, P256][..], Protocols::Ordinary, "ecdsa"),
        (&strict, Some("a.test"), &[RSA], Protocols::Ordinary, "rsa"),
        (&strict, Some("a.test"), &[ED25519], Protocols::Ordinary, "wildcard"),
        (&strict, Some("a.test"), &[], Protocols::Ordinary, "ecdsa"),
        (&strict, Some(LONG), &[P256], Protocols::Ordinary, "long"),
        (&strict, Some("b.test"), &[ED25519], Protocols::Ordinary, "wildcard"),
        (&strict, Some("old.b.test"), &[P256], Protocols::Ordinary, "expired, invalid"),
        (&strict, None, &[P256], Protocols::Ordinary, "ecdsa"),
        (&strict, Some("c.b.test"), &[P256], Protocols::Ordinary, "nothing"),
        (&strict, Some("org"), &[P256], Protocols::Ordinary, "nothing"),
        (&open, Some("c.b.test"), &[P256], Protocols::Ordinary, "ecdsa, in its place"),
        (&strict, Some("a.test"), &[P256], Protocols::AcmeTls, "challenge"),
        (&strict, Some("b.test"), &[P256], Protocols::AcmeTls, "nothing"),
        (&strict, None, &[P256], Protocols::AcmeTls, "nothing"),
        (&strict, Some("a.test"), &[P256], Protocols::AcmeTlsAmongOthers, "nothing"),
    ];
    for (certificates, server_name, signature_schemes, protocols, expected) in outcomes {
        let hello = Hello { server_name, signature_schemes, protocols };
        let found = match without_allocation(expected, || certificates.find(&hello, NOW)) {
            Found::Valid(what) => what.to_string(),
            Found::Invalid(what) => format!("{what}, invalid"),
            Found::Fallback(what) => format!("{what}, in its place"),
            Found::Nothing => "nothing".into(),
        };
        assert_eq!(found, expected, "{hello:?}");
    }
}

/// Counts what a resolver allocates.
#[derive(Debug)]
struct Counted {
    resolver: Resolver,
    expected: Option<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Counted {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut given = None;
        let counted = allocation_counter::measure(|| given = self.resolver.resolve(hello));
        assert_eq!(counted.count_total, 0);
        assert_eq!(given.as_ref().map(Arc::as_ptr), self.expected.as_ref().map(Arc::as_ptr));
        given
    }
}

#[tokio::test]
async fn nor_does_the_way_from_rustls_hello_to_rustls_key() {
    let env = real::env("client", real::Options::default());
    let key = P256Key::generate(&env, "leaf");
    let mut params = CertificateParams::new(vec!["a.test".to_owned(), "*.test".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    let certificate = params.self_signed(&key).unwrap();
    let certified = |key: &P256Key| Arc::new(CertifiedKey::new(vec![certificate.der().clone()], Arc::new(key.clone())));
    let shown = |certified: &Arc<CertifiedKey>| Shown {
        schemes: schemes(&*certified.key),
        certified: certified.clone(),
        not_before: env.utc_now() - Duration::DAY,
        not_after: env.utc_now() + Duration::DAY,
        stapled: None,
        must_staple: false,
    };
    let [exact, wildcard, challenge] = [(); 3].map(|()| certified(&key));
    let certificates = Certificates::new(1, StandIns { default: Some(name("a.test")), fallback: None });
    certificates.insert(&name("a.test"), Source::Managed, &shown(&exact), env.utc_now());
    certificates.insert(&name("*.test"), Source::Managed, &shown(&wildcard), env.utc_now());
    certificates.insert_challenge(&name("a.test"), &challenge);
    let resolver = Resolver::new(&env, Arc::new(certificates));

    let visits = [
        ("a.test", &["h2", "http/1.1"][..], Some(&exact)),
        ("A.Test", &[], Some(&exact)),
        ("b.test", &["http/1.1"], Some(&wildcard)),
        ("b.a.test", &["http/1.1"], None),
        ("127.0.0.1", &["http/1.1"], Some(&exact)),
        ("a.test", &["acme-tls/1"], Some(&challenge)),
        ("b.test", &["acme-tls/1"], None),
        ("a.test", &["acme-tls/1", "http/1.1"], None),
    ];
    // The first is there twice: this thread's first lookup is not counted.
    drop(say_hello(Arc::new(resolver.clone()), "a.test", &[]));
    for (server_name, alpn, expected) in visits {
        let counted = Counted { resolver: resolver.clone(), expected: expected.cloned() };
        assert_eq!(
            say_hello(Arc::new(counted), server_name, alpn).is_ok(),
            expected.is_some(),
            "{server_name} {alpn:?}"
        );
    }
}

/// Lets a server read a client's first message.
fn say_hello(resolver: Arc<dyn ResolvesServerCert>, server_name: &str, alpn: &[&str]) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut of_client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    of_client.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let mut of_server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    of_server.alpn_protocols.clone_from(&of_client.alpn_protocols);
    let server_name = server_name.to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(of_client), server_name)?;
    let mut server = ServerConnection::new(Arc::new(of_server))?;
    let mut message = Vec::new();
    client.write_tls(&mut message).unwrap();
    server.read_tls(&mut message.as_slice()).unwrap();
    server.process_new_packets().map(drop)
}
