//! Locks between hosts that share a storage: who works on something keeps the others from doing it as well.
//!
//! A lock is a file in `locks/` with a number in its name, and whoever made the one with the highest number
//! holds it. That a file is created only if it is missing decides between two who come at once. The holder writes into
//! its file every few seconds. Who waits takes the next number once the file has not changed for as long as a lease,
//! by the waiter's own clock, so that no two clocks are compared. What is in the file is only ever compared: if a
//! crash left it empty or half written, it lapses like any other.
//!
//! Numbers begin anew once a lock was released, so that somebody who slept through its lease may find another's file under its own
//! number. It asks first whose it is, and leaves another's alone.
//!
//! What is locked away here is double work, not harm: a host that was asleep for longer than its lease may wake up and
//! go on, so it asks [`Lease::is_held`] before it puts its result in place, and what it then puts in place is whole.

use std::{
    fmt::Debug,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use super::medium::read;
use sim::{
    Env, Task,
    disk::{Access, OpenMode},
    watch,
};

/// How long a lock is respected whose holder gives no sign.
pub const LEASE_TIME: Duration = Duration::from_secs(60);
/// How often a holder gives a sign.
pub(super) const SIGN_INTERVAL: Duration = Duration::from_secs(15);
/// The pause between two looks at a lock that another holds, and how much longer it may be, so that two who wait do
/// not keep in step.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
const LOOK_INTERVAL_SPREAD_MS: u64 = 2_000;
/// How long it is waited for a holder who does give signs.
const WAIT_MAX: Duration = Duration::from_secs(30 * 60);

/// A lock that is being waited for.
pub type Acquiring<'a> = Pin<Box<dyn Future<Output = io::Result<Lease>> + Send + 'a>>;

/// How the hosts on one storage keep out of each other's way.
pub trait StorageLocks: Debug + Send + Sync {
    /// Waits for the lock `name` in `folder`. `process` tells this process from others, also from one before it on the
    /// same host.
    fn acquire<'a>(&'a self, env: &'a Env, folder: &'a Path, name: &'a str, process: u64) -> Acquiring<'a>;
}

/// Locks as files with numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberedFiles;

impl StorageLocks for NumberedFiles {
    fn acquire<'a>(&'a self, env: &'a Env, folder: &'a Path, name: &'a str, process: u64) -> Acquiring<'a> {
        let lock = Lock { env: env.clone(), folder: folder.into(), name: name.into(), sign: format!("{process:016x}") };
        acquire(env, folder, name, lock)
    }
}

/// A lock as one kind of storage has it: each time that it is taken, it is under another number.
pub(super) trait NumberedLock: Clone + Debug + Send + Sync + 'static {
    /// Waits until it is taken, and says under which number.
    fn take(&self) -> impl Future<Output = io::Result<u64>> + Send;

    /// Tells others that it is held, until it is not or this is dropped.
    fn give_signs(self, number: u64) -> impl Future<Output = ()> + Send;

    /// Whether nobody else has taken it since.
    fn is_held(&self, number: u64) -> impl Future<Output = io::Result<bool>> + Send;

    /// Lets others in, unless somebody else has it. What can't be released lapses.
    fn release(&self, number: u64) -> impl Future<Output = ()> + Send;

    /// The number, if writes are fenced by it.
    fn epoch(number: u64) -> Option<u64> {
        Some(number)
    }
}

/// Waits for a lock, and gives up after half an hour.
pub(super) fn acquire<'a>(env: &'a Env, folder: &'a Path, name: &'a str, lock: impl NumberedLock) -> Acquiring<'a> {
    let acquiring = async move {
        let number = lock.take().await?;
        let signs = env.spawn("hold a storage lock", lock.clone().give_signs(number));
        Ok(Lease::of(env, folder, name, Box::new(Taken { lock, number, signs })))
    };
    Box::pin(async move {
        let result = env.timeout(WAIT_MAX, acquiring).await;
        result.map_err(|elapsed| io::Error::new(io::ErrorKind::TimedOut, format!("the lock {name}: {elapsed}")))?
    })
}

/// Who holds a lock: which host, which process of it, and which holding.
pub(super) fn holder(env: &Env, process: u64) -> String {
    let number = u64::from_le_bytes(env.entropy("storage/lock-holder"));
    format!("{} {process:016x} {number:016x}", env.host_name())
}

/// Pauses until a lock is looked at again that another holds.
pub(super) async fn look_again(env: &Env) {
    let spread = Duration::from_millis(env.random_below("storage/lock", LOOK_INTERVAL_SPREAD_MS));
    env.sleep(LOOK_INTERVAL + spread).await;
}

/// What is asked of a lock while it is held.
pub trait HeldLock: Debug + Send + Sync {
    /// Whether nobody else has taken it meanwhile.
    fn is_held(&self) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + '_>>;

    /// A number that rises each time the lock is taken, where writes are fenced by that.
    fn epoch(&self) -> Option<u64> {
        None
    }

    /// Lets others in, unless somebody else has it.
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// What a write is fenced by that is made under a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The lock: the folder it is in, and its name.
    pub lock: &'a Path,
    /// What tells this holding of it from later ones, which have higher numbers.
    pub epoch: u64,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
#[must_use = "dropping a lease lets others in"]
pub struct Lease(Option<Hold>);

#[derive(Debug)]
struct Hold {
    env: Env,
    path: PathBuf,
    lock: Box<dyn HeldLock>,
    releases: Releases,
}

/// The locks that are being released, which takes the disk a moment.
#[derive(Clone, Debug, Default)]
pub struct Releases(Arc<watch::Sender<usize>>);

impl Releases {
    /// Waits until there are none.
    pub async fn all_done(&self) {
        // The sender is held here, so there is always somebody who could tell.
        drop(self.0.subscribe().wait_for(|under_way| *under_way == 0).await);
    }

    fn begin(&self) -> Release {
        self.0.send_modify(|under_way| *under_way += 1);
        Release(self.clone())
    }
}

/// One of them, until it is dropped.
struct Release(Releases);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.0.send_modify(|under_way| *under_way -= 1);
    }
}

impl Lease {
    /// What stands for a lock where none is needed.
    pub fn unlocked() -> Self {
        Self(None)
    }

    /// The lock `name` in `folder`, which has been taken.
    pub fn of(env: &Env, folder: &Path, name: &str, lock: Box<dyn HeldLock>) -> Self {
        let path = folder.join(name);
        env.probe_about("manager/storage-lock-held", || [("lock", path.display().to_string())]);
        Self(Some(Hold { env: env.clone(), path, lock, releases: Releases::default() }))
    }

    /// The same lock; that it is being released is told there.
    pub(super) fn told_to(mut self, releases: &Releases) -> Self {
        if let Some(hold) = &mut self.0 {
            hold.releases = releases.clone();
        }
        self
    }

    /// What writes under it are fenced by, where they are.
    #[must_use]
    pub fn fence(&self) -> Option<Fence<'_>> {
        let hold = self.0.as_ref()?;
        Some(Fence { lock: &hold.path, epoch: hold.lock.epoch()? })
    }

    /// Whether nobody else has taken the lock meanwhile.
    ///
    /// # Errors
    /// The disk's, if that is not known.
    pub async fn is_held(&self) -> io::Result<bool> {
        match &self.0 {
            Some(hold) => hold.lock.is_held().await,
            None => Ok(true),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(Hold { env, path, lock, releases }) = self.0.take() else { return };
        env.probe_about("manager/storage-lock-released", || [("lock", path.display().to_string())]);
        let under_way = releases.begin();
        let releasing = async move {
            lock.release().await;
            drop(under_way);
        };
        env.spawn("release a storage lock", releasing).detach();
    }
}

/// A lock that was taken.
#[derive(Debug)]
struct Taken<L> {
    lock: L,
    number: u64,
    signs: Task<()>,
}

impl<L: NumberedLock> HeldLock for Taken<L> {
    fn is_held(&self) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + '_>> {
        Box::pin(self.lock.is_held(self.number))
    }

    fn epoch(&self) -> Option<u64> {
        L::epoch(self.number)
    }

    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            drop(self.signs);
            self.lock.release(self.number).await;
        })
    }
}

/// What stands in a lock's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    number: u64,
    content: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Lock {
    env: Env,
    folder: PathBuf,
    name: String,
    /// What this process's files begin with.
    sign: String,
}

impl NumberedLock for Lock {
    async fn take(&self) -> io::Result<u64> {
        self.env.disk().create_directories(&self.folder).await?;
        let mut seen = None;
        loop {
            let standing = self.highest().await?;
            let now = self.env.monotonic_now();
            let since = match &seen {
                Some((former, since)) if *former == standing => *since,
                _ => now,
            };
            seen = Some((standing.clone(), since));
            if standing.is_none() || now.since(since) >= LEASE_TIME {
                if standing.is_some() {
                    self.env.probe("manager/storage-lock-lapsed");
                }
                if let Some(number) = self.take_next(standing).await? {
                    return Ok(number);
                }
            } else {
                self.env.probe("manager/storage-lock-waited-for");
            }
            look_again(&self.env).await;
        }
    }

    async fn give_signs(self, number: u64) {
        for beat in 1_u64.. {
            self.env.sleep(SIGN_INTERVAL).await;
            // That the lock is lost is seen where it matters.
            if matches!(self.is_held(number).await, Ok(false)) {
                return;
            }
            // A sign that can't be given now is given next time.
            if let Ok(mut file) = self.env.disk().open(&self.file(number), OpenMode::Overwrite, Access::Private).await {
                drop(file.write(self.content(beat).as_bytes()).await);
            }
        }
    }

    async fn is_held(&self, number: u64) -> io::Result<bool> {
        Ok(self.read(number).await?.is_some_and(|content| content.starts_with(self.sign.as_bytes())))
    }

    async fn release(&self, number: u64) {
        if let Ok(true) = self.is_held(number).await {
            drop(self.env.disk().remove_file(&self.file(number)).await);
        }
    }

    fn epoch(_number: u64) -> Option<u64> {
        None
    }
}

impl Lock {
    /// Takes the number after that of `lapsed`, unless somebody else has it or there is more than was seen.
    async fn take_next(&self, lapsed: Option<Standing>) -> io::Result<Option<u64>> {
        let number = lapsed.as_ref().map_or(1, |lapsed| lapsed.number.saturating_add(1));
        let path = self.file(number);
        let mut file = match self.env.disk().open(&path, OpenMode::CreateNew, Access::Private).await {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(e) => return Err(e),
        };
        if let Err(e) = file.write(self.content(0).as_bytes()).await {
            drop(self.env.disk().remove_file(&path).await);
            return Err(e);
        }
        let is_taken = async {
            // Another may have released the lock since, and a third begun with a low number again.
            for other in self.numbers().await?.into_iter().filter(|other| *other != number) {
                let content = self.read(other).await?;
                let is_lapsed = lapsed
                    .as_ref()
                    .is_some_and(|lapsed| other == lapsed.number && content.as_ref() == Some(&lapsed.content));
                if content.is_some() && !is_lapsed {
                    return Ok(false);
                }
            }
            self.is_held(number).await
        };
        match is_taken.await {
            Ok(true) => {
                if let Some(lapsed) = lapsed {
                    drop(self.env.disk().remove_file(&self.file(lapsed.number)).await);
                }
                Ok(Some(number))
            }
            other => {
                self.release(number).await;
                other.map(|_| None)
            }
        }
    }

    async fn highest(&self) -> io::Result<Option<Standing>> {
        let Some(number) = self.numbers().await?.into_iter().max() else { return Ok(None) };
        // One that is released in this moment has no content.
        Ok(Some(Standing { number, content: self.read(number).await?.unwrap_or_default() }))
    }

    async fn numbers(&self) -> io::Result<Vec<u64>> {
        let number = |file: String| {
            let number = file.strip_prefix(&self.name)?.strip_prefix('.')?.strip_suffix(".lock")?;
            number.parse().ok()
        };
        Ok(self.env.disk().list(&self.folder).await?.into_iter().filter_map(number).collect())
    }

    async fn read(&self, number: u64) -> io::Result<Option<Vec<u8>>> {
        read(&self.env, &self.file(number)).await
    }

    fn file(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{}.{number}.lock", self.name))
    }

    fn content(&self, beat: u64) -> String {
        format!("{} {} {beat:08}\n", self.sign, self.env.host_name())
    }
}

#[cfg(test)]
mod tests;
