//! `manager.leaves-nothing-open` (M8): no authorization stays pending at the CA once nobody works on its order any more.
//!
//! Nobody does when the client has said nothing about the order for the time allowed. An order that is ready or further has
//! no pending authorization; what can't be ended, an order that nothing is missing for but its CSR, is not judged. The time
//! stands still while the client's or the CA's host is down or suspended. What expires first has ended by itself.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Moment, Seen, Settings, Verdict, in_words},
    reader::{
        http,
        place::Place,
        step::{Resource, Step},
        timestamp::unix_seconds,
    },
    recent::Recent,
};

const WITHIN: Duration = Duration::from_secs(30 * 60);

/// The law.
#[derive(Debug)]
pub(crate) struct LeavesNothingOpen {
    within: Duration,
    orders: Recent<Place, Open>,
    /// The order of each authorization.
    orders_of: Recent<Place, Place>,
    next_deadline_ns: u64,
}

/// An order with authorizations that, as far as is known, are pending.
#[derive(Debug)]
struct Open {
    client: Option<Arc<str>>,
    server: Option<Arc<str>>,
    pending: BTreeSet<Place>,
    expires_s: Option<i64>,
    deadline_ns: u64,
    event: u64,
    /// Whether one of its authorizations, or the order, has ended in something else than success.
    has_failed: bool,
}

impl LeavesNothingOpen {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            within: settings.within.unwrap_or(WITHIN),
            orders: Recent::new(KEPT_MAX),
            orders_of: Recent::new(KEPT_MAX),
            next_deadline_ns: u64::MAX,
        }
    }
}

impl Law for LeavesNothingOpen {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if seen.moment.at_ns > self.next_deadline_ns {
            self.judge(seen.moment, verdict);
        }
        if let Some(event) = seen.event() {
            self.follow(event, seen.moment);
        } else if let Some(step) = seen.step() {
            match step.moment {
                http::Moment::Received if step.resource == Resource::NewOrder => self.open(step, seen.moment),
                http::Moment::Answered => self.close(step, seen.moment, verdict),
                http::Moment::Sent | http::Moment::Received => {}
            }
            self.touch(step, seen.moment.at_ns);
        }
    }

    fn finish(&mut self, end: &Moment, verdict: &mut Verdict) {
        self.judge(end, verdict);
    }
}

impl LeavesNothingOpen {
    fn deadline_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add(u64::try_from(self.within.as_nanos()).unwrap_or(u64::MAX))
    }

    fn follow(&mut self, event: &Event, moment: &Moment) {
        let is_back = matches!(event, Event::HostStarted { .. } | Event::HostResumed);
        if !is_back && !matches!(event, Event::HostEnded { .. } | Event::HostSuspended) {
            return;
        }
        let deadline_ns = if is_back { self.deadline_ns(moment.at_ns) } else { u64::MAX };
        let host = moment.host.as_deref();
        let concerned = self.orders.iter_mut().map(|(_, open)| open);
        concerned
            .filter(|open| open.client.as_deref() == host || open.server.as_deref() == host)
            .for_each(|open| open.deadline_ns = deadline_ns);
        self.next_deadline_ns = self.next_deadline_ns.min(deadline_ns);
    }

    fn open(&mut self, step: &Step, moment: &Moment) {
        let (Some(order), Some(object)) = (step.location(), step.body()) else { return };
        if !step.is_success() || step.body_text("status") != Some("pending") {
            return;
        }
        let authorizations = object.get("authorizations").and_then(|list| list.as_array());
        let pending: BTreeSet<Place> =
            authorizations.into_iter().flatten().filter_map(|one| Place::of_url(one.as_str()?)).collect();
        for authorization in &pending {
            self.orders_of.insert(authorization.clone(), order.clone());
        }
        let open = Open {
            client: step.client.clone(),
            server: step.server.clone(),
            pending,
            expires_s: step.body_text("expires").and_then(unix_seconds),
            deadline_ns: u64::MAX,
            event: moment.number,
            has_failed: false,
        };
        self.orders.insert(order, open);
    }

    /// Takes the CA's word for what has ended.
    fn close(&mut self, step: &Step, moment: &Moment, verdict: &mut Verdict) {
        let is_gone = matches!(step.status(), 404 | 410);
        let status = step.body_text("status").filter(|_| step.is_success());
        let Some(place) = self.order(step) else { return };
        let Some(open) = self.orders.get_mut(&place) else { return };
        if let Some(authorization) = step.authorization() {
            if is_gone || status.is_some_and(|status| !["pending", "processing"].contains(&status)) {
                open.pending.remove(&authorization);
                open.has_failed |= status.is_some_and(|status| status != "valid");
            }
        } else if step.resource != Resource::NewOrder {
            open.has_failed |= is_gone || status == Some("invalid");
            if is_gone || matches!(status, Some("ready" | "processing" | "valid")) {
                open.pending.clear();
            }
        }
        if open.pending.is_empty() {
            if open.has_failed {
                verdict.exercise(moment);
            }
            self.orders.remove(&place);
        }
    }

    /// The client works on the order.
    fn touch(&mut self, step: &Step, now_ns: u64) {
        let deadline_ns = self.deadline_ns(now_ns);
        let Some(open) = self.order(step).and_then(|order| self.orders.get_mut(&order)) else { return };
        open.deadline_ns = deadline_ns;
        self.next_deadline_ns = self.next_deadline_ns.min(deadline_ns);
    }

    fn order(&self, step: &Step) -> Option<Place> {
        match step.authorization() {
            Some(authorization) => self.orders_of.get(&authorization).cloned(),
            None => step.order(),
        }
    }

    fn judge(&mut self, moment: &Moment, verdict: &mut Verdict) {
        let within = in_words(self.within);
        self.orders.retain(|place, open| {
            if open.deadline_ns >= moment.at_ns {
                return true;
            }
            let has_expired = matches!((open.expires_s, moment.utc_s), (Some(end), Some(now)) if end <= now);
            if let Some(pending) = open.pending.first().filter(|_| !has_expired) {
                let at = Moment { host: open.client.clone(), ..moment.clone() };
                verdict.exercise(&at);
                let event = open.event;
                verdict.find(
                    &at,
                    format!("{pending} of the order {place} of event {event} should be ended within {within} once nobody works on it, but is pending"),
                );
            }
            false
        });
        self.next_deadline_ns = self.orders.iter().map(|(_, open)| open.deadline_ns).min().unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sim::trace::Event;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.leaves-nothing-open";

    /// One of two names fails.
    fn half_failed() -> Story {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        let order = story.new_order(&["a.test", "b.test"]);
        story.authorize("a.test", order, "invalid");
        story.authorization("b.test", order, "pending");
        story
    }

    fn deactivate(story: &mut Story) {
        let object = json!({"status": "deactivated", "identifier": {"type": "dns", "value": "b.test"}});
        story.post("/authz/1-b.test", &json!({"status": "deactivated"}), Some(Answer::new(200, object)));
    }

    #[test]
    fn an_authorization_left_pending_is_found() {
        let mut story = half_failed();
        story.wait(3_600);
        story.event(None, Event::probe("later"));
        story.breaks(LAW, "ca.test/authz/1-b.test of the order ca.test/order/1");
        assert_eq!(story.accused(LAW), [Some("manager".to_owned())], "who left it");
    }

    #[test]
    fn what_is_deactivated_or_leads_to_a_certificate_is_not() {
        let mut story = half_failed();
        deactivate(&mut story);
        story.issuance(&["c.test"], 90);
        story.wait(3_600);
        story.keeps(LAW);
    }

    #[test]
    fn after_a_crash_the_time_begins_anew() {
        let mut story = half_failed();
        story.kill("manager");
        story.wait(10_000);
        story.start("manager");
        story.wait(600);
        deactivate(&mut story);
        story.keeps(LAW);
    }

    /// An hour later nothing else has been said.
    fn is_found(mut story: Story) -> bool {
        story.wait(3_600);
        story.event(None, Event::probe("later"));
        let verdict = story.verdict(LAW);
        assert_eq!(verdict.exercised().total(), 1);
        !verdict.findings().is_empty()
    }

    #[test]
    fn what_is_over_and_what_is_not_the_ca_says() {
        for (path, status, body, is_over) in [
            ("/order/1", 200, json!({"status": "ready"}), true),
            ("/order/1", 200, json!({"status": "processing"}), true),
            ("/order/1", 200, json!({"status": "valid"}), true),
            ("/order/1", 200, json!({"status": "pending"}), false),
            ("/order/1", 200, json!({"status": "invalid"}), false),
            ("/order/1", 404, json!(null), true),
            ("/order/1", 410, json!(null), true),
            ("/order/1", 500, json!({"status": "ready"}), false),
            ("/authz/1-b.test", 200, json!({"status": "valid"}), true),
            ("/authz/1-b.test", 200, json!({"status": "expired"}), true),
            ("/authz/1-b.test", 200, json!({"status": "processing"}), false),
            ("/authz/1-b.test", 404, json!(null), true),
            ("/authz/1-b.test", 500, json!({"status": "expired"}), false),
        ] {
            let mut story = half_failed();
            story.post(path, &json!(null), Some(Answer::new(status, body.clone())));
            assert_eq!(is_found(story), !is_over, "{path} {status} {body}");
        }
    }

    #[test]
    fn an_order_that_succeeds_shows_nothing_about_failures() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        assert_eq!(story.verdict(LAW).exercised().total(), 0);
    }

    #[test]
    fn an_order_that_is_gone_has_failed_and_one_that_is_ready_has_not() {
        for (status, body, has_failed) in
            [(404, json!(null), true), (410, json!(null), true), (200, json!({"status": "ready"}), false)]
        {
            let mut story = Story::new();
            let order = story.new_order(&["a.test"]);
            story.post(&format!("/order/{order}"), &json!(null), Some(Answer::new(status, body)));
            let verdict = story.verdict(LAW);
            assert_eq!(verdict.exercised().total(), u64::from(has_failed), "{status}");
            assert_eq!(verdict.findings(), []);
        }
    }

    #[test]
    fn only_an_order_that_was_given_and_pends_is_open() {
        for (code, status, is_open) in [(201, "pending", true), (201, "ready", false), (500, "pending", false)] {
            let mut story = Story::new();
            let object = story.order_object(&["a.test"], 1, status);
            let answer = Answer::new(code, object).header("Location", "https://ca.test/order/1");
            story.post("/new-order", &json!({"identifiers": [{"type": "dns", "value": "a.test"}]}), Some(answer));
            story.wait(3_600);
            story.event(None, Event::probe("later"));
            assert_eq!(story.verdict(LAW).findings().len(), usize::from(is_open), "{code} {status}");
        }
    }

    #[test]
    fn what_expires_first_has_ended_by_itself() {
        // The time allowed is over half an hour after the last word, and is looked at an hour after it.
        for (expires, is_found) in
            [("2026-01-01T00:59:59Z", false), ("2026-01-01T01:00:00Z", false), ("2026-01-01T01:00:01Z", true)]
        {
            let mut story = Story::new();
            let mut object = story.order_object(&["a.test"], 1, "pending");
            object["expires"] = json!(expires);
            let answer = Answer::new(201, object).header("Location", "https://ca.test/order/1");
            story.post("/new-order", &json!({"identifiers": [{"type": "dns", "value": "a.test"}]}), Some(answer));
            story.wait(3_600);
            story.event(None, Event::probe("later"));
            assert_eq!(story.verdict(LAW).findings().len(), usize::from(is_found), "{expires}");
        }
    }

    #[test]
    fn the_time_stands_still_only_while_one_of_the_two_is_away() {
        for (host, is_found) in [("manager", false), ("ca", false), ("visitor", true)] {
            for (away, back) in [(Event::HostSuspended, None), (Event::HostSuspended, Some(Event::HostResumed))] {
                let mut story = half_failed();
                story.event(Some(host), away);
                story.wait(3_600);
                if let Some(back) = back {
                    story.event(Some(host), back);
                    story.wait(1_799);
                }
                story.event(None, Event::probe("later"));
                assert_eq!(story.verdict(LAW).findings().len(), usize::from(is_found), "{host}");
            }
        }
    }

    #[test]
    fn the_time_allowed_is_to_the_second_and_is_looked_at_when_the_run_ends() {
        for (seconds, is_found) in [(1_800, false), (1_801, true)] {
            let mut story = half_failed();
            story.wait(seconds);
            assert_eq!(story.verdict(LAW).findings().len(), usize::from(is_found), "{seconds}");
        }
    }
}
