//! Storage on an object store: S3, and what speaks like it. A certificate set is one object.
//!
//! Puts are whole or not at all, and that is all that one host needs. Several hosts need conditional puts besides ("only if there is
//! none", "only if it is still this version"): [`Bucket::locks`] tries them, and gives no locks where they do not hold.
//!
//! A lock is an object that counts how often it was taken, its epoch. Who takes it writes the next number in the place of
//! the last, on the condition that nobody else has; who releases it leaves the number there. A set is written with the
//! epoch under which it was obtained, in the place of a version with no later one: so whoever has slept through his lease can't
//! put an old certificate in the place of a new one, however late his request arrives.

use std::{
    fmt::Debug,
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use futures_util::future::join_all;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion,
    path::{Path as ObjectPath, PathPart},
};
use serde::{Deserialize, Serialize};
use sim::Env;
use time::UtcDateTime;

use super::{
    lock::{Acquiring, Fence, LEASE_TIME, NumberedLock, SIGN_INTERVAL, StorageLocks, acquire, holder, look_again},
    medium::{Answer, FILE_BYTES_MAX, FencedMedium, Medium},
};

/// How often a write is tried again that another host's has come before.
const WRITES_MAX: usize = 8;

/// How many at once ask for the same object when conditions are tried.
const RIVALS: usize = 8;

/// What a set's object begins with, before the epoch.
const EPOCH: &str = "epoch ";

/// A bucket, or a part of one.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
}

/// What was read.
#[derive(Debug)]
struct Object {
    content: Vec<u8>,
    version: UpdateVersion,
}

impl Bucket {
    /// Storage in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Locks for several hosts on this bucket, for storages at `root`.
    ///
    /// # Errors
    /// The store's; and [`io::ErrorKind::Unsupported`] if it does not keep to conditions: then two hosts would both
    /// believe that they are alone.
    pub async fn locks(&self, env: &Env, root: &Path) -> io::Result<Arc<dyn StorageLocks>> {
        let number = u64::from_le_bytes(env.entropy("storage/probe"));
        let path = root.join("locks").join(format!("probe-{number:016x}"));
        let found = self.look_for_lies(&path).await;
        drop(self.remove(&path).await);
        match found? {
            None => Ok(Arc::new(Epochs { bucket: self.clone() })),
            Some(lie) => {
                let store = &self.store;
                Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!(
                        "{store} can't be shared by several hosts: it {lie}. Use a store with conditional writes (If-None-Match and \
                         If-Match on PUT), or one host alone"
                    ),
                ))
            }
        }
    }

    /// What the store does against its conditions, if anything.
    async fn look_for_lies(&self, path: &Path) -> io::Result<Option<&'static str>> {
        if self.winners(path, b"1", &PutMode::Create).await? != 1 {
            return Ok(Some("lets several create the same object, or none"));
        }
        if self.put(path, b"2", PutMode::Create).await? {
            return Ok(Some("creates an object that is there already"));
        }
        let Some(first) = self.get(path).await? else { return Ok(Some("does not show what it has just stored")) };
        let update = PutMode::Update(first.version);
        if self.winners(path, b"3", &update).await? != 1 {
            return Ok(Some("lets several replace the same version of an object, or none"));
        }
        if self.put(path, b"4", update).await? {
            return Ok(Some("replaces a version of an object that is not there any more"));
        }
        let is_shown = self.get(path).await?.is_some_and(|object| object.content == b"3");
        Ok((!is_shown).then_some("does not show what it has just stored"))
    }

    /// How many of several who do the same at once are told that they did it.
    async fn winners(&self, path: &Path, content: &[u8], mode: &PutMode) -> io::Result<usize> {
        let all = join_all((0..RIVALS).map(|_| self.put(path, content, mode.clone()))).await;
        Ok(all.into_iter().collect::<io::Result<Vec<bool>>>()?.into_iter().filter(|has_won| *has_won).count())
    }

    async fn get(&self, path: &Path) -> io::Result<Option<Object>> {
        let found = match self.store.get(&object_path(path)).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        if found.meta.size > FILE_BYTES_MAX {
            let words = format!("{}: it has more than {FILE_BYTES_MAX} bytes", path.display());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        Ok(Some(Object { content: found.bytes().await?.into(), version }))
    }

    /// Stores an object, and says whether the condition was met.
    async fn put(&self, path: &Path, bytes: &[u8], mode: PutMode) -> io::Result<bool> {
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(&object_path(path), bytes.to_vec().into(), options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            // An update of what is not there, as S3 says it.
            Err(Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

/// A path as the store knows it.
fn object_path(path: &Path) -> ObjectPath {
    let parts = path.components().filter_map(|component| match component {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    ObjectPath::from_iter(parts)
}

impl Medium for Bucket {
    fn read<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async { Ok(self.get(path).await?.map(|object| object.content)) })
    }

    fn write<'a>(&'a self, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async { self.put(path, bytes, PutMode::Overwrite).await.map(|_| ()) })
    }

    fn remove<'a>(&'a self, path: &'a Path) -> Answer<'a, ()> {
        Box::pin(async {
            match self.store.delete(&object_path(path)).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(e) => Err(e.into()),
            }
        })
    }

    /// A crash may leave the object in both places.
    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Answer<'a, ()> {
        Box::pin(async {
            let object = self.get(from).await?.ok_or(io::ErrorKind::NotFound)?;
            self.write(to, &object.content).await?;
            self.remove(from).await
        })
    }

    fn list<'a>(&'a self, folder: &'a Path) -> Answer<'a, Vec<String>> {
        Box::pin(async {
            let found = self.store.list_with_delimiter(Some(&object_path(folder))).await?;
            let objects = found.objects.into_iter().map(|object| object.location);
            let last = |path: ObjectPath| path.parts().next_back().map(|part: PathPart<'_>| part.as_ref().to_owned());
            let mut names: Vec<String> = objects.chain(found.common_prefixes).filter_map(last).collect();
            names.sort();
            Ok(names)
        })
    }

    fn modified<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<UtcDateTime>> {
        Box::pin(async {
            match self.store.head(&object_path(path)).await {
                Ok(found) => {
                    let modified = UtcDateTime::from_unix_timestamp(found.last_modified.timestamp());
                    modified.map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
                }
                Err(Error::NotFound { .. }) => Ok(None),
                Err(e) => Err(e.into()),
            }
        })
    }

    fn fenced(&self) -> Option<&dyn FencedMedium> {
        Some(self)
    }
}

impl FencedMedium for Bucket {
    fn read_fenced<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async { Ok(self.get(path).await?.map(|object| parts(&object.content).1.to_vec())) })
    }

    fn write_fenced<'a>(&'a self, path: &'a Path, bytes: &'a [u8], fence: Option<Fence<'a>>) -> Answer<'a, ()> {
        Box::pin(async move {
            let epoch = fence.map(|fence| fence.epoch);
            let content = [format!("{EPOCH}{}\n", epoch.unwrap_or_default()).as_bytes(), bytes].concat();
            let Some(epoch) = epoch else { return self.write(path, &content).await };
            for _ in 0..WRITES_MAX {
                let mode = match self.get(path).await? {
                    None => PutMode::Create,
                    Some(there) if parts(&there.content).0 > epoch => {
                        let words = format!("{}: another host has taken the lock since, and written", path.display());
                        return Err(io::Error::other(words));
                    }
                    Some(there) => PutMode::Update(there.version),
                };
                if self.put(path, &content, mode).await? {
                    return Ok(());
                }
            }
            Err(io::Error::other(format!("{}: other hosts have written each time before", path.display())))
        })
    }
}

/// The epoch under which an object was written, and what is in it. One that was put there by hand has the lowest.
fn parts(content: &[u8]) -> (u64, &[u8]) {
    let found = || {
        let end = content.iter().position(|octet| *octet == b'\n')?;
        let line = str::from_utf8(&content[..end]).ok()?;
        Some((line.strip_prefix(EPOCH)?.parse().ok()?, &content[end + 1..]))
    };
    found().unwrap_or((0, content))
}

/// Locks that count how often they were taken.
#[derive(Clone, Debug)]
struct Epochs {
    bucket: Bucket,
}

impl StorageLocks for Epochs {
    fn acquire<'a>(&'a self, env: &'a Env, folder: &'a Path, name: &'a str, process: u64) -> Acquiring<'a> {
        let lock = Lock {
            env: env.clone(),
            bucket: self.bucket.clone(),
            path: folder.join(format!("{name}.json")),
            holder: holder(env, process),
        };
        acquire(env, folder, name, lock)
    }
}

/// A lock's object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    epoch: u64,
    holder: String,
    /// The holder changes it every few seconds.
    beat: u64,
    is_held: bool,
}

#[derive(Clone, Debug)]
struct Lock {
    env: Env,
    bucket: Bucket,
    path: PathBuf,
    holder: String,
}

impl NumberedLock for Lock {
    async fn take(&self) -> io::Result<u64> {
        let mut seen = None;
        loop {
            let standing = self.bucket.get(&self.path).await?;
            let now = self.env.monotonic_now();
            let since = match &seen {
                Some((former, since)) if Some(former) == standing.as_ref().map(|object| &object.content) => *since,
                _ => now,
            };
            let record = standing.as_ref().map(|object| serde_json::from_slice::<Record>(&object.content).ok());
            let is_free = match &record {
                None => true,
                Some(record) => record.as_ref().is_some_and(|record| !record.is_held),
            };
            if is_free || now.since(since) >= LEASE_TIME {
                if !is_free {
                    self.env.probe("manager/storage-lock-lapsed");
                }
                let epoch = match record {
                    None => 1,
                    Some(Some(record)) => record.epoch.saturating_add(1),
                    // Nobody can tell any more how often it was taken; not as often as there were seconds.
                    Some(None) => self.env.utc_now().unix_timestamp().unsigned_abs(),
                };
                let version = standing.as_ref().map(|object| object.version.clone());
                if self.write(version, epoch, 0, true).await? {
                    return Ok(epoch);
                }
            } else {
                self.env.probe("manager/storage-lock-waited-for");
            }
            seen = standing.map(|object| (object.content, since));
            look_again(&self.env).await;
        }
    }

    async fn give_signs(self, _epoch: u64) {
        loop {
            self.env.sleep(SIGN_INTERVAL).await;
            match self.own().await {
                // A sign that can't be given now is given next time.
                Ok(Some((record, version))) => {
                    drop(self.write(Some(version), record.epoch, record.beat + 1, true).await)
                }
                Ok(None) => return,
                Err(_) => {}
            }
        }
    }

    async fn is_held(&self, _epoch: u64) -> io::Result<bool> {
        Ok(self.own().await?.is_some())
    }

    async fn release(&self, _epoch: u64) {
        // A last sign may still be under way.
        for _ in 0..WRITES_MAX {
            let Ok(Some((record, version))) = self.own().await else { return };
            if matches!(self.write(Some(version), record.epoch, record.beat, false).await, Ok(true)) {
                return;
            }
        }
    }
}

impl Lock {
    /// Whether the record is written, in the place of `version` or of none. If the store does not say, it is looked.
    async fn write(&self, version: Option<UpdateVersion>, epoch: u64, beat: u64, is_held: bool) -> io::Result<bool> {
        let record = Record { epoch, holder: self.holder.clone(), beat, is_held };
        let bytes = serde_json::to_vec(&record).expect("a struct of texts has a JSON form");
        let result = self.bucket.put(&self.path, &bytes, version.map_or(PutMode::Create, PutMode::Update)).await;
        match result {
            Ok(true) => Ok(true),
            Ok(false) | Err(_) => match self.bucket.get(&self.path).await {
                Ok(there) => Ok(there.is_some_and(|there| there.content == bytes)),
                Err(e) => result.map_err(|_| e),
            },
        }
    }

    /// The record with its version, if it is this holder's.
    async fn own(&self) -> io::Result<Option<(Record, UpdateVersion)>> {
        let Some(object) = self.bucket.get(&self.path).await? else { return Ok(None) };
        let record = serde_json::from_slice::<Record>(&object.content).ok();
        Ok(record
            .filter(|record| record.is_held && record.holder == self.holder)
            .map(|record| (record, object.version)))
    }
}
