//! Worlds that nobody has thought of: whatever bytes draw can be read, runs the same twice, and breaks no law; and troubles find
//! what is known to be wrong.

use scenarios::{drawn::Drawn, language::Style, runner};

/// How many worlds `cargo test` runs; `gauntlet wander` runs as many as one likes.
const WORLDS: u64 = 16;

#[test]
fn whatever_bytes_draw_is_a_scenario() {
    for number in 0..2_000 {
        drop(Drawn::numbered(number).case("found/any"));
    }
    for length in 0..64 {
        drop(Drawn::from_bytes(&vec![0xa5; length]).case("found/any"));
        drop(Drawn::from_bytes(&vec![0xff; length]).case("found/any"));
    }
}

#[test]
fn troubles_break_no_law_and_happen_the_same_way_again() {
    for number in 0..WORLDS {
        let drawn = Drawn::numbered(number);
        let run = drawn.run();
        if !run.verdict.is_pass() {
            let smallest = drawn.smallest();
            let (case, run) = (smallest.case("found/any"), smallest.run());
            panic!("world {number}\n{}\n{}", smallest.text("found/any"), runner::report_run(&case, &run, Style::Plain));
        }
        assert_eq!(run.hash, drawn.run().hash, "world {number} differs from itself");
    }
}
