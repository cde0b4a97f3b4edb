//! What a CA's renewal information says: its `Retry-After`, its window, its status.

use std::time::Duration;

use super::{DurationRange, Written, Wrong, parse_duration};

/// What the `Retry-After` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAfterHeader {
    /// There is none.
    Absent,
    /// A number of seconds.
    Seconds(Duration),
    /// The date so long after the answer.
    Date(Duration),
    /// This text, whatever it means.
    Raw(String),
}

impl Written for RetryAfterHeader {
    const WHAT: &'static str = "what a Retry-After header says";
    const EXAMPLES: &'static [&'static str] = &["absent", "6h", "date 6h", "raw -5"];
    const PATTERN: Option<&'static str> = Some(r"absent|raw .*|(date )?\d+.*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        if let Some(raw) = text.strip_prefix("raw ") {
            // RFC 9110 §5.5, without the octets beyond ASCII.
            return match raw.chars().find(|c| !matches!(c, ' '..='~')) {
                Some(c) => Err(Wrong::new(format!("{c:?} can't be part of a header"))),
                None => Ok(Self::Raw(raw.to_owned())),
            };
        }
        match text.trim().strip_prefix("date ") {
            Some(wait) => parse_duration(wait).map(Self::Date),
            None if text.trim() == "absent" => Ok(Self::Absent),
            None => parse_duration(text).map(Self::Seconds).map_err(|wrong| {
                wrong.help(
                    "a duration is sent in seconds; \"date 6h\" as a date; \"raw -5\" as it is; \"absent\" is none",
                )
            }),
        }
    }
}

/// The status of an answer that ends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpStatus(pub u16);

/// Which window is suggested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AriWindow {
    /// Counted from notBefore.
    SinceNotBefore(DurationRange),
    /// It ends before it starts.
    Reversed,
    /// Long before any certificate was issued.
    FarPast,
    /// Long after every certificate has expired.
    FarFuture,
}

impl Written for AriWindow {
    const WHAT: &'static str = "a window, counted from notBefore, or a word for one";
    const EXAMPLES: &'static [&'static str] = &["60d..61d", "reversed", "far-past", "far-future"];
    const PATTERN: Option<&'static str> = Some(r"reversed|far-past|far-future|\d+.*\.\..*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        Ok(match text.trim() {
            "reversed" => Self::Reversed,
            "far-past" => Self::FarPast,
            "far-future" => Self::FarFuture,
            range => Self::SinceNotBefore(DurationRange::parse(range)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_absent_a_wait_a_date_or_any_text() {
        let hour = Duration::from_secs(3_600);
        for (text, meant) in [
            ("absent", RetryAfterHeader::Absent),
            ("1h", RetryAfterHeader::Seconds(hour)),
            ("date 1h", RetryAfterHeader::Date(hour)),
            ("raw -5", RetryAfterHeader::Raw("-5".to_owned())),
            ("raw ", RetryAfterHeader::Raw(String::new())),
        ] {
            assert_eq!(RetryAfterHeader::parse(text), Ok(meant));
        }
        for text in ["", "-5", "3600", "date", "date soon", "raw \n", "raw ä"] {
            assert!(RetryAfterHeader::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_is_a_range_or_a_word() {
        assert_eq!(AriWindow::parse("reversed"), Ok(AriWindow::Reversed));
        assert!(matches!(AriWindow::parse("60d..61d"), Ok(AriWindow::SinceNotBefore(_))));
        assert!(AriWindow::parse("61d..60d").is_err());
        assert!(AriWindow::parse("past").is_err());
    }
}
