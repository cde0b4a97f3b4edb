//! A finalized order that is looked at as fast as the client likes (certbot, reported in April 2025).
//!
//! <https://github.com/certbot/certbot/issues/10273>,
//! <https://github.com/certbot/certbot/issues/9266>
//!
//! While an order is `processing`, RFC 8555 §7.4 has the CA say by Retry-After when to look again. certbot's library
//! looked once a second whatever the CA said, and gave up before an order that took longer was ready.
//!
//! Seam: [`Polling`]. To be caught with a CA that takes a minute to issue, and says so, by **M6**.

use std::time::Duration;

use crate::acme::pace::Polling;

/// Looks once a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryAfterIgnored;

impl Polling for RetryAfterIgnored {
    fn wait(&self, _looks: usize, _suggested: Option<Duration>) -> Duration {
        Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::pace::AsSuggested;

    #[test]
    fn fifteen_seconds_are_one() {
        let suggested = Some(Duration::from_secs(15));
        assert_eq!(RetryAfterIgnored.wait(3, suggested), Duration::from_secs(1));
        assert_eq!(AsSuggested.wait(3, suggested), Duration::from_secs(15));
    }
}
