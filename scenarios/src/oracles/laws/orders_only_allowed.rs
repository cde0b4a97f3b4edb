//! `manager.orders-only-allowed` (M10, V5): on demand, no name is ordered that the operator's server did not allow just
//! before.
//!
//! Which managers have to ask, and which names were set up without asking, the runner says at the beginning, by the
//! probes `scenario/asks` and `scenario/needs-no-ask`. The answer is read from the HTTP exchange: status 200 to
//! `?domain=NAME`. It is good for two minutes, or for `within`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{self, Law, Seen, Settings, Verdict, in_words},
    reader::{
        http::Moment,
        identifier::Identifier,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// An answer's age at the order, at most.
const WITHIN: Duration = Duration::from_secs(120);

/// The law.
#[derive(Debug)]
pub(crate) struct OrdersOnlyAllowed {
    within: Duration,
    /// The hosts that have to ask, and the names that they need not ask for.
    askers: BTreeMap<String, BTreeSet<String>>,
    /// Client and name: when it was allowed.
    allowed: Recent<(Option<Arc<str>>, String), u64>,
}

impl OrdersOnlyAllowed {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { within: settings.within.unwrap_or(WITHIN), askers: BTreeMap::new(), allowed: Recent::new(KEPT_MAX) }
    }
}

impl Law for OrdersOnlyAllowed {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(Event::Probe { name, about }) = seen.event()
            && let Some(host) = about.get("host")
        {
            let set_up = about.get("name").filter(|_| name == "scenario/needs-no-ask");
            if set_up.is_some() || name == "scenario/asks" {
                self.askers.entry(host.clone()).or_default().extend(set_up.cloned());
            }
        }
        let Some(step) = seen.step() else { return };
        match step.moment {
            Moment::Sent if step.resource == Resource::NewOrder => self.judge(step, seen.moment, verdict),
            Moment::Sent | Moment::Answered => {}
            Moment::Received => self.learn(step, seen.moment),
        }
    }
}

impl OrdersOnlyAllowed {
    fn judge(&self, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let client = step.client_name();
        let Some(set_up) = self.askers.get(client) else { return };
        for name in step.payload().and_then(Identifier::set_of_json).iter().flatten().map(Identifier::to_string) {
            if set_up.contains(&name) {
                continue;
            }
            verdict.exercise(moment);
            let age = self.allowed.get(&(step.client.clone(), name.clone())).map(|at_ns| moment.at_ns - at_ns);
            let found = match age.map(Duration::from_nanos) {
                Some(age) if age <= self.within => continue,
                Some(age) => format!("it was {} before", in_words(age)),
                None => "it was not".to_owned(),
            };
            let within = in_words(self.within);
            verdict.find(
                moment,
                format!("{client} should order {name} only if that was allowed within the last {within}, but {found}"),
            );
        }
    }

    fn learn(&mut self, step: &Step, moment: &law::Moment) {
        let Some((_, query)) = step.place.path().split_once('?') else { return };
        let Some(name) = query.split('&').find_map(|pair| pair.strip_prefix("domain=")) else { return };
        let key = (step.client.clone(), name.to_owned());
        if step.status() == 200 {
            self.allowed.insert(key, moment.at_ns);
        } else {
            self.allowed.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sim::trace::Event;

    use crate::oracles::testing::Story;

    const LAW: &str = "manager.orders-only-allowed";

    fn on_demand() -> Story {
        let mut story = Story::new();
        let about = |name: &str| {
            let words = [("host", "manager"), ("name", name)];
            BTreeMap::from(words.map(|(circumstance, word)| (circumstance.to_owned(), word.to_owned())))
        };
        let name = "scenario/needs-no-ask".to_owned();
        story.event(None, Event::Probe { name, about: about("managed.test") });
        story
    }

    fn ask(story: &mut Story, name: &str, status: u16) {
        let request = format!("GET /allowed?domain={name} HTTP/1.1\r\nHost: ask.test\r\n\r\n");
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        story.bytes("manager", ("ask", "10.0.0.5:80"), &request, Some(&answer));
    }

    #[test]
    fn what_was_allowed_or_set_up_may_be_ordered() {
        let mut story = on_demand();
        story.new_order(&["managed.test"]);
        assert_eq!(story.verdict(LAW).exercised().total(), 0);
        ask(&mut story, "a.test", 200);
        story.wait(10);
        story.new_order(&["a.test"]);
        story.keeps(LAW);
    }

    #[test]
    fn who_was_said_to_ask_has_to_and_only_for_what_it_orders() {
        for (probe, has_to) in [("scenario/asks", true), ("scenario/began", false)] {
            let mut story = Story::new();
            let about = BTreeMap::from([("host".to_owned(), "manager".to_owned())]);
            story.event(None, Event::Probe { name: probe.to_owned(), about });
            let order = serde_json::json!({"identifiers": [{"type": "dns", "value": "a.test"}]});
            story.post("/new-account", &order, None);
            assert_eq!(story.verdict(LAW).exercised().total(), 0);
            story.new_order(&["a.test"]);
            assert_eq!(story.verdict(LAW).findings_total(), u64::from(has_to), "{probe}");
        }
    }

    #[test]
    fn what_was_denied_or_never_asked_may_not() {
        let mut story = on_demand();
        story.new_order(&["www.google.com"]);
        story.breaks(LAW, "www.google.com only if that was allowed within the last 2m, but it was not");
        let mut story = on_demand();
        ask(&mut story, "a.test", 200);
        ask(&mut story, "a.test", 403);
        story.new_order(&["a.test"]);
        story.breaks(LAW, "but it was not");
    }

    #[test]
    fn what_was_allowed_long_ago_may_not() {
        let mut story = on_demand();
        ask(&mut story, "a.test", 200);
        story.wait(3_600);
        story.new_order(&["a.test"]);
        story.breaks(LAW, "but it was 1h before");
    }
}
