//! The seam's implementation in the world: what one host may ask of the outside.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
};

use futures_util::future::{BoxFuture, Either, select};
use rustls::crypto::CryptoProvider;
use time::UtcDateTime;
use turmoil_net::shim::tokio::net::{TcpListener, UdpSocket};

use super::{
    HostId,
    disk::SimDisk,
    host::{HostTask, Inbox},
    shared::{Due, HostWaker, Shared, Slot},
    sockets::{self, CONNECT_TIMEOUT},
};
use crate::{
    Monotonic,
    disk::RawDisk,
    env::Backend,
    lock::WaitGraph,
    net::{RawListener, RawStream, RawUdpSocket},
    trace::Event,
};

pub(super) struct HostBackend {
    pub(super) id: HostId,
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Inbox,
    pub(super) disk: SimDisk,
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) waker: Arc<HostWaker>,
}

impl Backend for HostBackend {
    fn host_name(&self) -> &str {
        &self.shared.host_names[self.id.0]
    }

    fn utc_now(&self) -> UtcDateTime {
        let state = self.shared.state();
        state.clocks[self.id.0].wall(state.now)
    }

    fn monotonic_now(&self) -> Monotonic {
        let state = self.shared.state();
        state.clocks[self.id.0].monotonic(state.now)
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { shared: self.shared.clone(), host: self.id, deadline, slot: None })
    }

    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let found = match name.parse() {
            Ok(literal) => Ok(vec![literal]),
            Err(_) => self.shared.state().names.get(&name.to_ascii_lowercase()).cloned().ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("no host of this world is called {name}"))
            }),
        };
        Box::pin(async { found })
    }

    fn connect(&self, peer: SocketAddr) -> BoxFuture<'static, io::Result<RawStream>> {
        let give_up = self.sleep_until(self.monotonic_now() + CONNECT_TIMEOUT);
        Box::pin(async move {
            match select(Box::pin(sockets::connect(peer)), give_up).await {
                Either::Left((connected, _)) => connected,
                Either::Right(((), _)) => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody answered within 127 s")),
            }
        })
    }

    fn listen(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawListener>>> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(local).await?) as Box<dyn RawListener>) })
    }

    fn bind_udp(&self, local: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn RawUdpSocket>>> {
        Box::pin(async move { Ok(Box::new(UdpSocket::bind(local).await?) as Box<dyn RawUdpSocket>) })
    }

    fn fill_entropy(&self, purpose: &str, bytes: &mut [u8]) {
        self.shared.state().streams.stream(self.host_name(), purpose).fill(bytes);
    }

    fn disk(&self) -> Arc<dyn RawDisk> {
        Arc::new(self.disk.clone())
    }

    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>) {
        let task = HostTask::new(&self.shared, self.id, name, task);
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        std::task::Wake::wake_by_ref(&self.waker);
    }

    fn crypto_provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    fn record(&self, event: Event) {
        self.shared.record(Some(self.id), event);
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn wait_graph(&self) -> Option<Arc<WaitGraph>> {
        Some(self.shared.waits.clone())
    }
}

/// Waits for a point on a host's monotonic clock. Dropping it takes its timer back, so that the queue
/// holds exactly what will happen.
struct Sleep {
    shared: Arc<Shared>,
    host: HostId,
    deadline: Monotonic,
    slot: Option<Slot>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.shared.state();
        let clock = &state.clocks[this.host.0];
        if clock.monotonic(state.now) >= this.deadline {
            return Poll::Ready(());
        }
        // A suspension may have moved the deadline since the timer was set.
        let at = clock.when(this.deadline);
        if let Some(slot) = this.slot {
            if slot.0 == at
                && let Some(waker) = state.timer_mut(slot)
            {
                waker.clone_from(cx.waker());
                return Poll::Pending;
            }
            state.remove(slot);
        }
        this.slot = Some(state.insert(at, Due::Timer(cx.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.shared.state().remove(slot);
        }
    }
}
