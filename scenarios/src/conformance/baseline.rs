//! What is known to fail, with its reason: a run is compared with it, so that only what is new stands out.
//!
//! A baseline is a TOML file, a line for each case that fails or hangs: `"rfc8555/6.4/url-mismatch" = "why"`. A run
//! writes it; the reasons are people's, and stay when it is written again.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use super::suite::Outcome;

/// What stands for a reason that nobody has given yet.
const UNJUDGED: &str = "not judged yet";

const HEAD: &str = "\
# Cases that fail or hang, each with the reason why that is known. Written by `--write-baseline`, which keeps the reasons;
# a run with `--baseline` says what differs from it.
";

/// Known failures: ids and reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(BTreeMap<String, String>);

/// A file is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum NotABaseline {
    /// It is no TOML.
    #[error("it can't be read as TOML: {0}")]
    Toml(#[from] toml::de::Error),
    /// A line is something else.
    #[error("{id}: expected a reason in quotes, found {found}")]
    Reason {
        /// The line's name.
        id: String,
        /// What stands there.
        found: String,
    },
}

/// How a run differs from a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What fails, or hangs, and is not known to.
    pub new: Vec<&'static str>,
    /// What is known to fail and does not.
    pub mended: Vec<&'static str>,
    /// What is in the baseline, but no case at all.
    pub stale: Vec<String>,
}

impl Baseline {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`NotABaseline`].
    pub fn read(text: &str) -> Result<Self, NotABaseline> {
        let table: toml::Table = text.parse()?;
        let entries = table.into_iter().map(|(id, value)| match value.as_str() {
            Some(reason) => Ok((id, reason.to_owned())),
            None => Err(NotABaseline::Reason { id, found: value.to_string() }),
        });
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }

    /// The baseline after this run: what was tried is as it came out, with the reason that was known; the rest stays.
    #[must_use]
    pub fn after(&self, outcomes: &[Outcome]) -> Self {
        let mut entries = self.0.clone();
        for Outcome { case, verdict, .. } in outcomes {
            if verdict.is_bad() {
                entries.entry(case.id.to_owned()).or_insert_with(|| UNJUDGED.to_owned());
            } else {
                entries.remove(case.id);
            }
        }
        Self(entries)
    }

    /// How this run differs; `known` says whether there is a case of an id at all.
    #[must_use]
    pub fn compare(&self, outcomes: &[Outcome], known: impl Fn(&str) -> bool) -> Comparison {
        let mut comparison = Comparison::default();
        for Outcome { case, verdict, .. } in outcomes {
            match (self.0.contains_key(case.id), verdict.is_bad()) {
                (false, true) => comparison.new.push(case.id),
                // What was not tried is not mended.
                (true, false) if verdict.word() != "skipped" => comparison.mended.push(case.id),
                _ => {}
            }
        }
        comparison.stale = self.0.keys().filter(|id| !known(id)).cloned().collect();
        comparison
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (id, reason) in &self.0 {
            writeln!(f, "{} = {}", toml::Value::from(id.as_str()), toml::Value::from(reason.as_str()))?;
        }
        Ok(())
    }
}

impl Comparison {
    /// Whether it is as the baseline has it.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = String::new();
        for id in &self.new {
            let _ = writeln!(lines, "  new failure   {id}");
        }
        for id in &self.mended {
            let _ = writeln!(lines, "  mended        {id} (it is in the baseline, and does not fail any more)");
        }
        for id in &self.stale {
            let _ = writeln!(lines, "  stale         {id} (there is no such case)");
        }
        match self.is_equal() {
            true => writeln!(f, "as the baseline has it"),
            false => write!(f, "not as the baseline has it (--write-baseline makes it so):\n{lines}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conformance::{
        server,
        verdict::{Finding, Verdict},
    };

    fn outcome(index: usize, verdict: Verdict) -> Outcome {
        Outcome { case: server::cases()[index].about(), verdict, exchanges: Vec::new(), took: Duration::ZERO }
    }

    fn fail() -> Verdict {
        Verdict::Fail(Finding { expected: "this".to_owned(), found: "that".to_owned(), exchange: None })
    }

    #[test]
    fn what_is_new_mended_or_stale_is_told_and_reasons_are_kept() {
        let id = |index: usize| server::cases()[index].id;
        let text = format!("{:?} = \"says \\\"malformed\\\"\"\n{:?} = \"x\"\n\"rfc0/0/gone\" = \"y\"\n", id(0), id(1));
        let baseline = Baseline::read(&text).unwrap();
        let skipped = Verdict::Skipped("no".to_owned());
        let outcomes = [outcome(0, fail()), outcome(1, Verdict::Pass), outcome(2, fail()), outcome(3, skipped)];
        let comparison = baseline.compare(&outcomes, |id| server::cases().iter().any(|case| case.id == id));
        assert_eq!((comparison.new.clone(), comparison.mended.clone()), (vec![id(2)], vec![id(1)]));
        assert_eq!(comparison.stale, ["rfc0/0/gone"]);
        let after = baseline.after(&outcomes);
        assert_eq!(Baseline::read(&after.to_string()).unwrap(), after);
        assert!(after.to_string().contains(r#"says "malformed""#), "{after}");
        assert!(after.to_string().contains(&format!("\"{}\" = \"{UNJUDGED}\"", id(2))), "{after}");
        assert!(after.compare(&outcomes[..3], |_| true).is_equal());
    }

    #[test]
    fn what_is_no_baseline_is_said() {
        for text in ["a", "\"a\" = 1", "[a]\nb = \"c\""] {
            assert!(Baseline::read(text).is_err(), "{text}");
        }
    }
}
