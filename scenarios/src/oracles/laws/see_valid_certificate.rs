//! `visitors.see-valid-certificate` (V1): no visitor is served an expired or not yet valid certificate.
//!
//! Time is true time, not the visitor's or the server's clock: a visitor whose clock is wrong can't make
//! a good certificate bad. A handshake that the visitor broke off because of the certificate counts too.

use crate::oracles::law::{Law, Seen, Verdict, in_words};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct SeeValidCertificate;

impl Law for SeeValidCertificate {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(visit) = seen.visit().filter(|visit| !visit.is_validation) else { return };
        let (Some(leaf), Some(now_s)) = (&visit.leaf, seen.moment.utc_s) else { return };
        verdict.exercise(seen.moment);
        let ago = |seconds: i64| in_words(std::time::Duration::from_secs(seconds.unsigned_abs()));
        let (name, serial) = (&visit.name, &leaf.serial);
        if now_s > leaf.not_after_s {
            let ago = ago(now_s - leaf.not_after_s);
            verdict.find(
                seen.moment,
                format!("a visitor of {name} should see a valid certificate, but {serial} expired {ago} before"),
            );
        } else if now_s < leaf.not_before_s {
            let ahead = ago(leaf.not_before_s - now_s);
            verdict.find(
                seen.moment,
                format!("a visitor of {name} should see a valid certificate, but {serial} is valid only {ahead} later"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "visitors.see-valid-certificate";

    #[test]
    fn an_expired_certificate_is_found() {
        let mut story = Story::new();
        let certificate = Issued::new(&["a.test"], story.now_s(), story.now_s() + 3_600);
        story.visit("a.test", &certificate);
        story.keeps(LAW);
        story.wait(3_601);
        story.visit_fails("a.test", "invalid peer certificate: Expired", Some(&certificate));
        story.breaks(LAW, "expired 1s before");
    }

    #[test]
    fn a_certificate_from_the_future_is_found() {
        let mut story = Story::new();
        let certificate = Issued::new(&["a.test"], story.now_s() + 60, story.now_s() + 3_600);
        story.visit("a.test", &certificate);
        story.breaks(LAW, "valid only 1m later");
    }
}
