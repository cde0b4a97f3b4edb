//! The keys of `[explore.crash]` and `[explore.disk-error]`: power cuts at every point, or errors of every operation, one by one.
//!
//! The points are counted by the runner in a first, undisturbed run; an author writes no numbers.

use std::time::Duration;

use super::disk::DiskError;
use crate::language::terms::HostName;

section! {
    /// Cut the power at every point of a phase, once for each legal state that the disk may be left in.
    pub struct CrashExploration {
        /// The host whose power is cut.
        "host" => host: HostName = required,
        /// Which points.
        "point" => point: CrashPoint = ["every-fs-op"],
        /// In which phases.
        "during" => during: Vec<CrashPhase> = required,
        /// What is left on the disk.
        "survives" => survives: Vec<CrashOutcome> = required,
        /// How long the host stays down.
        "restart-after" => restart_after: Duration = ["30s"],
        /// Whether the recovery is cut as well: after each first cut a second one, at an operation within ten
        /// minutes of the restart that the seed draws.
        "also-twice" => also_twice: bool = ["false"],
    }

    /// Have each operation on a disk fail in turn, once with each error: that one is not carried out, and all others are. Errors that
    /// an operation can't have are left out.
    pub struct DiskErrorExploration {
        /// The host whose disk it is.
        "host" => host: HostName = required,
        /// In which phases.
        "during" => during: Vec<CrashPhase> = required,
        /// Which errors.
        "errors" => errors: Vec<DiskError> = required,
    }
}

choices! {
    /// Where the power is cut.
    pub enum CrashPoint("a crash point") {
        /// After every operation on the disk.
        "every-fs-op" => EveryFsOp,
        /// After every operation that changes the disk.
        "every-fs-change" => EveryFsChange,
    }

    /// When something befalls the disk.
    pub enum CrashPhase("a phase") {
        /// From the first start until a minute after the first certificate is downloaded.
        "first-issue" => FirstIssue,
        /// From a minute before the renewal's order until a minute after the new certificate is downloaded.
        "renewal" => Renewal,
        /// From a minute before the first change of an account's key until a minute after it.
        "key-rollover" => KeyRollover,
        /// From a minute before until a minute after the CA is asked again when to renew, once the first issue is over.
        "ari-update" => AriUpdate,
        /// From a minute before until a minute after a staple is fetched in the place of the first.
        "staple-refresh" => StapleRefresh,
        /// The second before a lock of a shared storage is held, for each time that a host takes one.
        "lock" => Lock,
        /// The second after a lock of a shared storage is let go, each time.
        "unlock" => Unlock,
        /// From a minute before until a minute after an expired certificate is removed from storage for the first time.
        "cleaning" => Cleaning,
        /// From a minute before a damaged file is put aside, or a lost one missed, until a minute after a whole certificate is stored
        /// again.
        "repair" => Repair,
    }

    /// What a power cut leaves on the disk. Of several words, the states of each are tried; those in which a program
    /// would find the same files, once.
    pub enum CrashOutcome("a crash outcome") {
        /// Nothing that was not synced.
        "nothing-unsynced" => NothingUnsynced,
        /// Everything, synced or not.
        "all-unsynced" => AllUnsynced,
        /// Each subset of up to six unsynced changes; of more, each beginning of them, and all but each single one.
        "every-subset" => EverySubset,
        /// Each unsynced write in part: its first half, and whole blocks of 4096 bytes.
        "torn-4096" => Torn4096,
    }
}
