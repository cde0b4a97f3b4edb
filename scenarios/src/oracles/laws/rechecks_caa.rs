//! `ca.rechecks-caa` (C1): at issuance, the names whose CAA was looked up are those for which that was due.
//!
//! Due are the names of the CSR that the CA has not looked up within eight hours, or the records' TTL if that is
//! longer (Baseline Requirements §3.2.2.8). Sets of names are compared and never counts: N lookups of one name
//! are not one of each. A CA that refuses for CAA may stop at the first name that forbids; it is judged if it
//! has asked as often as there were names due, and so did not stop.

use std::sync::Arc;

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    caa_lookups::{CaaLookups, Lookup},
    law::{self, Law, Seen, Verdict},
    reader::{
        csr::Csr,
        http::Moment,
        identifier::{Identifier, Identifiers, show},
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct RechecksCaa {
    lookups: CaaLookups,
    /// Orders that await the CA's decision.
    finalized: Recent<Place, Finalized>,
}

#[derive(Debug)]
struct Finalized {
    ca: Arc<str>,
    due: Identifiers,
    rechecked: Identifiers,
    rechecks: usize,
}

impl Default for RechecksCaa {
    fn default() -> Self {
        Self { lookups: CaaLookups::default(), finalized: Recent::new(KEPT_MAX) }
    }
}

impl Law for RechecksCaa {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(lookup) = self.lookups.observe(seen) {
            self.count(&lookup);
        }
        let Some(step) = seen.step() else { return };
        match step.moment {
            Moment::Sent => self.begin(step, seen.moment.at_ns),
            Moment::Answered => self.judge(step, seen.moment, verdict),
            Moment::Received => {}
        }
    }
}

impl RechecksCaa {
    fn begin(&mut self, step: &Step, at_ns: u64) {
        let (Resource::Finalize { order }, Some(ca)) = (&step.resource, &step.server) else { return };
        let Some(csr) = step.payload().and_then(Csr::of_payload) else { return };
        let domains = csr.names.iter().map(Identifier::without_wildcard);
        let due =
            domains.filter(|name| matches!(name, Identifier::Dns(domain) if !self.lookups.is_fresh(ca, domain, at_ns)));
        let finalized = Finalized { ca: ca.clone(), due: due.collect(), rechecked: Identifiers::new(), rechecks: 0 };
        self.finalized.insert(order.clone(), finalized);
    }

    fn count(&mut self, lookup: &Lookup) {
        let name = Identifier::dns(&lookup.name);
        for (_, order) in self.finalized.iter_mut() {
            if order.ca == lookup.host && order.due.contains(&name) {
                order.rechecked.insert(name.clone());
                order.rechecks += 1;
            }
        }
    }

    fn judge(&mut self, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let is_issued = downloaded(step).is_some();
        let Some(order) = step.order().filter(|_| is_issued || is_refused_for_caa(step)) else { return };
        let Some(Finalized { due, rechecked, rechecks, .. }) = self.finalized.remove(&order) else { return };
        if !is_issued && rechecks < due.len() {
            return;
        }
        verdict.exercise(moment);
        if due != rechecked {
            let missed = show(&due.difference(&rechecked).cloned().collect());
            let (due, rechecked) = (show(&due), show(&rechecked));
            verdict.find(
                moment,
                format!("before {order} is decided, CAA should be looked up for {due}; it was for {rechecked}, not for {missed}"),
            );
        }
    }
}

/// Whether the step shows an order that ended for CAA's sake, or a finalization that was refused for it.
fn is_refused_for_caa(step: &Step) -> bool {
    const CAA: &str = "urn:ietf:params:acme:error:caa";
    let is_refusal = matches!(step.resource, Resource::Finalize { .. }) && step.problem() == Some("caa");
    let error = step.order_shown().and_then(|(_, object)| object.get("error")?.get("type")?.as_str());
    is_refusal || error == Some(CAA)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracles::testing::{Answer, Issued, Story};

    const LAW: &str = "ca.rechecks-caa";
    const NAMES: [&str; 2] = ["a.test", "b.test"];

    /// An order whose names are `rechecked` between finalization and issuance.
    fn renewal(story: &mut Story, rechecked: &[&str]) {
        let order = story.new_order(&NAMES);
        story.finalize(&NAMES, &NAMES, order);
        rechecked.iter().for_each(|name| story.caa(name, &[]));
        story.download(order, &Issued::new(&NAMES, 0, 1));
    }

    #[test]
    fn one_name_twice_is_not_two_names() {
        let mut story = Story::new();
        NAMES.iter().for_each(|name| story.caa(name, &[]));
        story.wait(8 * 3_600);
        renewal(&mut story, &[]);
        story.wait(1);
        renewal(&mut story, &NAMES);
        story.wait(8 * 3_600 + 1);
        story.keeps(LAW);
        renewal(&mut story, &["b.test", "b.test"]);
        story.breaks(LAW, "looked up for a.test, b.test; it was for b.test, not for a.test");
    }

    #[test]
    fn a_longer_ttl_is_waited_for_and_no_lookup_at_all_is_found() {
        let mut story = Story::new();
        NAMES.iter().for_each(|name| story.caa_for(name, &["0 issue \"ca.test\""], 86_400));
        story.wait(86_000);
        renewal(&mut story, &[]);
        story.keeps(LAW);
        story.wait(401);
        renewal(&mut story, &[]);
        story.breaks(LAW, "it was for no name");
    }

    /// RFC 8659 §3: a name without records is not done with.
    #[test]
    fn who_stops_on_the_way_up_has_not_looked() {
        let mut story = Story::new();
        let question = story.records.len();
        story.caa("a.b.test", &[]);
        // The question to b.test and all that follows never happened.
        story.records.truncate(question + 2);
        story.issuance(&["a.b.test"], 90);
        story.breaks(LAW, "CAA should be looked up for a.b.test; it was for no name");
    }

    #[test]
    fn a_ca_that_refuses_may_stop_but_not_ask_for_the_wrong_names() {
        for (rechecked, is_judged) in [(&["b.test"][..], false), (&["b.test", "b.test"], true)] {
            let mut story = Story::new();
            let order = story.new_order(&NAMES);
            story.finalize(&NAMES, &NAMES, order);
            rechecked.iter().for_each(|name| story.caa(name, &["0 issue \";\""]));
            let mut invalid = story.order_object(&NAMES, order, "invalid");
            invalid["error"] = json!({"type": "urn:ietf:params:acme:error:caa"});
            story.post(&format!("/order/{order}"), &json!(null), Some(Answer::new(200, invalid)));
            assert_eq!(story.verdict(LAW).findings_total(), u64::from(is_judged));
        }
    }
}
