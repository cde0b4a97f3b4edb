//! A host's disk, one system call at a time.
//!
//! Programs compose these calls themselves (write, sync, rename, sync the directory), because the
//! order of them is what a crash judges. Paths are absolute and use `/`.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use time::UtcDateTime;

/// How [`Disk::open`] opens a file for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenMode {
    /// The file must not exist (`O_CREAT|O_EXCL`).
    CreateNew,
    /// Created if missing, emptied if not (`O_CREAT|O_TRUNC`).
    Truncate,
    /// Must exist; writing starts at offset 0 and overwrites in place.
    Overwrite,
}

/// Who may read a file that is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Everybody (0644).
    Public,
    /// The owner alone (0600).
    Private,
}

impl Access {
    /// The permission bits, as `chmod` has them.
    #[must_use]
    pub fn mode(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Private => 0o600,
        }
    }
}

/// What [`Disk::metadata`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes; 0 for a directory.
    pub len: u64,
    /// Whether this is a directory.
    pub is_directory: bool,
    /// When the content last changed, by the clock of the machine that holds the disk.
    pub modified: UtcDateTime,
    /// Who may do what with it: the nine permission bits, as `chmod` has them.
    pub mode: u32,
}

/// What stands behind a [`Disk`].
pub trait RawDisk: Send + Sync {
    /// Opens a file for writing.
    fn open(&self, path: PathBuf, mode: OpenMode, access: Access) -> BoxFuture<'static, io::Result<Box<dyn RawFile>>>;
    /// Reads a whole file; one of more than `bytes_max` is [`io::ErrorKind::FileTooLarge`], and takes no memory.
    fn read(&self, path: PathBuf, bytes_max: u64) -> BoxFuture<'static, io::Result<Vec<u8>>>;
    /// Renames a file, replacing what stood at `to`, atomically for readers.
    fn rename(&self, from: PathBuf, to: PathBuf) -> BoxFuture<'static, io::Result<()>>;
    /// Removes a file.
    fn remove_file(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>>;
    /// Removes an empty directory.
    fn remove_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>>;
    /// Creates one directory, whose parent must exist.
    fn create_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>>;
    /// The names in a directory, sorted.
    fn list(&self, path: PathBuf) -> BoxFuture<'static, io::Result<Vec<String>>>;
    /// Makes the names in a directory durable (`fsync` on the directory).
    fn sync_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>>;
    /// Makes a file its owner's alone (`chmod 0600`).
    fn restrict(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>>;
    /// Length, kind, time of change and permissions.
    fn metadata(&self, path: PathBuf) -> BoxFuture<'static, io::Result<Metadata>>;
}

/// What says that a file is larger than it may be.
pub(crate) fn too_large(bytes_max: u64) -> io::Error {
    let words = format!("the file has more than the {bytes_max} bytes that one of its kind may have");
    io::Error::new(io::ErrorKind::FileTooLarge, words)
}

/// A file open for writing, behind a [`File`].
pub trait RawFile: Send + Sync {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, offset: u64, bytes: Vec<u8>) -> BoxFuture<'static, io::Result<()>>;
    /// Makes the content durable (`fsync`). The name is durable only after [`RawDisk::sync_directory`].
    fn sync(&self) -> BoxFuture<'static, io::Result<()>>;
}

/// A host's disk. Errors are the operating system's, with the path added.
#[derive(Clone)]
pub struct Disk {
    raw: Arc<dyn RawDisk>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    pub(crate) fn new(raw: Arc<dyn RawDisk>) -> Self {
        Self { raw }
    }

    /// Opens a file for writing.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn open(&self, path: &Path, mode: OpenMode, access: Access) -> io::Result<File> {
        let raw = at(path, self.raw.open(path.to_owned(), mode, access).await)?;
        Ok(File { raw, offset: 0, path: path.to_owned() })
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read_at_most(path, u64::MAX).await
    }

    /// Reads a whole file if it has no more than `bytes_max`.
    ///
    /// # Errors
    /// The operating system's, with the path; and [`io::ErrorKind::FileTooLarge`].
    pub async fn read_at_most(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        at(path, self.raw.read(path.to_owned(), bytes_max).await)
    }

    /// Renames a file over whatever stood at `to`.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        at(from, self.raw.rename(from.to_owned(), to.to_owned()).await)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn remove_file(&self, path: &Path) -> io::Result<()> {
        at(path, self.raw.remove_file(path.to_owned()).await)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn remove_directory(&self, path: &Path) -> io::Result<()> {
        at(path, self.raw.remove_directory(path.to_owned()).await)
    }

    /// Creates `path` and whatever is missing above it, each made durable in its parent.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn create_directories(&self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        let mut next = Some(path);
        while let Some(directory) = next {
            match self.raw.metadata(directory.to_owned()).await {
                Ok(found) if found.is_directory => break,
                Ok(_) => return at(directory, Err(io::ErrorKind::NotADirectory.into())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => missing.push(directory),
                Err(e) => return at(directory, Err(e)),
            }
            next = directory.parent();
        }
        for directory in missing.into_iter().rev() {
            match self.raw.create_directory(directory.to_owned()).await {
                Ok(()) => {}
                // Another writer on the same storage was faster.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return at(directory, Err(e)),
            }
            if let Some(parent) = directory.parent() {
                self.sync_directory(parent).await?;
            }
        }
        Ok(())
    }

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        at(path, self.raw.list(path.to_owned()).await)
    }

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn sync_directory(&self, path: &Path) -> io::Result<()> {
        at(path, self.raw.sync_directory(path.to_owned()).await)
    }

    /// Makes a file its owner's alone, as if it had been created [`Access::Private`].
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn restrict(&self, path: &Path) -> io::Result<()> {
        at(path, self.raw.restrict(path.to_owned()).await)
    }

    /// Length, kind, time of change and permissions.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        at(path, self.raw.metadata(path.to_owned()).await)
    }
}

/// A file open for writing, front to back.
pub struct File {
    raw: Box<dyn RawFile>,
    offset: u64,
    path: PathBuf,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.path.display())
    }
}

impl File {
    /// Writes all of `bytes` after what was written before.
    ///
    /// # Errors
    /// The operating system's, with the path; how much has reached the file is then unknown.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        at(&self.path, self.raw.write_at(self.offset, bytes.to_vec()).await)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Makes the content durable. The name is durable only after [`Disk::sync_directory`].
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub async fn sync(&self) -> io::Result<()> {
        at(&self.path, self.raw.sync().await)
    }
}

fn at<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}
