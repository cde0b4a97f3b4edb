//! What can be wrong with a disk and with the files on it.

choices! {
    /// The error with which a disk refuses.
    pub enum DiskError("an error of a disk") {
        /// No space is left (`ENOSPC`).
        "no-space" => NoSpace,
        /// The device fails (`EIO`).
        "io" => Io,
        /// The file system is mounted read-only (`EROFS`).
        "read-only" => ReadOnly,
        /// The program may not (`EACCES`).
        "permission" => Permission,
    }

    /// Operations of a disk.
    pub enum DiskAccess("a kind of disk operation") {
        /// Those that change something.
        "writes" => Writes,
        /// Those that change nothing.
        "reads" => Reads,
        /// All.
        "both" => Both,
    }

    /// What is wrong with a file.
    pub enum Damage("a damage to a file") {
        /// Its second half is gone.
        "truncated" => Truncated,
        /// It is empty.
        "emptied" => Emptied,
        /// It is as long as before, and every byte is 0.
        "nul-filled" => NulFilled,
        /// A `}` follows its end.
        "trailing-brace" => TrailingBrace,
        /// It is a JSON object that lacks the members of `remove-fields`, as if an older version had written it.
        "fields-missing" => FieldsMissing,
        /// It holds what another file with the same ending holds, if there is one.
        "anothers-content" => AnothersContent,
        /// It is gone.
        "missing" => Missing,
        /// It holds bytes that are nothing at all.
        "garbage" => Garbage,
    }
}
