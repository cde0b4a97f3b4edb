//! The simulated disk behind a host: what each system call costs, whether it fails, and the trace of it.
//!
//! What survives a power loss is decided in [`super::filesystem`].

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
    disk::{Access, Metadata, OpenMode, RawDisk, RawFile},
    entropy::Stream,
    trace::{DiskOperation, Event},
};

/// How a disk misbehaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// Every operation takes this long.
    pub latency: Duration,
    /// Every operation that changes something fails with this error until the fault is lifted, for
    /// example [`io::ErrorKind::StorageFull`] or [`io::ErrorKind::ReadOnlyFilesystem`].
    pub write_error: Option<io::ErrorKind>,
    /// Every read fails with this error.
    pub read_error: Option<io::ErrorKind>,
}

/// A moment at which the power may be cut: right after an operation, before the program sees its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// The operation's number, as in the trace.
    pub operation: u64,
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

#[derive(Default)]
struct State {
    files: FileSystem,
    faults: DiskFaults,
    operations: u64,
    cuts: BTreeMap<u64, PowerCut>,
    /// The cut whose operation has been carried out; until the power is gone nothing more gets through.
    cut_now: Option<PowerCut>,
    /// What is counted at each operation, if anything is.
    counted: Option<CrashStates>,
    points: Vec<CrashPoint>,
}

/// One disk. Clones are the same disk, which several hosts may mount.
#[derive(Clone)]
pub(super) struct SimDisk {
    host: HostId,
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    pub(super) fn new(host: HostId, shared: Arc<Shared>) -> Self {
        Self { host, shared, state: Arc::default() }
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

    /// Loses power: of what was not synced, `survival` says what is kept.
    pub(super) fn lose_power(&self, survival: Survival, stream: &mut Stream) {
        let (unsynced, survived) = self.state().files.lose_power(survival, stream);
        self.shared.record(Some(self.host), Event::DiskCrashed { unsynced, survived });
    }

    pub(super) fn set_cut(&self, cut: PowerCut) {
        self.state().cuts.insert(cut.operation, cut);
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
        self.state().files.plant(path, content);
    }

    /// Every file and its content as a program would read it now, sorted by path.
    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.state().files.all()
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
            let latency = disk.state().faults.latency;
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
        let fault = if call.operation.changes() { state.faults.write_error } else { state.faults.read_error };
        let outcome = match fault {
            Some(kind) => Err(io::Error::from(kind)),
            None => work(&mut state.files, now),
        };
        if let Some(among) = state.counted {
            let states = state.files.crash_states(among).len();
            state.points.push(CrashPoint { operation: number, changes: call.operation.changes(), states, at });
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
                offset: call.offset,
                bytes: call.bytes,
                error: outcome.as_ref().err().map(ToString::to_string),
            },
        );
        if is_cut { None } else { Some(outcome) }
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
    offset: Option<u64>,
    bytes: Vec<u8>,
}

impl Call {
    fn new(operation: DiskOperation, path: &Path) -> Self {
        Self { operation, path: path.to_owned(), to: None, mode: None, offset: None, bytes: Vec::new() }
    }
}

impl DiskOperation {
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
            | Self::SyncDirectory => true,
        }
    }
}

impl RawDisk for SimDisk {
    fn open(&self, path: PathBuf, mode: OpenMode, _access: Access) -> BoxFuture<'static, io::Result<Box<dyn RawFile>>> {
        let disk = self.clone();
        let call = Call { mode: Some(mode), ..Call::new(DiskOperation::Open, &path) };
        self.call(call, move |files, now| {
            let inode = files.open(&path, mode, now)?;
            Ok(Box::new(OpenFile { disk, inode, path }) as Box<dyn RawFile>)
        })
    }

    fn read(&self, path: PathBuf) -> BoxFuture<'static, io::Result<Vec<u8>>> {
        self.call(Call::new(DiskOperation::Read, &path), move |files, _| files.read(&path))
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
