//! The world keeps its promises: time leaps, faults bite, failures are named, and equal seeds give equal traces.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use sim::{
    Env, UtcDateTime,
    disk::{Access, OpenMode},
    lock::RwLock,
    trace::{Event, Observer, Record},
    world::{Condition, CrashKind, CrashStates, HostId, HostOptions, Latency, Link, Options, Survival, World},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Two hosts, `a` and `b`.
fn world(seed: u64) -> (World, HostId, HostId) {
    let host = |name: &str, last| HostOptions {
        name: name.into(),
        addresses: vec![IpAddr::from([10, 0, 0, last])],
        clock: Default::default(),
        shared_disk: None,
    };
    let world = World::new(
        Options { seed, epoch: UtcDateTime::UNIX_EPOCH, hosts: vec![host("a", 1), host("b", 2)] },
        Vec::new(),
    );
    let (a, b) = (world.host("a").unwrap(), world.host("b").unwrap());
    (world, a, b)
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 80))
}

/// Answers each line with itself.
async fn echo(env: Env) {
    let listener = env.listen(SocketAddr::from(([0, 0, 0, 0], 80))).await.unwrap();
    loop {
        let Ok(mut stream) = listener.accept().await else { continue };
        env.spawn("echo", async move {
            let mut buffer = [0; 64];
            while let Ok(n) = stream.read(&mut buffer).await
                && n > 0
                && stream.write_all(&buffer[..n]).await.is_ok()
            {}
        })
        .detach();
    }
}

async fn ask(env: &Env, line: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = env.connect(address(2)).await?;
    stream.write_all(line).await?;
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

type Notes = Arc<Mutex<Vec<(u64, String)>>>;

/// Runs `work` on `a` against an echo server on `b` and returns what it noted, with the second.
fn notes_of<F>(
    set_up: impl FnOnce(&mut World, HostId, HostId),
    until: Duration,
    work: impl Fn(Env, Box<dyn Fn(&Env, String) + Send + Sync>) -> F + 'static,
) -> Vec<(u64, String)>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut world, a, b) = world(1);
    let notes = Notes::default();
    let kept = notes.clone();
    world.set_program(b, echo);
    world.set_program(a, move |env| {
        let notes = kept.clone();
        work(env, Box::new(move |env, note| notes.lock().unwrap().push((env.monotonic_now().0.as_secs(), note))))
    });
    set_up(&mut world, a, b);
    world.start(b);
    world.start(a);
    world.run_until(until).unwrap();
    drop(world);
    Arc::try_unwrap(notes).unwrap().into_inner().unwrap()
}

fn words(result: io::Result<Vec<u8>>) -> String {
    match result {
        Ok(answer) => String::from_utf8(answer).unwrap(),
        Err(e) => e.kind().to_string(),
    }
}

fn condition(world: &mut World, from: HostId, to: HostId, condition: Condition) {
    let link = Link { condition, ..world.link(from, to) };
    world.set_link(from, to, link);
}

#[test]
fn centuries_pass_in_an_instant() {
    let notes = notes_of(
        |_, _, _| {},
        200 * YEAR,
        |env, note| async move {
            for _ in 0..10 {
                env.sleep(15 * YEAR).await;
                note(&env, words(ask(&env, b"hello").await));
            }
        },
    );
    assert_eq!(notes.len(), 10);
    assert_eq!(notes[9], (150 * YEAR.as_secs(), "hello".to_owned()));
}

#[test]
fn a_closed_port_refuses_and_a_blackhole_times_out() {
    let refused = notes_of(
        |world, _, b| world.set_program(b, |_| std::future::pending()),
        MINUTE,
        |env, note| async move { note(&env, words(ask(&env, b"x").await)) },
    );
    assert_eq!(refused, [(0, "connection refused".to_owned())]);

    let lost = notes_of(
        |world, a, b| condition(world, a, b, Condition::Blackhole),
        10 * MINUTE,
        |env, note| async move { note(&env, words(ask(&env, b"x").await)) },
    );
    assert_eq!(lost, [(127, "timed out".to_owned())]);

    let reset = notes_of(
        |world, a, b| condition(world, a, b, Condition::Reset),
        MINUTE,
        |env, note| async move { note(&env, words(ask(&env, b"x").await)) },
    );
    assert_eq!(reset, [(0, "connection refused".to_owned())]);
}

#[test]
fn a_short_partition_is_survived_by_retransmission_and_a_long_one_is_not() {
    let survive = |heal_after: Duration| {
        notes_of(
            move |world, a, b| {
                world.at(MINUTE, move |world| condition(world, a, b, Condition::Blackhole));
                world.at(MINUTE + heal_after, move |world| condition(world, a, b, Condition::Open));
            },
            120 * MINUTE,
            |env, note| async move {
                let mut stream = env.connect(address(2)).await.unwrap();
                env.sleep(MINUTE).await;
                let exchange = async {
                    stream.write_all(b"x").await?;
                    let mut answer = vec![0; 1];
                    stream.read_exact(&mut answer).await.map(|_| answer)
                };
                let answer = exchange.await;
                note(&env, words(answer));
            },
        )
    };
    let short = survive(MINUTE);
    assert_eq!(short[0].1, "x");
    assert!((120..260).contains(&short[0].0), "{short:?}");
    let long = survive(60 * MINUTE);
    assert_eq!(long[0].1, "connection reset");
    assert!((660..1_500).contains(&long[0].0), "{long:?}");
}

#[test]
fn a_stalled_link_goes_on_where_it_stopped() {
    let notes = notes_of(
        |world, a, b| {
            condition(world, a, b, Condition::Stalled);
            world.at(60 * MINUTE, move |world| condition(world, a, b, Condition::Open));
        },
        120 * MINUTE,
        |env, note| async move {
            // The operating system gives up on opening a connection; what is open waits on.
            note(&env, words(ask(&env, b"x").await));
            env.sleep(58 * MINUTE).await;
            note(&env, words(ask(&env, b"y").await));
        },
    );
    assert_eq!(notes, [(127, "timed out".to_owned()), (3_607, "y".to_owned())]);
}

#[test]
fn a_truncated_answer_ends_early_for_its_reader() {
    let notes = notes_of(
        |world, a, b| {
            let link = Link { truncate_after_bytes: Some(3), ..world.link(b, a) };
            world.set_link(b, a, link);
        },
        MINUTE,
        |env, note| async move {
            let mut stream = env.connect(address(2)).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            note(&env, String::from_utf8(got).unwrap());
        },
    );
    assert_eq!(notes, [(0, "hel".to_owned())]);
}

#[test]
fn a_power_cut_is_silent_and_a_restart_resets_what_was_open() {
    let notes = notes_of(
        |world, _, b| {
            world.at(MINUTE, move |world| world.lose_power(b, Survival::Nothing));
            world.at(3 * MINUTE, move |world| world.start(b));
        },
        60 * MINUTE,
        |env, note| async move {
            let mut stream = env.connect(address(2)).await.unwrap();
            let mut byte = [0];
            // Nobody tells: a reader that sets no limit would wait for ever.
            let waited = env.timeout(2 * MINUTE, stream.read(&mut byte)).await.is_err();
            note(&env, format!("silence: {waited}"));
            env.sleep(2 * MINUTE).await;
            stream.write_all(b"x").await.unwrap();
            note(&env, words(stream.read(&mut byte).await.map(|_| vec![])));
            note(&env, words(ask(&env, b"again").await));
        },
    );
    let said: Vec<&str> = notes.iter().map(|(_, note)| note.as_str()).collect();
    assert_eq!(said, ["silence: true", "connection reset", "again"]);
}

#[test]
fn a_connection_that_is_given_up_before_it_is_open_leaves_its_port_free_for_the_next_start() {
    let notes = notes_of(
        |world, _, b| {
            for minute in [1, 3] {
                world.at(minute * MINUTE, move |world| world.lose_power(b, Survival::Nothing));
                world.at((minute + 1) * MINUTE, move |world| world.start(b));
            }
        },
        60 * MINUTE,
        |env, note| async move {
            env.sleep(MINUTE + MINUTE / 2).await;
            // It is still under way when the other host is there again.
            let is_given_up = env.timeout(MINUTE / 3, env.connect(address(2))).await.is_err();
            note(&env, format!("given up: {is_given_up}"));
            env.sleep(4 * MINUTE).await;
            note(&env, words(ask(&env, b"again").await));
        },
    );
    let said: Vec<&str> = notes.iter().map(|(_, note)| note.as_str()).collect();
    assert_eq!(said, ["given up: true", "again"]);
}

#[test]
fn a_killed_process_closes_its_connections() {
    let notes = notes_of(
        |world, _, b| world.at(MINUTE, move |world| world.kill(b)),
        60 * MINUTE,
        |env, note| async move {
            let mut stream = env.connect(address(2)).await.unwrap();
            let end = stream.read(&mut [0]).await;
            note(&env, format!("{end:?}"));
            note(&env, words(ask(&env, b"x").await));
        },
    );
    assert_eq!(notes, [(60, "Ok(0)".to_owned()), (60, "connection refused".to_owned())]);
}

#[test]
fn a_suspended_host_resumes_with_a_wall_clock_that_has_jumped() {
    let notes = notes_of(
        |world, a, _| {
            world.at(MINUTE, move |world| world.suspend(a));
            world.at(61 * MINUTE, move |world| world.resume(a));
        },
        120 * MINUTE,
        |env, note| async move {
            env.sleep(2 * MINUTE).await;
            note(&env, env.utc_now().unix_timestamp().to_string());
        },
    );
    assert_eq!(notes, [(120, (62 * 60).to_string())]);
}

#[test]
fn loss_delays_tcp_and_loses_datagrams() {
    let lossy = Link {
        latency: Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(90) },
        loss_per_million: 50_000,
        ..Link::default()
    };
    let notes = notes_of(
        move |world, a, b| {
            world.set_link(a, b, lossy);
            world.set_link(b, a, lossy);
        },
        YEAR,
        |env, note| async move {
            for _ in 0..500 {
                note(&env, words(ask(&env, b"through").await));
            }
        },
    );
    assert_eq!(notes.len(), 500);
    assert!(notes.iter().all(|(_, note)| note == "through"));
}

#[test]
fn unsynced_files_do_not_survive_a_power_cut() {
    let (mut world, a, _) = world(1);
    world.set_program(a, |env| async move {
        let disk = env.disk();
        disk.create_directories(Path::new("/data")).await.unwrap();
        for (name, synced) in [("safe", true), ("lost", false)] {
            let path = Path::new("/data").join(name);
            let mut file = disk.open(&path, OpenMode::CreateNew, Access::Private).await.unwrap();
            file.write(b"content").await.unwrap();
            if synced {
                file.sync().await.unwrap();
                disk.sync_directory(Path::new("/data")).await.unwrap();
            }
        }
        std::future::pending().await
    });
    world.start(a);
    world.run_until(MINUTE).unwrap();
    assert_eq!(world.files(a).len(), 2);
    world.lose_power(a, Survival::Nothing);
    assert_eq!(world.files(a), [("/data/safe".into(), b"content".to_vec())]);
}

#[test]
fn the_power_is_cut_between_an_operation_and_what_the_program_does_next() {
    let states = CrashStates { nothing: true, everything: true, ..CrashStates::default() };
    // Opening, writing, syncing: at each the file is there or not; after the write also with its content.
    for (operation, number, left) in [(1, 0, None), (1, 1, Some("")), (2, 1, Some("content")), (3, 1, Some("content"))]
    {
        let (mut world, a, _) = world(1);
        world.set_program(a, |env| async move {
            env.probe("started");
            let mut file = env.disk().open(Path::new("/x"), OpenMode::Truncate, Access::Private).await.unwrap();
            file.write(b"content").await.unwrap();
            file.sync().await.unwrap();
            env.probe("done");
            std::future::pending().await
        });
        world.count_crash_states(a, states);
        world.cut_power_after(a, operation, Survival::State { among: states, number }, MINUTE);
        world.start(a);
        world.run_until(MINUTE / 2).unwrap();
        let points = world.crash_points(a);
        assert_eq!(points.len() as u64, operation, "nothing gets through once the power is gone");
        assert_eq!(points.iter().map(|point| point.states).max(), Some(2));
        let files: Vec<_> = left.iter().map(|content| ("/x".into(), content.as_bytes().to_vec())).collect();
        assert_eq!(world.files(a), files);
        world.run_until(2 * MINUTE).unwrap();
        assert_eq!(world.incarnation(a), 2);
        assert_eq!(world.crash_points(a).len() as u64, operation + 3, "started again, it goes on to the end");
        assert_eq!(world.files(a), [("/x".into(), b"content".to_vec())]);
    }
}

#[test]
fn a_panic_names_host_task_and_time() {
    let (mut world, a, _) = world(7);
    world.set_program(a, |env| async move {
        env.sleep(MINUTE).await;
        let worker = env.spawn("worker", async { panic!("out of cheese") });
        worker.await;
    });
    world.start(a);
    let crash = world.run_until(YEAR).unwrap_err();
    assert_eq!((crash.seed, crash.host.as_deref(), crash.at), (7, Some("a"), MINUTE));
    let words = crash.to_string();
    assert!(words.contains("`a/worker` panicked: out of cheese"), "{words}");
    assert!(words.contains("world.rs:"), "{words}");
}

#[test]
fn a_task_that_waits_for_its_own_lock_is_reported_at_once_by_the_locks_name() {
    let (mut world, a, _) = world(1);
    world.set_program(a, |env| async move {
        let cache = RwLock::new(&env, "certificate cache", ());
        env.sleep(MINUTE).await;
        let _reading = cache.read().await;
        let _writing = cache.write().await;
    });
    world.start(a);
    let crash = world.run_until(YEAR).unwrap_err();
    assert_eq!(crash.at, MINUTE);
    assert_eq!(crash.kind, CrashKind::Deadlock("a/main waits for `certificate cache` held by a/main".to_owned()));
}

#[test]
fn a_circle_of_two_tasks_and_two_locks_is_reported() {
    let (mut world, a, _) = world(1);
    world.set_program(a, |env| async move {
        let locks = Arc::new((RwLock::new(&env, "one", ()), RwLock::new(&env, "two", ())));
        let (other, env_of_other) = (locks.clone(), env.clone());
        let task = env.spawn("other", async move {
            let _two = other.1.write().await;
            env_of_other.sleep(MINUTE).await;
            let _one = other.0.write().await;
        });
        let _one = locks.0.write().await;
        env.sleep(2 * MINUTE).await;
        let _two = locks.1.write().await;
        task.await;
    });
    world.start(a);
    let crash = world.run_until(YEAR).unwrap_err();
    assert_eq!(crash.at, 2 * MINUTE);
    let words = crash.to_string();
    assert!(words.contains("a/main waits for `two` held by a/other"), "{words}");
    assert!(words.contains("a/other waits for `one` held by a/main"), "{words}");
}

#[test]
fn an_operation_that_nothing_can_end_is_reported() {
    let (mut world, a, _) = world(1);
    world.set_program(a, |env| async move {
        let _operation = env.operation("obtain a certificate");
        std::future::pending::<()>().await;
    });
    world.start(a);
    let crash = world.run_until(YEAR).unwrap_err();
    assert_eq!(crash.kind, CrashKind::Stuck("`obtain a certificate` (a/main) has not ended".to_owned()));
}

struct Lines(Arc<Mutex<Vec<String>>>);

impl Observer for Lines {
    fn observe(&mut self, _: &Record, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

#[test]
fn equal_seeds_give_equal_traces_and_others_do_not() {
    let trace = |seed| {
        let (mut world, a, b) = world(seed);
        let lines = Arc::new(Mutex::new(Vec::new()));
        world.observe(Box::new(Lines(lines.clone())));
        let link = Link { latency: Latency::LongTail { min: MINUTE / 600, usual: MINUTE / 300 }, ..Link::default() };
        world.set_default_link(link);
        world.set_program(b, echo);
        world.set_program(a, |env| async move {
            for _ in 0..50 {
                let pause = env.random_below("pause", 1_000);
                env.sleep(Duration::from_millis(pause)).await;
                let word = env.entropy::<8>("word");
                assert_eq!(ask(&env, &word).await.unwrap(), word);
                env.probe("asked");
            }
        });
        world.start(b);
        world.start(a);
        world.run_until(YEAR).unwrap();
        let hash = world.trace_hash();
        drop(world);
        (Arc::try_unwrap(lines).unwrap().into_inner().unwrap(), hash)
    };
    let (one, two, other) = (trace(1), trace(1), trace(2));
    assert_eq!(one, two);
    assert_ne!(one.1, other.1);
    assert!(one.0.len() > 500, "the whole conversation is in the trace");
}

#[test]
fn a_program_that_returns_ends_its_process() {
    let (mut world, a, _) = world(1);
    let ended = Arc::new(Mutex::new(Vec::new()));
    struct Ends(Arc<Mutex<Vec<Event>>>);
    impl Observer for Ends {
        fn observe(&mut self, record: &Record, _: &str) {
            if matches!(record.event, Event::HostEnded { .. }) {
                self.0.lock().unwrap().push(record.event.clone());
            }
        }
    }
    world.observe(Box::new(Ends(ended.clone())));
    world.set_program(a, |env| async move {
        let child = env.clone();
        env.spawn("orphan", async move { child.sleep(YEAR).await }).detach();
    });
    world.start(a);
    world.run_until(MINUTE).unwrap();
    assert_eq!(ended.lock().unwrap().len(), 1);
}
