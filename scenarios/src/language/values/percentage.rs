//! Percentages: `1%`, `0.5%`.
//!
//! Kept in parts per million, so that a share is the same number on every machine.

use super::{Written, Wrong};

/// A share between 0 % and 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Percentage {
    /// Parts per million.
    pub ppm: u32,
}

impl Percentage {
    /// The share as a number between 0 and 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.ppm) / 1e6
    }
}

impl Written for Percentage {
    const WHAT: &'static str = "a percentage";
    const EXAMPLES: &'static [&'static str] = &["1%", "0.5%"];
    const PATTERN: Option<&'static str> = Some(r"\d+(\.\d{1,4})?\s*%");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let Some(number) = text.strip_suffix('%') else {
            let wrong = Wrong::new("the `%` is missing");
            return Err(match text.parse::<f64>() {
                Ok(share) if (0.0..1.0).contains(&share) => wrong.help(format!("write \"{}%\"", share * 100.0)),
                Ok(share) if (1.0..=100.0).contains(&share) => wrong.help(format!("write \"{share}%\"")),
                Ok(_) | Err(_) => wrong,
            });
        };
        let number = number.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(part) {
            return Err(Wrong::new(format!("`{number}` is no number from 0 to 100")));
        }
        if part.len() > 4 {
            return Err(Wrong::new("no more than four decimals"));
        }
        let part: u32 = format!("{part:0<4}").parse().expect("four digits fit");
        match whole.parse::<u32>().ok().filter(|whole| *whole <= 100).map(|whole| whole * 10_000 + part) {
            Some(ppm) if ppm <= 1_000_000 => Ok(Self { ppm }),
            Some(_) | None => Err(Wrong::new("more than 100 %")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (text, ppm) in [("1%", 10_000), ("0.5%", 5_000), ("100%", 1_000_000), ("0.0001 %", 1), ("0%", 0)] {
            assert_eq!(Percentage::parse(text), Ok(Percentage { ppm }), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(Percentage::parse("0.5").unwrap_err().help.unwrap(), "write \"50%\"");
        for text in ["101%", "100.1%", "-1%", "%", "1.00001%", "one%"] {
            assert!(Percentage::parse(text).is_err(), "{text}");
        }
    }
}
