//! `gauntlet wander` and `gauntlet promote`: worlds that nobody has thought of, and the files that are left of them.

use std::{
    fs::{self, File},
    io::{self, Write},
    num::NonZeroUsize,
    path::{self, Path},
    time::Duration,
};

use scenarios::{
    catalogue::{Catalogue, shipped},
    drawn::Drawn,
    language::{Case, Seeds, Style, format_duration},
    runner::{self, Verdict},
};

use super::{HARNESS_FAULT, PATIENCE_S, WRONG_INPUT, say, sweep};

const BROKEN: u8 = 1;

/// Runs the worlds of these numbers, tells which fail, and writes those to `folder`, if one is given. The exit code.
pub(super) fn wander(worlds: Seeds, jobs: Option<NonZeroUsize>, folder: Option<&Path>, style: Style) -> u8 {
    let numbers: Vec<u64> = worlds.iter().collect();
    let cases: Vec<Case> = numbers.iter().map(|number| Drawn::numbered(*number).case(&id(*number))).collect();
    let sweep = sweep(&cases, None, jobs, Duration::from_secs(PATIENCE_S));
    let mut worst = 0;
    let mut failed = Vec::new();
    for result in &sweep.cases {
        let (id, run) = (&result.case.id, &result.runs[0]);
        match &run.verdict {
            Verdict::Pass => {}
            Verdict::Broken(broken) => {
                failed.push(id);
                for (index, breach) in broken {
                    let (law, at) = (&result.case.expectations[*index].id, format_duration(breach.at));
                    worst = worst.max(say(&format!("{id}: {law} broken at {at}: {}\n", breach.seen)));
                }
            }
            Verdict::Crashed(crash) => {
                failed.push(id);
                worst = worst.max(say(&format!("{id}: {crash}\n")));
            }
            Verdict::Harness(message) => worst = worst.max(fault(id, message)),
        }
    }
    let written = numbers.iter().filter(|number| failed.contains(&&id(**number))).zip(folder.into_iter().cycle());
    for (number, folder) in written {
        worst = worst.max(write(Drawn::numbered(*number), &folder.join(id(*number)).with_extension("toml"), style));
    }
    let told = say(&format!("{} of {} worlds, {} of which break a law\n", sweep.finished, sweep.asked, failed.len()));
    worst.max(told).max(if failed.is_empty() { 0 } else { BROKEN })
}

fn fault(id: &str, message: &str) -> u8 {
    eprintln!("{id}: the harness itself is at fault: {message}");
    HARNESS_FAULT
}

fn id(number: u64) -> String {
    format!("world-{number}")
}

/// Makes a scenario file of a fuzzer's input. The exit code.
pub(super) fn promote(input: &Path, file: &Path, style: Style) -> u8 {
    match fs::read(input) {
        Ok(bytes) => write(Drawn::from_bytes(&bytes), file, style),
        Err(e) => {
            eprintln!("{} can't be read: {e}", input.display());
            WRONG_INPUT
        }
    }
}

/// Writes what is left of a world, runs the file and tells how it fails. The exit code.
fn write(drawn: Drawn, file: &Path, style: Style) -> u8 {
    let drawn = drawn.smallest();
    let written = fs::create_dir_all(file.parent().unwrap_or(Path::new("")))
        .and_then(|()| File::create_new(file))
        .and_then(|mut open| open.write_all(drawn.text(&id_of(file)).as_bytes()));
    match written {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            eprintln!("{} is there already, and is left as it is: name another file", file.display());
            return WRONG_INPUT;
        }
        Err(e) => {
            eprintln!("{} can't be written: {e}", file.display());
            return WRONG_INPUT;
        }
    }
    let case = match Catalogue::read_path(file) {
        Ok(catalogue) => catalogue.cases()[0].clone(),
        Err(e) => return super::refuse(&e),
    };
    let run = runner::run_once(&case, drawn.seed());
    let told = say(&format!("{}\n{}", file.display(), runner::report_run(&case, &run, style)));
    if run.verdict.is_pass() { told } else { BROKEN.max(told) }
}

/// The id that the catalogue wants of a file: its path there, or its name elsewhere.
fn id_of(file: &Path) -> String {
    let inside = path::absolute(file).ok().and_then(|file| file.strip_prefix(shipped()).map(Path::to_owned).ok());
    let id = inside.unwrap_or_else(|| Path::new("found").join(file.file_name().unwrap_or_default()));
    id.with_extension("").to_string_lossy().into_owned()
}
