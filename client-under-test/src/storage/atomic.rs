//! Replacing a file so that a reader sees the old content or the new, also after a crash.
//!
//! Written to a temporary file beside it, made durable, renamed over it, and the rename made durable.
//! Temporary files tell which host wrote them, so that a restart knows its own.

use std::{fmt::Debug, io, path::Path};

use sim::{
    Env,
    disk::{Access, OpenMode},
};

use super::{Storage, medium::Answer};

/// File systems take no longer names.
const FILE_NAME_BYTES_MAX: usize = 255;

/// Whose temporary file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// This host's.
    ThisHost,
    /// Another's, on the same storage.
    Another,
}

/// How the files of a certificate set are written.
pub trait CertificateWriter: Debug + Send + Sync {
    /// Makes `bytes` the content of the file at `path`, whose directory is created if it is missing.
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()>;

    /// Whether a set that could not be written is written once more at once.
    fn tries_again(&self) -> bool {
        true
    }
}

/// As the medium writes: all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole;

impl CertificateWriter for Whole {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        storage.medium().write(path, bytes)
    }
}

/// Replaces the file at `path` by one that holds `bytes` and is readable for the owner alone. Its
/// directory is created if it is missing.
///
/// # Errors
/// The disk's. The file then holds either its old content or, if only the last step failed, the new.
pub async fn replace(env: &Env, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (Some(directory), Some(file)) = (path.parent(), path.file_name().and_then(|file| file.to_str())) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let disk = env.disk();
    disk.create_directories(directory).await?;
    let tag = u64::from_le_bytes(env.entropy("storage/temporary"));
    let temporary = directory.join(temporary_name(file, env.host_name(), tag));
    let written = async {
        let mut open = disk.open(&temporary, OpenMode::CreateNew, Access::Private).await?;
        open.write(bytes).await?;
        open.sync().await?;
        disk.rename(&temporary, path).await
    };
    if let Err(e) = written.await {
        // The old file stands; what can't be removed now is removed at the next start.
        drop(disk.remove_file(&temporary).await);
        return Err(e);
    }
    disk.sync_directory(directory).await
}

/// Removes the file at `path`, durably. One that is not there counts as removed.
///
/// # Errors
/// The disk's.
pub async fn remove(env: &Env, path: &Path) -> io::Result<()> {
    match env.disk().remove_file(path).await {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    }
    match path.parent() {
        Some(directory) => env.disk().sync_directory(directory).await,
        None => Ok(()),
    }
}

/// What a file that is to be `file` is called until it is whole.
fn temporary_name(file: &str, host_name: &str, tag: u64) -> String {
    let end = format!(".{}-{tag:016x}.tmp", host_label(host_name));
    let room = FILE_NAME_BYTES_MAX.saturating_sub(".".len() + end.len());
    format!(".{}{end}", &file[..file.floor_char_boundary(room)])
}

/// Whose temporary file `file` is; `None` if it is none.
#[must_use]
pub fn temporary_of(file: &str, host_name: &str) -> Option<Writer> {
    let stem = file.strip_prefix('.')?.strip_suffix(".tmp")?;
    let (before, _tag) = stem.rsplit_once('-')?;
    let own = before.strip_suffix(&host_label(host_name)).is_some_and(|before| before.ends_with('.'));
    Some(if own { Writer::ThisHost } else { Writer::Another })
}

/// A host's name as part of a file's name.
pub(super) fn host_label(host_name: &str) -> String {
    host_name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::certificate::tests::env;

    #[test]
    fn a_temporary_file_has_a_name_that_file_systems_take_and_tells_its_writer() {
        for file in ["a.crt".to_owned(), "n".repeat(255), "ñ".repeat(127)] {
            let temporary = temporary_name(&file, "a-host", 7);
            assert!(temporary.len() <= FILE_NAME_BYTES_MAX && temporary.starts_with(&format!(".{}", &file[..2])));
            assert_eq!(temporary_of(&temporary, "a-host"), Some(Writer::ThisHost));
        }
    }

    #[tokio::test]
    async fn a_replaced_file_is_whole_private_and_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/file");
        for content in ["a longer first content", "second"] {
            replace(&env(), &path, content.as_bytes()).await.unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_failed_write_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        // A directory can't be replaced by a file.
        let path = directory.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(replace(&env(), &path, b"x").await.is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_gone_is_removed_and_what_can_not_be_removed_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "x").unwrap();
        for _ in 0..2 {
            remove(&env(), &path).await.unwrap();
            assert!(!path.exists());
        }
        assert!(remove(&env(), directory.path()).await.is_err());
    }

    #[test]
    fn a_host_knows_its_own_temporary_files() {
        assert_eq!(temporary_of(".a.pem.node_1-00ff.tmp", "node-1"), Some(Writer::ThisHost));
        assert_eq!(temporary_of(".a.pem.node_11-00ff.tmp", "node-1"), Some(Writer::Another));
        assert_eq!(temporary_of("a.pem", "node-1"), None);
    }
}
