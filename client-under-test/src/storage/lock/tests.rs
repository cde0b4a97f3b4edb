//! Numbered files in the world, under crashes, sleep and clocks that are set, against the smallest model of a lock: whoever took
//! it last holds it, or nobody does.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::select};
use sim::{
    Env, UtcDateTime,
    world::{HostId, HostOptions, Options, Survival, World},
};

use super::{NumberedFiles, StorageLocks};

const HOSTS: [&str; 3] = ["a", "b", "c"];
const TROUBLE_MS: u64 = 400_000;
/// In which all that sleep or are down come back, and in which the lock is then taken: a lease, and what hosts do between and
/// under locks.
const RECOVERY: Duration = Duration::from_secs(200);

/// What happens to a host.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Killed { for_s: u64 },
    PowerLost { for_s: u64 },
    Asleep { for_s: u64 },
    ClockSet { by_s: i64 },
}

#[derive(Default)]
struct Model {
    taken: u64,
    holder: Option<u64>,
    /// The hosts that have slept since they last began to wait for the lock.
    slept: BTreeSet<String>,
    findings: Vec<String>,
}

type Shared = Arc<Mutex<Model>>;

/// Takes the lock again and again, and asks at times whether it is held.
async fn work(env: Env, model: Shared) {
    let host = env.host_name().to_owned();
    let pause =
        |purpose: &'static str, s_max: u64| env.sleep(Duration::from_millis(env.random_below(purpose, s_max * 1_000)));
    loop {
        pause("between locks", 20).await;
        model.lock().unwrap().slept.remove(&host);
        let process = env.random_below("process", u64::MAX);
        let lease = NumberedFiles.acquire(&env, Path::new("/locks"), "x", process).await.unwrap();
        let own = {
            let mut model = model.lock().unwrap();
            model.taken += 1;
            model.holder = Some(model.taken);
            model.taken
        };
        for _ in 0..env.random_below("looks", 8) {
            pause("under a lock", 10).await;
            let holder = model.lock().unwrap().holder;
            let is_held = lease.is_held().await.unwrap();
            let mut model = model.lock().unwrap();
            if is_held && holder != Some(own) {
                model.findings.push(format!("{host}, lock {own}: it is held, but {holder:?} was taken since"));
            }
            if !is_held && !model.slept.contains(&host) {
                model.findings.push(format!("{host}, lock {own}: it is lost, though its holder was awake"));
            }
        }
        let mut model = model.lock().unwrap();
        if model.holder == Some(own) {
            model.holder = None;
        }
    }
}

fn trouble() -> impl Strategy<Value = (u64, usize, Trouble)> {
    let for_s = || prop_oneof![0..5_u64, 40..150_u64];
    let trouble = prop_oneof![
        1 => for_s().prop_map(|for_s| Trouble::Killed { for_s }),
        1 => for_s().prop_map(|for_s| Trouble::PowerLost { for_s }),
        4 => for_s().prop_map(|for_s| Trouble::Asleep { for_s }),
        1 => select(vec![-86_400, -70, 70, 86_400]).prop_map(|by_s| Trouble::ClockSet { by_s }),
    ];
    (0..TROUBLE_MS, 0..HOSTS.len(), trouble)
}

fn befall(world: &mut World, host: HostId, trouble: Trouble, model: &Shared) {
    let now = world.now();
    let later = |for_s| now + Duration::from_secs(for_s);
    match trouble {
        Trouble::Killed { for_s } => {
            world.kill(host);
            world.at(later(for_s), move |world| world.start(host));
        }
        Trouble::PowerLost { for_s } => {
            world.lose_power(host, Survival::Everything);
            world.at(later(for_s), move |world| world.start(host));
        }
        Trouble::Asleep { for_s } => {
            model.lock().unwrap().slept.insert(world.host_name(host).to_owned());
            world.suspend(host);
            world.at(later(for_s), move |world| world.resume(host));
        }
        Trouble::ClockSet { by_s } => world.step_clock(host, time::Duration::seconds(by_s)),
    }
}

/// What was found, and how often the lock was taken after all trouble.
fn run(seed: u64, troubles: &[(u64, usize, Trouble)]) -> (Vec<String>, u64) {
    let hosts = HOSTS.into_iter().zip(1..).map(|(name, last)| HostOptions {
        name: name.into(),
        addresses: vec![IpAddr::from([10, 0, 0, last])],
        clock: Default::default(),
        shared_disk: Some("shared".into()),
    });
    let options = Options { seed, epoch: UtcDateTime::UNIX_EPOCH, hosts: hosts.collect() };
    let mut world = World::new(options, Vec::new());
    let model = Shared::default();
    for name in HOSTS {
        let (host, model) = (world.host(name).unwrap(), model.clone());
        world.set_program(host, move |env| work(env, model.clone()));
        world.start(host);
    }
    for (at_ms, host, trouble) in troubles.iter().copied() {
        let (host, model) = (world.host(HOSTS[host]).unwrap(), model.clone());
        world.at(Duration::from_millis(at_ms), move |world| befall(world, host, trouble, &model));
    }
    let recovered = Duration::from_millis(TROUBLE_MS) + RECOVERY;
    world.run_until(recovered).unwrap();
    let taken_before = model.lock().unwrap().taken;
    world.run_until(recovered + RECOVERY).unwrap();
    drop(world);
    let model = std::mem::take(&mut *model.lock().unwrap());
    (model.findings, model.taken - taken_before)
}

proptest! {
    #![proptest_config(crate::testing::same_each_time(128))]

    #[test]
    fn a_lock_has_one_holder_and_nobody_awake_loses_it(seed in 0..1_000_000_u64, troubles in vec(trouble(), 0..24)) {
        let (findings, taken_after) = run(seed, &troubles);
        prop_assert!(findings.is_empty(), "{:#?}", findings);
        prop_assert!(taken_after > 0, "nobody takes it any more");
    }
}
