//! The simulated disk behind a host: what each system call costs, whether it fails, and the trace of it.
//!
//! What survives a power loss is decided in [`super::filesystem`].
//!
//! A disk may be mounted by several hosts, as over NFS with `sync` and without client-side caches: each operation
//! takes a round trip of random length and has reached the server when it is done. The server itself never fails,
//! so a host's power loss loses what it had not sent yet, and nothing else. Faults, operation numbers and power
//! cuts are each host's own.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{
    HostId,
    filesystem::{FileSystem, Inode},
    shared::{Due, Shared},
    survival::{CrashStates, Survival},
};
use crate::{
    disk::{Access, Metadata, OpenMode, RawDisk, RawFile, too_large},
    entropy::Stream,
    trace::{DiskOperation, Event},
};

/// The shortest and the longest round trip to a disk that several hosts mount, microseconds.
const ROUND_TRIP_US: std::ops::Range<u64> = 1_000..30_000;

/// How a disk misbehaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// Every operation takes this long.
    pub latency: Duration,
    /// Operations that change something fail with this error until the fault is lifted, for example with
    /// [`io::ErrorKind::ReadOnlyFilesystem`]. With [`io::ErrorKind::StorageFull`] it is those that need room: a
    /// file can still be emptied, and then not be written. With [`io::ErrorKind::Other`], a failing device, it is
    /// those that reach the device: writes and syncs.
    pub write_error: Option<io::ErrorKind>,
    /// Every read fails with this error.
    pub read_error: Option<io::ErrorKind>,
}

/// A moment at which the power may be cut: right after an operation, before the program sees its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// The operation's number, as in the trace.
    pub operation: u64,
    /// What it does.
    pub kind: DiskOperation,
    /// Whether it is an operation that changes the disk.
    pub changes: bool,
    /// How many legal states, each different to a program, a power loss could leave then.
    pub states: usize,
    /// When, in virtual time since the world began.
    pub at: Duration,
}

/// A power cut that waits for its operation.
#[derive(Clone, Copy)]
pub(super) struct PowerCut {
    pub(super) operation: u64,
    pub(super) survival: Survival,
    pub(super) restart_after: Duration,
}

/// What a disk is to one host, besides its files.
#[derive(Default)]
struct State {
    faults: DiskFaults,
    operations: u64,
    cuts: BTreeMap<u64, PowerCut>,
    /// The operations that fail, and how.
    failing: BTreeMap<u64, io::ErrorKind>,
    /// The cut whose operation has been carried out; until the power is gone nothing more gets through.
    cut_now: Option<PowerCut>,
    /// What is counted at each operation, if anything is.
    counted: Option<CrashStates>,
    points: Vec<CrashPoint>,
}

/// The files of a disk, which several hosts may mount.
pub(super) type Files = Arc<Mutex<FileSystem>>;

/// A disk as one host sees it. Clones are the same.
#[derive(Clone)]
pub(super) struct SimDisk {
    host: HostId,
    shared: Arc<Shared>,
    files: Files,
    is_mounted: bool,
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    pub(super) fn new(host: HostId, shared: Arc<Shared>) -> Self {
        Self { host, shared, files: Files::default(), is_mounted: false, state: Arc::default() }
    }

    /// A disk that other hosts mount too.
    pub(super) fn mounted(host: HostId, shared: Arc<Shared>, files: Files) -> Self {
        Self { host, shared, files, is_mounted: true, state: Arc::default() }
    }

    fn file_system(&self) -> MutexGuard<'_, FileSystem> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> DiskFaults {
        self.state().faults.clone()
    }

    pub(super) fn set_faults(&self, faults: DiskFaults) {
        self.state().faults = faults;
    }

    /// Loses power: of what was not synced, `survival` says what is kept. A mounted disk keeps its power.
    pub(super) fn lose_power(&self, survival: Survival, stream: &mut Stream) {
        if self.is_mounted {
            return;
        }
        let (unsynced, survived) = self.file_system().lose_power(survival, stream);
        self.shared.record(Some(self.host), Event::DiskCrashed { unsynced, survived });
    }

    pub(super) fn set_cut(&self, cut: PowerCut) {
        self.state().cuts.insert(cut.operation, cut);
    }

    pub(super) fn set_failing(&self, operation: u64, error: io::ErrorKind) {
        self.state().failing.insert(operation, error);
    }

    /// The cut whose moment has come.
    pub(super) fn take_cut(&self) -> Option<PowerCut> {
        self.state().cut_now.take()
    }

    pub(super) fn count_crash_states(&self, among: CrashStates) {
        self.state().counted = Some(among);
    }

    pub(super) fn crash_points(&self) -> Vec<CrashPoint> {
        self.state().points.clone()
    }

    /// Puts a file there, durable at once, with the directories above it.
    pub(super) fn plant(&self, path: &Path, content: &[u8]) {
        self.file_system().plant(path, content);
    }

    /// Removes a file, durably at once.
    pub(super) fn erase(&self, path: &Path) {
        self.file_system().erase(path);
    }

    /// Every file and its content as a program would read it now, sorted by path.
    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.file_system().all()
    }

    fn now(&self) -> time::UtcDateTime {
        let state = self.shared.state();
        state.clocks[self.host.0].wall(state.now)
    }

    /// Carries out one system call: waits as long as the disk takes, fails if a fault says so, records it.
    fn call<T: Send + 'static>(
        &self,
        call: Call,
        work: impl FnOnce(&mut FileSystem, time::UtcDateTime) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, io::Result<T>> {
        let disk = self.clone();
        Box::pin(async move {
            let latency = disk.state().faults.latency + disk.round_trip();
            if !latency.is_zero() {
                disk.wait(latency).await;
            }
            match disk.carry_out(call, work) {
                Some(outcome) => outcome,
                None => std::future::pending().await,
            }
        })
    }

    /// The call's outcome; none if the power is cut before the program learns it.
    fn carry_out<T>(
        &self,
        call: Call,
        work: impl FnOnce(&mut FileSystem, time::UtcDateTime) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let now = self.now();
        let at = self.shared.now().since_start();
        let mut state = self.state();
        if state.cut_now.is_some() {
            return None;
        }
        state.operations += 1;
        let number = state.operations;
        let fault = if call.operation.changes() {
            state.faults.write_error.filter(|kind| call.operation.meets(*kind))
        } else {
            state.faults.read_error
        };
        let fault = state.failing.remove(&number).or(fault);
        let outcome = match fault {
            Some(kind) => Err(io::Error::from(kind)),
            None => work(&mut self.file_system(), now),
        };
        if let Some(among) = state.counted {
            let states = if self.is_mounted { 1 } else { self.file_system().crash_states(among).len() };
            state.points.push(CrashPoint {
                operation: number,
                kind: call.operation,
                changes: call.operation.changes(),
                states,
                at,
            });
        }
        state.cut_now = state.cuts.remove(&number);
        let is_cut = state.cut_now.is_some();
        drop(state);
        self.shared.record(
            Some(self.host),
            Event::Disk {
                number,
                operation: call.operation,
                path: call.path.display().to_string(),
                to: call.to.map(|to| to.display().to_string()),
                mode: call.mode,
                access: call.access,
                offset: call.offset,
                bytes: call.bytes,
                error: outcome.as_ref().err().map(ToString::to_string),
            },
        );
        if is_cut { None } else { Some(outcome) }
    }

    /// How long the way to the disk and back takes this time.
    fn round_trip(&self) -> Duration {
        if !self.is_mounted {
            return Duration::ZERO;
        }
        let mut state = self.shared.state();
        let stream = state.streams.stream(&self.shared.host_names[self.host.0], "mounted disk");
        Duration::from_micros(ROUND_TRIP_US.start + stream.below(ROUND_TRIP_US.end - ROUND_TRIP_US.start))
    }

    async fn wait(&self, latency: Duration) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let at = self.shared.now().after(latency);
        self.shared.schedule(
            at,
            Due::Action(Box::new(move |_| {
                // A caller that no longer waits was dropped with its task.
                let _ = sender.send(());
            })),
        );
        let _ = receiver.await;
    }
}

struct Call {
    operation: DiskOperation,
    path: PathBuf,
    to: Option<PathBuf>,
    mode: Option<OpenMode>,
    access: Option<Access>,
    offset: Option<u64>,
    bytes: Vec<u8>,
}

impl Call {
    fn new(operation: DiskOperation, path: &Path) -> Self {
        Self { operation, path: path.to_owned(), to: None, mode: None, access: None, offset: None, bytes: Vec::new() }
    }
}

impl DiskOperation {
    /// Whether an operation that changes something fails on a disk with this error.
    fn meets(self, error: io::ErrorKind) -> bool {
        if error == io::ErrorKind::StorageFull {
            matches!(self, Self::Write | Self::CreateDirectory)
        } else if error == io::ErrorKind::Other {
            matches!(self, Self::Write | Self::Sync | Self::SyncDirectory)
        } else {
            true
        }
    }

    fn changes(self) -> bool {
        match self {
            Self::Read | Self::List | Self::Metadata => false,
            Self::Open
            | Self::Write
            | Self::Sync
            | Self::Rename
            | Self::RemoveFile
            | Self::RemoveDirectory
            | Self::CreateDirectory
            | Self::SyncDirectory
            | Self::Restrict => true,
        }
    }
}

impl RawDisk for SimDisk {
    fn open(&self, path: PathBuf, mode: OpenMode, access: Access) -> BoxFuture<'static, io::Result<Box<dyn RawFile>>> {
        let disk = self.clone();
        let call = Call { mode: Some(mode), access: Some(access), ..Call::new(DiskOperation::Open, &path) };
        self.call(call, move |files, now| {
            let inode = files.open(&path, mode, access, now)?;
            Ok(Box::new(OpenFile { disk, inode, path }) as Box<dyn RawFile>)
        })
    }

    fn read(&self, path: PathBuf, bytes_max: u64) -> BoxFuture<'static, io::Result<Vec<u8>>> {
        self.call(Call::new(DiskOperation::Read, &path), move |files, _| {
            let bytes = files.read(&path)?;
            if bytes.len() as u64 > bytes_max { Err(too_large(bytes_max)) } else { Ok(bytes) }
        })
    }

    fn rename(&self, from: PathBuf, to: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        let call = Call { to: Some(to.clone()), ..Call::new(DiskOperation::Rename, &from) };
        self.call(call, move |files, _| files.rename(&from, &to))
    }

    fn remove_file(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        self.call(Call::new(DiskOperation::RemoveFile, &path), move |files, _| files.remove(&path, false))
    }

    fn remove_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        self.call(Call::new(DiskOperation::RemoveDirectory, &path), move |files, _| files.remove(&path, true))
    }

    fn create_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        self.call(Call::new(DiskOperation::CreateDirectory, &path), move |files, now| {
            files.create_directory(&path, now)
        })
    }

    fn list(&self, path: PathBuf) -> BoxFuture<'static, io::Result<Vec<String>>> {
        self.call(Call::new(DiskOperation::List, &path), move |files, _| files.list(&path))
    }

    fn sync_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        self.call(Call::new(DiskOperation::SyncDirectory, &path), move |files, _| files.sync_directory(&path))
    }

    fn restrict(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        self.call(Call::new(DiskOperation::Restrict, &path), move |files, _| files.restrict(&path))
    }

    fn metadata(&self, path: PathBuf) -> BoxFuture<'static, io::Result<Metadata>> {
        self.call(Call::new(DiskOperation::Metadata, &path), move |files, _| files.metadata(&path))
    }
}

struct OpenFile {
    disk: SimDisk,
    inode: Inode,
    path: PathBuf,
}

impl RawFile for OpenFile {
    fn write_at(&self, offset: u64, bytes: Vec<u8>) -> BoxFuture<'static, io::Result<()>> {
        let inode = self.inode;
        let call = Call { offset: Some(offset), bytes: bytes.clone(), ..Call::new(DiskOperation::Write, &self.path) };
        self.disk.call(call, move |files, now| {
            files.write(inode, usize::try_from(offset).expect("files fit memory"), bytes, now);
            Ok(())
        })
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        let inode = self.inode;
        self.disk.call(Call::new(DiskOperation::Sync, &self.path), move |files, _| {
            files.sync(inode);
            Ok(())
        })
    }
}
