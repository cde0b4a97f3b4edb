//! [`MovableClock`]: a wall clock that a program's user sets, advances and stops, whatever the host's own clock does.
//!
//! Only the wall clock moves. The monotonic one goes on, so that nobody who waits for a while waits longer or for ever.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use rustls::crypto::CryptoProvider;
use time::UtcDateTime;

use crate::{
    Env, Monotonic,
    disk::RawDisk,
    env::Backend,
    lock::WaitGraph,
    net::{RawListener, RawStream, RawUdpSocket},
    trace::Event,
};

/// A wall clock over those of the hosts it is put around. Clones are the same clock. At first it shows the host's time.
#[derive(Clone, Debug, Default)]
pub struct MovableClock(Arc<Mutex<Setting>>);

/// How a [`MovableClock`] stands to the host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    /// How far it is ahead of the host's clock.
    ahead: time::Duration,
    /// What it shows for as long as it stands still.
    frozen_at: Option<UtcDateTime>,
}

impl MovableClock {
    /// The host, with this as its wall clock.
    #[must_use]
    pub fn around(&self, env: &Env) -> Env {
        Env::new(Arc::new(Moved { host: env.backend(), clock: self.clone() }))
    }

    /// Lets `env`, which this clock is around, see this time now.
    pub fn set(&self, env: &Env, to: UtcDateTime) {
        let by = to - env.utc_now();
        let mut state = self.state();
        match &mut state.frozen_at {
            Some(at) => *at = to,
            None => state.ahead = state.ahead.saturating_add(by),
        }
    }

    /// Stops the clock of `env`, which this clock is around, or lets it go on from where it stands.
    pub fn freeze(&self, env: &Env, is_frozen: bool) {
        let shown = env.utc_now();
        if is_frozen {
            self.state().frozen_at = Some(shown);
        } else if self.state().frozen_at.take().is_some() {
            self.set(env, shown);
        }
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.state().frozen_at.is_some()
    }

    /// How it stands to the host's clock.
    #[must_use]
    pub fn setting(&self) -> Setting {
        *self.state()
    }

    /// Lets it stand to the host's clock as it once did.
    pub fn restore(&self, setting: Setting) {
        *self.state() = setting;
    }

    /// What it shows while the host's clock shows `host`.
    pub(crate) fn shown(&self, host: UtcDateTime) -> UtcDateTime {
        let Setting { ahead, frozen_at } = self.setting();
        frozen_at.unwrap_or_else(|| host.saturating_add(ahead))
    }

    fn state(&self) -> MutexGuard<'_, Setting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Moved {
    host: Arc<dyn Backend>,
    clock: MovableClock,
}

impl Backend for Moved {
    fn utc_now(&self) -> UtcDateTime {
        self.clock.shown(self.host.utc_now())
    }

    fn host_name(&self) -> &str {
        self.host.host_name()
    }

    fn monotonic_now(&self) -> Monotonic {
        self.host.monotonic_now()
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        self.host.sleep_until(deadline)
    }

    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        self.host.lookup(name)
    }

    fn connect(&self, peer: SocketAddr) -> BoxFuture<'static, std::io::Result<RawStream>> {
        self.host.connect(peer)
    }

    fn listen(&self, local: SocketAddr) -> BoxFuture<'static, std::io::Result<Box<dyn RawListener>>> {
        self.host.listen(local)
    }

    fn bind_udp(&self, local: SocketAddr) -> BoxFuture<'static, std::io::Result<Box<dyn RawUdpSocket>>> {
        self.host.bind_udp(local)
    }

    fn fill_entropy(&self, purpose: &str, bytes: &mut [u8]) {
        self.host.fill_entropy(purpose, bytes);
    }

    fn disk(&self) -> Arc<dyn RawDisk> {
        self.host.disk()
    }

    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>) {
        self.host.spawn(name, task);
    }

    fn crypto_provider(&self) -> Arc<CryptoProvider> {
        self.host.crypto_provider()
    }

    fn record(&self, event: Event) {
        self.host.record(event);
    }

    fn is_recorded(&self) -> bool {
        self.host.is_recorded()
    }

    fn wait_graph(&self) -> Option<Arc<WaitGraph>> {
        self.host.wait_graph()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::utc_datetime;

    use super::*;
    use crate::real;

    #[tokio::test(start_paused = true)]
    async fn it_is_set_stands_still_and_goes_on_while_waits_end() {
        let clock = MovableClock::default();
        let env = clock.around(&real::env("host", real::Options::default()));
        let then = utc_datetime!(2030-01-01 00:00);
        clock.freeze(&env, true);
        clock.set(&env, then);
        env.sleep(Duration::from_secs(3_600)).await;
        assert_eq!((env.utc_now(), clock.is_frozen()), (then, true));
        clock.freeze(&env, false);
        clock.freeze(&env, false);
        assert!(env.utc_now() - then < time::Duration::hours(1));
        clock.set(&env, then - time::Duration::days(9_000));
        assert!(env.utc_now() < then);
    }
}
