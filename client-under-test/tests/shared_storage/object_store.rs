//! Storage on object stores: in the world on one in memory, which keeps its conditions or lies; and on real servers, where they
//! are installed: `moto_server` (of `pip install 'moto[server]'`) and `s3s-fs` (of `cargo install s3s-fs --features binary`).

use std::{
    fmt, io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use client_under_test::storage::{Storage, bucket::Bucket};
use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, RetryConfig, aws::AmazonS3Builder,
    memory::InMemory, path::Path as ObjectPath,
};
use sim::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    law::{ROOT, env, fences, keeps_sets, name, set, storage, two_hosts},
    server::{Server, free_address},
};

const MINUTE: Duration = Duration::from_secs(60);

fn bucket(store: Arc<dyn ObjectStore>) -> Arc<Bucket> {
    Arc::new(Bucket::new(store))
}

/// The storage in `store`, which other hosts use too.
async fn shared(env: &Env, store: Arc<dyn ObjectStore>) -> io::Result<Storage> {
    let bucket = bucket(store);
    let locks = bucket.locks(env, Path::new(ROOT)).await?;
    Ok(storage(env, bucket, Some(locks)))
}

/// A server that looks first and writes then lets as many create an object as have looked before the first has written. Whether
/// that is found out when it is tried is a matter of its threads.
async fn fences_or_is_refused(env: &Env, store: Arc<dyn ObjectStore>) {
    match shared(env, store).await {
        Ok(storage) => fences(env, storage).await,
        Err(e) => assert_eq!(e.kind(), io::ErrorKind::Unsupported, "{e}"),
    }
}

/// Tells itself to be an object store, and keeps no conditions.
#[derive(Debug)]
struct Liar(InMemory);

impl fmt::Display for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Liar")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Liar {
    async fn put_opts(&self, path: &ObjectPath, bytes: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(path, bytes, PutOptions { mode: PutMode::Overwrite, ..options }).await
    }

    async fn put_multipart_opts(
        &self,
        path: &ObjectPath,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<ObjectPath>>) -> BoxStream<'static, Result<ObjectPath>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &ObjectPath, to: &ObjectPath, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_set_is_one_object() {
    keeps_sets(&env(), bucket(Arc::new(InMemory::new()))).await;
    fences(&env(), shared(&env(), Arc::new(InMemory::new())).await.unwrap()).await;
}

#[tokio::test]
async fn a_store_that_ignores_conditions_serves_one_host_and_not_several() {
    keeps_sets(&env(), bucket(Arc::new(Liar(InMemory::new())))).await;
    let refused = shared(&env(), Arc::new(Liar(InMemory::new()))).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    let words = refused.to_string();
    assert!(
        words.starts_with("Liar can't be shared by several hosts: it lets several create the same object"),
        "{words}"
    );
}

/// Runs `program` on two hosts that share an object store, of which the first is suspended from minute 1 to minute `until`, and
/// returns what they noted.
fn run_on_two_hosts<F>(
    until: u32,
    program: impl Fn(Env, Storage, Notes) -> F + Clone + Send + Sync + 'static,
) -> Vec<String>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut world, [a, b]) = two_hosts();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let notes = Notes::default();
    for host in [a, b] {
        let (store, notes, program) = (store.clone(), notes.clone(), program.clone());
        world.set_program(host, move |env| {
            let (store, notes, program) = (store.clone(), notes.clone(), program.clone());
            async move {
                let storage = shared(&env, store).await.unwrap();
                program(env, storage, notes).await;
            }
        });
        world.start(host);
    }
    world.at(MINUTE, move |world| world.suspend(a));
    world.at(MINUTE * until, move |world| world.resume(a));
    world.run_until(30 * MINUTE).unwrap();
    drop(world);
    notes.0.lock().unwrap().clone()
}

#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, words: impl Into<String>) {
        self.0.lock().unwrap().push(words.into());
    }
}

/// The first host takes the lock and stores only in minute 6; the second wants it from minute 1 on.
fn late_writer(until: u32) -> Vec<String> {
    run_on_two_hosts(until, |env, storage, notes| async move {
        let is_late = env.host_name() == "a";
        if !is_late {
            env.sleep(Duration::from_secs(50)).await;
        }
        let lease = storage.lock_certificate(&name()).await.unwrap();
        notes.note(format!("{} has epoch {}", env.host_name(), lease.fence().unwrap().epoch));
        if is_late {
            env.sleep(5 * MINUTE).await;
        }
        let is_held = lease.is_held().await.unwrap();
        let stored = storage.store_certificate(&name(), &set(&env, 1), &lease).await;
        notes.note(format!("{}, held {is_held}: {:?}", env.host_name(), stored.map_err(|e| e.to_string())));
    })
}

#[test]
fn who_waits_gets_the_lock_once_it_is_released() {
    assert_eq!(late_writer(1), ["a has epoch 1", "a, held true: Ok(())", "b has epoch 2", "b, held true: Ok(())"]);
}

#[test]
fn who_slept_through_his_lease_writes_nothing_any_more() {
    let refused =
        "/acme/certificates/ca.test-directory/a.test/a.test.pem: another host has taken the lock since, and written";
    assert_eq!(
        late_writer(10),
        [
            "a has epoch 1".to_owned(),
            "b has epoch 2".to_owned(),
            "b, held true: Ok(())".to_owned(),
            format!("a, held false: Err({refused:?})"),
        ]
    );
}

fn s3(address: SocketAddr) -> Arc<dyn ObjectStore> {
    // The HTTP client wants to know by whom it would encrypt, also where it does not.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = AmazonS3Builder::new()
        .with_endpoint(format!("http://{address}"))
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name("gauntlet")
        .with_access_key_id("id")
        .with_secret_access_key("secret")
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
    Arc::new(builder.build().unwrap())
}

#[tokio::test]
async fn moto_keeps_sets_and_fences_or_is_refused() {
    let env = env();
    let address = free_address(&env).await;
    let port = address.port().to_string();
    let Some(_server) = Server::start(&env, "moto_server", &["-H", "127.0.0.1", "-p", &port], address).await else {
        return;
    };
    let mut stream = env.connect(address).await.unwrap();
    let request =
        format!("PUT /gauntlet HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    keeps_sets(&env, bucket(s3(address))).await;
    fences_or_is_refused(&env, s3(address)).await;
}

#[tokio::test]
async fn s3s_fs_keeps_sets_and_fences_or_is_refused() {
    let env = env();
    let (address, directory) = (free_address(&env).await, tempfile::tempdir().unwrap());
    std::fs::create_dir(directory.path().join("gauntlet")).unwrap();
    let (port, root) = (address.port().to_string(), directory.path().to_str().unwrap());
    let arguments = ["--host", "127.0.0.1", "--port", &port, "--access-key", "id", "--secret-key", "secret", root];
    let Some(_server) = Server::start(&env, "s3s-fs", &arguments, address).await else { return };
    keeps_sets(&env, bucket(s3(address))).await;
    fences_or_is_refused(&env, s3(address)).await;
}
