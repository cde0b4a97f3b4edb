//! The real machine: tokio's sockets, the system's clocks, disk and entropy.
//!
//! The only place in the project, with the command's `main`, that touches them.

use std::{
    collections::BTreeMap,
    fs::Permissions,
    io::{self, Read},
    net::{IpAddr, SocketAddr},
    os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rustls::crypto::CryptoProvider;
use time::UtcDateTime;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::{
    Env, Monotonic, MovableClock,
    disk::{Access, Metadata, OpenMode, RawDisk, RawFile, too_large},
    entropy::Streams,
    env::Backend,
    lock::WaitGraph,
    net::{RawListener, RawStream, RawUdpSocket, tokio_shaped},
    trace::{Event, Trace},
};

/// An environment on this machine. It must be used inside a tokio runtime with I/O and time enabled.
#[must_use]
pub fn env(host_name: &str, options: Options) -> Env {
    let host_name: Arc<str> = host_name.into();
    Env::new(Arc::new(Machine {
        host_name: host_name.clone(),
        started: tokio::time::Instant::now(),
        provider: Arc::new(rustls::crypto::ring::default_provider()),
        seeded: options.seed.map(|seed| Mutex::new(Streams::new(seed))),
        recorder: options.trace.map(|trace| Arc::new(Recorder::new(host_name, trace, options.trace_clock))),
        names: options.names,
    }))
}

/// How a real environment differs from the plain machine.
#[derive(Debug, Default)]
pub struct Options {
    /// Draw entropy from this seed instead of the operating system, as the world does. TLS keeps the
    /// operating system's.
    pub seed: Option<u64>,
    /// Record here what programs write and read on their connections, their datagrams, their handshakes and their
    /// probes, with the time since the environment was made.
    pub trace: Option<Arc<Mutex<Trace>>>,
    /// The clock by which time passes in the trace: where it leaps ahead, the trace does too.
    pub trace_clock: MovableClock,
    /// Names that this environment knows before it asks the operating system.
    pub names: BTreeMap<String, Vec<IpAddr>>,
}

struct Machine {
    host_name: Arc<str>,
    started: tokio::time::Instant,
    provider: Arc<CryptoProvider>,
    seeded: Option<Mutex<Streams>>,
    recorder: Option<Arc<Recorder>>,
    names: BTreeMap<String, Vec<IpAddr>>,
}

#[expect(clippy::disallowed_methods, reason = "this is the one module that may touch the machine")]
impl Backend for Machine {
    fn host_name(&self) -> &str {
        &self.host_name
    }

    fn utc_now(&self) -> UtcDateTime {
        UtcDateTime::now()
    }

    fn monotonic_now(&self) -> Monotonic {
        Monotonic(self.started.elapsed())
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.started + deadline.0))
    }

    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let known = self.names.get(&name.to_ascii_lowercase()).cloned();
        Box::pin(async move {
            match known {
                Some(addresses) => Ok(addresses),
                None => Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()),
            }
        })
    }

    fn connect(&self, peer: SocketAddr) -> BoxFuture<'static, io::Result<RawStream>> {
        Box::pin(async move { raw(TcpStream::connect(peer).await?) })
    }

    fn listen(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawListener>>> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(local).await?) as Box<dyn RawListener>) })
    }

    fn bind_udp(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawUdpSocket>>> {
        let recorder = self.recorder.clone();
        Box::pin(async move {
            let socket = UdpSocket::bind(local).await?;
            Ok(match recorder {
                Some(recorder) => Box::new(RecordedUdpSocket { socket, recorder }) as Box<dyn RawUdpSocket>,
                None => Box::new(socket),
            })
        })
    }

    fn fill_entropy(&self, purpose: &str, bytes: &mut [u8]) {
        match &self.seeded {
            Some(streams) => {
                let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
                streams.stream(&self.host_name, purpose).fill(bytes);
            }
            None => self.provider.secure_random.fill(bytes).expect("the operating system has entropy"),
        }
    }

    fn disk(&self) -> Arc<dyn RawDisk> {
        Arc::new(FileSystem)
    }

    fn spawn(&self, _name: &str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn crypto_provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    fn record(&self, event: Event) {
        if let Some(recorder) = &self.recorder {
            recorder.record(Some(&recorder.host_name), event);
        }
    }

    fn is_recorded(&self) -> bool {
        self.recorder.is_some()
    }

    fn wait_graph(&self) -> Option<Arc<WaitGraph>> {
        None
    }
}

tokio_shaped!(TcpStream, TcpListener, UdpSocket);

/// Adds what happens on this machine to a trace.
struct Recorder {
    host_name: Arc<str>,
    trace: Arc<Mutex<Trace>>,
    clock: MovableClock,
    passed: Mutex<Passed>,
}

/// Time as a trace has it: as far as the clock went forward. Where it is set back, time goes on from where it was.
struct Passed {
    shown: UtcDateTime,
    total: Duration,
}

#[expect(clippy::disallowed_methods, reason = "this is the one module that may touch the machine")]
impl Recorder {
    fn new(host_name: Arc<str>, trace: Arc<Mutex<Trace>>, clock: MovableClock) -> Self {
        let passed = Passed { shown: clock.shown(UtcDateTime::now()), total: Duration::ZERO };
        Self { host_name, trace, clock, passed: Mutex::new(passed) }
    }

    fn record(&self, host: Option<&Arc<str>>, event: Event) {
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.clock.shown(UtcDateTime::now());
        // A negative duration is none.
        passed.total = passed.total.saturating_add(Duration::try_from(shown - passed.shown).unwrap_or_default());
        passed.shown = shown;
        trace.record(u64::try_from(passed.total.as_nanos()).unwrap_or(u64::MAX), host.cloned(), event);
    }
}

/// A socket whose datagrams are recorded, those that come as well: nobody else here sees them leave.
struct RecordedUdpSocket {
    socket: UdpSocket,
    recorder: Arc<Recorder>,
}

impl RawUdpSocket for RecordedUdpSocket {
    fn send_to<'a>(&'a self, datagram: &'a [u8], peer: SocketAddr) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            let (from, payload) = (self.socket.local_addr()?, datagram.to_vec());
            let host = &self.recorder.host_name;
            self.recorder.record(Some(host), Event::Datagram { from, to: peer, payload });
            RawUdpSocket::send_to(&self.socket, datagram, peer).await
        })
    }

    fn receive_from<'a>(&'a self, buffer: &'a mut [u8]) -> BoxFuture<'a, io::Result<(usize, SocketAddr)>> {
        Box::pin(async move {
            let (len, from) = self.socket.recv_from(buffer).await?;
            let (to, payload) = (self.socket.local_addr()?, buffer[..len].to_vec());
            self.recorder.record(None, Event::Datagram { from, to, payload });
            Ok((len, from))
        })
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// This machine's file system.
pub(crate) struct FileSystem;

impl RawDisk for FileSystem {
    fn open(&self, path: PathBuf, mode: OpenMode, access: Access) -> BoxFuture<'static, io::Result<Box<dyn RawFile>>> {
        blocking(move || {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).mode(access.mode());
            match mode {
                OpenMode::CreateNew => options.create_new(true),
                OpenMode::Truncate => options.create(true).truncate(true),
                OpenMode::Overwrite => &mut options,
            };
            Ok(Box::new(OpenFile(Arc::new(options.open(path)?))) as Box<dyn RawFile>)
        })
    }

    fn read(&self, path: PathBuf, bytes_max: u64) -> BoxFuture<'static, io::Result<Vec<u8>>> {
        blocking(move || {
            let file = std::fs::File::open(path)?;
            let found = file.metadata()?;
            // A directory has a length too, which says nothing; reading it fails as it should.
            if !found.is_dir() && found.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            let mut bytes = Vec::new();
            // It may grow meanwhile.
            file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > bytes_max { Err(too_large(bytes_max)) } else { Ok(bytes) }
        })
    }

    fn rename(&self, from: PathBuf, to: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        blocking(move || std::fs::rename(from, to))
    }

    fn remove_file(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        blocking(move || std::fs::remove_file(path))
    }

    fn remove_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        blocking(move || std::fs::remove_dir(path))
    }

    fn create_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        blocking(move || std::fs::create_dir(path))
    }

    fn list(&self, path: PathBuf) -> BoxFuture<'static, io::Result<Vec<String>>> {
        blocking(move || {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(path)? {
                // A name that is not UTF-8 is none of ours.
                names.extend(entry?.file_name().into_string().ok());
            }
            names.sort();
            Ok(names)
        })
    }

    fn sync_directory(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        blocking(move || std::fs::File::open(path)?.sync_all())
    }

    fn restrict(&self, path: PathBuf) -> BoxFuture<'static, io::Result<()>> {
        blocking(move || std::fs::set_permissions(path, Permissions::from_mode(Access::Private.mode())))
    }

    fn metadata(&self, path: PathBuf) -> BoxFuture<'static, io::Result<Metadata>> {
        blocking(move || {
            let found = std::fs::metadata(path)?;
            Ok(Metadata {
                len: if found.is_dir() { 0 } else { found.len() },
                is_directory: found.is_dir(),
                modified: found.modified()?.into(),
                mode: found.permissions().mode() & 0o777,
            })
        })
    }
}

struct OpenFile(Arc<std::fs::File>);

impl RawFile for OpenFile {
    fn write_at(&self, offset: u64, bytes: Vec<u8>) -> BoxFuture<'static, io::Result<()>> {
        let file = self.0.clone();
        blocking(move || file.write_all_at(&bytes, offset))
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        let file = self.0.clone();
        blocking(move || file.sync_all())
    }
}

fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> BoxFuture<'static, io::Result<T>> {
    Box::pin(async move { tokio::task::spawn_blocking(work).await.map_err(io::Error::other)? })
}
