//! A certificate set renamed into place before its content is on the disk (go-ethereum's keystore, as of 2026).
//!
//! <https://github.com/ethereum/go-ethereum/pull/34757>,
//! <https://github.com/acmesh-official/acme.sh/issues/275>
//!
//! A temporary file is written, closed and renamed over the old one, which readers never see half written. The rename
//! is made durable by the file system's journal as soon as by a sync, and the content when the system comes to it: a power loss
//! between leaves the new name on an empty file, and the old content is gone. go-ethereum's keys are written so; acme.sh's
//! users found keys and certificates of 0 bytes after a crash.
//!
//! Seam: [`CertificateWriter`]. To be caught by cutting the power after each change of a renewal by **V9**, visitors are no
//! longer served though the certificate on disk was good.

use std::{io, path::Path};

use sim::disk::{Access, OpenMode};

use crate::storage::{Storage, atomic::CertificateWriter, medium::Answer};

/// Writes beside the file, renames, and syncs the directory alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenamedUnsynced;

impl CertificateWriter for RenamedUnsynced {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            let (disk, temporary) = (storage.env().disk(), path.with_extension("new"));
            disk.create_directories(directory).await?;
            disk.open(&temporary, OpenMode::Truncate, Access::Private).await?.write(bytes).await?;
            disk.rename(&temporary, path).await?;
            disk.sync_directory(directory).await
        })
    }
}
