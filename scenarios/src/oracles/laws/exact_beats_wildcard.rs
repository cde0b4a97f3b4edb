//! `visitors.exact-beats-wildcard` (V10): a wildcard's certificate does not hide what is better than it.
//!
//! A visitor may be shown one only while it is valid, and while no certificate for the very name has been downloaded
//! that is. What was downloaded in the last minute may still be on its way to where visitors see it.

use std::time::Duration;

use super::{KEPT_MAX, certificates::Downloads};
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::identifier::{Identifier, show},
    recent::Recent,
};

const GRACE: Duration = Duration::from_secs(60);

/// The law.
#[derive(Debug)]
pub(crate) struct ExactBeatsWildcard {
    downloads: Downloads,
    /// When, and until which Unix second, each name has got a certificate of its own.
    exact: Recent<Identifier, (u64, i64)>,
}

impl Default for ExactBeatsWildcard {
    fn default() -> Self {
        Self { downloads: Downloads::default(), exact: Recent::new(KEPT_MAX) }
    }
}

impl Law for ExactBeatsWildcard {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(download) = seen.step().and_then(|step| self.downloads.take(step)) {
            for name in &download.certificate.names {
                self.exact.insert(name.clone(), (seen.moment.at_ns, download.certificate.not_after_s));
            }
        }
        let Some(visit) = seen.visit().filter(|visit| !visit.is_validation) else { return };
        let (Some(leaf), Some(now_s)) = (&visit.leaf, seen.moment.utc_s) else { return };
        if leaf.names.contains(&visit.name) || !leaf.covers(&visit.name) {
            return;
        }
        verdict.exercise(seen.moment);
        let (name, shown) = (&visit.name, show(&leaf.names));
        if now_s > leaf.not_after_s {
            verdict.find(seen.moment, format!("a visitor of {name} should not see that of {shown}, which has expired"));
        }
        let is_settled = |at_ns: u64| u128::from(seen.moment.at_ns.saturating_sub(at_ns)) >= GRACE.as_nanos();
        if self.exact.get(name).is_some_and(|(at_ns, until_s)| is_settled(*at_ns) && now_s <= *until_s) {
            verdict.find(seen.moment, format!("a visitor of {name} should see its own certificate, but saw {shown}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "visitors.exact-beats-wildcard";

    #[test]
    fn a_wildcard_in_the_place_of_a_name_that_has_its_own_certificate_is_found() {
        let mut story = Story::new();
        let wildcard = Issued::new(&["*.test"], story.now_s(), story.now_s() + 86_400);
        story.visit("a.test", &wildcard);
        let exact = story.issuance(&["a.test"], 90);
        story.visit("a.test", &wildcard);
        story.wait(60);
        story.visit("a.test", &exact);
        story.visit("b.test", &wildcard);
        story.keeps(LAW);
        story.visit("a.test", &wildcard);
        story.breaks(LAW, "should see its own certificate, but saw *.test");
    }

    #[test]
    fn an_expired_wildcard_is_found() {
        let mut story = Story::new();
        let wildcard = Issued::new(&["*.test"], story.now_s(), story.now_s() + 3_600);
        story.wait(3_600);
        story.visit("a.test", &wildcard);
        story.keeps(LAW);
        story.wait(1);
        story.visit_fails("a.test", "invalid peer certificate: Expired", Some(&wildcard));
        story.breaks(LAW, "which has expired");
    }
}
