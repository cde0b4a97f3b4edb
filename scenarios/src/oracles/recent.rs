//! A map that remembers only its most recently used keys.
//!
//! A run may last fifty virtual years and meet a million nonces, orders and connections; what an
//! oracle keeps must not grow with it. Forgetting the least recently used entry can make an oracle
//! blind to something very old, never make it accuse anybody falsely: laws are written so.

use std::{borrow::Borrow, collections::BTreeMap};

/// A map of at most a given number of entries; the least recently written or borrowed one goes first.
#[derive(Debug)]
pub struct Recent<K, V> {
    entries: BTreeMap<K, (u64, V)>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
    len_max: usize,
}

impl<K: Ord + Clone, V> Recent<K, V> {
    /// An empty map that will hold `len_max` entries.
    #[must_use]
    pub fn new(len_max: usize) -> Self {
        Self { entries: BTreeMap::new(), by_use: BTreeMap::new(), uses: 0, len_max }
    }

    /// Puts `value` at `key` and returns what stood there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let former = self.remove(&key);
        while self.entries.len() >= self.len_max {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.entries.remove(&oldest);
        }
        self.uses += 1;
        self.by_use.insert(self.uses, key.clone());
        self.entries.insert(key, (self.uses, value));
        former
    }

    /// The value at `key`, without counting as a use.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// The value at `key`, which counts as a use.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (used, value) = self.entries.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.by_use.remove(used) {
            self.by_use.insert(self.uses, key);
        }
        *used = self.uses;
        Some(value)
    }

    /// The value at `key`, made by `default` if there is none. Counts as a use.
    pub fn get_or_insert_with(&mut self, key: K, default: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            self.insert(key.clone(), default());
        }
        self.get_mut(&key).expect("it was there or has just been put there")
    }

    /// Takes the value at `key` out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (used, value) = self.entries.remove(key)?;
        self.by_use.remove(&used);
        Some(value)
    }

    /// Keeps the entries that `wanted` approves of.
    pub fn retain(&mut self, mut wanted: impl FnMut(&K, &mut V) -> bool) {
        let by_use = &mut self.by_use;
        self.entries.retain(|key, (used, value)| {
            let stays = wanted(key, value);
            if !stays {
                by_use.remove(used);
            }
            stays
        });
    }

    /// All entries, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, (_, value))| (key, value))
    }

    /// The entries from `first` on, by key.
    pub fn range_from(&self, first: K) -> impl Iterator<Item = (&K, &V)> {
        self.entries.range(first..).map(|(key, (_, value))| (key, value))
    }

    /// All entries, by key, the values open to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, (_, value))| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_goes_first() {
        let mut recent = Recent::new(2);
        recent.insert("a", 1);
        recent.insert("b", 2);
        *recent.get_mut("a").unwrap() += 10;
        recent.insert("c", 3);
        assert_eq!(recent.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>(), [("a", 11), ("c", 3)]);
    }

    #[test]
    fn writing_a_key_again_takes_no_more_room() {
        let mut recent = Recent::new(2);
        for n in 0..100 {
            recent.insert("a", n);
        }
        recent.retain(|_, n| *n != 99);
        assert!(recent.entries.is_empty() && recent.by_use.is_empty());
    }
}
