//! What a power loss leaves of changes that were not synced: told, drawn, or one of all legal states.
//!
//! Any subset of them may survive, and a write in part. Subsets double with each change, so from
//! [`SUBSETS_CHANGES_MAX`] changes on only those are tried in which software was seen to fail: each
//! beginning of the list (the disk kept the order and stopped), and each change missing alone (it
//! overtook nothing, but all others overtook it).

/// With more changes than this, not each subset is a state of the enumeration.
const SUBSETS_CHANGES_MAX: usize = 6;

/// A write is torn at multiples of this.
const BLOCK: usize = 4096;

/// Which unsynced changes survive a power loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// None of them.
    Nothing,
    /// All of them.
    Everything,
    /// Each by a toss of the seed's coin; a write may survive up to any byte.
    Random,
    /// Those of one legal state of the disk. States are numbered from 0; beyond the last, nothing survives.
    State {
        /// Which states are counted.
        among: CrashStates,
        /// Which of them it is.
        number: usize,
    },
}

/// Which of the legal states that a power loss may leave are enumerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashStates {
    /// The one in which nothing survived that was not synced.
    pub nothing: bool,
    /// The one in which everything survived.
    pub everything: bool,
    /// Those in which some changes survived: each subset of up to six, else each beginning and each change
    /// lost alone.
    pub subsets: bool,
    /// Those in which a write survived up to its half or up to a multiple of 4096 bytes, with all other changes
    /// or with none.
    pub torn_writes: bool,
}

/// How much of a change survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Nothing,
    Whole,
    /// So many bytes of a write.
    Bytes(usize),
}

impl CrashStates {
    /// What survives in each state, in a fixed order, given each change's length if it is a write. Some
    /// may leave the same files.
    pub(super) fn of(self, changes: &[Option<usize>]) -> Vec<Vec<Kept>> {
        let count = changes.len();
        let mut states = Vec::new();
        let mut add_those = |survives: &dyn Fn(usize) -> bool| {
            let kept = |index| if survives(index) { Kept::Whole } else { Kept::Nothing };
            states.push((0..count).map(kept).collect::<Vec<Kept>>());
        };
        if self.nothing {
            add_those(&|_| false);
        }
        if self.everything {
            add_those(&|_| true);
        }
        if self.subsets && count <= SUBSETS_CHANGES_MAX {
            (0..1_u32 << count).for_each(|subset| add_those(&|index| subset >> index & 1 == 1));
        } else if self.subsets {
            (0..=count).for_each(|end| add_those(&|index| index < end));
            (0..count).for_each(|lost| add_those(&|index| index != lost));
        }
        if self.torn_writes {
            for (torn, len) in changes.iter().enumerate().filter_map(|(index, len)| Some((index, (*len)?))) {
                let cuts = std::iter::once(len / 2).chain((BLOCK..len).step_by(BLOCK));
                for bytes in cuts.filter(|bytes| *bytes > 0) {
                    for others in [Kept::Whole, Kept::Nothing] {
                        let mut state = vec![others; count];
                        state[torn] = Kept::Bytes(bytes);
                        states.push(state);
                    }
                }
            }
        }
        states
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_changes_have_each_subset_and_many_a_bounded_number() {
        let subsets = CrashStates { subsets: true, ..CrashStates::default() };
        assert_eq!(subsets.of(&[None; 6]).len(), 64);
        assert_eq!(subsets.of(&[None; 40]).len(), 41 + 40);
        assert_eq!(CrashStates::default().of(&[None; 3]), Vec::<Vec<Kept>>::new());
    }

    #[test]
    fn a_write_is_torn_at_its_half_and_at_blocks() {
        let torn = CrashStates { torn_writes: true, ..CrashStates::default() };
        let bytes: Vec<Kept> = torn.of(&[None, Some(9_000)]).iter().step_by(2).map(|state| state[1]).collect();
        assert_eq!(bytes, [Kept::Bytes(4_500), Kept::Bytes(4_096), Kept::Bytes(8_192)]);
        assert_eq!(torn.of(&[Some(1)]), Vec::<Vec<Kept>>::new());
    }
}
