//! Locks on a Redis server: leases that end by its clock, whatever the clocks of the hosts say.
//!
//! A lock is a hash: who holds it, until when, and its epoch, which stays when it is released. The next epoch is one higher, and at least
//! the server's time in microseconds: so it rises also where the server has lost the last one, in a restart or to a replica that had
//! not heard of it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use redis::Cmd;
use sim::Env;

use super::{Place, connection::Server, script};
use crate::storage::lock::{
    Acquiring, LEASE_TIME, NumberedLock, SIGN_INTERVAL, StorageLocks, acquire, holder, look_again,
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
        let lock =
            Lock { env: env.clone(), server: self.0.clone(), path: folder.join(name), holder: holder(env, process) };
        acquire(env, folder, name, lock)
    }
}

#[derive(Clone, Debug)]
struct Lock {
    env: Env,
    server: Arc<Server>,
    path: PathBuf,
    holder: String,
}

impl NumberedLock for Lock {
    async fn take(&self) -> io::Result<u64> {
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

    async fn give_signs(self, _epoch: u64) {
        loop {
            self.env.sleep(SIGN_INTERVAL).await;
            // A sign that can't be given now is given next time.
            if let Ok(false) = self.server.ask(&self.path, self.run(RENEW).arg(lease_us())).await {
                return;
            }
        }
    }

    async fn is_held(&self, _epoch: u64) -> io::Result<bool> {
        // Who can still make it last holds it.
        self.server.ask(&self.path, self.run(RENEW).arg(lease_us())).await
    }

    async fn release(&self, _epoch: u64) {
        drop(self.server.ask::<bool>(&self.path, &self.run(RELEASE)).await);
    }
}

impl Lock {
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
