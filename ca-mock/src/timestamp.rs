//! Points in time as text: RFC 3339 for JSON, IMF-fixdate for HTTP.
//!
//! Times are kept and shown in whole seconds, as certificates have them.

use std::time::Duration;

use sim::UtcDateTime;
use time::{
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

const IMF_FIXDATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// `at` without its fraction of a second.
pub(crate) fn whole_seconds(at: UtcDateTime) -> UtcDateTime {
    at.replace_nanosecond(0).expect("0 is a nanosecond")
}

/// `duration` after `at`, or the end of time.
pub(crate) fn after(at: UtcDateTime, duration: Duration) -> UtcDateTime {
    at.saturating_add(signed(duration))
}

/// `duration` before `at`, or the beginning of time.
pub(crate) fn before(at: UtcDateTime, duration: Duration) -> UtcDateTime {
    at.saturating_sub(signed(duration))
}

fn signed(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

/// For JSON (RFC 8555 §7.1.2 and on: RFC 3339).
pub(crate) fn rfc3339(at: UtcDateTime) -> String {
    whole_seconds(at).format(&Rfc3339).expect("a host's clock shows years 0 to 9999")
}

/// For the `Date` header (RFC 9110 §5.6.7).
pub(crate) fn http_date(at: UtcDateTime) -> String {
    at.format(IMF_FIXDATE).expect("every part of the format exists in a date with time")
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    #[test]
    fn times_read_as_their_rfcs_show_them() {
        let at = utc_datetime!(1994-11-06 08:49:37.5);
        assert_eq!(http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(rfc3339(at), "1994-11-06T08:49:37Z");
        assert_eq!(rfc3339(after(at, Duration::MAX)), "9999-12-31T23:59:59Z");
    }
}
