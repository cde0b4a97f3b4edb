//! The certificates and private keys that are issued from, by number: 0 is the default chain's.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header::LINK};

use super::{Management, bare, text};

impl Management {
    /// `/roots/N`, `/intermediates/N`, `/root-keys/N` and `/intermediate-keys/N`, each with links to its siblings.
    pub(super) fn authority(&self, origin: &str, kind: &str, number: &str) -> Response<Full<Bytes>> {
        let issuance = self.ca.issuance();
        let (authorities, is_key) = match kind {
            "roots" => (issuance.roots(), false),
            "intermediates" => (issuance.intermediates(), false),
            "root-keys" => (issuance.roots(), true),
            _ => (issuance.intermediates(), true),
        };
        let chosen = number.parse::<usize>().ok().and_then(|chosen| Some((chosen, authorities.get(chosen)?)));
        let Some((chosen, authority)) = chosen else { return bare(StatusCode::NOT_FOUND) };
        let siblings = (0..authorities.len()).filter(|sibling| *sibling != chosen);
        let link = |sibling| (LINK, format!("<{origin}/{kind}/{sibling}>;rel=\"alternate\""));
        let links: Vec<_> = siblings.map(link).collect();
        match is_key {
            false => text("application/pem-certificate-chain; charset=utf-8", authority.pem().to_owned(), &links),
            true => text("application/x-pem-file; charset=utf-8", authority.key_pem(), &links),
        }
    }
}
