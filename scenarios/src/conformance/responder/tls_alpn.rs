//! tls-alpn-01: handshakes by the name that is asked for, with certificates that may be wrong in every way that RFC 8737
//! §3 forbids; and HTTPS for who is sent there by http-01.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, SanType};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use sim::{Env, crypto::P256Key, net::TcpStream, tls::Hello};
use tokio::io::AsyncReadExt;

use super::{REQUEST_BYTES_MAX, REQUEST_LIMIT, Responder, Service};

/// The protocol of tls-alpn-01 (RFC 8737 §6.2).
pub const ACME_TLS: &str = "acme-tls/1";

/// id-pe-acmeIdentifier (RFC 8737 §6.1).
const ACME_IDENTIFIER: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 31];

/// What a handshake is answered with.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The certificate that is shown.
    pub certificate: Arc<CertifiedKey>,
    /// The protocols that the server speaks; any if there is none.
    pub protocols: &'static [&'static str],
    /// Whether the server takes the connection and says nothing.
    pub is_silent: bool,
}

/// A handshake that a client began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeted {
    /// The name that it asked for, in lower case.
    pub server_name: Option<String>,
    /// The protocols that it offered.
    pub protocols: Vec<String>,
    /// How many octets it sent after the handshake.
    pub octets_after: usize,
}

/// A certificate for tls-alpn-01. As it comes from [`Proof::of`], it is right.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The alternative names.
    pub names: Vec<SanType>,
    /// The content of the extension acmeIdentifier; absent if there is none.
    pub identifier: Option<Vec<u8>>,
    /// Whether that is critical.
    pub is_critical: bool,
    /// The extension's number.
    pub oid: &'static [u64],
    /// Whether the extension is there a second time.
    pub is_twice: bool,
}

/// In words.
impl fmt::Display for Greeted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server_name, protocols, octets_after } = self;
        let server_name = server_name.as_deref().unwrap_or("no name");
        let protocols = if protocols.is_empty() { "no protocol".to_owned() } else { protocols.join(", ") };
        write!(f, "a handshake for {server_name} that offers {protocols}, and {octets_after} octets after it")
    }
}

impl Proof {
    /// For this identifier, a name or an address, and this key authorization (RFC 8737 §3).
    #[must_use]
    pub fn of(identifier: &str, key_authorization: &str) -> Self {
        let name = match identifier.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => dns_name(identifier),
        };
        let digest = Sha256::digest(key_authorization);
        let content = [&[0x04, 0x20][..], digest.as_slice()].concat();
        Self { names: vec![name], identifier: Some(content), is_critical: true, oid: ACME_IDENTIFIER, is_twice: false }
    }

    /// The handshake that shows it, under a key of the responder's host.
    ///
    /// # Panics
    /// If a name is not ASCII.
    #[must_use]
    pub fn handshake(&self, env: &Env) -> Handshake {
        let extensions = self.identifier.iter().map(|content| {
            let mut extension = CustomExtension::from_oid_content(self.oid, content.clone());
            extension.set_criticality(self.is_critical);
            extension
        });
        let mut extensions: Vec<_> = extensions.collect();
        if self.is_twice {
            extensions.extend_from_within(..);
        }
        let certificate = self_signed(env, self.names.clone(), extensions);
        Handshake { certificate, protocols: &[ACME_TLS], is_silent: false }
    }
}

/// An alternative name.
///
/// # Panics
/// If it is not ASCII; suites make names of letters.
#[must_use]
pub fn dns_name(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("the suite's names are ASCII"))
}

fn self_signed(env: &Env, names: Vec<SanType>, extensions: Vec<CustomExtension>) -> Arc<CertifiedKey> {
    let key = P256Key::generate(env, "conformance tls-alpn-01 key");
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = names;
    params.custom_extensions = extensions;
    params.serial_number = Some(1_u64.into());
    let certificate = params.self_signed(&key).expect("parameters are complete");
    Arc::new(CertifiedKey::new(vec![certificate.der().clone()], Arc::new(key)))
}

impl Responder {
    /// Answers TLS on this address until it is dropped: tls-alpn-01, and HTTPS for all other clients.
    ///
    /// # Errors
    /// If it is taken or not this machine's.
    pub async fn serve_tls(&self, env: &Env, local: SocketAddr) -> io::Result<sim::Task<()>> {
        let listener = env.listen(local).await?;
        self.board().web_certificate = Some(self_signed(env, vec![dns_name("conformance.invalid")], Vec::new()));
        self.begins(Service::Tls);
        let (responder, env_of_task) = (self.clone(), env.clone());
        Ok(env.spawn("conformance tls", async move {
            while let Ok(stream) = listener.accept().await {
                let (responder, env) = (responder.clone(), env_of_task.clone());
                let shake = async move { drop(env.timeout(REQUEST_LIMIT, responder.shake_hands(&env, stream)).await) };
                env_of_task.spawn("conformance tls handshake", shake).detach();
            }
        }))
    }

    /// The names that handshakes have asked for, in order; `no name` for one that asked for none.
    #[must_use]
    pub fn server_names(&self) -> Vec<String> {
        let name = |greeted: &Greeted| greeted.server_name.clone().unwrap_or_else(|| "no name".to_owned());
        self.board().greeted.iter().map(name).collect()
    }

    async fn shake_hands(&self, env: &Env, stream: TcpStream) -> io::Result<()> {
        let hello = Hello::read(env, stream).await?;
        let server_name = hello.server_name().map(str::to_ascii_lowercase);
        let protocols: Vec<String> = hello.alpn().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let is_validation = protocols.iter().any(|protocol| protocol == ACME_TLS);
        let (number, handshake, web) = {
            let mut board = self.board();
            let known = server_name.as_ref().and_then(|name| board.handshakes.get(name).cloned());
            let protocols = protocols.clone();
            board.greeted.push(Greeted { server_name, protocols, octets_after: 0 });
            (board.greeted.len() - 1, known.filter(|_| is_validation), board.web_certificate.clone())
        };
        if !is_validation {
            let stream = hello.answer(web, &["http/1.1"]).await?;
            return self.answer_http(stream, true).await;
        }
        let (certificate, protocols) = match handshake {
            Some(Handshake { is_silent: true, .. }) => {
                // Its client has to give up; at the latest, the time for an answer ends.
                env.sleep(2 * REQUEST_LIMIT).await;
                return Ok(());
            }
            Some(Handshake { certificate, protocols, is_silent: false }) => (Some(certificate), protocols),
            None => (None, &[ACME_TLS][..]),
        };
        let mut stream = hello.answer(certificate, protocols).await?;
        let mut said = Vec::new();
        while said.len() < REQUEST_BYTES_MAX && stream.read_buf(&mut said).await.is_ok_and(|length| length > 0) {}
        self.board().greeted[number].octets_after = said.len();
        Ok(())
    }
}
