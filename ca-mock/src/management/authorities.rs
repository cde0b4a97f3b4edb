//! The certificates and private keys that are issued from, by number: 0 is the default chain's.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header::LINK};

use super::{Management, bare, text};

impl Management {
    /// `/roots/N`, `/intermediates/N`, `/root-keys/N` and `/intermediate-keys/N`, each with links to its siblings.
    pub(super) fn authority(&self, origin: &str, kind: &str, number: &str) -> Response<Full<Bytes>> {
        let chains = self.ca.issuance().chains();
        let chosen = number.parse::<usize>().ok().and_then(|chosen| Some((chosen, chains.get(chosen)?)));
        let Some((chosen, chain)) = chosen else { return bare(StatusCode::NOT_FOUND) };
        let (authority, is_key) = match kind {
            "roots" => (&*chain.root, false),
            "intermediates" => (chain.issuer(), false),
            "root-keys" => (&*chain.root, true),
            _ => (chain.issuer(), true),
        };
        let siblings = (0..chains.len()).filter(|sibling| *sibling != chosen);
        let link = |sibling| (LINK, format!("<{origin}/{kind}/{sibling}>;rel=\"alternate\""));
        let links: Vec<_> = siblings.map(link).collect();
        match is_key {
            false => text("application/pem-certificate-chain; charset=utf-8", authority.pem(), &links),
            true => text("application/x-pem-file; charset=utf-8", authority.key().to_pem(), &links),
        }
    }
}
