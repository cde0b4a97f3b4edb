//! Proofs of control as they are seen: which host was shown one, for which name.
//!
//! Three can be seen: an `http-01` answer that begins with the token, maybe after redirects; a TXT answer at
//! `_acme-challenge`; a finished `acme-tls/1` handshake.

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
        Self { redirected: Recent::new(1_000), asked: Recent::new(1_000) }
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
        let step = seen.step().filter(|step| step.moment == Moment::Received)?;
        self.http01(step)
    }

    fn dns(&mut self, message: &Message, sender: Option<&Arc<str>>) -> Option<Proof> {
        let name = message.question.as_ref()?.name.strip_prefix("_acme-challenge.")?;
        if !message.is_response {
            self.asked.insert((message.from, message.id), sender?.clone());
            return None;
        }
        let host = self.asked.remove(&(message.to, message.id));
        let is_proof = message.answers.iter().any(|answer| answer.kind == "TXT");
        is_proof.then(|| Proof { host, name: Identifier::dns(name), token: None })
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
