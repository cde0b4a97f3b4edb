//! `gauntlet storage repair` outlives power cuts: whatever survives one, no private key is lost, and the next repair ends where
//! an undisturbed one does.
//!
//! The storage lies on the simulated disk. The power is cut after each change that a repair makes, once for each legal state
//! of the disk, and the repair begins again when it is back.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use client_under_test::{
    acme::certificate::Chain,
    name::Name,
    storage::{Storage, certificate::CertificateSet, check, lock::Lease},
};
use rcgen::CertificateParams;
use sim::{
    Env,
    crypto::P256Key,
    world::{CrashPoint, CrashStates, HostOptions, Options, Survival, World},
};
use time::macros::utc_datetime;

const ROOT: &str = "/storage";

const ALL: CrashStates = CrashStates { nothing: true, everything: true, subsets: true, torn_writes: true };

/// A power cut after an operation, and which of the legal states of the disk it leaves.
type Cut = (u64, usize);

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What a repair left.
#[derive(Debug)]
struct Outcome {
    /// What is not sound, in words.
    unsound: Vec<String>,
    /// What a further repair did.
    steps_again: usize,
    files: Files,
    points: Vec<CrashPoint>,
}

/// Runs a program on a disk with these files, and again after the power cut, if there is one.
fn run<F>(
    files: &Files,
    cut: Option<Cut>,
    program: impl Fn(Env) -> F + Send + Sync + 'static,
) -> (Files, Vec<CrashPoint>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let host = HostOptions {
        name: "a".into(),
        addresses: vec![IpAddr::from([10, 0, 0, 1])],
        clock: Default::default(),
        shared_disk: None,
    };
    let epoch = utc_datetime!(2026-11-01 00:00:00);
    let mut world = World::new(Options { seed: 1, epoch, hosts: vec![host] }, Vec::new());
    let host = world.host("a").unwrap();
    for (path, content) in files {
        world.plant_file(host, path, content);
    }
    world.set_program(host, program);
    match cut {
        Some((operation, number)) => {
            let survival = Survival::State { among: ALL, number };
            world.cut_power_after(host, operation, survival, Duration::from_secs(1));
        }
        None => world.count_crash_states(host, ALL),
    }
    world.start(host);
    world.run_until(Duration::from_secs(60)).unwrap();
    (world.files(host).into_iter().collect(), world.crash_points(host))
}

/// Repairs these files, and then once more.
fn repaired(files: &Files, cut: Option<Cut>) -> Outcome {
    let told = Arc::new(Mutex::new(None));
    let teller = told.clone();
    let (files, points) = run(files, cut, move |env| {
        let told = teller.clone();
        async move {
            let repaired = check::repair(&env, Path::new(ROOT)).await.unwrap();
            let unsound = repaired.left.findings.iter().filter(|finding| finding.verdict.is_unsound());
            let unsound: Vec<String> = unsound.map(ToString::to_string).collect();
            let again = check::repair(&env, Path::new(ROOT)).await.unwrap();
            *told.lock().unwrap() = Some((unsound, again.steps.len()));
        }
    });
    let (unsound, steps_again) = told.lock().unwrap().take().expect("it came to its end");
    Outcome { unsound, steps_again, files, points }
}

/// The files of a storage with certificates for `a.test` and `b.test`, all sound.
fn sound() -> Files {
    let (files, _) = run(&Files::new(), None, |env| async move {
        let storage = Storage::new(&env, ROOT.into(), &"https://ca.test/directory".parse().unwrap());
        for name in ["a.test", "b.test"] {
            let key = P256Key::generate(&env, name);
            let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
            let set = CertificateSet::new(Chain::parse(certificate.pem().as_bytes()).unwrap(), key).unwrap();
            let name: Name = name.parse().unwrap();
            storage.store_certificate(&name, &set, &Lease::unlocked()).await.unwrap();
        }
    });
    files
}

/// The file of this name.
fn path(files: &Files, name: &str) -> PathBuf {
    files.keys().find(|path| path.ends_with(name)).expect("it was stored").clone()
}

/// The file that is named after the key that it holds.
fn own_key(files: &Files, name: &str) -> PathBuf {
    let is_own = |path: &&PathBuf| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        file.starts_with(name) && file.ends_with(".key") && file != format!("{name}.key")
    };
    files.keys().find(is_own).expect("it was stored").clone()
}

/// Every private key, wherever it is.
fn private_keys(files: &Files) -> BTreeSet<Vec<u8>> {
    let blocks = files.values().flat_map(|content| pem::parse_many(content).unwrap_or_default());
    blocks.filter(|block| block.tag().ends_with("PRIVATE KEY")).map(pem::Pem::into_contents).collect()
}

fn beside(path: &Path, after: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(after);
    name.into()
}

/// Storages that are not sound, by what is wrong.
fn damaged() -> Vec<(&'static str, Files)> {
    let sound = sound();
    let [a_key, b_key] = ["a.test/a.test.key", "b.test/b.test.key"].map(|name| path(&sound, name));
    let [a_own, b_own] = ["a.test", "b.test"].map(|name| own_key(&sound, name));
    let a_chain = path(&sound, "a.test/a.test.crt");

    let mut swapped = sound.clone();
    swapped.insert(a_key.clone(), sound[&b_key].clone());
    swapped.insert(b_key.clone(), sound[&a_key].clone());
    swapped.remove(&a_own);
    swapped.remove(&b_own);

    let mut emptied = sound.clone();
    emptied.insert(a_key.clone(), Vec::new());

    let mut no_chain = sound.clone();
    no_chain.insert(a_chain.clone(), b"}".to_vec());

    let mut put_aside = sound.clone();
    for file in [&a_key, &a_chain] {
        let content = put_aside.remove(file).unwrap();
        put_aside.insert(beside(file, ".bad"), content);
    }
    put_aside.remove(&a_own);

    let mut left_over = sound.clone();
    left_over.insert(a_chain.with_file_name(".a.test.crt.a-0011223344556677.tmp"), sound[&a_chain].clone());
    left_over.insert(a_key, b"x".to_vec());

    vec![
        ("each key in the other's place", swapped),
        ("an empty key", emptied),
        ("a chain that is none", no_chain),
        ("a chain and a key that were put aside", put_aside),
        ("what a crash has left, and a key that is none", left_over),
    ]
}

#[test]
fn after_any_power_cut_no_key_is_lost_and_the_next_repair_ends_the_work() {
    let (mut points, mut states) = (0, 0);
    for (damage, files) in damaged() {
        let undisturbed = repaired(&files, None);
        assert_eq!(undisturbed.steps_again, 0, "{damage}");
        assert_ne!(undisturbed.files, files, "{damage}: there was something to do");
        for point in undisturbed.points.iter().filter(|point| point.changes) {
            points += 1;
            for state in 0..point.states {
                states += 1;
                let outcome = repaired(&files, Some((point.operation, state)));
                let place = format!("{damage}, power cut at {}:{state}, {:?}", point.operation, point.kind);
                let lost: Vec<_> = private_keys(&files).difference(&private_keys(&outcome.files)).cloned().collect();
                assert!(lost.is_empty(), "{place}: a key is lost: {:#?}", outcome.files.keys());
                assert_eq!((outcome.unsound, outcome.steps_again), (undisturbed.unsound.clone(), 0), "{place}");
            }
        }
    }
    assert!(points > 20 && states > points, "{points} points, {states} states");
}
