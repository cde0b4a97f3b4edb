//! `nonces.single-use` (M7): the client sends no nonce twice.
//!
//! What leaves the client counts, whether or not it arrives: a POST that is tried again after a broken
//! connection must carry a new nonce too, since the CA may have taken the first one (RFC 8555 §6.5).

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::http::Moment,
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct NoncesSingleUse {
    /// CA and nonce, with the event that sent it.
    sent: Recent<(String, String), u64>,
}

impl Default for NoncesSingleUse {
    fn default() -> Self {
        Self { sent: Recent::new(KEPT_MAX) }
    }
}

impl Law for NoncesSingleUse {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Sent) else { return };
        let Some(nonce) = step.jws().and_then(|jws| jws.nonce()) else { return };
        verdict.exercise(seen.moment);
        let key = (step.place.authority().to_owned(), nonce.to_owned());
        if let Some(event) = self.sent.insert(key, seen.moment.number) {
            let (client, place) = (step.client_name(), &step.place);
            verdict.find(
                seen.moment,
                format!("{client} should send a new nonce to {place}, but `{nonce}` was sent in event {event} already"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "nonces.single-use";

    #[test]
    fn a_retry_with_the_same_nonce_is_found() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        story.new_order(&["a.test"]);
        story.keeps(LAW);
        story.post("/new-order", &json!({}), None);
        story.post("/new-order", &json!({}), Some(Answer::problem(400, "badNonce")));
        story.breaks(LAW, "should send a new nonce to ca.test/new-order");
    }
}
