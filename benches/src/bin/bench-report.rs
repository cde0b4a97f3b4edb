//! `bench-report`: what the benches have left, as a page for a release.
//!
//! `cargo run --release --bin bench-report` writes `report.html`, `report.md` and the figures as JSON to `target/bench-report/`;
//! with `-- --keep` it also keeps the figures as those of this version, in `benches/results/`.

use std::{env, fs, io, process::ExitCode};

use benches::{
    report,
    results::{self, Release},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_kept = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--keep"] => true,
        _ => {
            eprintln!("bench-report takes nothing but --keep, which keeps the figures as those of this version");
            return ExitCode::from(2);
        }
    };
    match write(is_kept) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn write(is_kept: bool) -> io::Result<()> {
    let now = Release::left()?;
    let kept = Release::kept()?;
    let folder = results::target().join("bench-report");
    fs::create_dir_all(&folder)?;
    let pages = [
        ("report.html", report::html(&now, &kept)),
        ("report.md", report::markdown(&now, &kept)),
        (&format!("{}.json", now.version), results::json(&now)),
    ];
    for (name, text) in pages {
        let path = folder.join(name);
        fs::write(&path, text)?;
        println!("{}", path.display());
    }
    if is_kept {
        println!("{}", now.keep()?.display());
    }
    Ok(())
}
