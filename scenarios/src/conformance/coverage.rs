//! What of the catalogue is tried: every requirement by these cases, or not, for this reason.

use std::{collections::BTreeMap, fmt};

use super::{
    client,
    requirements::{self, Requirement},
    server,
};

/// The requirements that no case can try from outside, each with the reason.
const UNTESTABLE: &str = include_str!("../../conformance/untestable.tsv");

/// Whether a requirement is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// By these cases.
    By(Vec<&'static str>),
    /// It can't be, for this reason.
    Not(&'static str),
    /// It could be, and is not yet.
    Open,
}

/// Each requirement of the catalogue, in its order.
#[must_use]
pub fn coverage() -> Vec<(Requirement, Tried)> {
    let mut cases: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    let of_server = server::cases().into_iter().map(|case| (case.id, case.requirements));
    for (case, requirements) in of_server.chain(client::cases().into_iter().map(|case| (case.id, case.requirements))) {
        for id in requirements {
            cases.entry(id).or_default().push(case);
        }
    }
    let reasons: BTreeMap<&str, &'static str> = untestable().collect();
    let tried = |one: Requirement| match (cases.get(one.id), reasons.get(one.id)) {
        (Some(ids), _) => (one, Tried::By(ids.clone())),
        (None, Some(reason)) => (one, Tried::Not(reason)),
        (None, None) => (one, Tried::Open),
    };
    requirements::all().map(tried).collect()
}

fn untestable() -> impl Iterator<Item = (&'static str, &'static str)> {
    UNTESTABLE.lines().filter_map(|line| line.split_once('\t'))
}

/// How many requirements there are of a role and level, and how they are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// By a case.
    pub by_cases: usize,
    /// They can't be.
    pub untestable: usize,
    /// Not yet.
    pub open: usize,
}

/// The counts, by role and level.
#[must_use]
pub fn counts(coverage: &[(Requirement, Tried)]) -> BTreeMap<(&'static str, &'static str), Count> {
    let mut counts: BTreeMap<_, Count> = BTreeMap::new();
    for (requirement, tried) in coverage {
        let count = counts.entry((requirement.role, requirement.level)).or_default();
        match tried {
            Tried::By(_) => count.by_cases += 1,
            Tried::Not(_) => count.untestable += 1,
            Tried::Open => count.open += 1,
        }
    }
    counts
}

/// The whole as a page of text.
#[derive(Debug)]
pub struct Page(pub Vec<(Requirement, Tried)>);

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (requirement, tried) in &self.0 {
            let Requirement { id, level, asks, .. } = requirement;
            writeln!(f, "{id} ({level}): {asks}")?;
            match tried {
                Tried::By(cases) => writeln!(f, "    {}", cases.join(", "))?,
                Tried::Not(reason) => writeln!(f, "    untestable: {reason}")?,
                Tried::Open => writeln!(f, "    not tried yet")?,
            }
        }
        writeln!(f, "\n{:<8}{:<12}{:>8}{:>12}{:>10}", "role", "level", "tried", "untestable", "not yet")?;
        for ((role, level), Count { by_cases, untestable, open }) in counts(&self.0) {
            writeln!(f, "{role:<8}{level:<12}{by_cases:>8}{untestable:>12}{open:>10}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_t_be_tried_is_in_the_catalogue_has_a_reason_and_is_not_tried() {
        let coverage = coverage();
        for line in UNTESTABLE.lines() {
            let (id, reason) = line.split_once('\t').unwrap_or_else(|| panic!("{line:?} is not ID, tab, reason"));
            assert!(reason.ends_with('.') && reason.len() > 20, "{line}");
            let tried = coverage.iter().find(|(requirement, _)| requirement.id == id).map(|(_, tried)| tried);
            assert_eq!(tried, Some(&Tried::Not(reason)), "{id}");
        }
        let ids: Vec<_> = untestable().map(|(id, _)| id).collect();
        assert!(ids.is_sorted_by(|one, other| one < other), "by id, each once");
    }
}
