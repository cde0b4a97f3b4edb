//! `ca.never-issues-against-caa` (C1): no certificate is issued for a name whose CAA records forbid it.
//!
//! In force is what the CA was told, for as long as it may rely on that; after that, what a fresh lookup would
//! have shown when the order was finalized. The evaluation is the oracles' own. The CA's issuer domain names
//! are taken from its directory (RFC 8555 §9.7.6); a CA that names none is not judged.

use serde_json::Value;

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    caa_lookups::CaaLookups,
    law::{self, Law, Seen, Verdict},
    reader::{
        caa::Issuance,
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
pub(crate) struct NeverIssuesAgainstCaa {
    lookups: CaaLookups,
    /// How control was proved last.
    methods: Recent<Identifier, String>,
    finalized: Recent<Place, Finalized>,
}

#[derive(Debug)]
struct Finalized {
    at_ns: u64,
    account: Option<String>,
    /// Names for which a fresh lookup would have said no.
    forbidden: Identifiers,
}

impl Default for NeverIssuesAgainstCaa {
    fn default() -> Self {
        Self { lookups: CaaLookups::default(), methods: Recent::new(KEPT_MAX), finalized: Recent::new(KEPT_MAX) }
    }
}

impl Law for NeverIssuesAgainstCaa {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        self.lookups.observe(seen);
        let Some(step) = seen.step() else { return };
        match step.moment {
            Moment::Sent => self.begin(step, seen.moment.at_ns),
            Moment::Answered => {
                self.learn(step);
                self.judge(step, seen.moment, verdict);
            }
            Moment::Received => {}
        }
    }
}

impl NeverIssuesAgainstCaa {
    fn learn(&mut self, step: &Step) {
        let Some(body) = step.body().filter(|_| step.is_success()) else { return };
        if let Resource::Authorization = step.resource {
            let challenges = body.get("challenges").and_then(Value::as_array);
            let is_valid = |challenge: &&Value| challenge.get("status").and_then(Value::as_str) == Some("valid");
            let met =
                challenges.into_iter().flatten().find(is_valid).and_then(|challenge| challenge.get("type")?.as_str());
            if let (Some(name), Some(method)) = (body.get("identifier").and_then(Identifier::of_json), met) {
                self.methods.insert(name, method.to_owned());
            }
        }
    }

    fn begin(&mut self, step: &Step, at_ns: u64) {
        let (Resource::Finalize { order }, Some(ca)) = (&step.resource, &step.server) else { return };
        let Some(csr) = step.payload().and_then(Csr::of_payload) else { return };
        let issuers = self.lookups.issuers(ca);
        let account = step.jws().and_then(|jws| jws.kid()).map(str::to_owned);
        let forbidden = csr.names.into_iter().filter(|name| {
            let issuance = self.issuance(name, issuers, account.as_deref());
            matches!(name.without_wildcard(), Identifier::Dns(domain) if self.lookups.is_forbidden(&domain, &issuance))
        });
        let forbidden = forbidden.collect();
        self.finalized.insert(order.clone(), Finalized { at_ns, account, forbidden });
    }

    fn judge(&mut self, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let (Some(certificate), Some(order), Some(ca)) = (downloaded(step), step.order(), &step.server) else { return };
        let issuers = self.lookups.issuers(ca);
        if issuers.is_empty() {
            return;
        }
        let Some(finalized) = self.finalized.get(&order) else { return };
        verdict.exercise(moment);
        let is_against = |name: &Identifier| {
            let Identifier::Dns(domain) = name.without_wildcard() else { return false };
            if !self.lookups.is_fresh(ca, &domain, finalized.at_ns) {
                return finalized.forbidden.contains(name);
            }
            self.lookups.was_told_no(ca, &domain, &self.issuance(name, issuers, finalized.account.as_deref()))
        };
        let against: Identifiers = certificate.names.iter().filter(|name| is_against(name)).cloned().collect();
        if !against.is_empty() {
            let (names, serial) = (show(&against), &certificate.serial);
            verdict.find(moment, format!("CAA forbids this CA to issue for {names}, but {serial} is issued"));
        }
    }

    fn issuance<'a>(&'a self, name: &Identifier, issuers: &'a [String], account: Option<&'a str>) -> Issuance<'a> {
        Issuance {
            issuers,
            is_wildcard: *name != name.without_wildcard(),
            account,
            method: self.methods.get(&name.without_wildcard()).map(String::as_str),
        }
    }
}

#[cfg(test)]
mod zones;
#[cfg(test)]
mod tests {
    use sim::trace::Event;

    use crate::oracles::testing::Story;

    const LAW: &str = "ca.never-issues-against-caa";

    #[test]
    fn a_no_that_the_ca_was_told_is_found() {
        let mut story = Story::new();
        story.caa("a.b.test", &[]);
        story.caa("b.test", &["0 issue \"ca.test; validationmethods=http-01\""]);
        story.issuance(&["a.b.test"], 90);
        story.keeps(LAW);
        story.caa("a.b.test", &["0 issue \"other.test\""]);
        story.issuance(&["a.b.test"], 90);
        story.breaks(LAW, "CAA forbids this CA to issue for a.b.test");
    }

    #[test]
    fn a_no_that_the_ca_should_have_asked_for_is_found() {
        let mut story = Story::new();
        story.caa("a.test", &[]);
        let record = Some("CAA 0 issue \";\"".to_owned());
        story.event(None, Event::ZoneChanged { name: "a.test".into(), record });
        story.issuance(&["a.test"], 90);
        // What it was told is not eight hours old.
        story.keeps(LAW);
        story.wait(9 * 3_600);
        story.issuance(&["a.test"], 90);
        story.breaks(LAW, "CAA forbids this CA to issue for a.test");
        story.event(None, Event::ZoneChanged { name: "a.test".into(), record: None });
        story.issuance(&["a.test"], 90);
        assert_eq!(story.verdict(LAW).findings_total(), 1);
    }
}
