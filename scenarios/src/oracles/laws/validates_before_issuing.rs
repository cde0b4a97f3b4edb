//! `ca.validates-before-issuing` (C3): for each name issued, control was proved before.
//!
//! Three kinds of proof can be seen: an `http-01` answer that begins with the token, maybe after redirects; a TXT
//! answer at a name that `dns-01`, `dns-account-01` or `dns-persist-01` asks for, or at its alias; a finished
//! `acme-tls/1` handshake. A proof counts for as long as the law
//! remembers it: how old a reused authorization may be is another law's business.

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{
        dns::Message,
        http::Moment,
        identifier::{Identifier, Identifiers, show},
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct ValidatesBeforeIssuing {
    proved: Recent<Identifier, ()>,
    /// Where a redirect leads, with the name and token that it is for.
    redirected: Recent<Place, (Identifier, String)>,
    /// What the DNS holds the names to be that are asked for, with whose control is proved there.
    aliases: Recent<String, Identifier>,
}

impl Default for ValidatesBeforeIssuing {
    fn default() -> Self {
        Self { proved: Recent::new(KEPT_MAX), redirected: Recent::new(1_000), aliases: Recent::new(1_000) }
    }
}

impl Law for ValidatesBeforeIssuing {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(visit) = seen.visit() {
            if visit.proves_control() {
                self.proved.insert(visit.name.clone(), ());
            }
        } else if let Some(message) = seen.dns().filter(|message| message.is_response) {
            self.follow_dns(message);
        } else if let Some(step) = seen.step() {
            match step.moment {
                Moment::Sent => {}
                Moment::Answered => self.judge(step, seen, verdict),
                Moment::Received => self.follow_http01(step),
            }
        }
    }
}

/// Whose control is proved by a record at this name.
fn validated_at(name: &str) -> Option<Identifier> {
    const LABELS: [&str; 2] = ["_acme-challenge.", "_validation-persist."];
    let plain = |name: &str| LABELS.iter().find_map(|label| name.strip_prefix(label)).map(Identifier::dns);
    // dns-account-01 has a label of the account before it.
    plain(name).or_else(|| plain(name.strip_prefix('_')?.split_once('.')?.1))
}

impl ValidatesBeforeIssuing {
    fn follow_dns(&mut self, message: &Message) {
        let Some(asked) = message.question.as_ref().map(|question| question.name.as_str()) else { return };
        let Some(name) = validated_at(asked).or_else(|| self.aliases.get(asked).cloned()) else { return };
        if message.answers.iter().any(|answer| answer.kind == "TXT") {
            self.proved.insert(name, ());
        } else if let Some(alias) = message.answers.iter().rfind(|answer| answer.kind == "CNAME") {
            self.aliases.insert(alias.data.trim_end_matches('.').to_ascii_lowercase(), name);
        }
    }

    fn follow_http01(&mut self, step: &Step) {
        let asked = if let Resource::Http01 { token } = &step.resource {
            let authority = step.place.authority();
            let host = authority
                .rsplit_once(':')
                .filter(|(_, port)| port.parse::<u16>().is_ok())
                .map_or(authority, |(host, _)| host);
            self.redirected.remove(&step.place).or_else(|| Some((Identifier::of_server(host), token.clone())))
        } else {
            self.redirected.remove(&step.place)
        };
        let (Some((name, token)), Some(response)) = (asked, &step.response) else { return };
        if (300..400).contains(&response.status) {
            if let Some(target) = step.location() {
                self.redirected.insert(target, (name, token));
            }
        } else if step.is_success() && response.body.starts_with(format!("{token}.").as_bytes()) {
            self.proved.insert(name, ());
        }
    }

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

    use super::*;

    const LAW: &str = "ca.validates-before-issuing";

    #[test]
    fn records_in_the_dns_prove_control_of_what_they_stand_below() {
        for (asked, name) in [
            ("_acme-challenge.a.test", Some("a.test")),
            ("_validation-persist.a.test", Some("a.test")),
            ("_ujmmovf2vn55tgye._acme-challenge.a.test", Some("a.test")),
            ("a.test", None),
            ("_dmarc.a.test", None),
            ("_", None),
        ] {
            assert_eq!(validated_at(asked), name.map(Identifier::dns), "{asked}");
        }
    }

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
