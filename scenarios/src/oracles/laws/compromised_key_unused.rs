//! `manager.compromised-key-unused` (M16): once a client has heard that a certificate was revoked because its key is compromised, that
//! key is in none of its CSRs any more.

use std::sync::Arc;

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{
        csr::Csr,
        http::Moment,
        step::{Resource, Step},
    },
    recent::Recent,
    revocations::{KEY_COMPROMISE, heard},
};

/// The law.
#[derive(Debug)]
pub(crate) struct CompromisedKeyUnused {
    /// The keys of the certificates that clients have downloaded, by serial number.
    keys: Recent<String, Vec<u8>>,
    /// The keys that each client knows to be compromised, with the certificate's serial number.
    compromised: Recent<(Option<Arc<str>>, Vec<u8>), String>,
}

impl Default for CompromisedKeyUnused {
    fn default() -> Self {
        Self { keys: Recent::new(KEPT_MAX), compromised: Recent::new(KEPT_MAX) }
    }
}

impl Law for CompromisedKeyUnused {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step() else { return };
        if step.moment == Moment::Received
            && let Some(certificate) = downloaded(step)
        {
            self.keys.insert(certificate.serial, certificate.public_key);
        }
        for revoked in heard(step).into_iter().filter(|revoked| revoked.reason == KEY_COMPROMISE) {
            if let Some(key) = self.keys.get(&revoked.serial) {
                self.compromised.insert((step.client.clone(), key.clone()), revoked.serial);
            }
        }
        let Some(csr) = requested(step) else { return };
        if self.compromised.iter().all(|((client, _), _)| *client != step.client) {
            return;
        }
        verdict.exercise(seen.moment);
        if let Some(serial) = self.compromised.get(&(step.client.clone(), csr.public_key)) {
            let client = step.client_name();
            verdict.find(
                seen.moment,
                format!(
                    "{client} should never use the key of {serial} again, which is compromised, but it is in a CSR"
                ),
            );
        }
    }
}

fn requested(step: &Step) -> Option<Csr> {
    let is_request = step.moment == Moment::Sent && matches!(step.resource, Resource::Finalize { .. });
    Csr::of_payload(step.payload().filter(|_| is_request)?)
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::Story;

    const LAW: &str = "manager.compromised-key-unused";

    /// A certificate is revoked for this reason, and its successor ordered, for the same key or another.
    fn reordered(reason: u8, with_same_key: bool) -> Story {
        let mut story = Story::new();
        let issued = story.issuance(&["a.test"], 90);
        story.revoke(&issued, reason);
        let order = story.new_order(&["a.test"]);
        if with_same_key {
            story.finalize_again(&["a.test"], order, &issued);
        } else {
            story.finalize(&["a.test"], &["a.test"], order);
        }
        story
    }

    #[test]
    fn a_key_that_is_compromised_is_not_to_be_used_again() {
        reordered(1, false).keeps(LAW);
        reordered(1, true).breaks(LAW, "which is compromised, but it is in a CSR");
        assert_eq!(reordered(4, true).verdict(LAW).findings(), []);
    }

    #[test]
    fn a_certificate_that_a_client_never_got_tells_it_of_no_key() {
        let mut story = Story::new();
        let issued = story.issuance(&["a.test"], 90);
        story.lose_answer();
        story.revoke(&issued, 1);
        let order = story.new_order(&["a.test"]);
        story.finalize_again(&["a.test"], order, &issued);
        assert_eq!(story.verdict(LAW).findings(), []);
    }
}
