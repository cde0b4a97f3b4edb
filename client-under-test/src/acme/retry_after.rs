//! `Retry-After` (RFC 9110 §10.2.3): how long a server asks to be left alone.
//!
//! Both forms are read, seconds and an HTTP date. A date is measured from the server's own `Date`
//! where it sent one, so that a skewed clock on this side does not stretch the wait.

use std::time::Duration;

use hyper::{
    HeaderMap,
    header::{DATE, HeaderName, RETRY_AFTER},
};
use time::UtcDateTime;

/// The longest wait that is taken from a header: who asks for more is asked again after a day, lest a slip of a server
/// lets certificates expire.
pub const CAP: Duration = Duration::from_secs(24 * 3_600);

/// The wait that `headers` ask for, [`CAP`] at most; zero for a date that has passed, `None` without a readable header.
/// `now` is this host's wall clock.
#[must_use]
pub fn parse(headers: &HeaderMap, now: UtcDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // A number too long to hold is certainly beyond the cap.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = UtcDateTime::from(httpdate::parse_http_date(text).ok()?);
        let since = date(headers, DATE).unwrap_or(now);
        (until - since).try_into().unwrap_or(Duration::ZERO)
    };
    Some(wait.min(CAP))
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<UtcDateTime> {
    Some(httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::utc_datetime;

    const NOW: UtcDateTime = utc_datetime!(2026-11-21 00:00:00);

    fn wait(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        parse(&headers, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn both_forms_are_read_up_to_the_cap() {
        assert_eq!(wait("120", None), Some(120));
        assert_eq!(wait("0", None), Some(0));
        assert_eq!(wait("99999999999999999999999", None), Some(CAP.as_secs()));
        assert_eq!(wait("Sat, 21 Nov 2026 00:01:30 GMT", None), Some(90));
        assert_eq!(wait("Fri, 20 Nov 2026 00:00:00 GMT", None), Some(0));
    }

    #[test]
    fn a_date_is_measured_from_the_servers_own_clock() {
        assert_eq!(wait("Sat, 21 Nov 2026 05:00:30 GMT", Some("Sat, 21 Nov 2026 05:00:00 GMT")), Some(30));
    }

    #[test]
    fn what_is_neither_is_ignored() {
        for text in ["", "soon", "-5", "1.5", "12 s", "Sat, 99 Nov 2026 00:00:00 GMT"] {
            assert_eq!(wait(text, None), None, "{text}");
        }
        assert_eq!(parse(&HeaderMap::new(), NOW), None);
    }
}
