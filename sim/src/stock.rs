//! Stock `turmoil` behind the seam, to compare our world with: the same programs, its clock and network.
//!
//! Only for tests and benchmarks (feature `stock-turmoil`). It must be used inside a host of a
//! `turmoil::Sim`. The disk is the machine's own; entropy can be seeded as in [`crate::real`].

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use rustls::crypto::CryptoProvider;
use time::UtcDateTime;
use turmoil::net::{TcpListener, TcpStream, UdpSocket};

use crate::{
    Env, Monotonic,
    disk::RawDisk,
    entropy::Streams,
    env::Backend,
    lock::WaitGraph,
    net::{RawListener, RawStream, RawUdpSocket, tokio_shaped},
    real::FileSystem,
    trace::{Event, Trace},
};

/// What a host of stock turmoil begins with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the wall clock shows at virtual time 0.
    pub epoch: UtcDateTime,
    /// Entropy is drawn from it, except by TLS.
    pub seed: u64,
    /// What it records goes here.
    pub trace: Arc<Mutex<Trace>>,
    /// The names that hosts can look up.
    pub names: BTreeMap<String, Vec<IpAddr>>,
}

/// An environment on the current host of a `turmoil::Sim`.
#[must_use]
pub fn env(host_name: &str, options: Options) -> Env {
    Env::new(Arc::new(TurmoilHost {
        host_name: host_name.into(),
        started: tokio::time::Instant::now(),
        provider: Arc::new(rustls::crypto::ring::default_provider()),
        streams: Mutex::new(Streams::new(options.seed)),
        options,
    }))
}

struct TurmoilHost {
    host_name: Arc<str>,
    started: tokio::time::Instant,
    provider: Arc<CryptoProvider>,
    streams: Mutex<Streams>,
    options: Options,
}

#[expect(clippy::disallowed_methods, reason = "turmoil's hosts live on tokio's paused clock and its tasks")]
impl Backend for TurmoilHost {
    fn host_name(&self) -> &str {
        &self.host_name
    }

    fn utc_now(&self) -> UtcDateTime {
        self.options.epoch + turmoil::sim_elapsed().unwrap_or_default()
    }

    fn monotonic_now(&self) -> Monotonic {
        Monotonic(self.started.elapsed())
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.started + deadline.0))
    }

    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let found = match name.parse() {
            Ok(literal) => Ok(vec![literal]),
            Err(_) => self.options.names.get(&name).cloned().ok_or(io::ErrorKind::NotFound.into()),
        };
        Box::pin(async { found })
    }

    fn connect(&self, peer: SocketAddr) -> BoxFuture<'static, io::Result<RawStream>> {
        Box::pin(async move { raw(TcpStream::connect(peer).await?) })
    }

    fn listen(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawListener>>> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(anywhere(local)).await?) as Box<dyn RawListener>) })
    }

    fn bind_udp(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawUdpSocket>>> {
        Box::pin(async move { Ok(Box::new(UdpSocket::bind(anywhere(local)).await?) as Box<dyn RawUdpSocket>) })
    }

    fn fill_entropy(&self, purpose: &str, bytes: &mut [u8]) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.stream(&self.host_name, purpose).fill(bytes);
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
        let at_ns = u64::try_from(turmoil::sim_elapsed().unwrap_or_default().as_nanos()).unwrap_or(u64::MAX);
        let mut trace = self.options.trace.lock().unwrap_or_else(PoisonError::into_inner);
        trace.record(at_ns, Some(self.host_name.clone()), event);
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn wait_graph(&self) -> Option<Arc<WaitGraph>> {
        None
    }
}

/// Stock turmoil listens on all of a host's addresses or on none.
fn anywhere(local: SocketAddr) -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], local.port()))
}

tokio_shaped!(TcpStream, TcpListener, UdpSocket);
