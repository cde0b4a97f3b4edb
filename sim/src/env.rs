//! [`Env`]: everything a host may ask of the outside.
//!
//! One seam, so that the same program runs in the simulator and on a real machine. Backends are few
//! and live at the edge; programs hold an `Env` and never learn which one it is.

use std::{
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{BoxFuture, Either, select};
use rustls::{crypto::CryptoProvider, time_provider::TimeProvider};
use time::UtcDateTime;

use crate::{
    disk::{Disk, RawDisk},
    lock::{Operation, WaitGraph},
    net::{RawListener, RawStream, RawUdpSocket, TcpListener, TcpStream, UdpSocket},
    task::Task,
    trace::Event,
};

/// What stands behind an [`Env`]: the simulator, or a real machine.
///
/// Futures are `'static` so that they can outlive the borrow of the backend, and `Send` so that the
/// real one can be multi-threaded.
pub trait Backend: Send + Sync {
    /// The host's name, as the trace shows it.
    fn host_name(&self) -> &str;
    /// The host's wall clock (UTC). It may be skewed, drift and jump.
    fn utc_now(&self) -> UtcDateTime;
    /// The host's monotonic clock: it never jumps, and stands still while the host is suspended.
    fn monotonic_now(&self) -> Monotonic;
    /// Completes when the monotonic clock has reached `deadline`.
    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()>;
    /// The addresses that the host's operating system knows for `name`.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
    /// Opens a TCP connection.
    fn connect(&self, peer: SocketAddr) -> BoxFuture<'static, io::Result<RawStream>>;
    /// Listens for TCP connections. Port 0 picks a free one.
    fn listen(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawListener>>>;
    /// Binds a UDP socket. Port 0 picks a free one.
    fn bind_udp(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawUdpSocket>>>;
    /// Fills `bytes` from the stream of entropy that belongs to `purpose`.
    fn fill_entropy(&self, purpose: &str, bytes: &mut [u8]);
    /// The host's disk.
    fn disk(&self) -> Arc<dyn RawDisk>;
    /// Runs `task` on this host until it ends or the host does.
    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>);
    /// The TLS algorithms to use; in the world, all their randomness is seeded.
    fn crypto_provider(&self) -> Arc<CryptoProvider>;
    /// Adds an event to the trace.
    fn record(&self, event: Event);
    /// Whether there is a trace.
    fn is_recorded(&self) -> bool;
    /// Who waits for which lock; `None` where nobody watches.
    fn wait_graph(&self) -> Option<Arc<WaitGraph>>;
}

/// A point on a host's monotonic clock, counted from the clock's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// The time from `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Monotonic {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// The time allowed has passed before the work was done ([`Env::timeout`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not done within {0:?}")]
pub struct Elapsed(pub Duration);

/// A host's view of the outside: clocks, sockets, disk, entropy, tasks and the trace.
///
/// Cheap to clone; all clones are the same host.
#[derive(Clone)]
pub struct Env {
    backend: Arc<dyn Backend>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({})", self.host_name())
    }
}

impl Env {
    /// An environment over `backend`.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    /// The host's name.
    #[must_use]
    pub fn host_name(&self) -> &str {
        self.backend.host_name()
    }

    /// The host's wall clock, which may be wrong: use it for what is compared with dates that others set.
    #[must_use]
    pub fn utc_now(&self) -> UtcDateTime {
        self.backend.utc_now()
    }

    /// The host's monotonic clock: use it for durations.
    #[must_use]
    pub fn monotonic_now(&self) -> Monotonic {
        self.backend.monotonic_now()
    }

    /// Waits for `duration` on the monotonic clock.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.monotonic_now() + duration).await;
    }

    /// Waits until the monotonic clock has reached `deadline`.
    pub async fn sleep_until(&self, deadline: Monotonic) {
        self.backend.sleep_until(deadline).await;
    }

    /// Runs `work`, but drops it once `limit` has passed.
    ///
    /// # Errors
    /// [`Elapsed`] if the work was not done in time.
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        let deadline = self.backend.sleep_until(self.monotonic_now() + limit);
        match select(pin!(work), deadline).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right(((), _)) => Err(Elapsed(limit)),
        }
    }

    /// The addresses of `name` as the host's operating system resolves it (its hosts file, its DNS stub).
    ///
    /// # Errors
    /// `NotFound` if there are none; otherwise as the operating system.
    pub async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.backend.lookup(name.to_owned()).await
    }

    /// Opens a TCP connection.
    ///
    /// # Errors
    /// As the operating system: refused, timed out, unreachable, reset.
    pub async fn connect(&self, peer: SocketAddr) -> io::Result<TcpStream> {
        let raw = self.backend.connect(peer).await?;
        Ok(TcpStream::client(self.clone(), raw))
    }

    /// Listens for TCP connections on `local`; port 0 picks a free one.
    ///
    /// # Errors
    /// As the operating system: address in use or not local.
    pub async fn listen(&self, local: SocketAddr) -> io::Result<TcpListener> {
        let raw = self.backend.listen(local).await?;
        Ok(TcpListener::new(self.clone(), raw))
    }

    /// Binds a UDP socket on `local`; port 0 picks a free one.
    ///
    /// # Errors
    /// As the operating system: address in use or not local.
    pub async fn bind_udp(&self, local: SocketAddr) -> io::Result<UdpSocket> {
        Ok(UdpSocket::new(self.backend.bind_udp(local).await?))
    }

    /// Fills `bytes` with entropy. Each `purpose` has a stream of its own, so that one more draw in
    /// one place shifts nothing elsewhere.
    pub fn fill_entropy(&self, purpose: &str, bytes: &mut [u8]) {
        self.backend.fill_entropy(purpose, bytes);
    }

    /// `N` bytes of entropy from the stream of `purpose`.
    #[must_use]
    pub fn entropy<const N: usize>(&self, purpose: &str) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill_entropy(purpose, &mut bytes);
        bytes
    }

    /// A number below `bound`, drawn from the stream of `purpose` without modulo bias; 0 if `bound` is 0.
    #[must_use]
    pub fn random_below(&self, purpose: &str, bound: u64) -> u64 {
        crate::entropy::below(bound, || u64::from_le_bytes(self.entropy(purpose)))
    }

    /// The host's disk.
    #[must_use]
    pub fn disk(&self) -> Disk {
        Disk::new(self.backend.disk())
    }

    /// Runs `work` as a task of this host. Dropping the returned [`Task`] stops it; see [`Task::detach`].
    pub fn spawn<T: Send + 'static>(
        &self,
        name: impl Into<String>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let name = name.into();
        let (task, driver) = Task::new(work);
        self.backend.spawn(&name, Box::pin(driver));
        task
    }

    /// The TLS algorithms of this host.
    #[must_use]
    pub fn crypto_provider(&self) -> Arc<CryptoProvider> {
        self.backend.crypto_provider()
    }

    /// This host's wall clock in the form that rustls checks certificates against.
    #[must_use]
    pub fn time_provider(&self) -> Arc<dyn TimeProvider> {
        Arc::new(WallClock(self.clone()))
    }

    /// Marks in the trace that something worth proving has really happened, so that a run in which
    /// it never did can be told from a green one.
    pub fn probe(&self, name: &str) {
        self.probe_about(name, || []);
    }

    /// Marks in the trace that something has happened and what it was about; `about` is asked only if there is a trace.
    pub fn probe_about<const N: usize>(&self, name: &str, about: impl FnOnce() -> [(&'static str, String); N]) {
        if self.is_recorded() {
            let about = about().map(|(circumstance, word)| (circumstance.to_owned(), word)).into();
            self.record(Event::Probe { name: name.to_owned(), about });
        }
    }

    /// Adds an event to the trace.
    pub fn record(&self, event: Event) {
        self.backend.record(event);
    }

    /// Whether there is a trace that events are added to.
    pub(crate) fn is_recorded(&self) -> bool {
        self.backend.is_recorded()
    }

    /// Says that `what` has begun and must end. If the world falls silent before the returned guard is
    /// dropped, that is a deadlock, and the report names it.
    pub fn operation(&self, what: impl Into<String>) -> Operation {
        Operation::begin(self.wait_graph(), what.into())
    }

    pub(crate) fn wait_graph(&self) -> Option<Arc<WaitGraph>> {
        self.backend.wait_graph()
    }
}

#[derive(Debug)]
struct WallClock(Env);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let seconds = u64::try_from(self.0.utc_now().unix_timestamp()).ok()?;
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
