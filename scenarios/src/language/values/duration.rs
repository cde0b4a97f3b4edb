//! Durations with units: `90d`, `6h`, `1d 12h`, `500us`; ranges of them; and signed ones for clocks.
//!
//! A number without a unit is never accepted: nobody remembers which unit a field was in.

use std::{ops::RangeInclusive, time::Duration};

use super::{Written, Wrong};

/// Units with their length in nanoseconds, longest first.
const UNITS: [(&str, u128); 8] = [
    ("w", 7 * 86_400 * SECOND),
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
const SECOND: u128 = 1_000_000_000;
/// A thousand years: longer than any scenario, short enough never to overflow a sum.
const LONGEST: u128 = 365_000 * 86_400 * SECOND;
const UNITS_HELP: &str = "units: ns us ms s m h d w; parts may be added up, as in \"1d 12h\"";

/// Reads a duration such as `1d 12h`.
///
/// # Errors
/// Says which part can't be read and what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, Wrong> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(Wrong::new("empty").help(UNITS_HELP));
    }
    if rest.starts_with('-') {
        return Err(Wrong::new("can't be negative"));
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return Err(Wrong::new(format!("expected a number before `{rest}`")).help(UNITS_HELP));
        }
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start_matches(' ');
        if after.starts_with(['.', ',']) {
            return Err(Wrong::new("no fractions").help("write a smaller unit: \"1h 30m\" for 1.5h"));
        }
        let letters = after.len() - after.trim_start_matches(char::is_alphabetic).len();
        let (unit, after) = after.split_at(letters);
        let number: u128 = number.parse().map_err(|_| Wrong::new("too long"))?;
        total = total.saturating_add(number.saturating_mul(nanoseconds_of(unit, number, text)?));
        if total > LONGEST {
            return Err(Wrong::new("longer than a thousand years"));
        }
        rest = after.trim_start();
    }
    let seconds = u64::try_from(total / SECOND).expect("a thousand years of seconds fit");
    let nanoseconds = u32::try_from(total % SECOND).expect("less than a second");
    Ok(Duration::new(seconds, nanoseconds))
}

fn nanoseconds_of(unit: &str, number: u128, text: &str) -> Result<u128, Wrong> {
    if let Some((_, length)) = UNITS.iter().find(|(known, _)| *known == unit) {
        return Ok(*length);
    }
    if unit.is_empty() {
        let help = if text.trim().bytes().all(|byte| byte.is_ascii_digit()) {
            format!("write \"{number}s\" for seconds, \"{number}d\" for days; {UNITS_HELP}")
        } else {
            UNITS_HELP.to_owned()
        };
        return Err(Wrong::new(format!("the number {number} has no unit")).help(help));
    }
    let meant = match unit.to_lowercase().as_str() {
        "days" | "day" => Some("d"),
        "hours" | "hour" | "hr" | "hrs" => Some("h"),
        "min" | "mins" | "minute" | "minutes" => Some("m"),
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "week" | "weeks" => Some("w"),
        "msec" | "millis" | "milliseconds" => Some("ms"),
        "µs" | "μs" | "usec" | "micros" => Some("us"),
        "y" | "year" | "years" => return Err(Wrong::new("years differ in length").help("write days: \"365d\"")),
        "mo" | "month" | "months" => return Err(Wrong::new("months differ in length").help("write days: \"30d\"")),
        lower => UNITS.iter().map(|(known, _)| *known).find(|known| *known == lower),
    };
    let wrong = Wrong::new(format!("`{unit}` is no unit"));
    Err(match meant {
        Some(meant) => wrong.help(format!("did you mean \"{number}{meant}\"? {UNITS_HELP}")),
        None => wrong.help(UNITS_HELP),
    })
}

/// The shortest way to write a duration in this language.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut parts = Vec::new();
    for (unit, length) in UNITS.iter().filter(|(unit, _)| *unit != "w") {
        if rest >= *length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

impl Written for Duration {
    const WHAT: &'static str = "a duration with its unit";
    const EXAMPLES: &'static [&'static str] = &["90d", "6h", "1d 12h", "500ms"];
    const PATTERN: Option<&'static str> = Some(r"\d+(ns|us|ms|s|m|h|d|w)( ?\d+(ns|us|ms|s|m|h|d|w))*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        parse_duration(text)
    }
}

/// From one duration to another, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationRange(pub RangeInclusive<Duration>);

impl Written for DurationRange {
    const WHAT: &'static str = "a range of durations";
    const EXAMPLES: &'static [&'static str] = &["60d..62d", "5ms..40ms"];
    const PATTERN: Option<&'static str> = Some(r"\s*\d+[a-z]+.*\.\.\s*\d+[a-z]+.*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let Some((from, to)) = text.split_once("..") else {
            return Err(Wrong::new("no `..` between two durations"));
        };
        let (from, to) = (parse_duration(from)?, parse_duration(to)?);
        if from > to {
            let help = format!("write \"{}..{}\"", format_duration(to), format_duration(from));
            return Err(Wrong::new("ends before it begins").help(help));
        }
        Ok(Self(from..=to))
    }
}

/// A duration that may be negative: how far a clock is off or is stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SignedDuration {
    /// Whether it points into the past.
    pub is_negative: bool,
    /// How long it is.
    pub magnitude: Duration,
}

impl SignedDuration {
    /// Nanoseconds; what doesn't fit ends at the largest (292 years).
    #[must_use]
    pub fn nanoseconds(self) -> i64 {
        let nanoseconds = i64::try_from(self.magnitude.as_nanos()).unwrap_or(i64::MAX);
        if self.is_negative { -nanoseconds } else { nanoseconds }
    }
}

impl Written for SignedDuration {
    const WHAT: &'static str = "a duration with its unit, negative for the past";
    const EXAMPLES: &'static [&'static str] = &["-5m", "1h"];
    const PATTERN: Option<&'static str> = Some(r"[+-]?\d+[a-z]+.*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let (is_negative, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        Ok(Self { is_negative, magnitude: parse_duration(magnitude)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};

    use super::*;

    #[test]
    fn every_unit_has_its_length() {
        for (text, seconds) in [("1w", 604_800), ("90d", 7_776_000), ("6h", 21_600), ("5m", 300), ("30s", 30)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(parse_duration("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(parse_duration("1d 12h"), Ok(Duration::from_secs(129_600)));
        assert_eq!(parse_duration("1d12h"), Ok(Duration::from_secs(129_600)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("90", "the number 90 has no unit"),
            ("90 days", "`days` is no unit"),
            ("1.5h", "no fractions"),
            ("-1h", "can't be negative"),
            ("1y", "years differ"),
            ("d", "expected a number before `d`"),
            ("", "empty"),
            ("9999999w", "longer than"),
            ("99999999999999999999999999999999999999999999d", "too long"),
        ] {
            let wrong = parse_duration(text).unwrap_err().label;
            assert!(wrong.contains(said), "{text}: {wrong}");
        }
    }

    #[test]
    fn formatting_is_the_inverse_of_reading() {
        for text in ["0s", "90d", "1d 12h", "5ms", "1h 1ns"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn ranges_and_signs() {
        assert!(DurationRange::parse("40ms..5ms").is_err());
        assert_eq!(DurationRange::parse("5ms..40ms").unwrap().0, Duration::from_millis(5)..=Duration::from_millis(40));
        assert_eq!(SignedDuration::parse("-5m").unwrap().nanoseconds(), -300_000_000_000);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]

        #[test]
        fn any_duration_is_read_as_it_was_written_and_parts_add_up(
            (seconds, nanoseconds) in (0..365_000 * 86_400_u64, 0..1_000_000_000_u32),
            parts in vec((0..1_000_u64, select(UNITS.to_vec())), 1..5),
            blank in select(vec!["", " ", "  "]),
        ) {
            let duration = Duration::new(seconds, nanoseconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            let text: Vec<String> = parts.iter().map(|(number, (unit, _))| format!("{number}{unit}")).collect();
            let sum: u128 = parts.iter().map(|(number, (_, length))| u128::from(*number) * length).sum();
            let read = parse_duration(&text.join(blank));
            prop_assert_eq!(read.map(|read| read.as_nanos()), Ok(sum));
        }
    }
}
