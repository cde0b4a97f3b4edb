//! `manager.ari-of-own-certificate` (M13): what the CA says about a certificate's renewal is asked for, and acted upon, by that
//! certificate's own identifier.
//!
//! Asked for: the identifier (RFC 9773 §4.1) is that of a certificate that was downloaded. Acted upon: whoever orders a
//! successor with more than a third of the lifetime left has been given a window for this very certificate, and that has
//! begun. A client that has started again since may have lost its certificate, and so may all if a disk was damaged, since they
//! may share it; and one that is revoked is replaced at any time.

use std::sync::Arc;

use sim::trace::Event;

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
    revocations::heard,
};

/// The law.
#[derive(Debug)]
pub(crate) struct AriOfOwnCertificate {
    /// What every certificate that was downloaded is called.
    known: Recent<String, ()>,
    current: Recent<(Option<Arc<str>>, Identifiers), Certificate>,
    /// When the window that was last given for a certificate begins.
    begins_s: Recent<String, i64>,
}

impl Default for AriOfOwnCertificate {
    fn default() -> Self {
        Self { known: Recent::new(KEPT_MAX), current: Recent::new(KEPT_MAX), begins_s: Recent::new(KEPT_MAX) }
    }
}

impl Law for AriOfOwnCertificate {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        match seen.event() {
            Some(Event::HostEnded { .. }) => self.current.retain(|(client, _), _| *client != seen.moment.host),
            Some(Event::DiskDamaged { .. }) => self.current.retain(|_, _| false),
            _ => {}
        }
        let Some(step) = seen.step() else { return };
        for revoked in heard(step) {
            self.current.retain(|_, certificate| certificate.serial != revoked.serial);
        }
        match (&step.resource, step.moment) {
            (Resource::RenewalInfo { certificate_id }, Moment::Sent) => {
                verdict.exercise(seen.moment);
                if self.known.get(certificate_id).is_none() {
                    let client = step.client_name();
                    verdict.find(
                        seen.moment,
                        format!("{client} should ask about certificates that it has, and nobody has {certificate_id}"),
                    );
                }
            }
            (Resource::RenewalInfo { certificate_id }, Moment::Received) => {
                let [start, _] = step.suggested_window();
                if let Some(start_s) = start.and_then(unix_seconds).filter(|_| step.is_success()) {
                    self.begins_s.insert(certificate_id.clone(), start_s);
                }
            }
            (Resource::NewOrder, Moment::Sent) => self.judge(step, seen.moment, verdict),
            (Resource::Certificate { .. }, Moment::Received) => {
                let Some(certificate) = downloaded(step) else { return };
                if let Some(id) = &certificate.renewal_id {
                    self.known.insert(id.clone(), ());
                }
                self.current.insert((step.client.clone(), certificate.names.clone()), certificate);
            }
            _ => {}
        }
    }
}

impl AriOfOwnCertificate {
    fn judge(&self, step: &Step, moment: &law::Moment, verdict: &mut Verdict) {
        let (Some(names), Some(now_s)) = (step.identifiers(), moment.utc_s) else { return };
        let Some(current) = self.current.get(&(step.client.clone(), names.clone())) else { return };
        let left_s = current.not_after_s - now_s;
        // Clocks may be a little off, and renewals are spread.
        if left_s <= current.lifetime_s() / 3 + current.lifetime_s() / 20 {
            return;
        }
        verdict.exercise(moment);
        let begins_s = current.renewal_id.as_ref().and_then(|id| self.begins_s.get(id));
        if begins_s.is_none_or(|begins_s| *begins_s > now_s) {
            let (client, names, serial) = (step.client_name(), show(&names), &current.serial);
            let left = in_words(std::time::Duration::from_secs(left_s.unsigned_abs()));
            verdict.find(
                moment,
                format!("{client} should keep {serial} of {names}, whose renewal window has not begun, but replaces it with {left} left"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::trace::{Ending, Event};

    use crate::oracles::testing::Story;

    const LAW: &str = "manager.ari-of-own-certificate";

    #[test]
    fn a_question_about_a_certificate_that_nobody_has_is_found() {
        let mut story = Story::new();
        let id = story.issued_by_an_authority(&["a.test"], 90);
        story.renewal_info(&id, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None);
        story.keeps(LAW);
        story.renewal_info("aki.serial", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None);
        story.breaks(LAW, "nobody has aki.serial");
    }

    #[test]
    fn a_renewal_by_the_former_certificates_window_is_found() {
        let mut story = Story::new();
        let id = story.issued_by_an_authority(&["a.test"], 90);
        story.wait_days(10);
        story.renewal_info(&id, "2026-01-05T00:00:00Z", "2026-01-07T00:00:00Z", None);
        story.issued_by_an_authority(&["a.test"], 90);
        story.keeps(LAW);
        story.wait(600);
        story.issued_by_an_authority(&["a.test"], 90);
        story.breaks(LAW, "whose renewal window has not begun, but replaces it with 89d 23h left");
    }

    #[test]
    fn what_is_revoked_may_be_replaced_at_any_time() {
        let mut story = Story::new();
        let id = story.issued_by_an_authority(&["b.test"], 90);
        story.renewal_info(&id, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None);
        let revoked = story.issuance(&["a.test"], 90);
        story.revoke(&revoked, 0);
        story.issuance(&["a.test"], 90);
        story.keeps(LAW);
        story.wait(600);
        story.issuance(&["a.test"], 90);
        story.breaks(LAW, "whose renewal window has not begun");
    }

    #[test]
    fn a_third_before_the_end_nobody_has_to_ask() {
        let mut story = Story::new();
        let id = story.issued_by_an_authority(&["a.test"], 90);
        story.renewal_info(&id, "2026-03-21T00:00:00Z", "2026-03-22T00:00:00Z", None);
        story.wait_days(61);
        story.issued_by_an_authority(&["a.test"], 90);
        story.keeps(LAW);
    }

    #[test]
    fn a_third_and_a_twentieth_of_the_lifetime_before_the_end_is_the_last_moment_to_ask() {
        for (days, is_exercised) in [(55, true), (56, false)] {
            let mut story = Story::new();
            let id = story.issued_by_an_authority(&["a.test"], 90);
            story.renewal_info(&id, "2026-01-11T00:00:00Z", "2026-01-12T00:00:00Z", None);
            let asked = story.verdict(LAW).exercised().total();
            story.wait_days(days);
            story.issued_by_an_authority(&["a.test"], 90);
            story.keeps(LAW);
            assert_eq!(story.verdict(LAW).exercised().total() > asked, is_exercised, "after {days} days");
        }
    }

    #[test]
    fn a_window_has_begun_from_its_first_second_on() {
        for (start, has_begun) in [("2026-01-11T00:00:00Z", true), ("2026-01-11T00:00:01Z", false)] {
            let mut story = Story::new();
            let id = story.issued_by_an_authority(&["a.test"], 90);
            story.wait_days(10);
            story.renewal_info(&id, start, "2026-01-12T00:00:00Z", None);
            story.issued_by_an_authority(&["a.test"], 90);
            if has_begun { story.keeps(LAW) } else { story.breaks(LAW, "whose renewal window has not begun") }
        }
    }

    #[test]
    fn who_was_down_may_have_lost_its_certificate_and_anybody_if_a_disk_was_damaged() {
        let ended = || Event::HostEnded { ending: Ending::Killed };
        let damaged = Event::DiskDamaged { path: "/s/a.pem".into(), content: None };
        for (host, event, is_excused) in
            [("manager", ended(), true), ("visitor", ended(), false), ("visitor", damaged, true)]
        {
            let mut story = Story::new();
            let id = story.issued_by_an_authority(&["a.test"], 90);
            story.renewal_info(&id, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None);
            story.event(Some(host), event);
            story.issued_by_an_authority(&["a.test"], 90);
            if is_excused { story.keeps(LAW) } else { story.breaks(LAW, "whose renewal window has not begun") }
        }
    }
}
