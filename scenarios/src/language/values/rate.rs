//! Rates: `5 per 7d`.

use std::time::Duration;

use super::{Written, Wrong, parse_duration};

/// So many at once, and as many again in each period, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; one at least.
    pub count: u32,
    /// How long until that many may come again.
    pub period: Duration,
}

impl Written for Rate {
    const WHAT: &'static str = "a rate: how many, `per`, and a duration";
    const EXAMPLES: &'static [&'static str] = &["5 per 7d", "300 per 3h"];
    const PATTERN: Option<&'static str> = Some(r"\d+ per \d+.*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let (count, period) = text.split_once(" per ").ok_or_else(|| Wrong::new("the ` per ` is missing"))?;
        let count = count.trim().parse().ok().filter(|count| *count > 0);
        let count = count.ok_or_else(|| Wrong::new("what stands before ` per ` is no whole number from 1"))?;
        let period = parse_duration(period)?;
        if period.is_zero() {
            return Err(Wrong::new("the period is longer than nothing"));
        }
        Ok(Self { count, period })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_count_and_a_period() {
        assert_eq!(Rate::parse("2 per 1h"), Ok(Rate { count: 2, period: Duration::from_secs(3_600) }));
        for text in ["2", "0 per 1h", "2 per", "two per 1h", "2 per 0s"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }
}
