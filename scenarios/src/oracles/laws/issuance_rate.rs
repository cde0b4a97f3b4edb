//! `manager.issuance-rate` (M4): for one set of names, no more than 1 + ⌈elapsed ÷ (lifetime ÷ 3)⌉ certificates.
//!
//! Elapsed time counts from the first certificate. Renewals that the CA itself asked for, by a renewal window
//! that had begun, come on top, once for each certificate replaced.

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{self, Law, Seen, Verdict, in_words},
    reader::{
        certificate::Certificate,
        http::Moment,
        identifier::{Identifiers, show},
        step::{Resource, Step},
        timestamp::unix_seconds,
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct IssuanceRate {
    serials: Recent<String, ()>,
    histories: Recent<Identifiers, History>,
    /// Certificates whose renewal window has begun; whether that was made use of.
    due: Recent<String, bool>,
}

#[derive(Debug, Default)]
struct History {
    first_s: Option<i64>,
    lifetime_s: i64,
    count: i64,
    asked_for: i64,
}

impl Default for IssuanceRate {
    fn default() -> Self {
        Self { serials: Recent::new(KEPT_MAX), histories: Recent::new(KEPT_MAX), due: Recent::new(KEPT_MAX) }
    }
}

impl Law for IssuanceRate {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered && step.is_success()) else {
            return;
        };
        let Some(now_s) = seen.moment.utc_s else { return };
        self.excuse(step, now_s);
        if let Some(certificate) = downloaded(step)
            && self.serials.insert(certificate.serial.clone(), ()).is_none()
        {
            self.judge(&certificate, now_s, seen.moment, verdict);
        }
    }
}

impl IssuanceRate {
    fn excuse(&mut self, step: &Step, now_s: i64) {
        if let Resource::RenewalInfo { certificate_id } = &step.resource {
            let [start, _] = step.suggested_window();
            if start.and_then(unix_seconds).is_some_and(|start| start <= now_s) {
                self.due.get_or_insert_with(certificate_id.clone(), || false);
            }
        }
        let replaces = step.payload().and_then(|payload| payload.get("replaces")?.as_str());
        if let (Resource::NewOrder, Some(replaces), Some(names)) = (&step.resource, replaces, step.identifiers())
            && let Some(is_used) = self.due.get_mut(replaces).filter(|is_used| !**is_used)
        {
            *is_used = true;
            self.histories.get_or_insert_with(names, History::default).asked_for += 1;
        }
    }

    fn judge(&mut self, certificate: &Certificate, now_s: i64, moment: &law::Moment, verdict: &mut Verdict) {
        verdict.exercise(moment);
        let history = self.histories.get_or_insert_with(certificate.names.clone(), History::default);
        let lifetime_s = certificate.lifetime_s();
        history.count += 1;
        let first_s = *history.first_s.get_or_insert(now_s);
        history.lifetime_s = if history.count == 1 { lifetime_s } else { history.lifetime_s.min(lifetime_s) };
        let elapsed_s = now_s - first_s;
        let third_s = (history.lifetime_s / 3).max(1);
        let allowed = 1 + (elapsed_s + third_s - 1) / third_s + history.asked_for;
        if history.count > allowed {
            let elapsed = in_words(std::time::Duration::from_secs(elapsed_s.unsigned_abs()));
            let (names, count) = (show(&certificate.names), history.count);
            verdict.find(
                moment,
                format!("{names} should have at most {allowed} certificates in {elapsed}, but got {count}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracles::testing::{Answer, Story};

    const LAW: &str = "manager.issuance-rate";

    #[test]
    fn a_renewal_storm_is_found() {
        let mut story = Story::new();
        for _ in 0..3 {
            story.issuance(&["a.test"], 90);
            story.wait_days(60);
        }
        story.keeps(LAW);
        for _ in 0..3 {
            story.issuance(&["b.test"], 90);
            story.wait(3_600);
        }
        story.breaks(LAW, "b.test should have at most 2 certificates in 2h, but got 3");
    }

    #[test]
    fn renewals_that_the_ca_asks_for_come_on_top() {
        let mut story = Story::new();
        for n in 0..3 {
            let id = format!("aki.{n}");
            story.renewal_info(&id, "2025-12-01T00:00:00Z", "2025-12-02T00:00:00Z", None);
            let object = story.order_object(&["a.test"], 90 + n, "pending");
            let payload = json!({"identifiers": object["identifiers"], "replaces": id});
            story.post("/new-order", &payload, Some(Answer::new(201, object)));
            story.issuance(&["a.test"], 90);
        }
        story.keeps(LAW);
    }
}
