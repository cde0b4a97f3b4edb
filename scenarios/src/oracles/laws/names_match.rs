//! `visitors.names-match` (V2): the certificate that a visitor is served covers the name asked for.
//!
//! A wildcard covers one label only, whatever the visitor's TLS library thinks.

use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::identifier::show,
};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct NamesMatch;

impl Law for NamesMatch {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(visit) = seen.visit().filter(|visit| !visit.is_validation) else { return };
        let Some(leaf) = &visit.leaf else { return };
        verdict.exercise(seen.moment);
        if !leaf.covers(&visit.name) {
            let names = show(&leaf.names);
            verdict.find(
                seen.moment,
                format!("a visitor of {} should see a certificate for it, but saw one for {names}", visit.name),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    #[test]
    fn a_wildcard_served_two_labels_down_is_found() {
        let mut story = Story::new();
        let certificate = Issued::new(&["*.a.test"], story.now_s(), story.now_s() + 3_600);
        story.visit("x.a.test", &certificate);
        story.keeps("visitors.names-match");
        story.visit("x.y.a.test", &certificate);
        story.breaks("visitors.names-match", "but saw one for *.a.test");
    }
}
