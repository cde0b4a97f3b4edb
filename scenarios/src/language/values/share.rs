//! A share of seeds: `1 in 2`, or `all but 1 in 10`.
//!
//! Some defects do harm by chance. What is expected of them is the chance that their mechanism implies, and a
//! sweep's count is held against it by an exact binomial test, so that no seed count has to be written down.

use std::fmt;

use super::{Written, Wrong};

/// Counts that are rarer than this by chance alone contradict the share.
const CHANCE_MIN: f64 = 1e-6;

/// A share of seeds, more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    hits: u32,
    of: u32,
}

impl Share {
    /// Every seed.
    pub const ALL: Self = Self { hits: 1, of: 1 };

    /// Whether `hits` of `seeds` is a count that one may well see: the chance of one so far from the share, or
    /// further, is not below one in a million.
    #[must_use]
    pub fn admits(self, hits: usize, seeds: usize) -> bool {
        if self.hits == self.of {
            return hits == seeds;
        }
        let chance = f64::from(self.hits) / f64::from(self.of);
        // Logarithms, since the chance of one exact count among thousands is smaller than any float.
        let (mut log_choose, mut below, mut above) = (0.0, 0.0, 0.0);
        for count in 0..=seeds {
            let (count_f, seeds_f) = (as_float(count), as_float(seeds));
            if count > 0 {
                log_choose += ((seeds_f - count_f + 1.0) / count_f).ln();
            }
            let probability = (log_choose + count_f * chance.ln() + (seeds_f - count_f) * (1.0 - chance).ln()).exp();
            below += if count <= hits { probability } else { 0.0 };
            above += if count >= hits { probability } else { 0.0 };
        }
        below.min(above) >= CHANCE_MIN / 2.0
    }
}

fn as_float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.hits, self.of)
    }
}

impl Written for Share {
    const WHAT: &'static str = "a share of seeds";
    const EXAMPLES: &'static [&'static str] = &["1 in 2", "all but 1 in 10"];
    const PATTERN: Option<&'static str> = Some(r"(all but )?\d+ in \d+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let (is_rest, plain) = text.strip_prefix("all but ").map_or((false, text), |rest| (true, rest));
        let (some, of) = plain.split_once(" in ").ok_or_else(|| Wrong::new("the word `in` is missing"))?;
        let number = |text: &str| {
            text.trim().parse::<u32>().map_err(|_| Wrong::new(format!("`{}` is not a whole number", text.trim())))
        };
        let (some, of) = (number(some)?, number(of)?);
        let hits = if is_rest { of.checked_sub(some) } else { Some(some) };
        match hits.filter(|hits| (1..=of).contains(hits)) {
            Some(hits) => Ok(Self { hits, of }),
            None => Err(Wrong::new("a share is more than none, and at most all")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_so_many_in_so_many() {
        for (text, hits, of) in [("1 in 2", 1, 2), ("all but 1 in 10", 9, 10), ("3 in 3", 3, 3)] {
            assert_eq!(Share::parse(text), Ok(Share { hits, of }));
        }
        for text in ["", "1", "half", "0 in 2", "3 in 2", "all but 2 in 2", "all but 3 in 2", "-1 in 2", "1 in 0"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_seed_means_every_seed() {
        assert!(Share::ALL.admits(64, 64) && !Share::ALL.admits(63, 64));
    }

    #[test]
    fn what_chance_may_bring_is_admitted_and_no_more() {
        let half = Share { hits: 1, of: 2 };
        for (hits, seeds, admitted) in [
            (0, 4, true),
            (4, 4, true),
            (32, 64, true),
            (13, 64, true),
            (12, 64, false),
            (0, 64, false),
            (64, 64, false),
        ] {
            assert_eq!(half.admits(hits, seeds), admitted, "{hits} of {seeds}");
        }
        let nearly_all = Share { hits: 99, of: 100 };
        assert!(nearly_all.admits(64, 64) && nearly_all.admits(60, 64) && !nearly_all.admits(54, 64));
        assert!(half.admits(5_000, 10_000) && !half.admits(5_400, 10_000));
    }
}
