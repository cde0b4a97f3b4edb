//! A certificate set outlives power cuts on a file system of the kernel's, as it does on the simulated disk.
//!
//! The storage works on a mounted file system that forgets what was not synced. The power is cut after each operation in
//! turn, and after each cut the set that is read is one that was stored, whole. Where nothing can be mounted, the tests
//! say why and end.

mod disk;
mod overlay;

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use client_under_test::{
    acme::certificate::Chain,
    historical::InPlaceWrite,
    name::Name,
    storage::{
        Storage,
        atomic::{CertificateWriter, Whole},
        certificate::CertificateSet,
        lock::Lease,
        medium::Answer,
    },
};
use rcgen::CertificateParams;
use sim::{
    Env,
    crypto::P256Key,
    disk::{Access, OpenMode},
    real,
};

use crate::{
    disk::{Disk, Survival},
    overlay::Mounted,
};

/// More operations than these no writer needs for a set.
const OPERATIONS_MAX: u64 = 100;

fn env() -> Env {
    real::env("client", real::Options { seed: Some(1), ..real::Options::default() })
}

fn name() -> Name {
    "a.test".parse().unwrap()
}

fn set(purpose: &str) -> (P256Key, CertificateSet) {
    let key = P256Key::generate(&env(), purpose);
    let certificate = CertificateParams::new(vec!["a.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let chain = Chain::parse(certificate.pem().as_bytes()).unwrap();
    (key.clone(), CertificateSet::new(chain, key).unwrap())
}

fn storage(root: &Path, writer: &Arc<dyn CertificateWriter>) -> Storage {
    let url = "https://ca.test/directory".parse().unwrap();
    Storage::new(&env(), root.to_owned(), &url).with_certificate_writer(writer.clone())
}

/// Which set is there after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    None,
    Old,
    New,
    /// The disk's error, or a set that nobody stored.
    Other,
}

/// What a power cut did that it must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Damage {
    /// After how many operations the power was cut.
    operations: u64,
    survival: Survival,
    /// Whether the writer had said that the set is stored.
    was_stored: bool,
    /// Whether a set had been stored before.
    is_second: bool,
    found: Found,
}

/// What harm is done if a set is stored and then a second one over it, with the power cut after each operation in turn.
/// Nothing, and a line that says why, if nothing can be mounted here.
async fn damages(writer: impl CertificateWriter + 'static) -> Option<Vec<Damage>> {
    let writer: Arc<dyn CertificateWriter> = Arc::new(writer);
    let (sets, below) = ([set("old"), set("new")], tempfile::tempdir().unwrap());
    if let Err(reason) = Mounted::new(Disk::of(below.path(), 0).unwrap()) {
        let line = format!("no power is cut on a mounted file system: {reason}\n");
        // Not by the macro, whose words are seen only if a test fails.
        io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    }
    let mut damages = Vec::new();
    for (is_second, (_, stored)) in [false, true].into_iter().zip(&sets) {
        let mut was_stored = false;
        for operations in 1.. {
            assert!(operations < OPERATIONS_MAX, "it never ends");
            let mounted = Mounted::new(Disk::of(below.path(), operations).unwrap()).unwrap();
            was_stored =
                storage(&mounted.path(), &writer).store_certificate(&name(), stored, &Lease::unlocked()).await.is_ok();
            let disk = mounted.unmount();
            let is_over = disk.lock().unwrap().has_power();
            for survival in Survival::ALL {
                let left = tempfile::tempdir().unwrap();
                disk.lock().unwrap().write_out(survival, left.path()).unwrap();
                let found = match storage(left.path(), &writer).load_certificate(&name()).await {
                    Ok(None) => Found::None,
                    Ok(Some(set)) if set.is_for(&sets[0].0) => Found::Old,
                    Ok(Some(set)) if set.is_for(&sets[1].0) => Found::New,
                    Ok(Some(_)) | Err(_) => Found::Other,
                };
                let may_be_found = match (is_second, was_stored) {
                    (false, false) => [Found::None, Found::Old],
                    (false, true) => [Found::Old; 2],
                    (true, false) => [Found::Old, Found::New],
                    (true, true) => [Found::New; 2],
                };
                if !may_be_found.contains(&found) {
                    damages.push(Damage { operations, survival, was_stored, is_second, found });
                }
            }
            if is_over {
                break;
            }
        }
        assert!(was_stored, "without a power cut nothing fails");
        // The second one comes when the first has long been durable.
        storage(below.path(), &writer).store_certificate(&name(), stored, &Lease::unlocked()).await.unwrap();
    }
    Some(damages)
}

#[tokio::test]
async fn after_any_power_cut_a_whole_set_is_there_and_the_new_one_once_it_is_stored() {
    if let Some(damages) = damages(Whole).await {
        assert_eq!(damages, []);
    }
}

#[tokio::test]
async fn a_set_that_is_written_in_place_is_lost() {
    let Some(damages) = damages(InPlaceWrite).await else { return };
    let second: Vec<Damage> = damages.into_iter().filter(|damage| damage.is_second).collect();
    // The file was emptied, and what was there is gone.
    assert!(second.iter().any(|damage| !damage.was_stored && damage.found == Found::None), "{second:?}");
    // It was said to be stored, and is not.
    assert!(second.iter().any(|damage| damage.was_stored && damage.found != Found::New), "{second:?}");
}

/// Writes beside the file and renames, and syncs nothing.
#[derive(Debug)]
struct RenameAlone;

impl CertificateWriter for RenameAlone {
    fn write<'a>(&'a self, storage: &'a Storage, path: &'a Path, bytes: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            let (disk, temporary) = (storage.env().disk(), path.with_extension("new"));
            disk.create_directories(path.parent().ok_or(io::ErrorKind::InvalidInput)?).await?;
            disk.open(&temporary, OpenMode::Truncate, Access::Private).await?.write(bytes).await?;
            disk.rename(&temporary, path).await
        })
    }
}

#[tokio::test]
async fn a_rename_overtakes_the_content_that_was_not_synced() {
    let Some(damages) = damages(RenameAlone).await else { return };
    let of = |survival| damages.iter().filter(move |damage| damage.is_second && damage.survival == survival);
    // The name is the new file's, and the file is empty.
    assert!(of(Survival::Names).any(|damage| damage.found == Found::None), "{damages:?}");
    // It was said to be stored, and the old one is there.
    assert!(of(Survival::Nothing).any(|damage| damage.was_stored && damage.found == Found::Old), "{damages:?}");
    // What is in the right order does no harm if everything survives.
    assert_eq!(of(Survival::Everything).next(), None);
}
