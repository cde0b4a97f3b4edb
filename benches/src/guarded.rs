//! The guarded paths: what may not need more instructions from one release to the next.
//!
//! Names, keys and the world's seed are the same in each run. What differs is only what is drawn by chance below us: the standard
//! library's hash tables are seeded anew in each process.

use std::{hint::black_box, time::Duration};

use client_under_test::{
    name::Name,
    storage::{Storage, certificate::CertificateSet, lock::Lease},
};
use scenarios::{
    catalogue::{Catalogue, shipped},
    runner::run_once,
};
use sim::{
    Env, UtcDateTime,
    world::{HostOptions, Options, World},
};

use crate::{
    certificates::Root,
    readers::readers,
    table::{Ours, Question, certified, held},
};

/// Goes a path once.
pub type Go = Box<dyn FnMut()>;

/// How many names the table has, and how many visitors come each time.
const NAMES: usize = 1_000;
const VISITORS: usize = 100;
const SEED: u64 = 7;
const EPOCH: i64 = 1_767_225_600;
const MINUTE: Duration = Duration::from_secs(60);

/// The path of this name, gone once already, so that what is done once only is done. A [`crate::readers::Reader`] goes by its
/// own name.
///
/// # Panics
/// If there is no such path, or it does not lead where it should.
#[must_use]
pub fn path(name: &str) -> Go {
    let mut go: Go = match name {
        "lookup-exact" => lookup(Question::Exact),
        "lookup-wildcard" => lookup(Question::Wildcard),
        "lookup-unknown" => lookup(Question::Miss),
        "issuance" => issuance(),
        "storage-write" => storage(Turn::Write),
        "storage-read" => storage(Turn::Read),
        _ => {
            let reader = readers().into_iter().find(|reader| reader.name == name).expect("there is such a path");
            Box::new(move || assert!((reader.read)(), "it reads its seed"))
        }
    };
    go();
    go
}

/// A hundred visitors of a table of a thousand names.
fn lookup(question: Question) -> Go {
    let ours = Ours::new(UtcDateTime::from_unix_timestamp(EPOCH).expect("a date"));
    let certified = certified();
    held(NAMES).for_each(|name| ours.swap(&name, &certified()));
    let asked = question.asked(NAMES, VISITORS);
    Box::new(move || {
        for name in &asked {
            let found = ours.find(black_box(name));
            assert_eq!(black_box(found).is_some(), question != Question::Miss);
        }
    })
}

/// The catalogue's day in which a manager gets its first certificate, the CA, the network and the laws that watch included.
fn issuance() -> Go {
    let file = shipped().join("life/first-certificate.toml");
    let catalogue = Catalogue::read_path(&file).expect("it is in the catalogue");
    Box::new(move || {
        let run = run_once(&catalogue.cases()[0], SEED);
        assert!(run.verdict.is_pass(), "{run:?}");
    })
}

/// What is done with a certificate set on the simulated disk, once a minute.
#[derive(Clone, Copy)]
enum Turn {
    Write,
    Read,
}

fn storage(turn: Turn) -> Go {
    let host = HostOptions {
        name: "manager".into(),
        addresses: vec![[10, 0, 0, 1].into()],
        clock: Default::default(),
        shared_disk: None,
    };
    let epoch = UtcDateTime::from_unix_timestamp(EPOCH).expect("a date");
    let mut world = World::new(Options { seed: SEED, epoch, hosts: vec![host] }, Vec::new());
    let host = world.host("manager").expect("added");
    world.set_program(host, move |env| keep_at(env, turn));
    world.start(host);
    let mut until = MINUTE / 2;
    Box::new(move || {
        until += MINUTE;
        world.run_until(until).expect("nothing goes wrong");
    })
}

async fn keep_at(env: Env, turn: Turn) {
    let storage = Storage::new(&env, "/storage".into(), &"https://ca.test/dir".parse().expect("a URL"));
    let name: Name = "www.example.test".parse().expect("a DNS name");
    let set: CertificateSet = Root::new(&env).set(&env, name.as_str());
    storage.store_certificate(&name, &set, &Lease::unlocked()).await.expect("there is room");
    loop {
        env.sleep(MINUTE).await;
        match turn {
            Turn::Write => storage.store_certificate(&name, &set, &Lease::unlocked()).await.expect("there is room"),
            Turn::Read => {
                let loaded = storage.load_certificate(&name).await.expect("the disk is sound");
                assert!(loaded.is_some_and(|loaded| loaded.leaf() == set.leaf()), "it is what was stored");
            }
        }
    }
}
