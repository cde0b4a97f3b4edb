//! Storage on a Redis server, or on Valkey. A certificate set is one value.
//!
//! A file is a hash under its path: its content, when it was written by the server's clock, and the epoch of the lock under which it was.
//! A folder is a sorted set of what lies in it, under its path and a slash; the name of a folder in it ends with a slash. Each
//! change of a file changes its folders in the same script, so that no crash comes between, and nothing is ever searched for among
//! the server's other keys.
//!
//! A set is written by a script that looks at the epochs itself: so whoever has lost his lease is refused from the moment in which
//! another has taken the lock, before that one has written anything.
//!
//! This is for one server, version 5 or later, or for the one of several that replicas follow; not for a cluster, which would have to
//! have all keys of a script on one node. It is spoken to without TLS. A user of its own needs the keys below the storage's root and, besides
//! `AUTH` and `SELECT`, the commands `EVAL`, `TIME`, `EXISTS`, `DEL`, `RENAME`, `HGET`, `HMGET`, `HSET`, `HDEL`, `ZADD`, `ZREM` and
//! `ZRANGEBYLEX`. What the server has confirmed lasts as it is set up to make it last: [`Redis::warnings`] (`INFO`) tells of
//! settings by which it is lost.

mod connection;
mod lease;

use std::{
    io,
    path::{Component, Path},
    sync::Arc,
};

use connection::Server;
use redis::{Cmd, ConnectionAddr, IntoConnectionInfo, cmd};
use sim::Env;
use time::UtcDateTime;

use super::{
    lock::{Fence, StorageLocks},
    medium::{Answer, FILE_BYTES_MAX, FencedMedium, Medium},
};

/// So many names of a folder are asked for at a time.
const NAMES_MAX: usize = 1000;

/// Writes a file, unless an epoch is given and the file or the lock has a later one. Whether it was done.
///
/// Keys: the file, the lock or the file again, the folders from the innermost. Arguments: the content, the epoch or nothing, what leads to
/// the file in each folder.
const WRITE: &str = "
local epoch = tonumber(ARGV[2])
if epoch then
  for i = 1, 2 do
    if (tonumber(redis.call('HGET', KEYS[i], 'epoch')) or 0) > epoch then return 0 end
  end
end
redis.call('HSET', KEYS[1], 'content', ARGV[1], 'epoch', ARGV[2], 'modified', redis.call('TIME')[1])
for i = 3, #KEYS do redis.call('ZADD', KEYS[i], 0, ARGV[i]) end
return 1
";

/// Removes a file, and the folders that are empty then.
///
/// Keys: the file, the folders from the innermost. Arguments: what leads to the file in each folder.
const REMOVE: &str = "
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
  redis.call('ZREM', KEYS[i], ARGV[i - 1])
  if redis.call('EXISTS', KEYS[i]) == 1 then break end
end
return 1
";

/// Puts a file in the place of another. Whether there was one.
///
/// Keys: the file, its new path, the folders of the one and of the other. Arguments: how many the first are, and what leads to the file
/// in each.
const RENAME: &str = "
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
local last = 2 + ARGV[1]
for i = 3, last do
  redis.call('ZREM', KEYS[i], ARGV[i - 1])
  if redis.call('EXISTS', KEYS[i]) == 1 then break end
end
for i = last + 1, #KEYS do redis.call('ZADD', KEYS[i], 0, ARGV[i - 1]) end
return 1
";

/// A URL that names no Redis server.
#[derive(Debug, thiserror::Error)]
#[error("expected redis://[[user]:password@]host[:port][/database], without TLS; {0}")]
pub struct UrlError(String);

/// A server. All keys begin with the storage's root, so that several storages, and others, may share it.
#[derive(Clone, Debug)]
pub struct Redis {
    server: Arc<Server>,
}

impl Redis {
    /// Storage on the server at `url`: `redis://[[user]:password@]host[:port][/database]`. It is not asked yet.
    ///
    /// # Errors
    /// [`UrlError`]; it does not repeat the URL, which may hold a password.
    pub fn new(env: &Env, url: &str) -> Result<Self, UrlError> {
        let info = url.into_connection_info().map_err(|e| UrlError(e.to_string()))?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(UrlError("this is another kind of address".to_owned()));
        };
        let settings = info.redis_settings();
        let server = Server::new(env, host, *port)
            .known_as(settings.username(), settings.password())
            .with_database(settings.db());
        Ok(Self { server: Arc::new(server) })
    }

    /// Locks for several hosts on this server.
    #[must_use]
    pub fn locks(&self) -> Arc<dyn StorageLocks> {
        Arc::new(lease::Leases(self.server.clone()))
    }

    /// How the server is set up to lose what it has confirmed, each in a sentence. It is asked (`INFO`).
    ///
    /// # Errors
    /// The connection's; [`io::ErrorKind::PermissionDenied`] if we may not know.
    pub async fn warnings(&self) -> io::Result<Vec<&'static str>> {
        let found: String = self.server.ask(Path::new("its settings"), &cmd("INFO")).await?;
        let is_set = |line: &str| found.lines().any(|found| found == line);
        let drops = "maxmemory-policy lets Redis drop certificates and account keys when its memory is full; noeviction does not";
        let forgets =
            "appendonly is off: what was written since Redis' last snapshot, if it makes any, is lost when it stops";
        let warnings = [
            (!is_set("maxmemory:0") && found.contains("\nmaxmemory_policy:allkeys-"), drops),
            (is_set("aof_enabled:0"), forgets),
        ];
        Ok(warnings.into_iter().filter_map(|(is_so, warning)| is_so.then_some(warning)).collect())
    }

    async fn put(&self, path: &Path, bytes: &[u8], fence: Option<Fence<'_>>) -> io::Result<()> {
        let place = Place::of(path);
        let lock = fence.map_or(place.key.clone(), |fence| Place::of(fence.lock).key);
        let mut request = script(WRITE, [&*place.key, &*lock].into_iter().chain(place.folders()));
        request.arg(bytes).arg(fence.map(|fence| fence.epoch.to_string()).unwrap_or_default()).arg(place.names());
        if self.server.ask(path, &request).await? {
            return Ok(());
        }
        Err(io::Error::other(format!("{}: another host has taken the lock since; nothing was written", path.display())))
    }

    async fn field(&self, path: &Path, field: &str) -> io::Result<Option<Vec<u8>>> {
        self.server.ask(path, cmd("HGET").arg(Place::of(path).key).arg(field)).await
    }
}

/// Where a file is on the server.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    key: String,
    /// The folders above from the innermost, each with the name in it that leads to the file.
    above: Vec<(String, String)>,
}

impl Place {
    fn of(path: &Path) -> Self {
        let parts = path.components().filter_map(|component| match component {
            Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        });
        let mut place = Self { key: String::new(), above: Vec::new() };
        for part in parts {
            if !place.key.is_empty() {
                // What was taken for a file is a folder.
                place.key.push('/');
                place.above.iter_mut().take(1).for_each(|(_, name)| name.push('/'));
                place.above.insert(0, (place.key.clone(), part.clone()));
            }
            place.key.push_str(&part);
        }
        place
    }

    fn folders(&self) -> impl Iterator<Item = &str> {
        self.above.iter().map(|(folder, _)| &**folder)
    }

    fn names(&self) -> Vec<&str> {
        self.above.iter().map(|(_, name)| &**name).collect()
    }
}

/// A request to run a script on keys.
fn script<'a>(text: &str, keys: impl IntoIterator<Item = &'a str>) -> Cmd {
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut request = cmd("EVAL");
    request.arg(text).arg(keys.len()).arg(keys);
    request
}

impl Medium for Redis {
    fn read<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async {
            let content = self.field(path, "content").await?;
            if content.as_ref().is_some_and(|content| content.len() as u64 > FILE_BYTES_MAX) {
                let words = format!("{}: it has more than {FILE_BYTES_MAX} bytes", path.display());
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
            }
            Ok(content)
        })
    }

    fn write<'a>(&'a self, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(self.put(path, bytes, None))
    }

    fn remove<'a>(&'a self, path: &'a Path) -> Answer<'a, ()> {
        Box::pin(async {
            let place = Place::of(path);
            let mut request = script(REMOVE, [&*place.key].into_iter().chain(place.folders()));
            self.server.ask(path, request.arg(place.names())).await
        })
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Answer<'a, ()> {
        Box::pin(async {
            let (old, new) = (Place::of(from), Place::of(to));
            let keys = [&*old.key, &*new.key].into_iter().chain(old.folders()).chain(new.folders());
            let mut request = script(RENAME, keys);
            request.arg(old.above.len()).arg(old.names()).arg(new.names());
            if self.server.ask(from, &request).await? {
                return Ok(());
            }
            Err(io::Error::new(io::ErrorKind::NotFound, format!("{}: there is no such file", from.display())))
        })
    }

    /// A folder of more than a thousand is asked for in parts: what comes or goes meanwhile may be among them or not.
    fn list<'a>(&'a self, folder: &'a Path) -> Answer<'a, Vec<String>> {
        Box::pin(async {
            let key = Place::of(folder).key + "/";
            let mut names: Vec<String> = Vec::new();
            loop {
                let after = names.last().map_or("-".to_owned(), |last| format!("({last}"));
                let mut request = cmd("ZRANGEBYLEX");
                request.arg(&key).arg(after).arg("+").arg("LIMIT").arg(0).arg(NAMES_MAX);
                let part: Vec<String> = self.server.ask(folder, &request).await?;
                let is_last = part.len() < NAMES_MAX;
                names.extend(part);
                if is_last {
                    break;
                }
            }
            let mut names: Vec<String> = names.iter().map(|name| name.trim_end_matches('/').to_owned()).collect();
            names.sort();
            Ok(names)
        })
    }

    fn modified<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<UtcDateTime>> {
        Box::pin(async {
            let Some(seconds) = self.field(path, "modified").await? else { return Ok(None) };
            let moment = str::from_utf8(&seconds).ok().and_then(|seconds| seconds.parse().ok());
            match moment.map(UtcDateTime::from_unix_timestamp) {
                Some(Ok(moment)) => Ok(Some(moment)),
                _ => {
                    let words = format!("{}: the time of its last writing is none", path.display());
                    Err(io::Error::new(io::ErrorKind::InvalidData, words))
                }
            }
        })
    }

    fn fenced(&self) -> Option<&dyn FencedMedium> {
        Some(self)
    }
}

impl FencedMedium for Redis {
    fn read_fenced<'a>(&'a self, path: &'a Path) -> Answer<'a, Option<Vec<u8>>> {
        self.read(path)
    }

    fn write_fenced<'a>(&'a self, path: &'a Path, bytes: &'a [u8], fence: Option<Fence<'a>>) -> Answer<'a, ()> {
        Box::pin(self.put(path, bytes, fence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_key_and_is_in_each_folder_above() {
        let above = [("acme/ocsp/", "x"), ("acme/", "ocsp/")].map(|(folder, name)| (folder.into(), name.into()));
        assert_eq!(Place::of(Path::new("/acme/ocsp/x")), Place { key: "acme/ocsp/x".into(), above: above.into() });
        assert_eq!(Place::of(Path::new("./x")), Place { key: "x".into(), above: Vec::new() });
    }

    #[test]
    fn a_url_says_where_and_as_whom_and_its_error_keeps_the_password() {
        let env = sim::real::env("a", sim::real::Options::default());
        for (url, server) in [
            ("redis://h", "Redis at h, port 6379, database 0"),
            ("redis://u:secret@h:1/2", "Redis at h, port 1, database 2"),
            ("redis://:secret@[::1]:1", "Redis at ::1, port 1, database 0"),
        ] {
            assert_eq!(Redis::new(&env, url).unwrap().server.to_string(), server);
        }
        for url in ["", "h", "http://:secret@h", "redis://:secret@h/x", "rediss://:secret@h", "unix:///h?pass=secret"] {
            let words = Redis::new(&env, url).unwrap_err().to_string();
            assert!(words.starts_with("expected redis://") && !words.contains("secret"), "{words}");
        }
    }
}
