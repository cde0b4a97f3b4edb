//! A lock that looks stale while it is refreshed (certmagic, until 2023).
//!
//! <https://github.com/caddyserver/certmagic/issues/232>,
//! <https://github.com/caddyserver/caddy/issues/4448>
//!
//! certmagic's lock is one file with the time in it, which its holder writes anew every five seconds; one that is older
//! than ten seconds, by the clock of whoever looks, is removed and taken. To write it anew the file was emptied first,
//! and who looked in that moment read nothing, took the lock for the remains of a crash, removed it, and went to work
//! beside its holder. On a storage that takes a second for each operation that was a matter of time. The fix reads an
//! empty file several times before it is believed.
//!
//! Seam: [`StorageLocks`]. To be caught on a slow storage by **M18**: two hosts hold one lock, and one of them has removed
//! what was the other's.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use sim::{
    Env, Task,
    disk::{Access, OpenMode},
};
use time::UtcDateTime;

use crate::{
    acme::reading::{format_time, parse_time},
    storage::lock::{Acquiring, HeldLock, Lease, StorageLocks},
};

const REFRESH_INTERVAL: Duration = Duration::from_secs(5);
const STALE_AFTER: time::Duration = time::Duration::seconds(10);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// One file with a time in it, emptied before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockByTime;

impl StorageLocks for LockByTime {
    fn acquire<'a>(&'a self, env: &'a Env, folder: &'a Path, name: &'a str, _process: u64) -> Acquiring<'a> {
        Box::pin(async move {
            let path = folder.join(format!("{name}.lock"));
            env.disk().create_directories(folder).await?;
            loop {
                match env.disk().open(&path, OpenMode::CreateNew, Access::Private).await {
                    Ok(mut file) => {
                        file.write(now(env).as_bytes()).await?;
                        let refreshing = env.spawn("refresh a storage lock", refresh(env.clone(), path.clone()));
                        let held = TheFile { env: env.clone(), path, _refreshing: refreshing };
                        return Ok(Lease::of(env, folder, name, Box::new(held)));
                    }
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(e) => return Err(e),
                }
                let written = env.disk().read(&path).await.ok().map(|bytes| time_of(&bytes));
                match written {
                    Some(Some(written)) if env.utc_now() - written < STALE_AFTER => env.sleep(LOOK_INTERVAL).await,
                    Some(_) => drop(env.disk().remove_file(&path).await),
                    None => {}
                }
            }
        })
    }
}

#[derive(Debug)]
struct TheFile {
    env: Env,
    path: PathBuf,
    _refreshing: Task<()>,
}

impl HeldLock for TheFile {
    fn is_held(&self) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + '_>> {
        // Nothing in the file tells whose it is.
        Box::pin(std::future::ready(Ok(true)))
    }

    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { drop(self.env.disk().remove_file(&self.path).await) })
    }
}

async fn refresh(env: Env, path: PathBuf) {
    loop {
        env.sleep(REFRESH_INTERVAL).await;
        if let Ok(mut file) = env.disk().open(&path, OpenMode::Truncate, Access::Private).await {
            drop(file.write(now(&env).as_bytes()).await);
        }
    }
}

fn now(env: &Env) -> String {
    format_time(env.utc_now()).unwrap_or_default()
}

fn time_of(bytes: &[u8]) -> Option<UtcDateTime> {
    parse_time(std::str::from_utf8(bytes).ok()?)
}
