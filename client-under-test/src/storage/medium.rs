//! What storage stands on: a host's disk, or whatever else keeps octets under a path.

use std::{fmt::Debug, future::Future, io, path::Path, pin::Pin};

use sim::Env;
use time::UtcDateTime;

use super::{atomic, lock::Fence};

/// Larger files are not read: what is written here has a few kilobytes, a chain or a staple some more.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a medium says, once it has.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Where a storage keeps its files.
pub trait Medium: Debug + Send + Sync {
    /// What the file at `path` holds; nothing if there is none. One of more than [`FILE_BYTES_MAX`] is
    /// [`io::ErrorKind::FileTooLarge`].
    fn read<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>>;

    /// Makes `bytes` the content of the file at `path`: whoever reads finds them or what was there before, also after a
    /// crash; once this is done, them.
    fn write<'a>(&'a self, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()>;

    /// Removes the file at `path`, for good. One that is not there counts as removed.
    fn remove<'a>(&'a self, path: &'a Path) -> Answer<'a, ()>;

    /// Puts the file at `from` in the place of what was at `to`, for good.
    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Answer<'a, ()>;

    /// What lies in a folder, files and folders, sorted; nothing if there is no such folder.
    fn list<'a>(&'a self, folder: &'a Path) -> Answer<'a, Vec<String>>;

    /// When the file at `path` was written last, by the clock of the machine that holds it; nothing if there is none.
    fn modified<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<UtcDateTime>>;

    /// Removes a folder that is empty, where folders are more than parts of a path.
    fn remove_folder<'a>(&'a self, _folder: &'a Path) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How certificate sets are kept as one file, each write fenced; nothing where they are laid out as Caddy's.
    fn fenced(&self) -> Option<&dyn FencedMedium> {
        None
    }
}

/// Where a write of somebody who has lost his lock meanwhile is refused.
pub trait FencedMedium: Send + Sync {
    /// What the file at `path` holds that was written by [`Self::write_fenced`].
    fn read_fenced<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>>;

    /// As [`Medium::write`], unless somebody has written there under a later epoch of the fence's lock; where locks and files are in one
    /// place, unless somebody has taken the lock under a later epoch, whether he has written or not. Without a fence there is no
    /// lock, and nobody else.
    fn write_fenced<'a>(&'a self, path: &'a Path, bytes: &'a [u8], fence: Option<Fence<'a>>) -> Answer<'a, ()>;
}

/// The host's disk.
#[derive(Clone, Debug)]
pub struct Disk(Env);

impl Disk {
    /// The disk of the host that this is.
    #[must_use]
    pub fn new(env: &Env) -> Self {
        Self(env.clone())
    }
}

impl Medium for Disk {
    fn read<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(read(&self.0, path))
    }

    fn write<'a>(&'a self, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(atomic::replace(&self.0, path, bytes))
    }

    fn remove<'a>(&'a self, path: &'a Path) -> Answer<'a, ()> {
        Box::pin(atomic::remove(&self.0, path))
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Answer<'a, ()> {
        Box::pin(async {
            self.0.disk().rename(from, to).await?;
            self.0.disk().sync_directory(to.parent().ok_or(io::ErrorKind::InvalidInput)?).await
        })
    }

    fn list<'a>(&'a self, folder: &'a Path) -> Answer<'a, Vec<String>> {
        Box::pin(async { Ok(found(self.0.disk().list(folder).await)?.unwrap_or_default()) })
    }

    fn modified<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<UtcDateTime>> {
        Box::pin(async { Ok(found(self.0.disk().metadata(path).await)?.map(|metadata| metadata.modified)) })
    }

    fn remove_folder<'a>(&'a self, folder: &'a Path) -> Answer<'a, ()> {
        Box::pin(async { self.0.disk().remove_directory(folder).await })
    }
}

/// What the file at `path` on the disk holds; nothing if there is none.
pub(super) async fn read(env: &Env, path: &Path) -> io::Result<Option<Vec<u8>>> {
    found(env.disk().read_at_most(path, FILE_BYTES_MAX).await)
}

/// Nothing, where there is nothing.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
