//! What has to hold of any storage that is not a disk, and the certificates that it is tried with.

use std::{net::IpAddr, path::Path, sync::Arc};

use client_under_test::{
    acme::certificate::Chain,
    name::Name,
    storage::{
        Storage,
        certificate::CertificateSet,
        lock::{Lease, StorageLocks},
        medium::Medium,
    },
};
use rcgen::CertificateParams;
use sim::{
    Env, UtcDateTime,
    crypto::P256Key,
    real,
    world::{HostId, HostOptions, Options, World},
};

const CA: &str = "https://ca.test/directory";
pub(crate) const ROOT: &str = "/acme";

/// A certificate for a.test whose serial number is `serial`.
pub(crate) fn set(env: &Env, serial: u64) -> CertificateSet {
    let key = P256Key::generate(env, "leaf");
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    params.serial_number = Some(serial.into());
    let certificate = params.self_signed(&key).unwrap();
    CertificateSet::new(Chain::parse(certificate.pem().as_bytes()).unwrap(), key).unwrap()
}

pub(crate) fn name() -> Name {
    "a.test".parse().unwrap()
}

pub(crate) fn env() -> Env {
    real::env("node", real::Options::default())
}

/// A world with the hosts `a`, 10.0.0.1, and `b`, 10.0.0.2.
pub(crate) fn two_hosts() -> (World, [HostId; 2]) {
    let host = |name: &str, last| HostOptions {
        name: name.into(),
        addresses: vec![IpAddr::from([10, 0, 0, last])],
        clock: Default::default(),
        shared_disk: None,
    };
    let hosts = vec![host("a", 1), host("b", 2)];
    let world = World::new(Options { seed: 1, epoch: UtcDateTime::UNIX_EPOCH, hosts }, Vec::new());
    let hosts = ["a", "b"].map(|name| world.host(name).unwrap());
    (world, hosts)
}

/// The storage on `medium`; other hosts use it too if there are locks.
pub(crate) fn storage(env: &Env, medium: Arc<dyn Medium>, locks: Option<Arc<dyn StorageLocks>>) -> Storage {
    Storage::new(env, ROOT.into(), &CA.parse().unwrap()).on(medium).with_locks(locks)
}

pub(crate) async fn current(storage: &Storage) -> Option<CertificateSet> {
    storage.load_certificate(&name()).await.unwrap()
}

/// Sets are kept, each as one file, and what can't be read is put aside.
pub(crate) async fn keeps_sets(env: &Env, medium: Arc<dyn Medium>) {
    let storage = storage(env, medium.clone(), None);
    assert!(current(&storage).await.is_none());
    for serial in [1, 2] {
        let set = set(env, serial);
        storage.store_certificate(&name(), &set, &Lease::unlocked()).await.unwrap();
        assert!(storage.holds_certificate(&name(), &set).await.unwrap());
        assert_eq!(current(&storage).await.unwrap().chain(), set.chain());
    }
    let folder = Path::new("/acme/certificates/ca.test-directory");
    assert_eq!(medium.list(folder).await.unwrap(), ["a.test"]);
    assert_eq!(medium.list(&folder.join("a.test")).await.unwrap(), ["a.test.json", "a.test.pem"]);
    let file = folder.join("a.test/a.test.pem");
    let age = env.utc_now() - medium.modified(&file).await.unwrap().unwrap();
    assert!(age.abs() < time::Duration::hours(1), "{age}");
    medium.write(&file, b"}").await.unwrap();
    assert!(current(&storage).await.is_none());
    assert_eq!(medium.list(&folder.join("a.test")).await.unwrap(), ["a.test.json", "a.test.pem.bad"]);
    for path in ["a.test.json", "a.test.pem.bad", "never-there"] {
        medium.remove(&folder.join("a.test").join(path)).await.unwrap();
    }
    assert!(medium.list(folder).await.unwrap().is_empty());
}

/// A lock is taken, released and taken again, each time under a higher number.
pub(crate) async fn fences(env: &Env, storage: Storage) {
    let first = storage.lock_certificate(&name()).await.unwrap();
    storage.store_certificate(&name(), &set(env, 1), &first).await.unwrap();
    assert!(first.is_held().await.unwrap());
    let epoch = first.fence().unwrap().epoch;
    drop(first);
    storage.locks_released().await;
    let second = storage.lock_certificate(&name()).await.unwrap();
    assert!(second.fence().unwrap().epoch > epoch);
    storage.store_certificate(&name(), &set(env, 2), &second).await.unwrap();
    storage.store_certificate(&name(), &set(env, 3), &second).await.unwrap();
    drop(second);
    storage.locks_released().await;
}
