//! What an order replaces, told to every CA (certmagic, as of 2026).
//!
//! <https://github.com/caddyserver/certmagic/blob/master/config.go>
//!
//! `renewCert` puts the certificate's identifier into the context before it walks the issuers, and takes it out for
//! none of them: the fallback CA is told that its order replaces a certificate of which it has never heard. RFC 9773 §5
//! has a CA refuse that, and so the fallback fails exactly when it is needed. Found by reading; no report of it is
//! known. The like has happened with one CA: <https://github.com/go-acme/lego/issues/3147>,
//! <https://github.com/icing/mod_md/issues/406>.
//!
//! Seam: [`ReplacementScope`]. To be caught by **M11**, `manager.replaces-where-it-belongs`, at the fallback's first order.
//! Our client asks again without, so that the certificate comes none the less.

use url::Url;

use crate::manager::turns::{Replaced, ReplacementScope};

/// Each CA is told, whoever issued the certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplacesEverywhere;

impl ReplacementScope for ReplacesEverywhere {
    fn covers(&self, _asked: &Url, _replaced: &Replaced) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acme::renewal_info::CertId, manager::turns::IssuedThere};

    #[test]
    fn the_same_ca_is_told_either_way_and_another_one_only_here() {
        let [one, other] = ["https://ca.test/dir", "https://other.test/dir"].map(|url| url.parse::<Url>().unwrap());
        let replaced = Replaced { certificate: CertId::new(b"a", b"b"), issued_by: one.clone() };
        assert!(IssuedThere.covers(&one, &replaced) && ReplacesEverywhere.covers(&one, &replaced));
        assert!(!IssuedThere.covers(&other, &replaced) && ReplacesEverywhere.covers(&other, &replaced));
    }
}
