//! A private key in a file that everybody may read (acme.sh, until August 2020).
//!
//! <https://github.com/acmesh-official/acme.sh/issues/3127>,
//! <https://github.com/acmesh-official/acme.sh/issues/40>
//!
//! Keys were created with the permissions that the shell gives any file, 0644 as a rule, and those of accounts were made private
//! only afterwards. Every process on the machine could read them, or had a moment to.
//!
//! Seam: [`CertificateWriter`]. To be caught by **M17** with the first certificate that is stored.

use std::{io, path::Path};

use sim::disk::{Access, OpenMode};

use crate::storage::{Storage, atomic::CertificateWriter, medium::Answer};

/// Writes as it should, for everybody to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyForEverybody;

impl CertificateWriter for KeyForEverybody {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            let temporary = path.with_extension("new");
            let disk = storage.env().disk();
            disk.create_directories(directory).await?;
            let mut file = disk.open(&temporary, OpenMode::Truncate, Access::Public).await?;
            file.write(bytes).await?;
            file.sync().await?;
            disk.rename(&temporary, path).await?;
            disk.sync_directory(directory).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::storage::{atomic::Whole, tests::storage};

    #[tokio::test]
    async fn others_may_read_the_file_and_not_the_good_writers() {
        let (directory, storage) = storage();
        let writers: [(&dyn CertificateWriter, u32); 2] = [(&KeyForEverybody, 0o004), (&Whole, 0)];
        for (number, (writer, others)) in writers.into_iter().enumerate() {
            let path = directory.path().join(format!("{number}.pem"));
            writer.write(&storage, &path, b"a key").await.unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o007, others);
        }
    }
}
