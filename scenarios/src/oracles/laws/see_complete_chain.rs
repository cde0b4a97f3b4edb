//! `visitors.see-complete-chain` (V7): what a visitor is served is a chain, in order and in date from end to end.
//!
//! Each certificate is issued by the one that follows (RFC 8446 §4.4.2 allows other orders, and old clients do not), all
//! are valid by true time, and nothing is missing that the visitor would have needed to reach a root that it trusts.

use crate::oracles::law::{Law, Seen, Verdict};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct SeeCompleteChain;

impl Law for SeeCompleteChain {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(visit) = seen.visit().filter(|visit| !visit.is_validation) else { return };
        let (Some(leaf), Some(now_s)) = (&visit.leaf, seen.moment.utc_s) else { return };
        verdict.exercise(seen.moment);
        let (name, serial) = (&visit.name, &leaf.serial);
        if let Some(above) = visit.chain_above.iter().find(|above| !above.is_valid_at(now_s)) {
            let subject = &above.subject;
            let found = format!("but above {serial} stands {subject}, which is not valid then");
            verdict.find(seen.moment, format!("a visitor of {name} should see a chain that is valid, {found}"));
        }
        let issued = std::iter::once(leaf).chain(&visit.chain_above);
        if let Some((below, above)) =
            issued.zip(&visit.chain_above).find(|(below, above)| below.issuer != above.subject)
        {
            let found = format!("but {} follows what {} has issued", above.subject, below.issuer);
            verdict.find(seen.moment, format!("a visitor of {name} should see a chain in order, {found}"));
        }
        if visit.failure.as_ref().is_some_and(|failure| failure.reason.contains("UnknownIssuer")) {
            let end = visit.chain_above.last().unwrap_or(leaf);
            let found = format!("but it ends with what {} has issued", end.issuer);
            verdict.find(seen.moment, format!("a visitor of {name} should see a chain up to a root, {found}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "visitors.see-complete-chain";

    #[test]
    fn a_chain_in_order_and_in_date_is_as_it_should_be() {
        let mut story = Story::new();
        let (now, later) = (story.now_s(), story.now_s() + 3_600);
        let [leaf, above] = [&["a.test"][..], &["R1"]].map(|names| Issued::new(names, now, later));
        story.visit_chain("a.test", &[&leaf, &above]);
        story.keeps(LAW);
    }

    #[test]
    fn an_intermediate_that_has_expired_is_found_though_the_leaf_is_valid() {
        let mut story = Story::new();
        let (now, later) = (story.now_s(), story.now_s() + 3_600);
        let (leaf, above) = (Issued::new(&["a.test"], now, later), Issued::new(&["R1"], now - 3_600, now - 1));
        story.visit_chain("a.test", &[&leaf, &above]);
        story.breaks(LAW, "not valid then");
    }

    #[test]
    fn a_chain_that_leads_nowhere_is_found() {
        let mut story = Story::new();
        let leaf = Issued::new(&["a.test"], story.now_s(), story.now_s() + 3_600);
        story.visit_fails("a.test", "invalid peer certificate: UnknownIssuer", Some(&leaf));
        story.breaks(LAW, "up to a root");
    }
}
