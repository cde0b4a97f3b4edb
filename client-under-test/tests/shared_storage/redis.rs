//! Storage on Redis: on Debian's server where it is installed (`apt-get install redis-server`), and in the world on what is none.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use client_under_test::storage::{
    Storage,
    lock::{LEASE_TIME, Lease},
    medium::{FILE_BYTES_MAX, Medium},
    redis::Redis,
};
use futures_util::future::join_all;
use sim::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    law::{current, env, fences, keeps_sets, name, set, storage, two_hosts},
    server::{Server, free_address},
};

const FILE: &str = "/acme/certificates/ca.test-directory/a.test/a.test.pem";
const FILE_KEY: &str = "acme/certificates/ca.test-directory/a.test/a.test.pem";
const LOCK_KEY: &str = "acme/locks/ca.test-directory-a.test";

/// A server that keeps nothing when it ends, in a directory of its own.
struct Installed {
    env: Env,
    address: SocketAddr,
    directory: tempfile::TempDir,
    server: Server,
}

impl Installed {
    /// Nothing, with a word about it, if it is not installed.
    async fn start(settings: &[&str]) -> Option<Self> {
        let (env, directory) = (env(), tempfile::tempdir().unwrap());
        let address = free_address(&env).await;
        let server = start(&env, address, &directory, settings).await?;
        Some(Self { env, address, directory, server })
    }

    /// Ends it, looks what is so while there is none, and starts another in its place.
    async fn restart(self, meanwhile: impl AsyncFnOnce()) -> Self {
        drop(self.server);
        // The runtime hears of closed connections when it pauses.
        self.env.sleep(Duration::from_millis(1)).await;
        meanwhile().await;
        let server = start(&self.env, self.address, &self.directory, &[]).await.unwrap();
        Self { server, ..self }
    }

    fn redis(&self) -> Redis {
        Redis::new(&self.env, &format!("redis://{}", self.address)).unwrap()
    }

    /// A host's storage, which other hosts use too.
    fn shared(&self) -> Storage {
        let redis = self.redis();
        let locks = redis.locks();
        storage(&self.env, Arc::new(redis), Some(locks))
    }

    /// Does what no storage would.
    async fn meddle(&self, command: &str) {
        let mut stream = self.env.connect(self.address).await.unwrap();
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(!answer.starts_with('-'), "{answer}");
    }
}

async fn start(env: &Env, address: SocketAddr, directory: &tempfile::TempDir, settings: &[&str]) -> Option<Server> {
    let (port, directory) = (address.port().to_string(), directory.path().to_str().unwrap());
    let mut arguments =
        vec!["--bind", "127.0.0.1", "--port", &port, "--dir", directory, "--save", "", "--appendonly", "no"];
    arguments.extend(settings);
    Server::start(env, "redis-server", &arguments, address).await
}

#[tokio::test]
async fn sets_are_kept_and_fenced_for_a_user_with_a_password_who_may_do_no_more_than_that() {
    let commands = "+select +eval +time +exists +del +rename +hget +hmget +hset +hdel +zadd +zrem +zrangebylex";
    let mut settings = vec!["--user", "default", "off", "--user", "app", "on", ">se@cret", "~acme/*"];
    settings.extend(commands.split(' '));
    let Some(installed) = Installed::start(&settings).await else { return };
    let redis = |url: &str| Redis::new(&installed.env, &url.replace("HOST", &installed.address.to_string())).unwrap();
    let app = redis("redis://app:se%40cret@HOST/3");
    keeps_sets(&installed.env, Arc::new(app.clone())).await;
    let locks = app.locks();
    fences(&installed.env, storage(&installed.env, Arc::new(app.clone()), Some(locks))).await;
    assert!(
        redis("redis://app:se%40cret@HOST").read(Path::new(FILE)).await.unwrap().is_none(),
        "it is in another database"
    );
    for (url, path, why) in [
        ("redis://app:secret@HOST", FILE, "it refuses: WRONGPASS invalid username-password pair or user is disabled."),
        ("redis://HOST", FILE, "it refuses: NOAUTH Authentication required."),
        ("redis://app:se%40cret@HOST", "/others/x", "it refuses: NOPERM "),
    ] {
        let refused = redis(url).read(Path::new(path)).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        let (words, port) = (refused.to_string(), installed.address.port());
        assert!(words.starts_with(&format!("{path}: Redis at 127.0.0.1, port {port}, database 0: {why}")), "{words}");
    }
}

#[tokio::test]
async fn files_are_any_octets_and_folders_list_all_that_is_in_them() {
    let Some(installed) = Installed::start(&[]).await else { return };
    let redis = installed.redis();
    let octets: Vec<u8> = (0..=u8::MAX).chain(*b"\r\n$-1\r\n").collect();
    let path = |number: usize| format!("/acme/many/{number:04}/file");
    for number in 0..2100 {
        redis.write(path(number).as_ref(), &octets).await.unwrap();
    }
    assert_eq!(redis.read(path(0).as_ref()).await.unwrap(), Some(octets.clone()));
    let names: Vec<String> = (0..2100).map(|number| format!("{number:04}")).collect();
    assert_eq!(redis.list("/acme/many".as_ref()).await.unwrap(), names);

    // A file beside a folder of its name is neither lost nor in the way.
    redis.write("/acme/many/0000".as_ref(), b"").await.unwrap();
    redis.remove("/acme/many/0000".as_ref()).await.unwrap();
    assert_eq!(redis.list("/acme/many/0000".as_ref()).await.unwrap(), ["file"]);
    assert_eq!(redis.list("/acme/many".as_ref()).await.unwrap(), names);

    redis.rename(path(0).as_ref(), "/acme/few/file".as_ref()).await.unwrap();
    redis.rename("/acme/few/file".as_ref(), "/acme/few/file".as_ref()).await.unwrap();
    assert_eq!(redis.read("/acme/few/file".as_ref()).await.unwrap(), Some(octets));
    assert_eq!(redis.list("/acme".as_ref()).await.unwrap(), ["few", "many"]);
    let missing = redis.rename(path(0).as_ref(), path(1).as_ref()).await.unwrap_err();
    assert_eq!(
        (missing.kind(), &*missing.to_string()),
        (io::ErrorKind::NotFound, "/acme/many/0000/file: there is no such file")
    );
    for number in 0..2100 {
        redis.remove(path(number).as_ref()).await.unwrap();
    }
    assert_eq!(redis.list("/acme".as_ref()).await.unwrap(), ["few"]);
    redis.remove("/acme/few/file".as_ref()).await.unwrap();
    assert!(redis.list("/acme".as_ref()).await.unwrap().is_empty());
    assert!(redis.modified(path(0).as_ref()).await.unwrap().is_none());

    for (len, is_read) in [(FILE_BYTES_MAX, true), (FILE_BYTES_MAX + 1, false), (8 * FILE_BYTES_MAX, false)] {
        redis.write(FILE.as_ref(), &vec![0; len as usize]).await.unwrap();
        let read = redis.read(FILE.as_ref()).await.map(|content| content.unwrap().len() as u64);
        assert_eq!(read.map_err(|e| e.kind()), is_read.then_some(len).ok_or(io::ErrorKind::FileTooLarge));
    }
}

#[tokio::test]
async fn who_lost_his_lease_writes_nothing_from_the_moment_another_has_the_lock() {
    let Some(installed) = Installed::start(&[]).await else { return };
    let (late, next) = (installed.shared(), installed.shared());
    let [former, late_set, next_set] = [1, 2, 3].map(|serial| set(&installed.env, serial));
    let late_lease = late.lock_certificate(&name()).await.unwrap();
    late.store_certificate(&name(), &former, &late_lease).await.unwrap();
    installed.meddle(&format!("HSET {LOCK_KEY} until 0")).await;
    let next_lease = next.lock_certificate(&name()).await.unwrap();

    assert!(!late_lease.is_held().await.unwrap());
    let refused = late.store_certificate(&name(), &late_set, &late_lease).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("{FILE}: another host has taken the lock since; nothing was written"));
    assert_eq!(current(&late).await.unwrap().chain(), former.chain());

    next.store_certificate(&name(), &next_set, &next_lease).await.unwrap();
    late.store_certificate(&name(), &late_set, &late_lease).await.unwrap_err();
    drop(late_lease);
    late.locks_released().await;
    assert!(next_lease.is_held().await.unwrap(), "a lock is not released by who has lost it");
    // Also a lock that the server has forgotten does not let him write over what came later.
    installed.meddle(&format!("DEL {LOCK_KEY}")).await;
    let third_lease = late.lock_certificate(&name()).await.unwrap();
    next.store_certificate(&name(), &next_set, &next_lease).await.unwrap_err();
    assert!(third_lease.fence().unwrap().epoch > next_lease.fence().unwrap().epoch);
    assert_eq!(current(&late).await.unwrap().chain(), next_set.chain());
}

#[tokio::test]
async fn of_many_who_want_a_lock_one_has_it_at_a_time_and_the_next_at_once_when_it_is_released() {
    let Some(installed) = Installed::start(&[]).await else { return };
    let is_held = Arc::new(AtomicBool::new(false));
    let epochs = Arc::new(Mutex::new(Vec::new()));
    let begun = installed.env.monotonic_now();
    join_all((0..6).map(async |number| {
        let storage = installed.shared();
        let lease = storage.lock_certificate(&name()).await.unwrap();
        assert!(!is_held.swap(true, Ordering::SeqCst), "somebody else holds it");
        epochs.lock().unwrap().push(lease.fence().unwrap().epoch);
        let set = set(&installed.env, number);
        storage.store_certificate(&name(), &set, &lease).await.unwrap();
        assert!(storage.holds_certificate(&name(), &set).await.unwrap());
        is_held.store(false, Ordering::SeqCst);
        drop(lease);
        storage.locks_released().await;
    }))
    .await;
    let epochs = epochs.lock().unwrap();
    assert!(epochs.len() == 6 && epochs.is_sorted_by(|one, next| one < next), "{epochs:?}");
    assert!(installed.env.monotonic_now().since(begun) < LEASE_TIME, "nobody waited for a lease to end");
}

#[tokio::test]
async fn a_server_that_was_away_is_used_again_and_a_lease_that_it_forgot_is_lost() {
    let Some(installed) = Installed::start(&[]).await else { return };
    let storage = installed.shared();
    let lease = storage.lock_certificate(&name()).await.unwrap();
    storage.store_certificate(&name(), &set(&installed.env, 1), &lease).await.unwrap();
    let place = format!("{FILE}: Redis at 127.0.0.1, port {}, database 0: ", installed.address.port());
    let installed = installed
        .restart(async || {
            let words = storage.load_certificate(&name()).await.unwrap_err().to_string();
            assert!(words.starts_with(&place) && words.contains("refused"), "{words}");
        })
        .await;
    assert!(current(&storage).await.is_none(), "it keeps nothing");
    assert!(!lease.is_held().await.unwrap());
    let next = storage.lock_certificate(&name()).await.unwrap();
    assert!(next.fence().unwrap().epoch > lease.fence().unwrap().epoch);
    storage.store_certificate(&name(), &set(&installed.env, 2), &lease).await.unwrap_err();
    storage.store_certificate(&name(), &set(&installed.env, 3), &next).await.unwrap();
}

#[tokio::test]
async fn what_others_have_put_at_a_key_is_an_error_that_names_it_and_stays() {
    let Some(installed) = Installed::start(&[]).await else { return };
    installed.meddle(&format!("SET {FILE_KEY} hello")).await;
    installed.meddle(&format!("SET {LOCK_KEY} hello")).await;
    let storage = installed.shared();
    let loaded = storage.load_certificate(&name()).await.map(drop);
    let stored = storage.store_certificate(&name(), &set(&installed.env, 1), &Lease::unlocked()).await;
    let locked = storage.lock_certificate(&name()).await.map(drop);
    for (result, path) in [(loaded, FILE), (stored, FILE), (locked, "/acme/locks/ca.test-directory-a.test")] {
        let words = result.unwrap_err().to_string();
        assert!(words.starts_with(path) && words.contains("it refuses: WRONGTYPE"), "{words}");
    }
}

#[tokio::test]
async fn settings_that_lose_certificates_are_told() {
    let settings = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(installed) = Installed::start(&settings).await else { return };
    let warnings = installed.redis().warnings().await.unwrap();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].starts_with("maxmemory-policy") && warnings[1].starts_with("appendonly"), "{warnings:?}");
    installed.meddle("CONFIG SET maxmemory-policy noeviction").await;
    installed.meddle("CONFIG SET appendonly yes").await;
    assert!(installed.redis().warnings().await.unwrap().is_empty());
}

/// What is read from somebody who gives these answers, each on a connection of its own.
fn answered_by(answers: Vec<Vec<u8>>) -> Vec<String> {
    let count = answers.len();
    let (mut world, [a, b]) = two_hosts();
    let notes = Arc::new(Mutex::new(Vec::new()));
    world.set_program(b, move |env| {
        let answers = answers.clone();
        async move {
            let listener = env.listen("10.0.0.2:6379".parse().unwrap()).await.unwrap();
            for answer in answers {
                let mut stream = listener.accept().await.unwrap();
                let after = if answer.is_empty() { Duration::from_secs(60) } else { Duration::ZERO };
                let host = env.clone();
                let answering = async move {
                    stream.read_buf(&mut Vec::with_capacity(1024)).await.unwrap();
                    host.sleep(after).await;
                    // Whoever asked may break off before the end.
                    drop(stream.write_all(&answer).await);
                };
                env.spawn("answer", answering).detach();
            }
            // The last answer ends with the host.
            env.sleep(Duration::from_secs(60)).await;
        }
    });
    let noted = notes.clone();
    world.set_program(a, move |env| {
        let notes = noted.clone();
        async move {
            let redis = Redis::new(&env, "redis://10.0.0.2").unwrap();
            for _ in 0..count {
                let read = redis.read(Path::new("/acme/x")).await;
                notes.lock().unwrap().push(format!("{:?}", read.map_err(|e| e.to_string())));
                // By then it is known that the connection is closed.
                env.sleep(Duration::from_secs(1)).await;
            }
        }
    });
    world.start(b);
    world.start(a);
    world.run_until(Duration::from_secs(300)).unwrap();
    drop(world);
    notes.lock().unwrap().clone()
}

#[test]
fn what_is_no_redis_server_is_told_and_read_no_further_than_the_largest_file() {
    let answers = [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*9223372036854775807\r\n:1\r\n",
        "$5\r\nhel",
        &"*1\r\n".repeat(10_000),
        ":7\r\n:8\r\n",
        "*1\r\n*1\r\n+secret\r\n",
        &format!("$99999999999999\r\n{}", "x".repeat(2 << 20)),
        "",
        "-ERR no\r\n",
        "$3\r\nyes\r\n",
    ];
    let failed =
        |why: &str| format!("{:?}", Err::<(), _>(format!("/acme/x: Redis at 10.0.0.2, port 6379, database 0: {why}")));
    let not_redis = "its answer is not in Redis' protocol; is it a Redis server?";
    let another_kind = "its answer is of another kind than this request has; is it a Redis server?";
    let broken_off = "it has closed the connection, before the answer's end";
    assert_eq!(
        answered_by(answers.map(|answer| answer.as_bytes().to_vec()).into()),
        [
            failed(not_redis),
            failed(broken_off),
            failed(broken_off),
            failed(not_redis),
            failed(another_kind),
            failed(another_kind),
            failed("its answer has more than 1049600 bytes"),
            failed("not done within 10s"),
            failed("it refuses: ERR no"),
            format!("{:?}", Ok::<_, ()>(Some(b"yes"))),
        ]
    );
}
