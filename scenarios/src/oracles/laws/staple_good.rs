//! `visitors.staple-good` (V6, M13): what is stapled says that the served certificate holds, now, in the issuer's words; and a
//! certificate that asks to be stapled never comes without.
//!
//! Time is true time. Who has signed is looked at where the issuer's certificate was served too.

use crate::oracles::{
    law::{Law, Seen, Verdict, in_words},
    reader::{
        certificate::Certificate,
        ocsp::{Response, Status, key_hash},
        visit::Visit,
    },
};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct StapleGood;

impl Law for StapleGood {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(visit) = seen.visit().filter(|visit| !visit.is_validation && visit.failure.is_none()) else { return };
        let (Some(leaf), Some(now_s)) = (&visit.leaf, seen.moment.utc_s) else { return };
        if visit.staple.is_none() && !leaf.must_staple {
            return;
        }
        verdict.exercise(seen.moment);
        if let Some(fault) = fault(visit, leaf, now_s) {
            let (name, serial) = (&visit.name, &leaf.serial);
            verdict.find(
                seen.moment,
                format!("a visitor of {name} should see a staple that says that {serial} is good, but {fault}"),
            );
        }
    }
}

/// What is wrong with the staple, in words.
fn fault(visit: &Visit, leaf: &Certificate, now_s: i64) -> Option<String> {
    let Some(staple) = &visit.staple else { return Some("it comes without one".to_owned()) };
    let Some(response) = Response::read(staple) else { return Some("it is no OCSP response".to_owned()) };
    let issuer = visit.chain_above.first();
    let is_of_issuer = |hash: &[u8]| issuer.is_none_or(|issuer| key_hash(&issuer.public_key) == hash);
    let is_about = |serial: &str, hash: &[u8]| serial == leaf.serial && is_of_issuer(hash);
    let statement = response.statements.iter().find(|one| is_about(&one.serial, &one.issuer_key_hash));
    let Some(statement) = statement else { return Some("it is about another certificate".to_owned()) };
    if issuer.is_some_and(|issuer| !response.is_signed_by(&issuer.public_key)) {
        return Some("the issuer has not signed it".to_owned());
    }
    match statement.status {
        Status::Good => {}
        Status::Revoked { .. } => return Some("it says that it is revoked".to_owned()),
        Status::Unknown => return Some("it says that it is unknown".to_owned()),
    }
    let ago = |seconds: i64| in_words(std::time::Duration::from_secs(seconds.unsigned_abs()));
    match statement.next_update_s {
        Some(end_s) if end_s <= now_s => Some(format!("it ceased to hold {} before", ago(now_s - end_s))),
        _ if statement.this_update_s > now_s => {
            Some(format!("it holds only {} later", ago(statement.this_update_s - now_s)))
        }
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story, staple};

    const LAW: &str = "visitors.staple-good";
    const GOOD: &[u8] = &[0x80, 0x00];
    const UNKNOWN: &[u8] = &[0x82, 0x00];

    #[test]
    fn a_staple_is_good_while_it_holds() {
        let mut story = Story::new();
        let now = story.now_s();
        let [leaf, authority] = [&["a.test"][..], &["R1"]].map(|names| Issued::new(names, now, now + 86_400));
        let fresh = staple(&leaf, &authority, GOOD, now, now + 3_600);
        story.visit_stapled("a.test", &[&leaf, &authority], &fresh);
        story.keeps(LAW);
        story.wait(3_600);
        story.visit_stapled("a.test", &[&leaf, &authority], &fresh);
        story.breaks(LAW, "it ceased to hold 0ms before");
    }

    #[test]
    fn whatever_else_is_stapled_is_found() {
        let now = Story::new().now_s();
        let [leaf, another, authority, stranger] =
            [&["a.test"][..], &["b.test"], &["R1"], &["R2"]].map(|names| Issued::new(names, now, now + 86_400));
        let until = now + 3_600;
        for (wrong, words) in [
            (staple(&another, &authority, GOOD, now, until), "about another certificate"),
            (staple(&leaf, &stranger, GOOD, now, until), "about another certificate"),
            (staple(&leaf, &authority, UNKNOWN, now, until), "unknown"),
            (staple(&leaf, &authority, GOOD, now + 60, until), "holds only 1m later"),
            (b"not today".to_vec(), "no OCSP response"),
        ] {
            let mut story = Story::new();
            story.visit_stapled("a.test", &[&leaf, &authority], &wrong);
            story.breaks(LAW, words);
        }
    }

    #[test]
    fn a_certificate_that_asks_for_a_staple_does_not_come_without() {
        let mut story = Story::new();
        let leaf = Issued::to_be_stapled(&["a.test"], story.now_s(), story.now_s() + 3_600);
        story.visit("a.test", &leaf);
        story.breaks(LAW, "without one");
    }
}
