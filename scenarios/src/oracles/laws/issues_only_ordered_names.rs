//! `ca.issues-only-ordered-names` (C3): a certificate's names are exactly those of its order and of its CSR.
//!
//! RFC 8555 §7.4 has the CA refuse a CSR that asks for other names than the order, so accepting one is
//! found as well, before anything is issued.

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{self, Law, Seen, Verdict},
    reader::{
        csr::Csr,
        http::Moment,
        identifier::{Identifiers, show},
        place::Place,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// The law.
#[derive(Debug)]
pub(crate) struct IssuesOnlyOrderedNames {
    orders: Recent<Place, Order>,
}

#[derive(Debug, Default)]
struct Order {
    ordered: Option<Identifiers>,
    requested: Option<Identifiers>,
}

impl Default for IssuesOnlyOrderedNames {
    fn default() -> Self {
        Self { orders: Recent::new(KEPT_MAX) }
    }
}

impl Law for IssuesOnlyOrderedNames {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered && step.is_success()) else {
            return;
        };
        if step.resource == Resource::NewOrder {
            if let (Some(place), Some(names)) = (step.location(), step.identifiers()) {
                self.orders.get_or_insert_with(place, Order::default).ordered = Some(names);
            }
        } else if let Resource::Finalize { order } = &step.resource {
            self.judge_csr(order, step, seen.moment, verdict);
        } else if let Resource::Certificate { order } = &step.resource {
            self.judge_certificate(order, step, seen.moment, verdict);
        }
    }
}

impl IssuesOnlyOrderedNames {
    fn judge_csr(&mut self, place: &Place, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let Some(csr) = step.payload().and_then(Csr::of_payload) else { return };
        let order = self.orders.get_or_insert_with(place.clone(), Order::default);
        if let Some(ordered) = order.ordered.as_ref().filter(|ordered| **ordered != csr.names) {
            let (ordered, requested) = (show(ordered), show(&csr.names));
            verdict.find(moment, format!("{place} for {ordered} should refuse a CSR for {requested}, but took it"));
        }
        order.requested = Some(csr.names);
    }

    fn judge_certificate(&mut self, place: &Place, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let (Some(certificate), Some(order)) = (downloaded(step), self.orders.get(place)) else { return };
        verdict.exercise(moment);
        let names = &certificate.names;
        for (what, expected) in [("order", &order.ordered), ("CSR", &order.requested)] {
            if let Some(expected) = expected.as_ref().filter(|expected| *expected != names) {
                let (names, expected) = (show(names), show(expected));
                verdict.find(
                    moment,
                    format!("{place} should be issued for the {what}'s {expected}, but the certificate is for {names}"),
                );
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "ca.issues-only-ordered-names";

    #[test]
    fn a_certificate_for_another_name_is_found() {
        let mut story = Story::new();
        story.issuance(&["a.test", "*.b.test"], 90);
        story.keeps(LAW);
        let order = story.new_order(&["a.test"]);
        story.finalize(&["a.test"], &["a.test"], order);
        story.download(order, &Issued::new(&["a.test", "evil.test"], 0, 1));
        story.breaks(LAW, "should be issued for the order's a.test, but the certificate is for a.test, evil.test");
    }

    #[test]
    fn a_csr_for_more_than_was_ordered_is_found() {
        let mut story = Story::new();
        let order = story.new_order(&["a.test"]);
        story.finalize(&["a.test"], &["A.test", "b.test"], order);
        let verdict = story.verdict(LAW);
        assert!(verdict.findings()[0].message.contains("should refuse a CSR for a.test, b.test"), "{verdict:?}");
    }
}
