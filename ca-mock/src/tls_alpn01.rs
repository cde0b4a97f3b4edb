//! tls-alpn-01: the identifier's TLS server shows a certificate that holds the key authorization's digest (RFC 8737).
//!
//! Nobody vouches for that certificate, so it is judged here: only the server's possession of its key is checked
//! during the handshake, everything else once it is over. No application data is exchanged.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
};
use sim::{
    Env,
    net::TcpStream,
    tls::{self, TlsStream},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, X509Extension},
    oid_registry::{Oid, asn1_rs::oid},
    prelude::FromDer,
};

use crate::{
    addresses,
    challenges::KeyAuthorization,
    csr::ip_address,
    identifier::Identifier,
    perspective::Perspective,
    problem::{Problem, ProblemType},
    validation_record::ValidationRecord,
};

/// RFC 8737 §6.2.
pub(crate) const PROTOCOL: &str = "acme-tls/1";
/// `id-pe-acmeIdentifier`, RFC 8737 §6.1.
const ACME_IDENTIFIER: Oid<'static> = oid!(1.3.6.1.5.5.7.1.31);
/// DER of the head of an OCTET STRING that holds a SHA-256.
const DIGEST_HEAD: [u8; 2] = [0x04, 32];

/// How long a server may take to answer what it should not.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// What the server showed.
#[derive(Debug)]
struct Shown {
    protocol: Option<Vec<u8>>,
    certificate: Option<CertificateDer<'static>>,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("{0}")]
    Tls(io::Error),
    #[error("Timeout after connect (your server may be slow or overloaded)")]
    TimedOut,
}

/// Shakes hands and judges what was shown; where that was, the record tells.
pub(crate) async fn validate(
    from: &Perspective,
    identifier: &Identifier,
    expected: &KeyAuthorization,
    records: &mut Vec<ValidationRecord>,
) -> Result<(), Problem> {
    let config = from.config();
    let mut record = ValidationRecord {
        hostname: identifier.to_string(),
        port: Some(config.tls_alpn01_port),
        addresses_resolved: addresses::find(from, &identifier.host()).await?,
        ..ValidationRecord::default()
    };
    let connected = addresses::connect(from, config.tls_alpn01_port, &mut record).await;
    let address = record.address_used.map(|address| address.to_string()).unwrap_or_default();
    records.push(record);
    let problem = |kind: ProblemType, why: String| Problem::new(kind, format!("{address}: {why}"));
    let stream = connected.map_err(|error| problem(ProblemType::Connection, error.to_string()))?;
    let shaking = shake_hands(&from.env, stream, server_name(identifier), &[PROTOCOL]);
    let shown = from.env.timeout(config.tls_alpn01_timeout, validating(shaking)).await;
    let shown = shown.unwrap_or(Err(HandshakeError::TimedOut)).map_err(|error| match error {
        HandshakeError::Broken(_) | HandshakeError::TimedOut => problem(ProblemType::Connection, error.to_string()),
        HandshakeError::Tls(_) => problem(ProblemType::Tls, error.to_string()),
    })?;
    judge(&shown, identifier, expected).map_err(|why| {
        let what = "Incorrect validation certificate for tls-alpn-01 challenge.";
        problem(ProblemType::Unauthorized, format!("{what} Requested {identifier}: {why}"))
    })
}

/// Once hands are shaken, all has been said (RFC 8737 §3).
async fn validating(
    shaking: impl Future<Output = Result<(Shown, TlsStream), HandshakeError>>,
) -> Result<Shown, HandshakeError> {
    let (shown, mut stream) = shaking.await?;
    // Whether the server hears the goodbye is its business.
    drop(stream.shutdown().await);
    Ok(shown)
}

async fn shake_hands(
    env: &Env,
    stream: TcpStream,
    name: String,
    protocols: &[&str],
) -> Result<(Shown, TlsStream), HandshakeError> {
    let judge = Arc::new(KeyPossession { supported: env.crypto_provider().signature_verification_algorithms });
    let name = ServerName::try_from(name).expect("names, and those of the reverse tree, are DNS names");
    let stream =
        tls::Client::judging_by(env, judge, protocols).connect(stream, name).await.map_err(|error| {
            match error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
                true => HandshakeError::Tls(error),
                false => HandshakeError::Broken(error),
            }
        })?;
    let shown = Shown {
        protocol: stream.alpn().map(<[u8]>::to_vec),
        certificate: stream.peer_certificates().into_iter().next(),
    };
    Ok((shown, stream))
}

/// What a server did in a handshake that is no validation.
#[derive(Debug)]
pub(crate) struct Greeted {
    /// Whether acme-tls/1 was agreed on.
    pub(crate) is_acme_tls: bool,
    /// Whether its certificate has the extension acmeIdentifier.
    pub(crate) has_acme_identifier: bool,
    /// Whether it answered what was said after the handshake.
    pub(crate) has_answered: bool,
}

/// Shakes hands with the identifier's server by this name and these protocols, and says something; `None` if the server
/// does not shake hands so.
pub(crate) async fn greet(
    from: &Perspective,
    identifier: &Identifier,
    name: String,
    protocols: &[&str],
    says: &[u8],
) -> Option<Greeted> {
    let config = from.config();
    let addresses_resolved = addresses::find(from, &identifier.host()).await.ok()?;
    let mut record = ValidationRecord { addresses_resolved, ..ValidationRecord::default() };
    let stream = addresses::connect(from, config.tls_alpn01_port, &mut record).await.ok()?;
    let shaking = shake_hands(&from.env, stream, name, protocols);
    let (shown, mut stream) = from.env.timeout(config.tls_alpn01_timeout, shaking).await.ok()?.ok()?;
    let answer = async {
        stream.write_all(says).await?;
        stream.flush().await?;
        stream.read(&mut [0]).await
    };
    // Silence is an answer too.
    let has_answered = !says.is_empty() && matches!(from.env.timeout(ANSWER_LIMIT, answer).await, Ok(Ok(1..)));
    Some(Greeted {
        is_acme_tls: shown.protocol.as_deref() == Some(PROTOCOL.as_bytes()),
        has_acme_identifier: shown.certificate.is_some_and(|der| has_acme_identifier(&der)),
        has_answered,
    })
}

fn has_acme_identifier(der: &[u8]) -> bool {
    let read = X509Certificate::from_der(der);
    read.is_ok_and(|(_, certificate)| certificate.extensions().iter().any(|extension| extension.oid == ACME_IDENTIFIER))
}

/// What is asked for: the name, or an address's name in the reverse tree (RFC 8738 §6).
pub(crate) fn server_name(identifier: &Identifier) -> String {
    match identifier.ip() {
        None => identifier.as_str().to_owned(),
        Some(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Some(IpAddr::V6(address)) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 0xf, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

/// Whether a certificate in DER, shown under `acme-tls/1`, proves control of a name or address to the validation authority, which
/// awaits this key authorization (RFC 8737 §3). For fuzzers and for tests that compare readers.
///
/// # Errors
/// The rule that is broken, in words.
pub fn judge_validation_certificate(der: &[u8], identifier: &str, key_authorization: &str) -> Result<(), &'static str> {
    let identifier = Identifier::parse(identifier).or_else(|_| Identifier::parse_ip(identifier));
    let identifier = identifier.map_err(|_| "nobody can have control of that")?;
    let shown = Shown { protocol: Some(PROTOCOL.into()), certificate: Some(der.to_vec().into()) };
    judge(&shown, &identifier, &KeyAuthorization::from_text(key_authorization))
}

/// The rules of RFC 8737 §3; the refusal names the one that is broken.
fn judge(shown: &Shown, identifier: &Identifier, expected: &KeyAuthorization) -> Result<(), &'static str> {
    if shown.protocol.as_deref() != Some(PROTOCOL.as_bytes()) {
        return Err("the server did not agree on acme-tls/1");
    }
    let der = shown.certificate.as_ref().ok_or("the server showed no certificate")?;
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| "the server's certificate is not X.509 in DER")?;
    if !rest.is_empty() {
        return Err("the server's certificate has octets after its end");
    }
    if certificate.issuer() != certificate.subject() || certificate.verify_signature(None).is_err() {
        return Err("the server's certificate is not self-signed");
    }
    let names = certificate.subject_alternative_name().ok().flatten().map(|names| &names.value.general_names[..]);
    let is_named = match (names, identifier.ip()) {
        (Some([GeneralName::DNSName(name)]), None) => name.eq_ignore_ascii_case(identifier.as_str()),
        (Some([GeneralName::IPAddress(octets)]), Some(address)) => ip_address(octets) == Some(address),
        (Some(_) | None, _) => false,
    };
    if !is_named {
        return Err("the server's certificate is not for exactly this one name or address");
    }
    let mut identifiers = certificate.extensions().iter().filter(|extension| extension.oid == ACME_IDENTIFIER);
    let (Some(extension), None) = (identifiers.next(), identifiers.next()) else {
        return Err("the server's certificate has not exactly one acmeIdentifier extension");
    };
    judge_extension(extension, expected)
}

fn judge_extension(extension: &X509Extension<'_>, expected: &KeyAuthorization) -> Result<(), &'static str> {
    if !extension.critical {
        return Err("the acmeIdentifier extension is not critical");
    }
    if extension.value != [&DIGEST_HEAD[..], &expected.digest()].concat() {
        return Err("the acmeIdentifier extension does not hold the key authorization's digest");
    }
    Ok(())
}

/// Takes any certificate whose key signs the handshake.
///
/// The key is taken out of the certificate here, as rustls refuses certificates with critical extensions that it
/// does not know. That way knows TLS 1.3's signature schemes only: under TLS 1.2, a server must choose one of those.
#[derive(Debug)]
struct KeyPossession {
    supported: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for KeyPossession {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls13_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, certificate) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(rustls::CertificateError::BadEncoding))?;
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.supported)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.supported.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyIdMethod, SerialNumber};
    use ring::digest;
    use sim::crypto::P256Key;

    use super::*;
    use crate::testing;

    const KEY_AUTHORIZATION: &str = "token.thumbprint";

    fn extension(text: &str) -> CustomExtension {
        CustomExtension::new_acme_identifier(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
    }

    fn verdict(protocol: &str, names: &[&str], extensions: Vec<CustomExtension>) -> Result<(), &'static str> {
        verdict_on(&Identifier::parse("a.example").unwrap(), protocol, names, extensions)
    }

    fn verdict_on(
        identifier: &Identifier,
        protocol: &str,
        names: &[&str],
        extensions: Vec<CustomExtension>,
    ) -> Result<(), &'static str> {
        testing::with_env(|env| {
            let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
            params.distinguished_name = DistinguishedName::new();
            params.serial_number = Some(SerialNumber::from(1));
            params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
            params.custom_extensions = extensions;
            let certificate = params.self_signed(&P256Key::generate(&env, "challenge")).unwrap();
            let shown =
                Shown { protocol: Some(protocol.into()), certificate: Some(certificate.der().clone().into_owned()) };
            let expected = KeyAuthorization::from_text(KEY_AUTHORIZATION);
            judge(&shown, identifier, &expected)
        })
    }

    #[test]
    fn the_certificate_of_rfc_8737_is_taken_in_any_case_of_the_name() {
        for name in ["a.example", "A.Example"] {
            assert_eq!(verdict(PROTOCOL, &[name], vec![extension(KEY_AUTHORIZATION)]), Ok(()));
        }
    }

    /// RFC 8738 §6.
    #[test]
    fn an_address_is_asked_for_by_its_reverse_name_and_shown_as_itself() {
        for (address, name) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa".to_owned()),
            ("2001:db8::1", format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23))),
        ] {
            let identifier = Identifier::parse_ip(address).unwrap();
            assert_eq!(server_name(&identifier), name);
            let verdict = |shown: &str| verdict_on(&identifier, PROTOCOL, &[shown], vec![extension(KEY_AUTHORIZATION)]);
            assert_eq!(verdict(address), Ok(()));
            assert!(verdict(&name).is_err());
            assert!(verdict("192.0.2.2").is_err());
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_rule_that_it_breaks() {
        let good = || extension(KEY_AUTHORIZATION);
        let mut lax = good();
        lax.set_criticality(false);
        let bare_digest = digest::digest(&digest::SHA256, KEY_AUTHORIZATION.as_bytes());
        let mut bare = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 31], bare_digest.as_ref().to_vec());
        bare.set_criticality(true);
        for (protocol, names, extensions, rule) in [
            ("http/1.1", &["a.example"][..], vec![good()], "did not agree on acme-tls/1"),
            (PROTOCOL, &["b.example"], vec![good()], "exactly this one name or address"),
            (PROTOCOL, &["a.example", "b.example"], vec![good()], "exactly this one name or address"),
            (PROTOCOL, &[], vec![good()], "exactly this one name or address"),
            (PROTOCOL, &["a.example"], vec![], "not exactly one acmeIdentifier"),
            (PROTOCOL, &["a.example"], vec![lax], "is not critical"),
            (PROTOCOL, &["a.example"], vec![extension("token.other")], "does not hold the key authorization's digest"),
            (PROTOCOL, &["a.example"], vec![bare], "does not hold the key authorization's digest"),
        ] {
            let refusal = verdict(protocol, names, extensions).unwrap_err();
            assert!(refusal.contains(rule), "{refusal} instead of {rule}");
        }
    }
}
