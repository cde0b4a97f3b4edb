//! Renewal information without `Retry-After` (Caddy 2.8.4's certmagic, reported in September 2024).
//!
//! <https://github.com/caddyserver/caddy/issues/6561>,
//! <https://github.com/caddyserver/certmagic/issues/336>,
//! <https://github.com/caddyserver/certmagic/issues/344>,
//! <https://github.com/caddyserver/certmagic/issues/346>,
//! <https://github.com/mholt/acmez/issues/34>
//!
//! Buypass answered with a window and without `Retry-After`, which RFC 9773 §4.3 leaves to the server. Before
//! asking, certmagic compared the stored answer with the cached one by their Retry-After, both optional, and
//! looked at neither. In v0.21.3 that was in the handshake of on-demand TLS: every visitor's connection was
//! dropped, though the certificate was good. A later version did it in a background task, where a panic ends
//! the whole process. The first fix guarded the cached side only; the stored side followed in January 2025.
//!
//! Seam: [`AriComparison`]. To be caught by **M1** (a task panics) with the second poll after an answer without
//! the header. The world ends with the panic as that process did, so that V1, visitors who are no longer
//! served, has no time to be seen.

use time::{Duration, UtcDateTime};

use crate::manager::ari::{Ari, AriComparison};

/// The answer with the later Retry-After is the newer, and there always is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingRetryAfter;

impl AriComparison for MissingRetryAfter {
    fn is_newer(&self, stored: &Ari, known: &Ari) -> bool {
        (known.suggestion.is_none() && stored.suggestion.is_some()) || retry_at(stored) > retry_at(known)
    }
}

fn retry_at(ari: &Ari) -> Option<UtcDateTime> {
    let wait = ari.retry_after.expect("the CA says when to ask again");
    Some(ari.answered?.saturating_add(Duration::try_from(wait).unwrap_or(Duration::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        acme::{certificate::tests::BEGIN, renewal_info::CertId},
        manager::ari::ByAnswerTime,
    };

    fn ari(retry_after_hours: u64) -> Ari {
        let retry_after = Some(std::time::Duration::from_secs(retry_after_hours * 3_600));
        Ari { answered: Some(BEGIN), retry_after, ..Ari::unknown(CertId::new(b"a", b"b")) }
    }

    #[test]
    fn with_the_header_on_both_sides_it_goes_well() {
        let later = Ari { answered: Some(BEGIN + Duration::HOUR), ..ari(6) };
        for comparison in [&MissingRetryAfter as &dyn AriComparison, &ByAnswerTime] {
            assert!(comparison.is_newer(&later, &ari(6)));
            assert!(!comparison.is_newer(&ari(6), &later));
        }
    }

    #[test]
    #[should_panic(expected = "the CA says when to ask again")]
    fn without_it_it_panics() {
        MissingRetryAfter.is_newer(&Ari { retry_after: None, ..ari(6) }, &ari(6));
    }
}
