//! `ca.old-key-refused` (C2): once an account's key was changed, what is signed by an old one is refused.
//!
//! The change is over when the CA has answered keyChange with success (RFC 8555 §7.3.5). Judged are requests sent
//! after that which name the account and whose signature, verified here, is an old key's and not the new one's: any
//! answer to them but 4xx is found. ES256 alone is known; a request still under way at the change is let be.

use std::sync::Arc;

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{
        http::Moment,
        jws::{Jws, point},
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct OldKeyRefused {
    /// The keys of accounts that have changed theirs.
    keys: Recent<Place, Keys>,
    /// Requests by old keys that were not answered yet, by nonce.
    under_way: Recent<String, Arc<str>>,
}

/// Points of public keys.
#[derive(Debug, Default)]
struct Keys {
    old: Vec<Vec<u8>>,
    current: Vec<u8>,
}

impl Default for OldKeyRefused {
    fn default() -> Self {
        Self { keys: Recent::new(KEPT_MAX), under_way: Recent::new(KEPT_MAX) }
    }
}

impl Law for OldKeyRefused {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(Event::SetBack { .. }) = seen.event() {
            // An old key may be the account's again.
            self.keys.retain(|_, _| false);
        }
        let Some(step) = seen.step() else { return };
        let Some((jws, account)) = step.jws().and_then(|jws| Some((jws, jws.kid()?))) else { return };
        let Some(place) = Place::of_url(account) else { return };
        match step.moment {
            Moment::Sent => {
                if self.keys.get(&place).is_some_and(|keys| keys.is_old(jws)) {
                    self.under_way.insert(jws.nonce().unwrap_or_default().to_owned(), account.into());
                }
            }
            Moment::Answered => {
                let was_old = jws.nonce().and_then(|nonce| self.under_way.remove(nonce));
                if let Some(account) = was_old {
                    verdict.exercise(seen.moment);
                    if !(400..500).contains(&step.status()) {
                        let status = step.status();
                        let url = jws.url().unwrap_or_default();
                        verdict.find(
                            seen.moment,
                            format!("{url} by the old key of {account} should be refused, but was answered {status}"),
                        );
                    }
                }
                self.note_change(step, place);
            }
            Moment::Received => {}
        }
    }
}

impl OldKeyRefused {
    fn note_change(&mut self, step: &Step, account: Place) {
        if step.resource != Resource::KeyChange || !step.is_success() {
            return;
        }
        let Some(inner) = step.payload().and_then(Jws::of_json) else { return };
        let (Some(new), Some(old)) = (inner.point(), inner.payload.get("oldKey").and_then(point)) else { return };
        let keys = self.keys.get_or_insert_with(account, Keys::default);
        keys.old.push(old);
        keys.current = new;
    }
}

impl Keys {
    fn is_old(&self, jws: &Jws) -> bool {
        !jws.is_signed_by(&self.current) && self.old.iter().any(|key| jws.is_signed_by(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oracles::testing::{Answer, Story, key};

    const LAW: &str = "ca.old-key-refused";

    /// A story whose account has a new key; the old one signs.
    fn changed() -> Story {
        let mut story = Story::new();
        story.key = Some(key());
        story.new_account("mailto:a@a.test", 201);
        let old = story.change_key(key());
        let new = story.key.replace(old).unwrap();
        story.post("/account/1", &Value::Null, Some(Answer::problem(400, "malformed")));
        story.key = Some(new);
        story.post("/account/1", &Value::Null, Some(Answer::new(200, json!({"status": "valid"}))));
        story
    }

    #[test]
    fn an_old_key_that_is_refused_and_a_new_one_that_is_not_are_well() {
        changed().keeps(LAW);
    }

    #[test]
    fn an_old_key_that_is_let_in_is_found_also_after_another_change() {
        let mut story = changed();
        let first = story.change_key(key());
        story.key = Some(first);
        story.post("/account/1", &Value::Null, Some(Answer::new(200, json!({"status": "valid"}))));
        story.breaks(LAW, "by the old key of https://ca.test/account/1 should be refused, but was answered 200");
    }
}
