//! A lock that stays when its holder ends (Caddy, until 2019).
//!
//! <https://github.com/caddyserver/certmagic/issues/38>,
//! <https://github.com/caddyserver/caddy/issues/2561>,
//! <https://github.com/dehydrated-io/dehydrated/issues/813>
//!
//! Stopped in the middle of an order, Caddy left the lock's file on the disk, and its next start waited for a holder who was no
//! more, for the two hours after which locks counted as stale. Since then it removes its own locks when a signal
//! stops it. Here the lock stays whenever the work under it is done, for a lock does not learn why it is let go.
//!
//! Seam: [`StorageLocks`]. To be caught with a shutdown by **L10**.

use std::{
    future::{Future, ready},
    io,
    path::Path,
    pin::Pin,
    time::Duration,
};

use sim::{
    Env,
    disk::{Access, OpenMode},
};

use crate::storage::lock::{Acquiring, HeldLock, Lease, StorageLocks};

const STALE_AFTER: time::Duration = time::Duration::hours(2);
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// One file, which nobody removes before it is two hours old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockNeverReleased;

impl StorageLocks for LockNeverReleased {
    fn acquire<'a>(&'a self, env: &'a Env, folder: &'a Path, name: &'a str, _process: u64) -> Acquiring<'a> {
        Box::pin(async move {
            let path = folder.join(format!("{name}.lock"));
            env.disk().create_directories(folder).await?;
            loop {
                match env.disk().open(&path, OpenMode::CreateNew, Access::Private).await {
                    Ok(_) => return Ok(Lease::of(env, folder, name, Box::new(TheFile))),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(e) => return Err(e),
                }
                let found = env.disk().metadata(&path).await;
                if found.is_ok_and(|found| env.utc_now() - found.modified > STALE_AFTER) {
                    drop(env.disk().remove_file(&path).await);
                } else {
                    env.sleep(LOOK_INTERVAL).await;
                }
            }
        })
    }
}

#[derive(Debug)]
struct TheFile;

impl HeldLock for TheFile {
    fn is_held(&self) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + '_>> {
        Box::pin(ready(Ok(true)))
    }

    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(ready(()))
    }
}
