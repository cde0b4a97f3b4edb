//! tls-alpn-01: who asks for a name by `acme-tls/1` alone is shown a certificate with the digest of the key
//! authorization that a test has added for it (RFC 8737 §3).

use std::{io, net::IpAddr, sync::Arc};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, SanType};
use ring::digest;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sim::{
    crypto::P256Key,
    net::{TcpListener, TcpStream},
    tls::Hello,
};
use tokio::io::AsyncReadExt;

use super::{CLIENT_TIMEOUT, ChallengeTestServer};
use crate::wire::serve_each;

const PROTOCOL: &str = "acme-tls/1";

#[derive(Debug)]
pub(super) struct TlsAlpn01Server {
    pub(super) server: ChallengeTestServer,
    pub(super) listener: TcpListener,
}

impl TlsAlpn01Server {
    /// Shakes hands for ever.
    pub(super) async fn serve(self) {
        let env = &self.server.0.env;
        let shake_hands = |stream| {
            let (on, server) = (env.clone(), self.server.clone());
            // Whoever leaves in the middle is not missed.
            async move { drop(on.timeout(CLIENT_TIMEOUT, server.shake_hands(stream)).await) }
        };
        serve_each(env, &self.listener, "tls-alpn-01 connection", shake_hands).await;
    }
}

impl ChallengeTestServer {
    async fn shake_hands(&self, stream: TcpStream) -> io::Result<()> {
        let hello = Hello::read(&self.0.env, stream).await?;
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let protocols: Vec<String> = hello.alpn().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let content = self.with_state(|state| {
            state.history.tls_alpn(&name, &protocols);
            state.tls_alpn01.first(&name).filter(|_| protocols == [PROTOCOL]).cloned()
        });
        let certificate = content.and_then(|content| certificate(&self.0.key, &name, &content));
        let mut stream = hello.answer(certificate.map(Arc::new), &[PROTOCOL]).await?;
        // Nothing is said afterwards (RFC 8737 §3); the validator closes.
        stream.read(&mut [0]).await.map(drop)
    }
}

/// `None` if `name` can't be in a certificate.
fn certificate(key: &P256Key, name: &str, key_authorization: &str) -> Option<CertifiedKey> {
    let san = match reverse_address(name) {
        Some(address) => SanType::IpAddress(address),
        None => SanType::DnsName(name.try_into().ok()?),
    };
    let digest = digest::digest(&digest::SHA256, key_authorization.as_bytes());
    self_signed(key, vec![san], vec![CustomExtension::new_acme_identifier(digest.as_ref())])
}

/// For HTTPS, where validators look at no name (RFC 8555 §8.3).
pub(super) fn nobodys_certificate(key: &P256Key) -> Arc<SingleCertAndKey> {
    let name = SanType::DnsName("challtestsrv.invalid".try_into().expect("the name is ASCII"));
    let certificate = self_signed(key, vec![name], Vec::new()).expect("parameters are complete");
    Arc::new(SingleCertAndKey::from(certificate))
}

fn self_signed(key: &P256Key, names: Vec<SanType>, extensions: Vec<CustomExtension>) -> Option<CertifiedKey> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = names;
    params.custom_extensions = extensions;
    params.serial_number = Some(1_u64.into());
    let certificate = params.self_signed(key).ok()?;
    Some(CertifiedKey::new(vec![certificate.der().clone()], Arc::new(key.clone())))
}

/// The address whose name in the reverse tree this is, as validators ask for an IP identifier (RFC 8738 §6).
fn reverse_address(name: &str) -> Option<IpAddr> {
    let mut address = String::new();
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        let octets: Vec<&str> = labels.rsplit('.').collect();
        address.push_str(&octets.join("."));
    } else {
        let digits: Vec<&str> = name.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
        let groups: Vec<String> = digits.chunks(4).map(<[&str]>::concat).collect();
        address.push_str(&groups.join(":"));
    }
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_reverse_tree_are_addresses() {
        assert_eq!(reverse_address("1.2.0.192.in-addr.arpa"), Some(IpAddr::from([192, 0, 2, 1])));
        let loopback = format!("1.{}ip6.arpa", "0.".repeat(31));
        assert_eq!(reverse_address(&loopback), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
        for other in ["a.example", "in-addr.arpa", "x.in-addr.arpa", "1.ip6.arpa", ""] {
            assert_eq!(reverse_address(other), None, "{other}");
        }
    }
}
