//! Clients whose commands misbehave under `gauntlet examine`: each is bounded, what it did is told, and nothing of it is left.

use std::{
    fs,
    process::{Command, Stdio},
};

/// A word that no other process has in its command line.
fn marked(mark: &str) -> String {
    format!("gauntlet-test-{}-{mark}", std::process::id())
}

/// `gauntlet examine` with a client that is this shell script, for one case.
fn examine(seconds: u32, script: &str) -> Command {
    examine_side_by_side("rfc8555/6.5/client-bad-nonce", 1, seconds, script)
}

fn examine_side_by_side(cases: &str, jobs: u32, seconds: u32, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gauntlet"));
    command
        .args(["examine", "--listen", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--seconds", &seconds.to_string()])
        .args(["--jobs", &jobs.to_string(), "--only", cases, "--", "sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// How long those have that never end, and those that end by themselves on however busy a machine.
const ENDLESS_S: u32 = 1;
const ENDING_S: u32 = 300;

/// What `gauntlet examine` says of a client that is this shell script, and its exit code. In the script `MARK` is a marked
/// word; when it is over, no process has it any more.
fn examined(mark: &str, seconds: u32, script: &str) -> (String, Option<i32>) {
    let mark = marked(mark);
    let output = examine(seconds, &script.replace("MARK", &mark)).output().expect("the command can be started");
    let left = running(&mark);
    assert!(left.is_empty(), "{left:?}");
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(!told.contains("panicked"), "{told}");
    (told, output.status.code())
}

/// The command lines with this word, but for those that are over.
fn running(mark: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let commands = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    commands.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(mark)).collect()
}

/// Waits until what was begun beside it is there, with its own command line.
const ONCE_BEGUN: &str = "while ! test -e begun; do sleep 0.1; done;";

const NO_END: &str = "found no end in time; no certificate, no end in time, after 0 requests";

#[test]
fn one_that_never_ends_hangs() {
    let (told, code) = examined("endless", ENDLESS_S, "sh -c 'while true; do sleep 1; done # MARK'; true MARK");
    assert!(told.contains("hang") && told.contains(NO_END), "{told}");
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn one_that_will_not_be_asked_to_end_is_killed() {
    let (told, code) = examined("stubborn", ENDLESS_S, "trap '' TERM INT HUP; while true; do sleep 1; done; true MARK");
    assert!(told.contains("hang") && told.contains(NO_END), "{told}");
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn one_that_stops_itself_is_killed() {
    let (told, code) = examined("stopped", ENDLESS_S, "kill -STOP $$; true MARK");
    assert!(told.contains("hang") && told.contains(NO_END), "{told}");
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn one_that_prints_without_end_hangs_and_is_read_all_the_while() {
    let (told, code) = examined(
        "loud",
        ENDLESS_S,
        "while true; do printf '%01000d\\033[2J' 0; printf '%01000d' 0 >&2; done; true MARK",
    );
    assert!(told.contains("hang") && told.contains(NO_END), "{told}");
    assert!(!told.contains('\u{1b}') && told.len() < 10_000, "what a client prints is not the report's");
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn what_one_leaves_running_is_told_and_ended() {
    let (told, code) =
        examined("child", ENDING_S, &format!("sh -c 'touch begun; sleep 1000; true MARK' & {ONCE_BEGUN} exit 1"));
    assert!(told.contains("exit code 1") && told.contains("it left processes behind, which were ended: "), "{told}");
    assert!(told.contains("sleep 1000"), "{told}");
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn daemons_of_daemons_are_told_and_ended() {
    let nested = "setsid sh -c 'setsid sh -c \"touch begun; setsid sleep 1000; true MARK\" & sleep 1000; true MARK' > /dev/null 2>&1 &";
    let (told, code) = examined("daemon", ENDING_S, &format!("{nested} {ONCE_BEGUN} exit 0"));
    assert!(told.contains("exit code 0") && told.contains("it left processes behind, which were ended: "), "{told}");
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn one_that_holds_its_output_open_through_a_daemon_does_not_keep_the_examination() {
    let (told, code) = examined("holder", ENDING_S, "setsid sh -c 'trap \"\" TERM; sleep 1000; true MARK' & exit 3");
    assert!(told.contains("exit code 3"), "{told}");
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn side_by_side_each_leaves_the_others_alone_and_all_are_told_in_order() {
    let [told, again] = [1, 4].map(|jobs| {
        let mark = marked(&format!("beside-{jobs}"));
        // The first case ends after others that have begun after it.
        let script = format!(
            "setsid sh -c 'touch begun; sleep 1000; true {mark}' & {ONCE_BEGUN}
             case $ACME_CASE in */client-bad-nonce) sleep 2;; esac; exit 3"
        );
        let output =
            examine_side_by_side("rfc8555/6.5", jobs, ENDING_S, &script).output().expect("the command can be started");
        assert!(running(&mark).is_empty());
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stdout).replace(&mark, "MARK")
    });
    assert!(told.matches("it left processes behind").count() >= 9, "{told}");
    assert_eq!(told, again);
}

#[test]
fn an_interrupt_ends_all_clients_too() {
    let mark = marked("interrupted");
    let script = format!("while true; do sleep 1; done; true {mark}");
    let mut command = examine_side_by_side("rfc8555/6.5", 3, 600, &script);
    let mut child = command.spawn().expect("the command can be started");
    // It has the word in its own command line too.
    while running(&mark).len() < 4 {
        assert!(child.try_wait().expect("it is our child").is_none(), "it has ended before its client began");
        std::thread::yield_now();
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("interrupted: 0 of 11 cases were tried"), "{told}");
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(running(&mark).is_empty());
}

#[test]
fn one_that_fails_is_run_again_when_its_timer_comes_next_and_each_time_is_told_the_time_of_the_ca() {
    let folder = tempfile::tempdir().unwrap();
    let times = folder.path().join("times");
    let note = format!("echo {{now}} $ACME_NOW >> {}", times.display());
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["examine", "--listen", "127.0.0.1:0", "--dns", "127.0.0.1:0"])
        .args(["--only", "rfc9773/4.2/client-renews-in-time", "--timer", &format!("{note}; exit 1")])
        .args(["--", "sh", "-c", &note])
        .output()
        .expect("the command can be started");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let times = fs::read_to_string(times).unwrap();
    let times = times.lines().map(|line| {
        let (filled_in, in_environment) = line.split_once(' ').unwrap();
        assert_eq!(filled_in, in_environment);
        time::OffsetDateTime::parse(filled_in, &time::format_description::well_known::Rfc3339).unwrap()
    });
    let times: Vec<_> = times.collect();
    let days: Vec<i64> =
        times.iter().map(|time| ((*time - times[0]) + time::Duration::hours(12)).whole_days()).collect();
    // Afterwards comes the case that this one needs.
    assert_eq!(days, [0, 1, 10, 40, 80, 86, 0]);
}

#[test]
fn one_that_can_not_be_started_is_said_to_be_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["examine", "--listen", "127.0.0.1:0", "--dns", "127.0.0.1:0"])
        .args(["--only", "rfc8555/6.5/client-bad-nonce", "--", "/no/such/client"])
        .output()
        .expect("the command can be started");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("the command /no/such/client can't be started"), "{told}");
    assert_eq!(output.status.code(), Some(2), "{told}");
}
