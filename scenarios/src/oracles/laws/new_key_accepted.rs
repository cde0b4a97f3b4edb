//! `ca.new-key-accepted` (C2): once an account's key was changed, the account is known by the new one.
//!
//! The change is over when the CA has answered keyChange with success (RFC 8555 §7.3.5). Judged are two requests by the
//! new key, sent after that, which need nothing but the key: to find its account (§7.3.1), and to read it. Another
//! refusal than one for the key is let be, and so is an account that was deactivated.

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{
        http::Moment,
        jws::Jws,
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// What a CA says to a key that it does not know, or knows as another account's.
const UNKNOWN: [&str; 4] = ["accountDoesNotExist", "malformed", "unauthorized", "badPublicKey"];

/// The law.
#[derive(Debug)]
pub(crate) struct NewKeyAccepted {
    /// The points of accounts' keys that have been changed.
    current: Recent<Place, Vec<u8>>,
    /// Requests by such keys that were not answered yet, by nonce, with the account.
    under_way: Recent<String, Place>,
}

impl Default for NewKeyAccepted {
    fn default() -> Self {
        Self { current: Recent::new(KEPT_MAX), under_way: Recent::new(KEPT_MAX) }
    }
}

impl Law for NewKeyAccepted {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(Event::SetBack { .. }) = seen.event() {
            *self = Self::default();
        }
        let Some(step) = seen.step() else { return };
        let Some((jws, nonce)) = step.jws().and_then(|jws| Some((jws, jws.nonce()?))) else { return };
        match step.moment {
            Moment::Sent => {
                if let Some(account) = self.asks_for(step, jws) {
                    self.under_way.insert(nonce.to_owned(), account);
                }
            }
            Moment::Answered => {
                if let Some(account) = self.under_way.remove(nonce) {
                    verdict.exercise(seen.moment);
                    if let Some(problem) = step.problem().filter(|problem| UNKNOWN.contains(problem)) {
                        verdict.find(
                            seen.moment,
                            format!("{account} should be known by the key that it was given, but its use is answered {problem}"),
                        );
                    }
                }
                self.note(step, jws);
            }
            Moment::Received => {}
        }
    }
}

impl NewKeyAccepted {
    /// The account, if this is one of the two requests.
    fn asks_for(&self, step: &Step, jws: &Jws) -> Option<Place> {
        if step.resource == Resource::NewAccount {
            let point = jws.point()?;
            return self.current.iter().find(|(_, current)| **current == point).map(|(account, _)| account.clone());
        }
        let current = self.current.get(&step.place).filter(|_| jws.is_post_as_get())?;
        jws.is_signed_by(current).then(|| step.place.clone())
    }

    fn note(&mut self, step: &Step, jws: &Jws) {
        if !step.is_success() {
            return;
        }
        if step.resource == Resource::KeyChange {
            let account = jws.kid().and_then(Place::of_url);
            let new = Jws::of_json(&jws.payload).and_then(|inner| inner.point());
            match (account, new) {
                (Some(account), Some(new)) => drop(self.current.insert(account, new)),
                // A key of a kind that is not known here.
                (Some(account), None) => drop(self.current.remove(&account)),
                (None, _) => {}
            }
        } else if step.resource == Resource::Account && step.body_text("status").is_some_and(|status| status != "valid")
        {
            self.current.remove(&step.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oracles::testing::{Answer, Story, key};

    const LAW: &str = "ca.new-key-accepted";

    /// A story whose account has a new key, which reads it.
    fn changed(answer: Answer) -> Story {
        let mut story = Story::new();
        story.key = Some(key());
        story.new_account("mailto:a@a.test", 201);
        story.change_key(key());
        story.post("/account/1", &Value::Null, Some(answer));
        story
    }

    fn valid() -> Answer {
        Answer::new(200, json!({"status": "valid"}))
    }

    #[test]
    fn a_new_key_that_reads_and_finds_its_account_is_well() {
        let mut story = changed(valid());
        story.new_account("mailto:a@a.test", 200);
        story.keeps(LAW);
        assert_eq!(story.verdict(LAW).exercised().total(), 2);
    }

    #[test]
    fn a_new_key_that_is_not_known_is_found_either_way() {
        changed(Answer::problem(400, "malformed")).breaks(LAW, "but its use is answered malformed");
        let mut story = changed(valid());
        let payload = json!({"onlyReturnExisting": true});
        story.post("/new-account", &payload, Some(Answer::problem(400, "accountDoesNotExist")));
        story.breaks(LAW, "but its use is answered accountDoesNotExist");
    }

    #[test]
    fn a_deactivated_account_and_a_busy_ca_are_let_be() {
        let mut story = changed(Answer::problem(503, "rateLimited"));
        let deactivated = Answer::new(200, json!({"status": "deactivated"}));
        story.post("/account/1", &json!({"status": "deactivated"}), Some(deactivated));
        story.post("/account/1", &Value::Null, Some(Answer::problem(403, "unauthorized")));
        story.keeps(LAW);
    }
}
