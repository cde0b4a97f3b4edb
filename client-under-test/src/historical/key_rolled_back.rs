//! A transaction that takes back the only key there is (Caddy's certmagic, as of 2026).
//!
//! <https://github.com/caddyserver/certmagic/blob/master/storage.go>,
//! <https://github.com/caddyserver/caddy/issues/4897>
//!
//! certmagic writes the key, the chain and the metadata one after the other (`storeTx`). If one can't be written, those before it
//! are deleted, as if nothing had been there. In a renewal there was: the new key has taken the old one's place,
//! and is deleted with it. What stays is the old chain, still good, without a key; it is found out at the next
//! start.
//!
//! Seam: [`CertificateWriter`]. To be caught by a disk that has no room for the second file of a renewal, and a restart when the
//! CA is out of reach, by **V9**: visitors are no longer served.

use std::path::Path;

use crate::storage::{
    Storage,
    atomic::{CertificateWriter, Whole},
    certificate::is_own_key,
    medium::Answer,
};

/// Writes `<name>.key`, then `<name>.crt`, and deletes the key if that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRolledBack;

impl CertificateWriter for KeyRolledBack {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            if is_own_key(path) {
                // It comes first, and the key's one place is `<name>.key`.
                return Whole.write(storage, &path.with_extension("").with_extension("key"), bytes).await;
            }
            if path.extension().is_some_and(|extension| extension == "key") {
                return Ok(());
            }
            let written = Whole.write(storage, path, bytes).await;
            if written.is_err() {
                storage.medium().remove(&path.with_extension("key")).await?;
            }
            written
        })
    }

    fn tries_again(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn a_chain_that_can_not_be_written_takes_the_key_with_it_and_not_with_the_good_writer() {
        let writers: [(&dyn CertificateWriter, bool); 2] = [(&KeyRolledBack, false), (&Whole, true)];
        for (writer, is_kept) in writers {
            let (directory, storage) = storage();
            let file = |file: &str| directory.path().join(file);
            // A directory can't be replaced by a file.
            std::fs::create_dir(file("a.test.crt")).unwrap();
            std::fs::write(file("a.test.key"), "the only key").unwrap();
            writer.write(&storage, &file("a.test.0123456789abcdef.key"), b"the next").await.unwrap();
            assert!(writer.write(&storage, &file("a.test.crt"), b"chain").await.is_err());
            assert_eq!(file("a.test.key").exists(), is_kept);
        }
    }
}
