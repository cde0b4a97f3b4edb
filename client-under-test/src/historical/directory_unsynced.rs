//! A certificate set whose names are not on the disk when it is said to be (certon, 2026).
//!
//! <https://docs.rs/certon/0.2.2>,
//! <https://man7.org/linux/man-pages/man2/fsync.2.html>
//!
//! A temporary file is written, synced and renamed, and the directory in which it is renamed is not synced: the disk may take the
//! renames of a set's files in any order, and a power loss keeps some of them. A chain is there without its key, or
//! the one set's chain with the other set's key, or what was said to be stored is not there at all.
//!
//! Seam: [`CertificateWriter`]. To be caught by cutting the power after each change of a renewal, with every subset of what
//! was not synced, by **V9**, visitors are no longer served though the certificate on disk was good.

use std::{io, path::Path};

use sim::disk::{Access, OpenMode};

use crate::storage::{Storage, atomic::CertificateWriter, medium::Answer};

/// Writes beside the file, syncs that, renames, and leaves the rest to the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryUnsynced;

impl CertificateWriter for DirectoryUnsynced {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            let (disk, temporary) = (storage.env().disk(), path.with_extension("new"));
            disk.create_directories(path.parent().ok_or(io::ErrorKind::InvalidInput)?).await?;
            let mut file = disk.open(&temporary, OpenMode::Truncate, Access::Private).await?;
            file.write(bytes).await?;
            file.sync().await?;
            disk.rename(&temporary, path).await
        })
    }
}
