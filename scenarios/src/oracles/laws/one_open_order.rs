//! `manager.one-open-order` (M3): at most one order for a set of names is open at any time.
//!
//! An order is open from when a client knows of it until the CA shows it valid or invalid, shows one of its
//! authorizations as lost, or no longer knows it or its account, or until it expires. Nor is it open any more once its
//! finalization was refused for what it asks: RFC 8555 knows no way to withdraw what is ready. The CA may answer with an order
//! that is there already: that is no second one. Orders that a crashed client left behind are not judged.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::KEPT_MAX;
use crate::oracles::{
    law::{self, Law, Seen, Verdict},
    reader::{
        http::Moment,
        identifier::{Identifiers, show},
        place::Place,
        step::{Resource, Step},
        timestamp::unix_seconds,
    },
    recent::Recent,
};

/// With these a finalization is refused for now (RFC 8555 §6.5, §6.6, §7.4).
const FOR_A_MOMENT: [&str; 3] = ["badNonce", "orderNotReady", "rateLimited"];

/// The law.
#[derive(Debug)]
pub(crate) struct OneOpenOrder {
    open: Recent<Place, Order>,
}

#[derive(Debug)]
struct Order {
    names: Identifiers,
    authorizations: BTreeSet<Place>,
    client: Option<Arc<str>>,
    account: Option<Place>,
    expires_s: Option<i64>,
    event: u64,
}

impl Default for OneOpenOrder {
    fn default() -> Self {
        Self { open: Recent::new(KEPT_MAX) }
    }
}

impl Law for OneOpenOrder {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(host) = seen.host_ended() {
            self.open.retain(|_, order| order.client.as_deref() != Some(host));
        }
        let Some(step) = seen.step() else { return };
        match step.moment {
            Moment::Sent => {}
            Moment::Answered => self.close(step),
            Moment::Received if step.resource == Resource::NewOrder && step.is_success() => {
                self.open(step, seen.moment, verdict);
            }
            Moment::Received => {}
        }
    }
}

impl OneOpenOrder {
    fn open(&mut self, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let (Some(place), Some(names), Some(object)) = (step.location(), step.identifiers(), step.body()) else {
            return;
        };
        if is_over(object) {
            return;
        }
        verdict.exercise(moment);
        self.open.retain(|_, order| !matches!((order.expires_s, moment.utc_s), (Some(end), Some(now)) if end < now));
        let other = self
            .open
            .iter()
            .find(|(known, order)| **known != place && order.names == names && known.authority() == place.authority());
        if let Some((other, order)) = other {
            let (names, event) = (show(&names), order.event);
            verdict.find(
                moment,
                format!("{names} should have one open order, but {place} came while {other} of event {event} is open"),
            );
        }
        let authorizations = object.get("authorizations").and_then(Value::as_array);
        let order = Order {
            names,
            authorizations: authorizations.into_iter().flatten().filter_map(|a| Place::of_url(a.as_str()?)).collect(),
            client: step.client.clone(),
            account: step.account(),
            expires_s: step.body_text("expires").and_then(unix_seconds),
            event: moment.number,
        };
        self.open.insert(place, order);
    }

    fn close(&mut self, step: &Step) {
        if let Some((order, _)) = step.order_shown().filter(|(_, object)| is_over(object)) {
            self.open.remove(&order);
        }
        if let Some(gone) = step.account_over() {
            self.open.retain(|_, order| order.account.as_ref() != Some(&gone));
        }
        if step.is_key_over() {
            self.open.retain(|_, order| order.client != step.client);
        }
        if let Resource::Finalize { order } = &step.resource
            && (400..500).contains(&step.status())
            && step.problem().is_some_and(|problem| !FOR_A_MOMENT.contains(&problem))
        {
            self.open.remove(order);
        }
        if step.resource == Resource::Order && matches!(step.status(), 401 | 403 | 404 | 410) {
            self.open.remove(&step.place);
        }
        let lost = match &step.resource {
            Resource::Authorization => step.body_text("status").is_some_and(|s| !["pending", "valid"].contains(&s)),
            Resource::Challenge { .. } => step.body_text("status") == Some("invalid"),
            Resource::Directory
            | Resource::NewNonce
            | Resource::NewAccount
            | Resource::NewAuthorization
            | Resource::NewOrder
            | Resource::RevokeCertificate
            | Resource::KeyChange
            | Resource::RenewalInfo { .. }
            | Resource::Account
            | Resource::Order
            | Resource::Finalize { .. }
            | Resource::Certificate { .. }
            | Resource::Http01 { .. }
            | Resource::Other => false,
        };
        if lost && step.is_success() {
            let authorization =
                if let Resource::Challenge { authorization } = &step.resource { authorization } else { &step.place };
            self.open.retain(|_, order| !order.authorizations.contains(authorization));
        }
    }
}

fn is_over(order: &Value) -> bool {
    matches!(order.get("status").and_then(Value::as_str), Some("valid" | "invalid"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.one-open-order";

    #[test]
    fn an_order_of_an_account_that_is_over_is_not_open() {
        for (status, is_over) in [(401, true), (403, false)] {
            let mut story = Story::new();
            story.new_account("mailto:a@a.test", 201);
            story.new_order(&["a.test"]);
            story.post("/new-order", &Value::Null, Some(Answer::problem(status, "unauthorized")));
            story.new_order(&["a.test"]);
            if is_over { story.keeps(LAW) } else { story.breaks(LAW, "a.test should have one open order") }
        }
    }

    #[test]
    fn an_order_is_not_open_once_the_ca_says_that_its_clients_key_has_no_account_any_more() {
        for (client, is_over) in [("manager", true), ("other", false)] {
            let mut story = Story::new();
            story.new_account("mailto:a@a.test", 201);
            story.new_order(&["a.test"]);
            story.client = client.into();
            story.post("/new-account", &Value::Null, Some(Answer::problem(401, "unauthorized")));
            story.client = "manager".into();
            story.new_order(&["a.test"]);
            if is_over { story.keeps(LAW) } else { story.breaks(LAW, "a.test should have one open order") }
        }
    }

    #[test]
    fn a_second_order_while_one_is_open_is_found() {
        let mut story = Story::new();
        story.new_account("mailto:a@a.test", 201);
        story.new_order(&["a.test", "b.test"]);
        story.new_order(&["a.test"]);
        story.keeps(LAW);
        story.new_order(&["b.test", "a.test"]);
        story.breaks(LAW, "ca.test/order/3 came while ca.test/order/1");
    }

    #[test]
    fn orders_that_ended_well_or_badly_make_room() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.issuance(&["a.test"], 90);
        let order = story.new_order(&["a.test"]);
        story.authorize("a.test", order, "invalid");
        story.new_order(&["a.test"]);
        story.keeps(LAW);
    }

    #[test]
    fn an_order_whose_finalization_was_refused_is_open_only_if_that_was_for_a_moment() {
        let open = "a.test should have one open order";
        for (status, problem, found) in [
            (403, "badCSR", None),
            (400, "malformed", None),
            (400, "badNonce", Some(open)),
            (403, "orderNotReady", Some(open)),
            (429, "rateLimited", Some(open)),
            (500, "serverInternal", Some(open)),
        ] {
            let mut story = Story::new();
            let order = story.new_order(&["a.test"]);
            story.post(&format!("/order/{order}/finalize"), &json!({}), Some(Answer::problem(status, problem)));
            story.new_order(&["a.test"]);
            match found {
                None => story.keeps(LAW),
                Some(finding) => story.breaks(LAW, finding),
            }
        }
    }

    #[test]
    fn an_order_left_by_a_crash_is_excused() {
        let mut story = Story::new();
        story.new_order(&["a.test"]);
        story.kill("manager");
        story.start("manager");
        story.new_order(&["a.test"]);
        story.keeps(LAW);
    }
}
