//! The release report of a few figures is as its snapshots say, and the gate lets through what it should.

use benches::{
    gate::{self, RENEW, judge},
    origin::Origin,
    report,
    results::{Measured, Release, order},
};

fn origin(version: &str, cpu: &str) -> Origin {
    Origin {
        version: version.into(),
        commit: format!("c0ffee{version}"),
        date: "2026-01-02T03:04:05Z".into(),
        compiler: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
        target: "x86_64-unknown-linux-gnu".into(),
        cpu: cpu.into(),
        cores: 2,
        memory_bytes: 16_000_000_000,
        kernel: "6.1.0".into(),
        valgrind: Some("valgrind-3.19.0".into()),
    }
}

fn measured(bench: &str, origin: &Origin) -> Measured {
    Measured { bench: bench.into(), method: "as the bench says".into(), origin: origin.clone(), figures: Vec::new() }
}

/// A version of which the world's speed was this, and this many instructions counted.
fn release(version: &str, cpu: &str, speed: f64, instructions: f64) -> Release {
    let origin = origin(version, cpu);
    let mut counted = measured("instructions", &origin);
    counted.lower("lookup-exact", "instructions", instructions);
    let mut world = measured("world", &origin);
    world.higher("HTTPS exchanges", "× real time", speed).beside("<stock> & \"turmoil\"", 350.0);
    Release { version: version.into(), benches: vec![counted, world] }
}

/// Two kept versions and a third: a path has become slower, the world faster, one figure is new, one has gone, and most benches have
/// not run.
fn releases() -> (Release, [Release; 2]) {
    let mut kept =
        [release("0.1.0", "an old processor", 1e7, 40_000.0), release("0.2.0", "a processor", 2e7, 41_000.0)];
    kept[1].benches[1].lower("an exchange", "µs", 12.345);
    let mut now = release("0.3.0", "a processor", 3e7, 42_230.0);
    now.benches[0].lower("storage-write", "instructions", 1_234_567.0);
    (now, kept)
}

#[test]
fn the_report_shows_this_version_beside_the_kept_ones_and_the_peers() {
    let (now, kept) = releases();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("markdown", report::markdown(&now, &kept));
        insta::assert_snapshot!("html", report::html(&now, &kept));
    });
}

#[test]
fn a_report_without_figures_says_which_benches_did_not_run() {
    let page = report::markdown(&Release::default(), &[]);
    for bench in benches::results::BENCHES {
        assert!(page.contains(&format!("**Not measured in this run: {}**", bench.command)), "{page}");
    }
}

#[test]
fn figures_are_read_again_as_they_were_kept() {
    let (now, _) = releases();
    assert_eq!(serde_json::from_str::<Release>(&benches::results::json(&now)).unwrap(), now);
}

#[test]
fn versions_are_sorted_by_their_numbers() {
    let sorted = ["0.1.0", "0.2.0-rc.1", "0.2.0", "0.10.0", "1.0.0"];
    assert!(sorted.is_sorted_by_key(|version| order(version)));
}

/// These counts, made with this compiler.
fn counted(compiler: &str, counts: &[(&str, f64)]) -> Measured {
    let origin = Origin { compiler: compiler.into(), ..origin("0.2.0", "a processor") };
    let mut counted = measured(gate::BENCH, &origin);
    for (name, count) in counts {
        counted.lower(*name, "instructions", *count);
    }
    counted
}

fn kept(version: &str, counted: Measured) -> Release {
    Release { version: version.into(), benches: vec![counted] }
}

#[test]
fn a_path_may_need_three_percent_more_and_no_more() {
    let kept = [kept("0.1.0", counted("rustc 1", &[("lookup", 100_000.0)]))];
    for (count, is_open) in
        [(50_000.0, true), (102_900.0, true), (103_000.0, true), (103_100.0, false), (200_000.0, false)]
    {
        let judgement = judge(&counted("rustc 1", &[("lookup", count)]), &kept);
        assert_eq!(judgement.is_open, is_open, "{}", judgement.told);
    }
}

#[test]
fn a_path_that_is_not_counted_any_more_fails() {
    let kept = [kept("0.1.0", counted("rustc 1", &[("lookup", 1.0), ("storage", 1.0)]))];
    let judgement = judge(&counted("rustc 1", &[("lookup", 1.0)]), &kept);
    assert!(!judgement.is_open);
    assert!(judgement.told.contains("FAILED storage: it is guarded, and was not counted"), "{}", judgement.told);
}

#[test]
fn a_new_path_passes_with_a_note() {
    let kept = [kept("0.1.0", counted("rustc 1", &[("lookup", 1.0)]))];
    let judgement = judge(&counted("rustc 1", &[("lookup", 1.0), ("storage", 7.0)]), &kept);
    assert!(judgement.is_open);
    assert!(
        judgement.told.contains("new    storage: 7 instructions, guarded once they are kept"),
        "{}",
        judgement.told
    );
}

#[test]
fn counts_are_held_against_the_newest_of_the_same_compiler() {
    let kept = [
        kept("0.1.0", counted("rustc 1", &[("lookup", 1.0)])),
        kept("0.2.0", counted("rustc 1", &[("lookup", 100.0)])),
        kept("0.10.0", counted("rustc 2", &[("lookup", 1.0)])),
    ];
    let judgement = judge(&counted("rustc 1", &[("lookup", 101.0)]), &kept);
    assert!(judgement.is_open, "{}", judgement.told);
    assert!(judgement.told.starts_with("Against 0.2.0"), "{}", judgement.told);
}

#[test]
fn another_compiler_is_told_and_fails_nothing() {
    let kept = [kept("0.1.0", counted("rustc 1", &[("lookup", 1.0)]))];
    let judgement = judge(&counted("rustc 2", &[("lookup", 9.0)]), &kept);
    assert!(judgement.is_open);
    assert!(judgement.told.contains("rustc 2") && judgement.told.contains(RENEW), "{}", judgement.told);
}
