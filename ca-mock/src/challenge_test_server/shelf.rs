//! [`Shelf`]: values under keys, several under one, with a bound on all of them together.
//!
//! Whoever may add may add without end, so what is too much is refused rather than stored.

use std::collections::BTreeMap;

/// The most that one shelf holds: the responses of some hundred thousand validations that were never cleared.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// About what an entry costs beside its texts.
const ENTRY_BYTES: usize = 64;

/// There is no more room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
pub(super) struct Shelf<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    values: Vec<V>,
    bytes: usize,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), bytes: 0 }
    }
}

impl<K: Ord, V: PartialEq> Shelf<K, V> {
    /// Puts a value, whose key and texts have `bytes`, beside those that are there; once, if it is there already.
    pub(super) fn add(&mut self, key: K, value: V, bytes: usize) -> Result<(), Full> {
        let bytes = bytes.saturating_add(ENTRY_BYTES);
        let room = BYTES_MAX - self.bytes;
        if bytes > room {
            return Err(Full);
        }
        let entry = self.entries.entry(key).or_insert(Entry { values: Vec::new(), bytes: 0 });
        if !entry.values.contains(&value) {
            entry.values.push(value);
            entry.bytes += bytes;
            self.bytes += bytes;
        }
        Ok(())
    }

    /// Puts a value in place of those that are there.
    pub(super) fn set(&mut self, key: K, value: V, bytes: usize) -> Result<(), Full> {
        self.remove(&key);
        self.add(key, value, bytes)
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    pub(super) fn all(&self, key: &K) -> &[V] {
        self.entries.get(key).map_or(&[], |entry| &entry.values)
    }

    pub(super) fn first(&self, key: &K) -> Option<&V> {
        self.all(key).first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_makes_room() {
        let mut shelf = Shelf::default();
        let half = BYTES_MAX / 2;
        shelf.add("a", 1, half).unwrap();
        assert_eq!(shelf.add("b", 1, half), Err(Full));
        shelf.set("a", 2, half).unwrap();
        shelf.add("a", 2, 0).unwrap();
        assert_eq!(shelf.all(&"a"), [2]);
        shelf.remove(&"a");
        shelf.add("b", 1, half).unwrap();
        assert_eq!((shelf.first(&"a"), shelf.first(&"b")), (None, Some(&1)));
    }
}
