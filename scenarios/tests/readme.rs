//! The README's example is a scenario that runs, and its table of defects has them all.

use std::{fs, path::Path};

use scenarios::{
    language::{Bug, CaBehaviour, Style, load},
    runner,
};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

#[test]
fn every_defect_has_its_line() {
    let readme = readme();
    let behaviours = CaBehaviour::ALL.iter().map(|behaviour| behaviour.name());
    for name in Bug::ALL.iter().map(|bug| bug.name()).chain(behaviours) {
        let line = format!("\n| `{name}` |");
        assert!(readme.contains(&line), "cargo bench -p benches --bench defects writes the line of {name}");
    }
}

#[test]
fn the_readme_s_example_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = readme();
    let (_, rest) = readme.split_once("```toml\n").expect("the README has an example");
    let (example, _) = rest.split_once("```").expect("the example ends");
    let path = folder.join("catalog/life/example.toml");
    let scenario = load(&path, example, |base| fs::read_to_string(base)).map_err(|e| e.render(Style::Plain));
    let scenario = scenario.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let run = runner::run_once(&scenario.cases()[0], 1);
    assert!(run.verdict.is_pass(), "{run:?}");
}
