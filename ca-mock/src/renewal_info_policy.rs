//! [`RenewalInfoPolicy`]: what an answer with renewal information looks like (RFC 9773 §4.2, §4.3).
//!
//! The default keeps the RFC. Whichever window a CA may suggest, with sense or not, is data here, so that the handler
//! has one path for all of it. What an answer is spoiled by beyond that is a fault rule's business.

use std::{ops::RangeInclusive, time::Duration};

use sim::UtcDateTime;

/// What renewal information is answered with. May be changed while the CA runs, with
/// [`Ca::set_renewal_info`](crate::Ca::set_renewal_info).
#[derive(Clone, Debug, PartialEq)]
pub struct RenewalInfoPolicy {
    /// The `Retry-After` header (RFC 9773 §4.3).
    pub retry_after: RetryAfter,
    /// The window that is suggested.
    pub window: WindowPolicy,
    /// A page that explains the window to people, as a URL (RFC 9773 §4.2).
    pub explanation_url: Option<String>,
}

/// What `Retry-After` says (RFC 9110 §10.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// There is no such header.
    Absent,
    /// A number of seconds, rounded up.
    Seconds(Duration),
    /// The date so long after the answer, rounded up to whole seconds.
    Date(Duration),
}

/// Which window is suggested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowPolicy {
    /// Two thirds into the life, a forty-fifth of it wide.
    ByLifetime,
    /// Counted from notBefore.
    SinceNotBefore(RangeInclusive<Duration>),
    /// As by lifetime, with start and end exchanged.
    Reversed,
    /// The same for every certificate.
    Fixed(RangeInclusive<UtcDateTime>),
}

impl Default for RenewalInfoPolicy {
    fn default() -> Self {
        Self {
            retry_after: RetryAfter::Seconds(Duration::from_secs(6 * 3_600)),
            window: WindowPolicy::ByLifetime,
            explanation_url: None,
        }
    }
}
