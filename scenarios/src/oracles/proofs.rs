//! Proofs of control as they are seen: which host was shown one, for which name.
//!
//! Three kinds can be seen: an `http-01` answer that begins with the token, maybe after redirects; a TXT answer at a name
//! that `dns-01`, `dns-account-01` or `dns-persist-01` asks for, or at its alias; a finished `acme-tls/1` handshake.

use std::{net::SocketAddr, sync::Arc};

use super::{
    law::Seen,
    reader::{
        dns::Message,
        http::Moment,
        identifier::Identifier,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// What a host, if known, asks for.
type Asked = (Option<Arc<str>>, Place);

/// Tells proofs from all else.
#[derive(Debug)]
pub(super) struct Proofs {
    /// Where a redirect leads whom, with the name and token that it is for.
    redirected: Recent<Asked, (Identifier, String)>,
    /// What the DNS holds the names to be that are asked for, with whose control is proved there.
    aliases: Recent<String, Identifier>,
    /// ACME clients: what they look at proves nothing to a CA.
    clients: Recent<Arc<str>, ()>,
    /// Who asked the DNS, by address and id.
    asked: Recent<(SocketAddr, u16), Arc<str>>,
}

/// A host was shown a proof.
#[derive(Debug)]
pub(super) struct Proof {
    /// If known.
    pub(super) host: Option<Arc<str>>,
    pub(super) name: Identifier,
    /// That of `http-01`; the other proofs show none.
    pub(super) token: Option<String>,
}

impl Default for Proofs {
    fn default() -> Self {
        Self {
            redirected: Recent::new(1_000),
            aliases: Recent::new(1_000),
            clients: Recent::new(1_000),
            asked: Recent::new(1_000),
        }
    }
}

impl Proofs {
    /// Takes in what happened.
    pub(super) fn observe(&mut self, seen: &Seen<'_>) -> Option<Proof> {
        if let Some(visit) = seen.visit() {
            let proof = Proof { host: visit.visitor.clone(), name: visit.name.clone(), token: None };
            return visit.proves_control().then_some(proof);
        }
        if let Some(message) = seen.dns() {
            return self.dns(message, seen.moment.host.as_ref());
        }
        let step = seen.step()?;
        if let Some(client) = step.client.as_ref().filter(|_| step.jws().is_some()) {
            self.clients.insert(client.clone(), ());
        }
        if step.moment == Moment::Received { self.http01(step) } else { None }
    }

    fn dns(&mut self, message: &Message, sender: Option<&Arc<str>>) -> Option<Proof> {
        let asked = message.question.as_ref()?.name.as_str();
        let name = validated_at(asked).or_else(|| self.aliases.get(asked).cloned())?;
        if !message.is_response {
            self.asked.insert((message.from, message.id), sender?.clone());
            return None;
        }
        let host = self.asked.remove(&(message.to, message.id));
        if host.as_ref().is_some_and(|host| self.clients.get(host).is_some()) {
            return None;
        }
        if message.answers.iter().any(|answer| answer.kind == "TXT") {
            return Some(Proof { host, name, token: None });
        }
        let alias = message.answers.iter().rfind(|answer| answer.kind == "CNAME")?;
        self.aliases.insert(alias.data.trim_end_matches('.').to_ascii_lowercase(), name);
        None
    }

    fn http01(&mut self, step: &Step) -> Option<Proof> {
        let redirected = self.redirected.remove(&(step.client.clone(), step.place.clone()));
        let (name, token) = if let Resource::Http01 { token } = &step.resource {
            redirected.unwrap_or_else(|| (asked_for(step), token.clone()))
        } else {
            redirected?
        };
        let response = step.response.as_ref()?;
        if (300..400).contains(&response.status) {
            self.redirected.insert((step.client.clone(), step.location()?), (name, token));
            return None;
        }
        let is_proof = step.is_success() && response.body.starts_with(format!("{token}.").as_bytes());
        is_proof.then(|| Proof { host: step.client.clone(), name, token: Some(token) })
    }
}

/// The name in the `Host` field, without a port.
fn asked_for(step: &Step) -> Identifier {
    let authority = step.place.authority();
    let host =
        authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(authority, |(host, _)| host);
    Identifier::of_server(host)
}

/// Whose control is proved by a record at this name.
fn validated_at(name: &str) -> Option<Identifier> {
    const LABELS: [&str; 2] = ["_acme-challenge.", "_validation-persist."];
    let plain = |name: &str| LABELS.iter().find_map(|label| name.strip_prefix(label)).map(Identifier::dns);
    // dns-account-01 has a label of the account before it.
    plain(name).or_else(|| plain(name.strip_prefix('_')?.split_once('.')?.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::reader::dns::{Answer, Question};

    /// What the name server's answer to the CA shows, if it has these records.
    fn shown(proofs: &mut Proofs, asked: &str, records: &[(&str, &str)]) -> Option<(String, Identifier)> {
        let answers = records.iter().map(|(kind, data)| Answer {
            name: asked.to_owned(),
            kind: (*kind).to_owned(),
            ttl_s: 60,
            data: (*data).to_owned(),
        });
        let [ca, server] = ["10.0.0.2:5000", "10.0.0.9:53"].map(|address| address.parse().unwrap());
        let question = Message {
            from: ca,
            to: server,
            id: 7,
            is_response: false,
            code: "NoError".into(),
            question: Some(Question { name: asked.to_owned(), kind: "TXT".into() }),
            answers: Vec::new(),
            changes: Vec::new(),
        };
        let answer =
            Message { from: server, to: ca, is_response: true, answers: answers.collect(), ..question.clone() };
        assert!(proofs.dns(&question, Some(&"ca".into())).is_none());
        let proof = proofs.dns(&answer, Some(&"dns".into()))?;
        Some((proof.host.unwrap().to_string(), proof.name))
    }

    #[test]
    fn a_txt_record_proves_control_also_where_an_alias_leads() {
        let mut proofs = Proofs::default();
        let of_a_test = Some(("ca".to_owned(), Identifier::dns("a.test")));
        assert_eq!(shown(&mut proofs, "_acme-challenge.a.test", &[("TXT", "digest")]), of_a_test);
        assert_eq!(shown(&mut proofs, "_acme-challenge.a.test", &[("A", "10.0.0.1")]), None);
        assert_eq!(shown(&mut proofs, "A.elsewhere.test", &[("TXT", "digest")]), None);
        let records = [("CNAME", "Here.elsewhere.test."), ("RRSIG", "there.elsewhere.test.")];
        assert_eq!(shown(&mut proofs, "_acme-challenge.a.test", &records), None);
        assert_eq!(shown(&mut proofs, "here.elsewhere.test", &[("TXT", "digest")]), of_a_test);
        assert_eq!(shown(&mut proofs, "there.elsewhere.test", &[("TXT", "digest")]), None);
    }

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
}
