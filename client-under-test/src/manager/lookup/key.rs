//! [`Key`]: a name as the table keeps it; and [`Asked`], how it is looked up without being built.
//!
//! A name's bytes lie in the table's entry itself, so that comparing them costs no further miss of the processor's
//! caches; only long names have memory of their own.

use std::hash::{Hash, Hasher};

use papaya::Equivalent;
use smallvec::SmallVec;

use crate::name::Name;

const WILDCARD: &[u8] = b"*.";

/// A name, possibly a wildcard.
#[derive(PartialEq, Eq)]
pub(super) struct Key(SmallVec<[u8; 32]>);

impl Key {
    pub(super) fn new(name: &Name) -> Self {
        Self(SmallVec::from_slice(name.as_str().as_bytes()))
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0.strip_prefix(WILDCARD) {
            Some(parent) => hash_wildcard(parent, state),
            None => state.write(&self.0),
        }
    }
}

/// A name that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    /// This very name.
    Exact(&'a str),
    /// The wildcard below this name.
    WildcardBelow(&'a str),
}

impl<'a> Asked<'a> {
    /// The wildcard that covers `name`: its first label replaced by `*` (RFC 6125 §6.4.3, one label only).
    #[inline]
    pub(super) fn wildcard_of(name: &'a str) -> Option<Self> {
        name.split_once('.').map(|(_, parent)| Self::WildcardBelow(parent))
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Exact(name) => state.write(name.as_bytes()),
            Self::WildcardBelow(parent) => hash_wildcard(parent.as_bytes(), state),
        }
    }
}

impl Equivalent<Key> for Asked<'_> {
    #[inline]
    fn equivalent(&self, key: &Key) -> bool {
        match self {
            Self::Exact(name) => key.0.as_slice() == name.as_bytes(),
            Self::WildcardBelow(parent) => key.0.strip_prefix(WILDCARD) == Some(parent.as_bytes()),
        }
    }
}

/// Of all lookups those of a very name are the most, so that they are spared what tells the two kinds apart.
fn hash_wildcard<H: Hasher>(parent: &[u8], state: &mut H) {
    state.write(parent);
    state.write_u8(b'*');
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use foldhash::fast::FixedState;

    use super::*;

    #[test]
    fn a_name_is_found_by_what_is_asked_and_by_nothing_else() {
        let hasher = FixedState::with_seed(1);
        let long = format!("{}.test", "a".repeat(60));
        let keys = ["a.test", "*.test", "test", &long].map(|name| Key::new(&name.parse().unwrap()));
        let asked = [
            Asked::Exact("a.test"),
            Asked::wildcard_of("b.test").unwrap(),
            Asked::Exact("test"),
            Asked::Exact(&long),
            Asked::Exact("*.a.test"),
            Asked::wildcard_of("b.a.test").unwrap(),
        ];
        for (row, asked) in asked.iter().enumerate() {
            for (column, key) in keys.iter().enumerate() {
                assert_eq!(asked.equivalent(key), row == column, "{asked:?}");
                assert_eq!(hasher.hash_one(asked) == hasher.hash_one(key), row == column, "{asked:?}");
            }
        }
        assert!(Asked::wildcard_of("test").is_none());
    }
}
