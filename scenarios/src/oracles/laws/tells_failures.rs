//! `manager.tells-failures` (L11): whoever runs a manager hears of each attempt that fails.
//!
//! An attempt has failed when the CA refuses an order, or shows one or an authorization of it as invalid. Some time later, an
//! event has told so, or there is a certificate after all. Which events a manager tells is shown by probes of its operator, with the
//! names that each is about. A refused nonce, an account that the CA has lost and a certificate that an order can't replace
//! are no failures, for the same CA is asked again at once.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use sim::trace::Event;

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    deadlines::Deadlines,
    law::{self, Law, Seen, Settings, Verdict, in_words},
    reader::{
        http::Moment,
        identifier::{Identifier, Identifiers, show},
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(300);

/// Events by which an operator hears that there is no certificate.
const TELLING: [&str; 3] = ["event/failed", "event/storage-trouble", "event/denied"];

/// Refusals after which the same CA is asked again within one attempt.
const ASKED_AGAIN: [&str; 3] = ["badNonce", "accountDoesNotExist", "alreadyReplaced"];

/// Whose certificate, and for which names.
type Key = (Option<Arc<str>>, Identifiers);

/// The law.
#[derive(Debug)]
pub(crate) struct TellsFailures {
    /// Authorizations, with what they are for.
    authorizations: Recent<Place, Key>,
    deadlines: Deadlines<Key>,
}

impl TellsFailures {
    pub(crate) fn new(settings: Settings) -> Self {
        let within = settings.within.unwrap_or(WITHIN);
        Self { authorizations: Recent::new(KEPT_MAX), deadlines: Deadlines::new(within) }
    }
}

impl Law for TellsFailures {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.judge(seen.moment, verdict);
        if let Some(event) = seen.event() {
            self.deadlines.follow(event, seen.moment);
            self.hear(event, seen.moment, verdict);
        }
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Received) else { return };
        if let Some(certificate) = downloaded(step) {
            self.deadlines.remove(&(step.client.clone(), certificate.names));
        } else if let Some(key) = self.failing(step) {
            self.deadlines.set(key, step.client.clone(), seen.moment.at_ns);
        }
    }

    fn finish(&mut self, end: &law::Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

impl TellsFailures {
    fn hear(&mut self, event: &Event, moment: &law::Moment, verdict: &mut Verdict) {
        if let Event::HostEnded { .. } = event {
            self.deadlines.drop_those(|(client, _)| *client == moment.host);
        }
        let Event::Probe { name, about } = event else { return };
        if name == "event/missed" {
            self.deadlines.drop_those(|(client, _)| *client == moment.host);
        } else if TELLING.contains(&name.as_str())
            && let Some(names) = about.get("names")
        {
            let names: Identifiers = names.split(' ').map(Identifier::of_server).collect();
            if self.deadlines.drop_those(|(client, failed)| *client == moment.host && failed.is_subset(&names)) {
                verdict.exercise(moment);
            }
        }
    }

    /// Whose attempt has failed, if this shows that it has.
    fn failing(&mut self, step: &Step) -> Option<Key> {
        let is_invalid = step.is_success() && step.body_text("status") == Some("invalid");
        if step.resource == Resource::Authorization {
            return self.authorizations.get(&step.place).filter(|_| is_invalid).cloned();
        }
        if step.resource == Resource::NewOrder && !step.is_success() {
            let is_asked_again = step.problem().is_some_and(|problem| ASKED_AGAIN.contains(&problem));
            return step.identifiers().filter(|_| !is_asked_again).map(|names| (step.client.clone(), names));
        }
        let (_, order) = step.order_shown()?;
        let key = (step.client.clone(), step.identifiers()?);
        let authorizations = order.get("authorizations").and_then(Value::as_array);
        for place in authorizations.into_iter().flatten().filter_map(|one| Place::of_url(one.as_str()?)) {
            self.authorizations.insert(place, key.clone());
        }
        is_invalid.then_some(key)
    }

    fn judge(&mut self, moment: &law::Moment, verdict: &mut Verdict) {
        let within = in_words(self.deadlines.within());
        for ((_, names), at) in self.deadlines.take_missed(moment) {
            let names = show(&names);
            verdict.exercise(&at);
            verdict.find(
                &at,
                format!("an event should tell within {within} that the attempt for {names} failed, but none does"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sim::trace::Event;

    use crate::oracles::testing::Story;

    const LAW: &str = "manager.tells-failures";

    fn tell(story: &mut Story, probe: &str, names: &str) {
        let about = BTreeMap::from([("names".to_owned(), names.to_owned())]);
        story.event(Some("manager"), Event::Probe { name: probe.to_owned(), about });
    }

    fn fail(story: &mut Story) {
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "invalid");
    }

    #[test]
    fn a_failure_that_no_event_tells_is_found() {
        for (probe, names, is_told) in [
            ("event/failed", "a.test", true),
            ("event/storage-trouble", "a.test b.test", true),
            ("event/failed", "b.test", false),
            ("event/obtaining", "a.test", false),
        ] {
            let mut story = Story::new();
            fail(&mut story);
            story.wait(60);
            tell(&mut story, probe, names);
            story.wait(600);
            tell(&mut story, "event/obtaining", "z.test");
            if is_told { story.keeps(LAW) } else { story.breaks(LAW, "the attempt for a.test failed, but none does") }
        }
    }

    #[test]
    fn a_certificate_tells_enough() {
        let mut story = Story::new();
        fail(&mut story);
        story.wait(60);
        story.issuance(&["a.test"], 90);
        story.wait(600);
        fail(&mut story);
        tell(&mut story, "event/failed", "a.test");
        story.keeps(LAW);
    }
}
