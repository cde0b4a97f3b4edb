//! `visitors.challenge-certificates-hidden` (V3): what answers tls-alpn-01 is shown under `acme-tls/1`, and nothing else is.
//!
//! A certificate with the extension acmeIdentifier (RFC 8737 §3) proves control of a name to a validation authority and is
//! nobody's to a visitor, who knows it by no root.

use crate::oracles::law::{Law, Seen, Verdict};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct ChallengeCertificatesHidden;

impl Law for ChallengeCertificatesHidden {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(visit) = seen.visit() else { return };
        let Some(leaf) = &visit.leaf else { return };
        verdict.exercise(seen.moment);
        let name = &visit.name;
        match (visit.is_acme_tls, leaf.is_for_challenge) {
            (true, true) | (false, false) => {}
            (false, true) => verdict.find(
                seen.moment,
                format!("a visitor of {name} should not see the certificate of a tls-alpn-01 challenge"),
            ),
            (true, false) => {
                verdict
                    .find(seen.moment, format!("under acme-tls/1, {name} should show nothing that visitors are shown"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "visitors.challenge-certificates-hidden";

    #[test]
    fn each_kind_of_certificate_is_found_where_the_other_belongs() {
        let mut story = Story::new();
        let until_s = story.now_s() + 86_400;
        let (ordinary, challenge) = (Issued::new(&["a.test"], 0, until_s), Issued::for_challenge("a.test", until_s));
        story.visit("a.test", &ordinary);
        story.validate_tls_alpn01("a.test", Some("acme-tls/1"), &challenge);
        story.keeps(LAW);
        story.visit("a.test", &challenge);
        story.breaks(LAW, "should not see the certificate of a tls-alpn-01 challenge");
        let mut story = Story::new();
        story.validate_tls_alpn01("a.test", Some("acme-tls/1"), &ordinary);
        story.breaks(LAW, "should show nothing that visitors are shown");
    }
}
