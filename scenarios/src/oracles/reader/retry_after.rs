//! `Retry-After` in both formats (RFC 9110 §10.2.3), as a wait from the moment the answer arrives.
//!
//! A date is compared with the answer's own `Date` field if there is one: a server whose clock is
//! wrong still says by the difference how long it means.

use std::time::Duration;

use super::{http::Response, http_date};

/// How long a response asks to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// The wait; 0 if it lies in the past.
    pub wait: Duration,
    /// How much of it may only be rounding: a date has whole seconds.
    pub uncertain: Duration,
}

impl RetryAfter {
    /// Reads a response's field; `None` if there is none or it is unreadable. `utc_s` is the true time.
    #[must_use]
    pub fn read(response: &Response, utc_s: Option<i64>) -> Option<Self> {
        let date = response.headers.first("date");
        Self::of(response.headers.first("retry-after")?, date, utc_s)
    }

    /// The same of the field's value and that of `Date`.
    #[must_use]
    pub fn of(text: &str, date: Option<&str>, utc_s: Option<i64>) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
            // A number too long to hold is longer than anybody waits.
            let seconds = text.parse().unwrap_or(u64::MAX);
            return Some(Self { wait: Duration::from_secs(seconds), uncertain: Duration::ZERO });
        }
        let until = http_date::unix_seconds(text)?;
        let now = date.and_then(http_date::unix_seconds).or(utc_s)?;
        let wait = Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or(0));
        Some(Self { wait, uncertain: Duration::from_secs(2) })
    }

    /// The earliest that a rule-abiding client comes back, if it takes no wait for longer than `cap`.
    /// One part in a thousand is allowed for a clock that drifts.
    #[must_use]
    pub fn wait_at_least(self, cap: Duration) -> Duration {
        let wait = self.wait.min(cap).saturating_sub(self.uncertain);
        wait.saturating_sub(wait / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::reader::http::Headers;

    fn response(headers: &[(&str, &str)]) -> Response {
        Response::new(503, Headers::of(headers), Vec::new())
    }

    #[test]
    fn both_formats_give_a_wait() {
        let read = |headers: &[(&str, &str)], now| RetryAfter::read(&response(headers), now).map(|r| r.wait.as_secs());
        assert_eq!(read(&[("Retry-After", "120")], None), Some(120));
        assert_eq!(read(&[("retry-after", "Thu, 01 Jan 1970 00:02:00 GMT")], Some(60)), Some(60));
        assert_eq!(read(&[("retry-after", "Thu, 01 Jan 1970 00:00:10 GMT")], Some(60)), Some(0));
        let skewed = [("Date", "Fri, 02 Jan 1970 00:00:00 GMT"), ("Retry-After", "Fri, 02 Jan 1970 01:00:00 GMT")];
        assert_eq!(read(&skewed, Some(0)), Some(3_600));
        assert_eq!(read(&[("retry-after", "soon")], Some(0)), None);
        assert_eq!(read(&[("retry-after", "-1")], Some(0)), None);
        assert_eq!(read(&[], Some(0)), None);
    }
}
