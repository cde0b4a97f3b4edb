//! Locks on a Redis server: leases that end by its clock, whatever the clocks of the hosts say.
//!
//! A lock is a hash: who holds it, until when, and its epoch, which stays when it is released. The next epoch is one higher, and at least
//! the server's time in microseconds: so it rises also where the server has lost the last one, in a restart or to a replica that had
//! not heard of it.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use redis::Cmd;
use sim::{Env, Task};

use super::{Place, connection::Server, script};
use crate::storage::lock::{
    Acquiring, HeldLock, LEASE_TIME, Lease, SIGN_INTERVAL, StorageLocks, look_again, wait_at_most,
};

/// Takes a lock that nobody holds: its epoch, and whether it was held by somebody whose lease has ended. Otherwise nothing.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local lock = redis.call('HMGET', KEYS[1], 'holder', 'until', 'epoch')
if lock[1] and (tonumber(lock[2]) or 0) > now then return false end
local epoch = math.max((tonumber(lock[3]) or 0) + 1, now)
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', now + ARGV[2], 'epoch', epoch)
return {epoch, lock[1] and 1 or 0}
";

/// Makes a lease last on, unless the lock is somebody else's or nobody's. Whether it was done.
const RENEW: &str = "
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'until', time[1] * 1000000 + time[2] + ARGV[2])
return 1
";

/// Lets others in, unless the lock is somebody else's. Whether it was done.
const RELEASE: &str = "
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'holder', 'until')
return 1
";

/// The locks on a server.
#[derive(Clone, Debug)]
pub(super) struct Leases(pub(super) Arc<Server>);

impl StorageLocks for Leases {
    fn acquire<'a>(&'a self, env: &'a Env, folder: &'a Path, name: &'a str, process: u64) -> Acquiring<'a> {
        let number = u64::from_le_bytes(env.entropy("storage/lock-holder"));
        let lock = Lock {
            env: env.clone(),
            server: self.0.clone(),
            path: folder.join(name),
            holder: format!("{} {process:016x} {number:016x}", env.host_name()),
        };
        Box::pin(wait_at_most(env, name, async move {
            let epoch = lock.acquire().await?;
            let signs = env.spawn("hold a storage lock", lock.clone().give_signs());
            Ok(Lease::of(env, folder, name, Box::new(Held { lock, epoch, signs })))
        }))
    }
}

#[derive(Clone, Debug)]
struct Lock {
    env: Env,
    server: Arc<Server>,
    path: PathBuf,
    /// Which host, which process of it, and which holding.
    holder: String,
}

impl Lock {
    /// Waits until it is taken, and says under which epoch.
    async fn acquire(&self) -> io::Result<u64> {
        loop {
            let taken: Option<(u64, bool)> = self.server.ask(&self.path, self.run(TAKE).arg(lease_us())).await?;
            match taken {
                Some((epoch, is_lapsed)) => {
                    if is_lapsed {
                        self.env.probe("manager/storage-lock-lapsed");
                    }
                    return Ok(epoch);
                }
                None => self.env.probe("manager/storage-lock-waited-for"),
            }
            look_again(&self.env).await;
        }
    }

    async fn give_signs(self) {
        loop {
            self.env.sleep(SIGN_INTERVAL).await;
            // A sign that can't be given now is given next time.
            if let Ok(false) = self.server.ask(&self.path, self.run(RENEW).arg(lease_us())).await {
                return;
            }
        }
    }

    /// A script on the lock, for this holder.
    fn run(&self, text: &str) -> Cmd {
        let mut request = script(text, [&*Place::of(&self.path).key]);
        request.arg(&self.holder);
        request
    }
}

/// How long a lease lasts, in microseconds.
fn lease_us() -> u64 {
    LEASE_TIME.as_secs() * 1_000_000
}

/// A lock that was taken.
#[derive(Debug)]
struct Held {
    lock: Lock,
    epoch: u64,
    signs: Task<()>,
}

impl HeldLock for Held {
    fn is_held(&self) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + '_>> {
        // Who can still make it last holds it.
        Box::pin(async { self.lock.server.ask(&self.lock.path, self.lock.run(RENEW).arg(lease_us())).await })
    }

    fn epoch(&self) -> Option<u64> {
        Some(self.epoch)
    }

    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            drop(self.signs);
            // What can't be released lapses.
            drop(self.lock.server.ask::<bool>(&self.lock.path, &self.lock.run(RELEASE)).await);
        })
    }
}
