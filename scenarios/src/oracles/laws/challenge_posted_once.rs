//! `manager.challenge-posted-once` (M19): a challenge that the CA has accepted a POST for is not posted again.
//!
//! Boulder refuses it since 2026-07 (409). POST-as-GET is reading, not posting. A POST that was refused, or
//! whose answer was lost, may be tried again, and a crash excuses.

use std::sync::Arc;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{http::Moment, place::Place, step::Resource},
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct ChallengePostedOnce {
    /// Who was told that it was accepted, and in which event.
    accepted: Recent<Place, (Option<Arc<str>>, u64)>,
}

impl Default for ChallengePostedOnce {
    fn default() -> Self {
        Self { accepted: Recent::new(KEPT_MAX) }
    }
}

impl Law for ChallengePostedOnce {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(host) = seen.host_ended() {
            self.accepted.retain(|_, (client, _)| client.as_deref() != Some(host));
        }
        let Some(step) = seen.step() else { return };
        let is_posted = step.jws().is_some_and(|jws| !jws.is_post_as_get());
        if !matches!(step.resource, Resource::Challenge { .. }) || !is_posted {
            return;
        }
        match step.moment {
            Moment::Sent => {
                verdict.exercise(seen.moment);
                if let Some((_, event)) = self.accepted.get(&step.place) {
                    let (client, place) = (step.client_name(), &step.place);
                    verdict.find(seen.moment, format!("{client} should post {place} once, but posted it again after the CA's answer in event {event}"));
                }
            }
            Moment::Answered => {}
            Moment::Received if step.is_success() => {
                self.accepted.insert(step.place.clone(), (step.client.clone(), seen.moment.number));
            }
            Moment::Received => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.challenge-posted-once";

    #[test]
    fn a_challenge_posted_at_each_poll_is_found() {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        story.authorization("a.test", order, "pending");
        story.post("/challenge/1-a.test", &json!({}), Some(Answer::problem(400, "badNonce")));
        story.post_challenge("a.test", order);
        story.post("/challenge/1-a.test", &Value::Null, None);
        story.keeps(LAW);
        story.post_challenge("a.test", order);
        story.breaks(LAW, "should post ca.test/challenge/1-a.test once");
    }

    #[test]
    fn a_crash_excuses_the_client_that_it_ends_and_no_other() {
        for (host, is_excused) in [("manager", true), ("visitor", false)] {
            let mut story = Story::new();
            let order = story.new_order(&["a.test"]);
            story.authorization("a.test", order, "pending");
            story.post_challenge("a.test", order);
            story.kill(host);
            story.start(host);
            story.post_challenge("a.test", order);
            if is_excused { story.keeps(LAW) } else { story.breaks(LAW, "but posted it again") }
        }
    }
}
