//! `ca.order-within-authorizations`: an order expires no later than an authorization that it takes over.
//!
//! An order is good for nothing without its authorizations (RFC 8555 §7.1.3, §7.1.4), so one that takes over what was
//! valid before promises no time beyond that. Judged by the authorizations that the CA has shown as valid before it
//! created the order; one that becomes valid later has a lifetime of its own.

use sim::trace::Event;

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{
        http::Moment,
        place::Place,
        step::{Resource, Step},
        timestamp::unix_seconds,
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct OrderWithinAuthorizations {
    /// When each valid authorization ends, Unix seconds.
    valid: Recent<Place, i64>,
}

impl Default for OrderWithinAuthorizations {
    fn default() -> Self {
        Self { valid: Recent::new(KEPT_MAX) }
    }
}

impl Law for OrderWithinAuthorizations {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(Event::SetBack { .. }) = seen.event() {
            *self = Self::default();
        }
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered && step.is_success()) else {
            return;
        };
        if step.resource == Resource::Authorization {
            self.learn(step);
        } else if step.resource == Resource::NewOrder {
            self.judge(step, seen, verdict);
        }
    }
}

impl OrderWithinAuthorizations {
    fn learn(&mut self, step: &Step) {
        match (step.body_text("status"), step.body_text("expires").and_then(unix_seconds)) {
            (Some("valid"), Some(expires_s)) => drop(self.valid.insert(step.place.clone(), expires_s)),
            (_, _) => drop(self.valid.remove(&step.place)),
        }
    }

    fn judge(&self, step: &Step, seen: &Seen<'_>, verdict: &mut Verdict) {
        let (Some(expires), Some(body)) = (step.body_text("expires"), step.body()) else { return };
        let Some(expires_s) = unix_seconds(expires) else { return };
        let places = body.get("authorizations").and_then(|all| all.as_array()).into_iter().flatten();
        let taken_over = places.filter_map(|url| {
            let place = Place::of_url(url.as_str()?)?;
            let ends_s = *self.valid.get(&place)?;
            Some((place, ends_s))
        });
        let Some((place, ends_s)) = taken_over.min_by_key(|(_, ends_s)| *ends_s) else { return };
        verdict.exercise(seen.moment);
        if expires_s > ends_s {
            let order = step.order().map(|order| order.to_string()).unwrap_or_default();
            let longer = expires_s - ends_s;
            verdict.find(
                seen.moment,
                format!("{order} should expire with {place}, which it takes over, but lasts {longer} s longer"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "ca.order-within-authorizations";

    /// A second order takes over the first one's authorization, which ends at noon.
    fn second_order(expires: &str) -> Story {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        let object = json!({"status": "valid", "expires": "2026-01-02T12:00:00Z"});
        story.post(&format!("/authz/{order}-a.test"), &Value::Null, Some(Answer::new(200, object)));
        let mut object = story.order_object(&["a.test"], order, "ready");
        object["expires"] = json!(expires);
        let answer = Answer::new(201, object).header("Location", "https://ca.test/order/2");
        story.post("/new-order", &json!({}), Some(answer));
        story
    }

    #[test]
    fn an_order_that_lasts_longer_than_what_it_takes_over_is_found() {
        second_order("2026-01-02T12:00:00Z").keeps(LAW);
        second_order("2026-01-02T12:00:01Z").breaks(LAW, "lasts 1 s longer");
        second_order("2026-01-02T12:01:30Z").breaks(LAW, "lasts 90 s longer");
    }

    #[test]
    fn an_order_counts_that_was_created_though_nobody_heard_of_it() {
        let mut story = second_order("2026-01-02T13:00:00Z");
        story.lose_answer();
        story.breaks(LAW, "lasts 3600 s longer");
    }
}
