//! Which names a CA issues for, of those that are host names.
//!
//! Public CAs follow the Baseline Requirements and rules of their own; test names such as `localhost` would break several.

use std::collections::BTreeSet;

use crate::{
    identifier::{Identifier, SentIdentifier},
    problem::{Problem, ProblemType},
};

/// What is asked of a name, the `*` of a wildcard aside. Nothing is asked of an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentifierPolicy {
    /// The fewest labels: with 1, `localhost` will do.
    pub labels_min: usize,
    /// The most labels.
    pub labels_max: usize,
    /// What the Public Suffix List has to do with it.
    pub public_suffixes: PublicSuffixes,
    /// Whether an order for a wildcard may not have a name that the wildcard stands for.
    pub refuses_names_under_wildcards: bool,
}

/// How the ICANN part of the [Public Suffix List](https://publicsuffix.org) is used. It is the one that this program was
/// built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicSuffixes {
    /// Not at all.
    Ignored,
    /// Nothing is issued for a suffix, nor for all names directly below one (Baseline Requirements §3.2.2.6).
    Refused,
    /// As [`Self::Refused`], and a name must end in a suffix that is on the list: nothing is issued for `.test`.
    Required,
}

impl IdentifierPolicy {
    /// Whatever is a host name.
    pub const ANY: Self = Self {
        labels_min: 1,
        labels_max: 127,
        public_suffixes: PublicSuffixes::Ignored,
        refuses_names_under_wildcards: false,
    };

    /// # Errors
    /// The rule that the name breaks.
    pub(crate) fn check(&self, identifier: &Identifier) -> Result<(), Problem> {
        if identifier.ip().is_some() {
            return Ok(());
        }
        let refuse = |why: String| Err(Problem::new(ProblemType::RejectedIdentifier, format!("{identifier} {why}")));
        let labels = identifier.domain().split('.').count();
        if labels < self.labels_min || labels > self.labels_max {
            return refuse(format!("has {labels} labels, not {} to {}", self.labels_min, self.labels_max));
        }
        let (suffix_needed, suffix_refused) = match self.public_suffixes {
            PublicSuffixes::Ignored => return Ok(()),
            PublicSuffixes::Refused => (false, true),
            PublicSuffixes::Required => (true, true),
        };
        match icann_suffix(identifier.domain()) {
            None if suffix_needed => refuse("does not end in a public suffix".to_owned()),
            Some(suffix) if suffix_refused && suffix == identifier.domain() => {
                refuse(format!("is for all of a public suffix, {suffix:?}"))
            }
            None | Some(_) => Ok(()),
        }
    }

    /// The names that go without saying, because an ordered wildcard stands for them.
    pub(crate) fn check_together(&self, identifiers: &BTreeSet<Identifier>) -> Result<(), Problem> {
        if !self.refuses_names_under_wildcards {
            return Ok(());
        }
        let wildcards = identifiers.iter().filter(|identifier| identifier.is_wildcard());
        let covered: BTreeSet<&str> = wildcards.map(Identifier::domain).collect();
        let is_covered = |identifier: &&Identifier| {
            let above = identifier.as_str().split_once('.').map(|(_, above)| above);
            !identifier.is_wildcard() && above.is_some_and(|above| covered.contains(above))
        };
        let refused = identifiers.iter().filter(is_covered).map(|identifier| {
            let why = format!("{identifier} is redundant: a wildcard of this order stands for it");
            (SentIdentifier::from(identifier), Problem::malformed(why))
        });
        Problem::about_identifiers(refused.collect()).map_or(Ok(()), Err)
    }
}

/// Strict about what is right anywhere; names need not be under a suffix that is known.
impl Default for IdentifierPolicy {
    fn default() -> Self {
        Self { labels_min: 2, labels_max: 10, public_suffixes: PublicSuffixes::Refused, ..Self::ANY }
    }
}

/// The suffix in the list's ICANN part that `domain` is or ends in. Names that a company lets others have, such as
/// `github.io`, are its own to have certified.
fn icann_suffix(domain: &str) -> Option<&str> {
    let mut rest = domain;
    loop {
        let suffix = psl::suffix(rest.as_bytes()).filter(psl::Suffix::is_known)?;
        let text = str::from_utf8(suffix.as_bytes()).ok()?;
        if suffix.typ() == Some(psl::Type::Icann) {
            return Some(text);
        }
        // A private suffix has an ICANN one above it.
        rest = text.split_once('.')?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &IdentifierPolicy, name: &str) -> bool {
        policy.check(&Identifier::parse(name).unwrap()).is_ok()
    }

    #[test]
    fn addresses_have_neither_labels_nor_suffixes() {
        assert!(IdentifierPolicy::default().check(&Identifier::parse_ip("::1").unwrap()).is_ok());
    }

    #[test]
    fn names_are_judged_as_strictly_as_is_wanted() {
        let strict = IdentifierPolicy { public_suffixes: PublicSuffixes::Required, ..IdentifierPolicy::default() };
        let default = IdentifierPolicy::default();
        let long = "a.b.c.d.e.f.g.h.i.example.com";
        for (name, any, by_default, strictly) in [
            ("www.example.com", true, true, true),
            ("*.example.co.uk", true, true, true),
            ("github.io", true, true, true),
            ("*.github.io", true, true, true),
            ("*.www.github.io", true, true, true),
            ("a.test", true, true, false),
            ("localhost", true, false, false),
            ("co.uk", true, false, false),
            ("*.co.uk", true, false, false),
            ("com", true, false, false),
            (long, true, false, false),
        ] {
            assert_eq!(check(&IdentifierPolicy::ANY, name), any, "{name}");
            assert_eq!(check(&default, name), by_default, "{name}");
            assert_eq!(check(&strict, name), strictly, "{name}");
        }
    }

    #[test]
    fn a_name_under_an_ordered_wildcard_can_be_refused() {
        let set = |names: &[&str]| names.iter().map(|name| Identifier::parse(name).unwrap()).collect();
        let policy = IdentifierPolicy { refuses_names_under_wildcards: true, ..IdentifierPolicy::default() };
        assert!(policy.check_together(&set(&["*.a.test", "a.test", "b.c.a.test", "*.b.a.test"])).is_ok());
        assert!(policy.check_together(&set(&["*.a.test", "b.a.test"])).is_err());
        assert!(IdentifierPolicy::default().check_together(&set(&["*.a.test", "b.a.test"])).is_ok());
    }
}
