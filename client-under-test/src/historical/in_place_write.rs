//! A certificate set written in place (Caddy's certmagic, until v0.21.4 of November 2024).
//!
//! <https://github.com/caddyserver/caddy/issues/6481>,
//! <https://github.com/caddyserver/caddy/issues/7439>,
//! <https://github.com/caddyserver/caddy/issues/2775>,
//! <https://github.com/caddyserver/certmagic/issues/303>
//!
//! `FileStorage.Store` was `os.WriteFile`: the file was opened and emptied, then written from its
//! beginning, and nothing was synced. A power loss in between, or for as long as the system kept the
//! change in memory, left a file that was empty, cut short, or the new content with the old one's end;
//! two writers at once left an extra `}`. What was there before was gone, though it was still good. The
//! fix writes a temporary file, syncs it and renames it (`certmagic#300`).
//!
//! Seam: [`CertificateWriter`]. To be caught by cutting the power after each disk operation of a renewal:
//! **V9**, visitors are no longer served though the certificate on disk was good; and by two hosts that write what the CA
//! suggests to one disk: **S1**, what a file holds is neither old nor new.

use std::{io, path::Path};

use sim::disk::{Access, OpenMode};

use crate::storage::{Storage, atomic::CertificateWriter, medium::Answer};

/// Empties the file and writes it anew, without a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InPlaceWrite;

impl CertificateWriter for InPlaceWrite {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            storage.env().disk().create_directories(directory).await?;
            let mut file = storage.env().disk().open(path, OpenMode::Truncate, Access::Private).await?;
            file.write(bytes).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{atomic::Whole, tests::storage};

    #[tokio::test]
    async fn without_a_crash_the_file_is_the_same_as_with_the_good_writer() {
        let (directory, storage) = storage();
        let writers: [&dyn CertificateWriter; 2] = [&InPlaceWrite, &Whole];
        for (number, writer) in writers.into_iter().enumerate() {
            let path = directory.path().join(format!("{number}/x.pem"));
            for content in ["a longer first content", "second"] {
                writer.write(&storage, &path, content.as_bytes()).await.unwrap();
                assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
            }
        }
    }
}
