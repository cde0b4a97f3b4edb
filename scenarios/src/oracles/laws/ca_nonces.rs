//! `ca.nonces-single-use` (C5): the CA accepts no nonce twice, gives none out twice, and gives one with
//! each answer to a signed POST.
//!
//! RFC 8555 §6.5 demands the nonce with every success and advises it with errors, where a client that
//! gets none has to stop; the law demands both. Failures of a server's inside (5xx) are left out.

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{http::Moment, step::Resource},
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct CaNonces {
    taken: Recent<(String, String), ()>,
    given: Recent<(String, String), ()>,
}

impl Default for CaNonces {
    fn default() -> Self {
        Self { taken: Recent::new(KEPT_MAX), given: Recent::new(KEPT_MAX) }
    }
}

impl Law for CaNonces {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered) else { return };
        if matches!(step.resource, Resource::Other | Resource::Http01 { .. }) {
            return;
        }
        let (place, status) = (&step.place, step.status());
        let of_ca = |nonce: &str| (place.authority().to_owned(), nonce.to_owned());
        if let Some(nonce) = step.jws().and_then(|jws| jws.nonce()) {
            verdict.exercise(seen.moment);
            let was_taken = self.taken.get(&of_ca(nonce)).is_some();
            if was_taken && step.is_success() {
                verdict.find(
                    seen.moment,
                    format!("{place} should refuse nonce `{nonce}`, which was used before, but answered {status}"),
                );
            }
            if step.problem() != Some("badNonce") && status < 500 {
                self.taken.insert(of_ca(nonce), ());
            }
        }
        let given = step.header("replay-nonce");
        if given.is_some_and(|nonce| self.given.insert(of_ca(nonce), ()).is_some()) {
            verdict.find(seen.moment, format!("{place} should give a fresh nonce, but gave one that it gave before"));
        }
        if given.is_none() && step.request.method == "POST" && status < 500 {
            verdict.find(
                seen.moment,
                format!("{place} should give a Replay-Nonce with its {status} answer to a POST, but gave none"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "ca.nonces-single-use";

    #[test]
    fn a_nonce_accepted_twice_is_found() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        let used = story.nonce.clone();
        story.new_order(&["a.test"]);
        story.nonce.clone_from(&used);
        story.post("/new-order", &json!({}), Some(Answer::problem(400, "badNonce")));
        story.keeps(LAW);
        story.nonce = used;
        story.new_order(&["a.test"]);
        story.breaks(LAW, "should refuse nonce");
    }

    #[test]
    fn an_error_without_a_nonce_is_found() {
        let mut story = Story::new();
        let without = |status| Answer { has_nonce: false, ..Answer::problem(status, "malformed") };
        story.post("/new-order", &json!({}), Some(without(500)));
        story.keeps(LAW);
        story.post("/new-order", &json!({}), Some(without(400)));
        story.breaks(LAW, "400 answer to a POST, but gave none");
    }

    #[test]
    fn a_nonce_given_twice_is_found() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        let given = story.nonce.clone();
        let answer = Answer { has_nonce: false, ..Answer::problem(403, "unauthorized") };
        story.post("/new-order", &json!({}), Some(answer.header("Replay-Nonce", given)));
        story.breaks(LAW, "should give a fresh nonce");
    }

    #[test]
    fn a_nonce_is_taken_by_what_the_ca_has_judged_and_by_nothing_else() {
        for (problem, status, is_taken) in [
            ("badNonce", 400, false),
            ("serverInternal", 500, false),
            ("malformed", 400, true),
            ("malformed", 499, true),
        ] {
            let mut story = Story::new();
            story.new_account("mailto:a@a.test", 201);
            let nonce = story.nonce.clone();
            story.post("/new-order", &json!({}), Some(Answer::problem(status, problem)));
            story.nonce = nonce;
            story.new_order(&["a.test"]);
            if is_taken { story.breaks(LAW, "should refuse nonce") } else { story.keeps(LAW) }
        }
    }
}
