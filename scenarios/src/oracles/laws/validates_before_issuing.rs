//! `ca.validates-before-issuing` (C3): for each name issued, control was proved before.
//!
//! A proof counts for as long as the law remembers it: how old a reused authorization may be is another law's business.

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{Law, Seen, Verdict},
    proofs::Proofs,
    reader::{
        http::Moment,
        identifier::{Identifier, Identifiers, show},
        step::Step,
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct ValidatesBeforeIssuing {
    proofs: Proofs,
    proved: Recent<Identifier, ()>,
}

impl Default for ValidatesBeforeIssuing {
    fn default() -> Self {
        Self { proofs: Proofs::default(), proved: Recent::new(KEPT_MAX) }
    }
}

impl Law for ValidatesBeforeIssuing {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(proof) = self.proofs.observe(seen) {
            self.proved.insert(proof.name, ());
        }
        if let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered) {
            self.judge(step, seen, verdict);
        }
    }
}

impl ValidatesBeforeIssuing {
    fn judge(&mut self, step: &Step, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(certificate) = downloaded(step) else { return };
        verdict.exercise(seen.moment);
        let unproved: Identifiers =
            certificate.names.into_iter().filter(|name| self.proved.get(&name.without_wildcard()).is_none()).collect();
        if !unproved.is_empty() {
            let (names, serial) = (show(&unproved), &certificate.serial);
            verdict.find(
                seen.moment,
                format!("control of {names} should be proved before {serial} is issued, but no proof was seen"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "ca.validates-before-issuing";

    #[test]
    fn a_name_issued_without_proof_is_found() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.keeps(LAW);
        let order = story.new_order(&["a.test", "b.test"]);
        story.finalize(&["a.test", "b.test"], &["a.test", "b.test"], order);
        story.download(order, &Issued::new(&["a.test", "b.test"], 0, 1));
        story.breaks(LAW, "control of b.test should be proved");
    }

    #[test]
    fn a_handshake_is_a_proof_only_under_acme_tls_and_with_a_certificate_for_the_name_alone() {
        for (alpn, names, is_proof) in [
            (Some("acme-tls/1"), &["a.test"][..], true),
            (Some("acme-tls/1"), &["a.test", "b.test"], false),
            (Some("acme-tls/1"), &["b.test"], false),
            (None, &["a.test"], false),
        ] {
            let mut story = Story::new();
            let order = story.new_order(&["a.test"]);
            story.validate_tls_alpn01("a.test", alpn, &Issued::new(names, 0, 1));
            story.finalize(&["a.test"], &["a.test"], order);
            story.download(order, &Issued::new(&["a.test"], 0, 1));
            if is_proof { story.keeps(LAW) } else { story.breaks(LAW, "control of a.test") }
        }
    }

    #[test]
    fn a_redirect_is_followed_and_a_wrong_answer_is_no_proof() {
        let request = |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        for (body, is_proof) in [("tok.thumbprint", true), ("something", false)] {
            let mut story = Story::new();
            let redirect = "HTTP/1.1 302 Found\r\nLocation: http://b.test/x\r\nContent-Length: 0\r\n\r\n";
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let server = ("manager", "10.0.0.1:80");
            story.bytes("ca", server, &request("/.well-known/acme-challenge/tok", "a.test:5002"), Some(redirect));
            story.bytes("ca", server, &request("/x", "b.test"), Some(&answer));
            let order = story.new_order(&["*.a.test"]);
            story.finalize(&["*.a.test"], &["*.a.test"], order);
            story.download(order, &Issued::new(&["*.a.test"], 0, 1));
            if is_proof { story.keeps(LAW) } else { story.breaks(LAW, "control of *.a.test") }
        }
    }
}
