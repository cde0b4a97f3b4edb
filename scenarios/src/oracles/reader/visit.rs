//! A visitor: somebody who makes a TLS handshake to see a certificate.
//!
//! Handshakes with a server that has answered as an ACME CA are the CA's business and no visits, and
//! neither are those of `acme-tls/1` (RFC 8737), which a validation authority makes.

use std::sync::Arc;

use sim::trace::HandshakeOutcome;

use super::{certificate::Certificate, identifier::Identifier};

/// A TLS handshake as the visitor saw it.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The visitor's host.
    pub visitor: Option<Arc<str>>,
    /// The server's host, if its address is known.
    pub server: Option<Arc<str>>,
    /// The name asked for.
    pub name: Identifier,
    /// Whether this is a `tls-alpn-01` validation, maybe one that failed.
    pub is_validation: bool,
    /// Whether `acme-tls/1` was agreed on.
    pub is_acme_tls: bool,
    /// The leaf that was served, if it was one.
    pub leaf: Option<Certificate>,
    /// The certificates that were served after it, as far as they are such.
    pub chain_above: Vec<Certificate>,
    /// The OCSP response that came with the leaf, as it was sent.
    pub staple: Option<Vec<u8>>,
    /// Why it failed; `None` if it was completed.
    pub failure: Option<Failure>,
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason in the visitor's words.
    pub reason: String,
    /// Whether the connection broke, rather than TLS saying no.
    pub is_transport: bool,
}

impl Visit {
    /// Whether a validation authority was shown a certificate for the name, and for it alone, under `acme-tls/1`
    /// (RFC 8737 §3). What else is in that certificate is not judged.
    #[must_use]
    pub fn proves_control(&self) -> bool {
        let is_for_it = |leaf: &Certificate| leaf.names.len() == 1 && leaf.names.contains(&self.name);
        self.is_acme_tls && self.failure.is_none() && self.leaf.as_ref().is_some_and(is_for_it)
    }

    pub(super) fn read(
        visitor: Option<Arc<str>>,
        server: Option<Arc<str>>,
        server_name: &str,
        alpn: Option<&str>,
        outcome: &HandshakeOutcome,
    ) -> Self {
        let is_acme_tls = alpn == Some("acme-tls/1");
        let mut stapled = None;
        let (chain, failure) = match outcome {
            HandshakeOutcome::Completed { chain, staple } => {
                stapled = Some(staple.clone()).filter(|staple| !staple.is_empty());
                (chain, None)
            }
            HandshakeOutcome::Failed { error, chain } => {
                let is_transport = chain.is_empty() && is_transport(error);
                (chain, Some(Failure { reason: error.clone(), is_transport }))
            }
        };
        Self {
            visitor,
            server,
            name: if is_acme_tls { Identifier::of_validation(server_name) } else { Identifier::of_server(server_name) },
            is_validation: is_acme_tls,
            is_acme_tls,
            leaf: chain.first().and_then(|der| Certificate::read(der)),
            chain_above: chain.iter().skip(1).filter_map(|der| Certificate::read(der)).collect(),
            staple: stapled,
            failure,
        }
    }
}

/// Whether the words are an operating system's, about a connection, and not rustls's about TLS.
fn is_transport(error: &str) -> bool {
    const WORDS: [&str; 10] = [
        "eof",
        "reset",
        "broken pipe",
        "timed out",
        "timeout",
        "refused",
        "unreachable",
        "aborted",
        "not connected",
        "closed",
    ];
    let error = error.to_lowercase();
    !error.contains("alert") && WORDS.iter().any(|word| error.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_is_told_from_a_refusal() {
        let failure = |error: &str| {
            let outcome = HandshakeOutcome::Failed { error: error.into(), chain: Vec::new() };
            Visit::read(None, None, "a.test", None, &outcome).failure.unwrap().is_transport
        };
        assert!(failure("tls handshake eof"));
        assert!(failure("Connection reset by peer (os error 104)"));
        assert!(!failure("received fatal alert: HandshakeFailure"));
        assert!(!failure("invalid peer certificate: UnknownIssuer"));
    }
}
