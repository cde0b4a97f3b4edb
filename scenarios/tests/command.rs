//! The command as a user runs it: what it prints and how it exits, for good input and bad.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use client_under_test::storage::{Storage, certificate::CertificateSet, lock::Lease};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use sim::real;

fn gauntlet(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("the command can be started");
    assert!(!text(&output.stderr).contains("panicked at src"), "{}", text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Both outputs, and the exit code.
fn told(arguments: &[&str]) -> (String, Option<i32>) {
    let output = gauntlet(arguments);
    (text(&output.stdout) + &text(&output.stderr), output.status.code())
}

fn last_line(output: &Output) -> String {
    text(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn equal_seeds_give_equal_hashes_in_different_processes() {
    for id in ["life/first-certificate", "life/manager-power-cut::cut=3s"] {
        let one = gauntlet(&["replay", id, "--seed", "5"]);
        assert_eq!(one.status.code(), Some(0), "{}", text(&one.stdout));
        let hash = last_line(&one);
        assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
        let again = gauntlet(&["replay", id, "--seed", "5", "--expect-hash", &hash]);
        assert_eq!((again.status.code(), last_line(&again)), (Some(0), hash.clone()));
        let other = gauntlet(&["replay", id, "--seed", "6", "--expect-hash", &hash]);
        assert_eq!(other.status.code(), Some(3), "another seed is another trace");
        assert_ne!(last_line(&other), hash);
    }
}

#[test]
fn the_trace_file_holds_every_event_certificates_included() {
    let file = scratch("trace.jsonl");
    let path = file.to_str().unwrap();
    let output = gauntlet(&["replay", "life/first-certificate", "--seed", "1", "--trace", path]);
    assert_eq!(output.status.code(), Some(0));
    let lines = std::fs::read_to_string(&file).unwrap();
    let count = lines.lines().count();
    assert!(text(&output.stdout).contains(&format!("{count} events")), "{}", text(&output.stdout));
    for kind in ["world", "host-started", "segment", "datagram", "data", "handshake", "disk", "probe"] {
        assert!(lines.contains(&format!("\"event\":\"{kind}\"")), "{kind}");
    }
}

#[test]
fn a_host_that_reads_the_real_clock_is_caught_and_the_first_event_that_differs_is_named() {
    let (said, code) = told(&["run", "tests/harness/reads-the-real-clock.toml"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("the first event that does"), "{said}");
    assert_eq!(said.matches("faulty/saw-").count(), 2, "{said}");
    assert!(said.contains("gauntlet replay 'tests/harness/reads-the-real-clock.toml' --seed 0"), "{said}");
}

#[test]
fn a_panic_fails_the_run_with_host_seed_time_and_event() {
    let (said, code) = told(&["run", "tests/harness/panics.toml"]);
    assert_eq!(code, Some(1), "{said}");
    for part in ["`faulty/main` panicked", "faulty.rs:", "host faulty", "seed 0", "virtual time 60s", "event "] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let replay = said.lines().find(|line| line.contains("gauntlet replay")).expect("how to replay");
    assert!(replay.contains("--expect-hash"), "{replay}");
}

#[test]
fn a_task_that_waits_for_itself_is_a_deadlock_by_name() {
    let (said, code) = told(&["run", "tests/harness/waits-for-itself.toml"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("waits for `a lock taken twice` held by faulty/main"), "{said}");
}

#[test]
fn a_task_that_never_yields_is_a_fault_of_the_harness() {
    for command in [
        &["run", "tests/harness/never-yields.toml", "--patience", "2"][..],
        &["replay", "tests/harness/never-yields.toml", "--seed", "0", "--patience", "2"],
    ] {
        let (said, code) = told(command);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("stood still") && said.contains("`faulty: faulty/main`"), "{said}");
        assert!(said.contains("gauntlet replay 'tests/harness/never-yields.toml' --seed 0"), "{said}");
    }
}

#[test]
fn wrong_input_is_refused_in_words_and_nothing_is_run() {
    let cases: [(&[&str], &str); 9] = [
        (&["run", "no/such-scenario"], "neither a file or folder nor the beginning of a case's id"),
        (&["run", "no/such-file.toml"], "no/such-file.toml"),
        (&["replay", "life/first", "--seed", "1"], "life/first"),
        (&["run", "--seeds", "5..5"], "5..5"),
        (&["run", "--seeds", "9..3"], "9..3"),
        (&["run", "--jobs", "0"], "0"),
        (&["run", "tests/wrong/seeds-are-numbers.toml"], "seeds"),
        (&["explain", "no/such-file.toml"], "can't be read"),
        (&["replay", "life/first-certificate", "--seed", "1", "--trace", "no/such/folder/file"], "can't be written"),
    ];
    for (arguments, part) in cases {
        let (said, code) = told(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(!said.contains("ok  "), "{arguments:?} must run nothing: {said}");
    }
}

#[test]
fn every_mistake_in_a_file_is_told_at_once() {
    let (said, code) = told(&["check", "tests/wrong/run-values.toml", "tests/wrong/network-values.toml"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("run-values.toml") && said.contains("network-values.toml"), "{said}");
}

#[test]
fn the_summary_is_json_for_machines() {
    let file = scratch("summary.json");
    let path = file.to_str().unwrap();
    let (said, code) = told(&["run", "life/first-certificate", "--seeds", "0..3", "--jobs", "1", "--summary", path]);
    assert_eq!(code, Some(0), "{said}");
    let summary: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(summary["cases"][0]["outcome"], "passed");
    assert_eq!(summary["cases"][0]["runs"].as_array().map(Vec::len), Some(3));
    assert_eq!(summary["runs"]["finished"], 3);
}

#[test]
fn an_exploration_of_power_cuts_tells_its_size_and_each_cut_can_be_replayed() {
    let case = "tests/harness/power-cut-at-each-change.toml";
    let file = scratch("exploration.json");
    let (said, code) = told(&["run", case, "--summary", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let summary: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let explored = &summary["cases"][0]["crash-exploration"];
    let points = explored["points"].as_u64().expect("a number");
    assert!(points > 20, "{explored}");
    assert!(said.contains(&format!("power cut at {points} points, {points} disk states: all sound")), "{said}");
    assert!(said.contains(" a second on one core\n"), "{said}");
    let runs = summary["cases"][0]["runs"].as_array().expect("runs");
    assert_eq!(runs.len() as u64, points + 1, "each point, and the undisturbed run");
    let run = &runs[runs.len() / 2];
    let (crash, hash) = (run["crash"].as_str().unwrap(), run["hash"].as_str().unwrap());
    let id = summary["cases"][0]["id"].as_str().unwrap();
    let (said, code) = told(&["replay", id, "--seed", "0", "--crash", crash, "--expect-hash", hash]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn an_exploration_of_disk_errors_tells_its_size_and_each_error_can_be_replayed() {
    let case = "tests/harness/disk-error-of-each-operation.toml";
    let file = scratch("disk-errors.json");
    let (said, code) = told(&["run", case, "--summary", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let summary: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let explored = &summary["cases"][0]["disk-error-exploration"];
    let operations = explored["operations"].as_u64().expect("a number");
    assert!(operations > 20, "{explored}");
    assert!(
        said.contains(&format!("{operations} disk operations failed, with {operations} errors: all sound")),
        "{said}"
    );
    let runs = summary["cases"][0]["runs"].as_array().expect("runs");
    assert_eq!(runs.len() as u64, operations + 1, "each operation, and the undisturbed run");
    let run = &runs[runs.len() / 2];
    let (error, hash) = (run["disk-error"].as_str().unwrap(), run["hash"].as_str().unwrap());
    let trace = scratch("disk-error.jsonl");
    let replayed = ["replay", case, "--seed", "0", "--disk-error", error, "--expect-hash", hash, "--trace"];
    let (said, code) = told(&[&replayed[..], &[trace.to_str().unwrap()]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(std::fs::read_to_string(trace).unwrap().contains("read-only filesystem"), "the trace shows it");
    for wrong in ["9999:io", "1:9", "1:none"] {
        let (said, code) = told(&["replay", case, "--seed", "0", "--disk-error", wrong]);
        assert_eq!(code, Some(2), "{wrong}: {said}");
    }
}

#[test]
fn a_power_cut_that_can_not_be_is_refused_and_one_that_never_comes_is_vacuous() {
    let case = "tests/harness/power-cut-at-each-change.toml";
    for (id, crash) in [(case, "9999:0"), (case, "1:7"), (case, "here"), ("life/first-certificate", "1:0")] {
        let (said, code) = told(&["replay", id, "--seed", "0", "--crash", crash]);
        assert_eq!(code, Some(2), "{id} {crash}: {said}");
    }
    let (said, code) = told(&["run", "tests/harness/power-cut-in-a-phase-that-never-comes.toml"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("no run reached the phase `renewal`"), "{said}");
}

#[test]
fn list_says_one_case_a_line_and_check_reads_without_running() {
    let (said, code) = told(&["list"]);
    assert_eq!(code, Some(0));
    assert!(said.lines().any(|line| line == "life/ninety-days"), "{said}");
    let (said, code) = told(&["check"]);
    assert_eq!((code, said.contains("without a mistake")), (Some(0), true), "{said}");
}

/// Whether a process has a handler of its own for SIGINT (signal 2), as the kernel tells.
fn handles_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    u64::from_str_radix(caught.trim(), 16).unwrap_or(0) & 0b10 != 0
}

#[test]
fn an_interrupt_ends_the_sweep_and_tells_what_was_done() {
    let child = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["run", "life/ninety-days", "--seeds", "0..100000", "--jobs", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the command can be started");
    while !handles_interrupts(child.id()) {
        std::thread::yield_now();
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    let (said, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{said}{stderr}");
    assert!(said.contains("of 100000 runs") && stderr.contains("interrupted"), "{said}{stderr}");
}

#[test]
fn an_interrupt_ends_the_suite_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    // It waits for a CA that never comes.
    let mut child = Command::new(env!("CARGO_BIN_EXE_gauntlet"))
        .args(["conform", "--directory", "https://127.0.0.1:1/dir", "--wait", "600", "--http", "127.0.0.1:0", "--json"])
        .arg(&report)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while !handles_interrupts(child.id()) {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it was interrupted");
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("interrupted: 0 of "), "{stderr}");
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(std::fs::read_to_string(&report).unwrap().starts_with('{'), "the report is there");
}

/// A storage with a certificate for each name.
async fn write_storage(root: &Path, names: &[&str]) {
    let url = "https://ca.test/dir".parse().unwrap();
    let storage = Storage::new(&real::env("client", real::Options::default()), root.to_owned(), &url);
    for name in names {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::new(vec![(*name).to_owned()]).unwrap().self_signed(&key).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let set =
            CertificateSet::read(certificate.pem().as_bytes(), key.serialize_pem().as_bytes(), &provider).unwrap();
        storage.store_certificate(&name.parse().unwrap(), &set, &Lease::unlocked()).await.unwrap();
    }
}

#[tokio::test]
async fn a_storage_is_checked_and_repaired_and_each_thing_is_told() {
    let root = tempfile::tempdir().unwrap();
    write_storage(root.path(), &["a.test", "b.test"]).await;
    let directory = root.path().to_str().unwrap();
    let (said, code) = told(&["storage", "check", directory]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("sound      certificates/ca.test-dir/a.test: a certificate with its key"), "{said}");
    assert!(said.ends_with("2 sound, 0 to know of, 0 not sound\n"), "{said}");

    let [key_file, chain_file] =
        ["a.test/a.test.key", "b.test/b.test.crt"].map(|file| root.path().join("certificates/ca.test-dir").join(file));
    std::fs::write(&key_file, "x").unwrap();
    std::fs::write(&chain_file, "x").unwrap();
    let (said, code) = told(&["storage", "check", directory]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("a.test.key: expected the key of a.test.crt, found 1 byte that is no such thing"), "{said}");
    assert!(said.contains("next: a repair puts it there from certificates/ca.test-dir/a.test/a.test."), "{said}");
    assert_eq!(std::fs::read(&key_file).unwrap(), b"x", "a check changes nothing");

    let (said, code) = told(&["storage", "repair", directory]);
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "no manager may be running",
        "put aside certificates/ca.test-dir/a.test/a.test.key as a.test.key.bad\n",
        "wrote certificates/ca.test-dir/a.test/a.test.key from ",
        "put aside certificates/ca.test-dir/b.test/b.test.crt as b.test.crt.bad\n",
        "next: the manager orders one at its next start",
        "1 not sound\n",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let (said, code) = told(&["storage", "repair", directory]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("nothing to be done\n"), "{said}");
    let (said, code) = told(&["storage", "check", directory]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("sound      certificates/ca.test-dir/a.test: a certificate with its key"), "{said}");
}

#[test]
fn what_is_no_storage_is_refused() {
    let cases: [(&[&str], &str); 4] = [
        (&["storage", "check", "no/such/folder"], "no/such/folder: it can't be read"),
        (&["storage", "repair", "no/such/folder"], "no/such/folder: it can't be read"),
        (&["storage", "repair", "src"], "src: it is no storage: it has none of the folders acme"),
        (&["storage", "check"], "<DIRECTORY>"),
    ];
    for (arguments, part) in cases {
        let (said, code) = told(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}
