//! Bandwidths: `10Mbit/s`, `512kbit/s`.

use super::{Written, Wrong};

/// How fast a link carries bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bits per second; never 0.
    pub bits_per_second: u64,
}

impl Written for Bandwidth {
    const WHAT: &'static str = "a bandwidth";
    const EXAMPLES: &'static [&'static str] = &["10Mbit/s", "512kbit/s"];
    const PATTERN: Option<&'static str> = Some(r"\d+\s*[kMG]?bit/s");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim() {
            "bit/s" => 1,
            "kbit/s" => 1_000,
            "Mbit/s" => 1_000_000,
            "Gbit/s" => 1_000_000_000,
            "" => return Err(Wrong::new("the unit is missing").help("units: bit/s kbit/s Mbit/s Gbit/s")),
            other => return Err(Wrong::new(format!("`{other}` is no unit")).help("units: bit/s kbit/s Mbit/s Gbit/s")),
        };
        let number: u64 = number.parse().map_err(|_| Wrong::new("expected a whole number and a unit"))?;
        match number.checked_mul(factor) {
            Some(0) => Err(Wrong::new("nothing would pass").help("to cut a link, use the verb link.blackhole")),
            Some(bits_per_second) => Ok(Self { bits_per_second }),
            None => Err(Wrong::new("too much")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_decimal() {
        assert_eq!(Bandwidth::parse("10Mbit/s"), Ok(Bandwidth { bits_per_second: 10_000_000 }));
        for text in ["10", "10MB/s", "0bit/s", "Mbit/s", "1.5Mbit/s", "99999999999999999999bit/s"] {
            assert!(Bandwidth::parse(text).is_err(), "{text}");
        }
    }
}
