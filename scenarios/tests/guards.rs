//! The fuzzers' guards without fuzzers: each with its seeds, with what was found once, and with changes of either that are the same
//! each time.

#[expect(unreachable_pub, reason = "to the fuzzers it is a crate")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::{fs, path::Path};

use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{target} needs seeds in {}: {e}", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seed");
    seeds
}

#[test]
fn every_seed_passes_its_guard() {
    for (target, guard) in fuzz::GUARDS {
        for (name, bytes) in seeds(target) {
            println!("{target}/{name}");
            guard(&bytes);
        }
    }
}

/// They are what a fuzzer begins with.
#[test]
fn no_seed_gives_a_planted_defect_away() {
    for (target, _) in fuzz::GUARDS {
        let guard = fuzz::guard(target, true);
        for (name, bytes) in seeds(target) {
            println!("{target}/{name}");
            guard(&bytes);
        }
    }
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index| index.index(bytes.len() + 1);
        let between = |one: &Index, other: &Index| at(one).min(at(other))..at(one).max(at(other));
        match self {
            Self::Replace(index, octet) => {
                let at = at(index);
                bytes.splice(at..(at + 1).min(bytes.len()).max(at), [*octet]);
            }
            Self::Insert(index, octets) => {
                let at = at(index);
                bytes.splice(at..at, octets.iter().copied());
            }
            Self::Remove(one, other) => {
                bytes.drain(between(one, other));
            }
            Self::Repeat(one, other) => {
                let range = between(one, other);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, octet)| Change::Replace(at, octet)),
        (index(), vec(any::<u8>(), 1..4)).prop_map(|(at, octets)| Change::Insert(at, octets)),
        (index(), index()).prop_map(|(one, other)| Change::Remove(one, other)),
        (index(), index()).prop_map(|(one, other)| Change::Repeat(one, other)),
    ]
}

#[test]
fn no_change_of_a_seed_breaks_its_guard() {
    for (target, guard) in fuzz::GUARDS {
        let seeds = seeds(target);
        let changed = (any::<Index>(), vec(change(), 1..8)).prop_map(|(seed, changes)| {
            let mut bytes = seed.get(&seeds).1.clone();
            changes.iter().for_each(|change| change.apply(&mut bytes));
            bytes
        });
        // A world takes as long as thousands of files.
        let cases = if target == "world" { 4 } else { 256 };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let run = TestRunner::new_with_rng(Config { cases, ..Config::default() }, rng).run(&changed, |bytes| {
            guard(&bytes);
            Ok(())
        });
        if let Err(e) = run {
            panic!("{target}: {e}");
        }
    }
}
