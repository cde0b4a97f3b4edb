//! The simulated disk does as the real one: the same operations, drawn at random, end the same on both.
//!
//! Names, contents, lengths and kinds of errors are compared; times and the errors' words are not. What a power
//! loss leaves is not tried here, because the real disk keeps its power.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};
use sim::{
    Env, UtcDateTime,
    disk::{Access, Disk, File, Metadata, OpenMode},
    world::{HostOptions, Options, World},
};

/// Part of a path. So few of them that operations meet each other's files.
#[derive(Clone, Copy, Debug)]
enum Name {
    A,
    B,
    /// Longer than the 255 bytes that a name may have.
    TooLong,
}

use Name::{A, B, TooLong};

/// A path below the directory that is tried; without names it is the directory itself.
#[derive(Clone)]
struct Place(Vec<Name>);

impl Place {
    fn below(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        for name in &self.0 {
            match name {
                A => path.push("a"),
                B => path.push("b"),
                TooLong => path.push("x".repeat(256)),
            }
        }
        path
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|name| format!("{name:?}")).collect();
        write!(f, "/{}", names.join("/"))
    }
}

/// Number of a file that is kept open.
type Slot = usize;

const SLOTS: usize = 3;

#[derive(Clone, Debug)]
enum Operation {
    /// What the slot held before stays open until the new file is.
    Open(Slot, Place, OpenMode),
    Write(Slot, Vec<u8>),
    Sync(Slot),
    Rename(Place, Place),
    RemoveFile(Place),
    RemoveDirectory(Place),
    CreateDirectories(Place),
    List(Place),
    Read(Place),
    ReadAtMost(Place, u64),
    Metadata(Place),
    SyncDirectory(Place),
}

/// What an operation tells if nothing goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Done,
    NothingOpen,
    Content(Vec<u8>),
    Names(Vec<String>),
    Found { len: u64, is_directory: bool, mode: u32 },
}

/// How each operation ended, and then what each path holds: content, or nothing for a directory.
#[derive(Debug, Default)]
struct Outcome {
    answers: Vec<Result<Answer, io::ErrorKind>>,
    tree: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

async fn carry_out(
    disk: &Disk,
    root: &Path,
    slots: &mut [Option<File>; SLOTS],
    operation: Operation,
) -> io::Result<Answer> {
    let path = |place: &Place| place.below(root);
    match operation {
        Operation::Open(slot, place, mode) => {
            slots[slot] = Some(disk.open(&path(&place), mode, Access::Public).await?);
        }
        Operation::Write(slot, bytes) => match &mut slots[slot] {
            Some(file) => file.write(&bytes).await?,
            None => return Ok(Answer::NothingOpen),
        },
        Operation::Sync(slot) => match &slots[slot] {
            Some(file) => file.sync().await?,
            None => return Ok(Answer::NothingOpen),
        },
        Operation::Rename(from, to) => disk.rename(&path(&from), &path(&to)).await?,
        Operation::RemoveFile(place) => disk.remove_file(&path(&place)).await?,
        Operation::RemoveDirectory(place) => disk.remove_directory(&path(&place)).await?,
        Operation::CreateDirectories(place) => disk.create_directories(&path(&place)).await?,
        Operation::List(place) => return Ok(Answer::Names(disk.list(&path(&place)).await?)),
        Operation::Read(place) => return Ok(Answer::Content(disk.read(&path(&place)).await?)),
        Operation::ReadAtMost(place, bytes_max) => {
            return Ok(Answer::Content(disk.read_at_most(&path(&place), bytes_max).await?));
        }
        Operation::Metadata(place) => {
            let Metadata { len, is_directory, mode, modified: _ } = disk.metadata(&path(&place)).await?;
            return Ok(Answer::Found { len, is_directory, mode });
        }
        Operation::SyncDirectory(place) => disk.sync_directory(&path(&place)).await?,
    }
    Ok(Answer::Done)
}

/// Carries out the operations in `root`, which is created first.
async fn run(env: Env, root: PathBuf, operations: Vec<Operation>) -> Outcome {
    let disk = env.disk();
    disk.create_directories(&root).await.unwrap();
    let mut outcome = Outcome::default();
    let mut slots = [const { None }; SLOTS];
    for operation in operations {
        outcome.answers.push(carry_out(&disk, &root, &mut slots, operation).await.map_err(|e| e.kind()));
    }
    let mut todo = vec![root.clone()];
    while let Some(path) = todo.pop() {
        let content = match disk.metadata(&path).await {
            Ok(found) if found.is_directory => {
                todo.extend(disk.list(&path).await.unwrap().iter().map(|name| path.join(name)));
                None
            }
            Ok(_) => Some(disk.read(&path).await.unwrap()),
            // The directory itself was removed.
            Err(_) => continue,
        };
        outcome.tree.insert(path.strip_prefix(&root).unwrap().to_owned(), content);
    }
    outcome
}

fn in_a_world(operations: Vec<Operation>) -> Outcome {
    let host = HostOptions {
        name: "a".into(),
        addresses: vec![IpAddr::from([10, 0, 0, 1])],
        clock: Default::default(),
        shared_disk: None,
    };
    let mut world = World::new(Options { seed: 1, epoch: UtcDateTime::UNIX_EPOCH, hosts: vec![host] }, Vec::new());
    let host = world.host("a").unwrap();
    let outcome = Arc::new(Mutex::new(None));
    let told = outcome.clone();
    world.set_program(host, move |env| {
        let (told, operations) = (told.clone(), operations.clone());
        async move {
            let outcome = run(env, "/disk".into(), operations).await;
            *told.lock().unwrap() = Some(outcome);
        }
    });
    world.start(host);
    world.run_until(Duration::from_secs(1)).unwrap();
    outcome.lock().unwrap().take().expect("the program ended")
}

fn on_this_machine(operations: Vec<Operation>) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let env = sim::real::env("a", sim::real::Options::default());
    runtime.block_on(run(env, directory.path().join("disk"), operations))
}

/// Fails with the first operation that ends otherwise in the world than on this machine.
fn check(operations: &[Operation]) -> Result<(), TestCaseError> {
    let simulated = in_a_world(operations.to_vec());
    let real = on_this_machine(operations.to_vec());
    for (number, operation) in operations.iter().enumerate() {
        let (simulated, real) = (&simulated.answers[number], &real.answers[number]);
        prop_assert_eq!(simulated, real, "simulated and real, at operation {}, {:?}", number, operation);
    }
    prop_assert_eq!(simulated.tree, real.tree, "simulated and real, after all operations");
    Ok(())
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let place = || {
        prop_oneof![
            20 => vec(select(vec![A, B]), 1).prop_map(Place),
            20 => vec(select(vec![A, B]), 2..4).prop_map(Place),
            1 => Just(Place(Vec::new())),
            1 => vec(select(vec![A, B]), 0..3).prop_map(|mut names| {
                names.push(TooLong);
                Place(names)
            }),
        ]
    };
    let mode = select(vec![OpenMode::Truncate, OpenMode::CreateNew, OpenMode::Overwrite]);
    let bytes = vec(any::<u8>(), 0..4);
    let operation = prop_oneof![
        6 => (0..SLOTS, place(), mode).prop_map(|(slot, place, mode)| Operation::Open(slot, place, mode)),
        6 => (0..SLOTS, bytes).prop_map(|(slot, bytes)| Operation::Write(slot, bytes)),
        1 => (0..SLOTS).prop_map(Operation::Sync),
        6 => (place(), place()).prop_map(|(from, to)| Operation::Rename(from, to)),
        3 => place().prop_map(Operation::RemoveFile),
        3 => place().prop_map(Operation::RemoveDirectory),
        4 => place().prop_map(Operation::CreateDirectories),
        2 => place().prop_map(Operation::List),
        2 => place().prop_map(Operation::Read),
        1 => (place(), 0..6_u64).prop_map(|(place, bytes_max)| Operation::ReadAtMost(place, bytes_max)),
        2 => place().prop_map(Operation::Metadata),
        1 => place().prop_map(Operation::SyncDirectory),
    ];
    vec(operation, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_operations_end_as_on_this_machine(operations in operations()) {
        check(&operations)?;
    }
}

/// A place by its names.
fn at<const N: usize>(names: [Name; N]) -> Place {
    Place(names.to_vec())
}

#[test]
fn a_directory_goes_neither_into_itself_nor_onto_what_it_is_in() {
    check(&[
        Operation::CreateDirectories(at([A, A])),
        Operation::Rename(at([A]), at([A, B])),
        Operation::Rename(at([A]), at([A, A, B])),
        Operation::Rename(at([A, A]), at([A])),
        Operation::Rename(at([A]), at([])),
        Operation::Rename(at([]), at([A, B])),
        Operation::Rename(at([A]), at([A])),
        Operation::Open(0, at([A, B]), OpenMode::CreateNew),
        Operation::Rename(at([A, B]), at([A])),
        Operation::Rename(at([A, B]), at([A, A])),
        Operation::Rename(at([A, A]), at([A, B])),
    ])
    .unwrap();
}

#[test]
fn an_error_is_that_of_the_path_that_is_looked_at_first() {
    check(&[
        Operation::Open(0, at([A]), OpenMode::CreateNew),
        Operation::Rename(at([B]), at([A, A])),
        Operation::Rename(at([B, B]), at([A, A])),
        Operation::Rename(at([A, A]), at([B, B])),
        Operation::Rename(at([B]), at([B, A])),
        Operation::Rename(at([B]), at([TooLong])),
        Operation::Rename(at([A]), at([TooLong])),
        Operation::Open(0, at([A, TooLong]), OpenMode::Truncate),
        Operation::Open(0, at([B, TooLong]), OpenMode::Truncate),
    ])
    .unwrap();
}

#[test]
fn a_name_of_more_than_255_bytes_is_refused() {
    check(&[
        Operation::Open(0, at([TooLong]), OpenMode::Truncate),
        Operation::Open(0, at([TooLong]), OpenMode::Overwrite),
        Operation::CreateDirectories(at([TooLong])),
        Operation::CreateDirectories(at([A, TooLong, A])),
        Operation::RemoveFile(at([TooLong])),
        Operation::RemoveDirectory(at([TooLong])),
        Operation::List(at([TooLong])),
        Operation::Read(at([TooLong])),
        Operation::Metadata(at([TooLong])),
        Operation::SyncDirectory(at([TooLong])),
    ])
    .unwrap();
}

#[test]
fn a_write_beyond_the_end_leaves_a_hole_unless_it_writes_nothing() {
    let open = |slot, mode| Operation::Open(slot, at([A]), mode);
    check(&[
        open(0, OpenMode::CreateNew),
        Operation::Write(0, vec![1, 2, 3]),
        open(1, OpenMode::Truncate),
        Operation::Write(0, Vec::new()),
        Operation::Metadata(at([A])),
        Operation::Write(0, vec![4]),
        Operation::Read(at([A])),
    ])
    .unwrap();
}

#[test]
fn a_file_is_read_and_synced_as_a_file_and_a_directory_as_a_directory() {
    check(&[
        Operation::CreateDirectories(at([A])),
        Operation::Open(0, at([B]), OpenMode::CreateNew),
        Operation::SyncDirectory(at([B])),
        Operation::List(at([B])),
        Operation::Read(at([A])),
        Operation::ReadAtMost(at([A]), 0),
        Operation::Open(1, at([A]), OpenMode::CreateNew),
        Operation::Open(1, at([A]), OpenMode::Truncate),
        Operation::Open(1, at([A]), OpenMode::Overwrite),
        Operation::RemoveFile(at([A])),
        Operation::RemoveDirectory(at([B])),
    ])
    .unwrap();
}
