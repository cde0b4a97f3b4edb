//! How long a packet travels: `10ms`, `5ms..40ms`, or `5ms..40ms long-tail`.

use std::time::Duration;

use super::{DurationRange, Written, Wrong, parse_duration};

/// A distribution of one-way delays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Each delay between the two is equally likely.
    Uniform {
        /// The least.
        from: Duration,
        /// The most.
        to: Duration,
    },
    /// Mostly near `from`; one packet in a hundred takes longer than `to`, up to ten times as long.
    LongTail {
        /// The usual delay.
        from: Duration,
        /// What 99 % of the packets keep within.
        to: Duration,
    },
}

impl Written for Latency {
    const WHAT: &'static str = "a latency";
    const EXAMPLES: &'static [&'static str] = &["10ms", "5ms..40ms", "5ms..40ms long-tail"];
    const PATTERN: Option<&'static str> = Some(r"\d+[a-z]+[^.]*(\.\.\s*\d+[a-z]+[^.]*)?");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let (range, has_long_tail) = match text.strip_suffix("long-tail") {
            Some(range) => (range.trim(), true),
            None => (text, false),
        };
        if !range.contains("..") {
            if has_long_tail {
                return Err(Wrong::new("a long tail needs a range").help("write \"5ms..40ms long-tail\""));
            }
            return parse_duration(range).map(Self::Fixed);
        }
        let range = DurationRange::parse(range)?.0;
        let (from, to) = range.into_inner();
        Ok(if has_long_tail { Self::LongTail { from, to } } else { Self::Uniform { from, to } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_shapes() {
        let (from, to) = (Duration::from_millis(5), Duration::from_millis(40));
        assert_eq!(Latency::parse("5ms"), Ok(Latency::Fixed(from)));
        assert_eq!(Latency::parse("5ms..40ms"), Ok(Latency::Uniform { from, to }));
        assert_eq!(Latency::parse("5ms..40ms long-tail"), Ok(Latency::LongTail { from, to }));
        for text in ["5ms long-tail", "40ms..5ms", "5..40ms", "fast"] {
            assert!(Latency::parse(text).is_err(), "{text}");
        }
    }
}
