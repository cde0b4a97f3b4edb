//! Seeds to run: `0..16` are sixteen, from 0 to 15; `7` is one.

use std::fmt;

use super::{Written, Wrong};

/// A range of seeds that holds at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    end: u64,
}

impl Seeds {
    /// Reads `0..16` or `7`.
    ///
    /// # Errors
    /// Says what is wrong; an empty range is.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let number = |text: &str| {
            let text = text.trim();
            text.parse::<u64>().map_err(|_| Wrong::new(format!("`{text}` is no seed: seeds are whole numbers from 0")))
        };
        let Some((first, end)) = text.split_once("..") else {
            let only = number(text)?;
            let end = only.checked_add(1).ok_or_else(|| Wrong::new("too large a seed"))?;
            return Ok(Self { first: only, end });
        };
        if end.starts_with('=') {
            return Err(Wrong::new("no `=` here").help("the end is never part of it: \"0..16\" runs 0 to 15"));
        }
        let (first, end) = (number(first)?, number(end)?);
        if first >= end {
            let help =
                format!("the end is not part of the range: \"{first}..{}\" is one seed", first.saturating_add(1));
            return Err(Wrong::new("an empty range: nothing would run").help(help));
        }
        Ok(Self { first, end })
    }

    /// Each seed, smallest first.
    pub fn iter(&self) -> std::ops::Range<u64> {
        self.first..self.end
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.end - self.first
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.end)
    }
}

impl Written for Seeds {
    const WHAT: &'static str = "a range of seeds";
    const EXAMPLES: &'static [&'static str] = &["0..16", "7"];
    const PATTERN: Option<&'static str> = Some(r"\d+(\.\.\d+)?");
    const MAY_BE_BARE: bool = true;

    fn parse(text: &str) -> Result<Self, Wrong> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_not_part_of_the_range() {
        assert_eq!(Seeds::parse("0..3").unwrap().iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(Seeds::parse("7").unwrap().iter().collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn an_empty_range_is_refused() {
        for text in ["4..4", "9..2", "", "a..b", "0..=3", "-1", "18446744073709551615"] {
            assert!(Seeds::parse(text).is_err(), "{text}");
        }
    }
}
