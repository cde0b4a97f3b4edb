//! Renewal information that is asked for whenever somebody looks (Caddy's certmagic, to this day).
//!
//! <https://github.com/caddyserver/certmagic/issues/297>,
//! <https://github.com/mholt/acmez/blob/master/acme/ari.go>
//!
//! A CA need not say by Retry-After when it wants to be asked again; RFC 9773 §4.3.2 then suggests six hours. For acmez, renewal
//! information without a Retry-After needs a refresh at all times, so that the CA is asked each time that somebody looks: at
//! each tick of the maintenance, and by each handshake of a name on demand. Let's Encrypt saw 33 polls of one
//! certificate in a second.
//!
//! Seam: [`AriPolling`]. To be caught with a CA that leaves Retry-After out by **M12**.

use time::UtcDateTime;

use crate::manager::ari::{Ari, AriPolling};

/// Asks at each look, unless there is a Retry-After.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollsAtEachLook;

impl AriPolling for PollsAtEachLook {
    fn is_due(&self, known: &Ari, now: UtcDateTime) -> bool {
        known.retry_after.is_none() || known.is_due(now)
    }

    fn next_at(&self, _known: &Ari) -> Option<UtcDateTime> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        acme::{certificate::tests::BEGIN, renewal_info::CertId},
        manager::ari::AfterTheWait,
    };

    #[test]
    fn without_retry_after_it_is_always_time_and_not_with_the_good_polling() {
        let known = Ari { answered: Some(BEGIN), ..Ari::unknown(CertId::new(b"a", b"b")) };
        assert!(PollsAtEachLook.is_due(&known, BEGIN) && !AfterTheWait.is_due(&known, BEGIN));
        let told = Ari { retry_after: Some(Duration::from_secs(3_600)), ..known };
        assert!(!PollsAtEachLook.is_due(&told, BEGIN));
    }
}
