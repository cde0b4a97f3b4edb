//! Decoys: before it looks for a proof, the validation authority asks for what nobody is to give, and tells by probes
//! whether it got it. For tests of clients; what came of it has no say in the validation.

use crate::{
    challenges::{ChallengeType, Token},
    http01,
    identifier::Identifier,
    jwk::Thumbprint,
    perspective::Perspective,
    tls_alpn01::{self, PROTOCOL},
};

/// A name that nobody has a certificate for.
const OTHER_NAME: &str = "decoy.invalid";
/// What has no place on a connection of tls-alpn-01.
const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// Lays those that go with this way to prove control.
pub(crate) async fn lay(from: &Perspective, identifier: &Identifier, kind: ChallengeType, account_key: Thumbprint) {
    let tell = |decoy: &str, is_taken: bool| {
        let probe = if is_taken { "ca/decoy-taken" } else { "ca/decoy-refused" };
        from.env.probe_about(probe, || [("decoy", decoy.to_owned())]);
    };
    match kind {
        ChallengeType::Http01 => {
            // RFC 8555 §8.3: the token is the CA's to give; who makes a key authorization of any has proved nothing.
            let token = Token::draw(&from.env, "ca/decoy token");
            let text = token.key_authorization(account_key);
            tell("token", http01::shows(from, identifier, token, text.as_str()).await);
        }
        ChallengeType::TlsAlpn01 => {
            let greet = |name, protocols, says| tls_alpn01::greet(from, identifier, name, protocols, says);
            let own = tls_alpn01::server_name(identifier);
            // RFC 8737 §3: the certificate is for who asks for this protocol and this name.
            let other = greet(own.clone(), &["http/1.1"], b"").await;
            tell("protocol", other.is_some_and(|greeted| greeted.has_acme_identifier));
            let other = greet(OTHER_NAME.to_owned(), &[PROTOCOL], b"").await;
            tell("name", other.as_ref().is_some_and(|greeted| greeted.has_acme_identifier));
            tell("handshake", other.is_some_and(|greeted| greeted.is_acme_tls));
            // RFC 8737 §4: nothing is said on such a connection.
            let asked = greet(own, &[PROTOCOL], REQUEST).await;
            tell("request", asked.is_some_and(|greeted| greeted.has_answered));
        }
        ChallengeType::Dns01 | ChallengeType::DnsAccount01 | ChallengeType::DnsPersist01 => {}
    }
}
