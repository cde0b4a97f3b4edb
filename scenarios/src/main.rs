//! The `gauntlet` command.

mod check_log;
mod conform;
mod examine;
mod matrix;
mod outputs;
mod progress;
mod serve;
mod storage;
mod wander;

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{self, IsTerminal, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use clap::{Parser, Subcommand};
use scenarios::{
    catalogue::{Catalogue, CatalogueError, shipped},
    conformance::coverage,
    language::{self, Case, Seeds, Style},
    runner::{self, Mishap, Sweep, SweepOptions, Verdict},
};

use self::{
    progress::Progress,
    serve::{CalledAs, challtestsrv},
};

const PATIENCE_S: u64 = 60;

const WRONG_INPUT: u8 = 2;
const HARNESS_FAULT: u8 = 3;
const VACUOUS: u8 = 4;
const INTERRUPTED: u8 = 130;

/// Proves ACME software before it breaks the web: clients and CAs in a deterministic simulator.
#[derive(Debug, Parser)]
#[command(name = "gauntlet", version)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Runs scenarios and tells what held and what did not.
    Run {
        /// Files, folders, or beginnings of case ids; all of the catalogue if none is given.
        selection: Vec<String>,
        /// The seeds to run, such as 0..64 or 7, instead of those that each file names.
        #[arg(long, value_parser = seeds)]
        seeds: Option<Seeds>,
        /// How many worlds to run side by side; as many as there are processors if not given.
        #[arg(long)]
        jobs: Option<NonZeroUsize>,
        /// Writes the results to this file as JSON.
        #[arg(long, value_name = "FILE.json")]
        summary: Option<PathBuf>,
        /// Ends with exit code 3 when a world stands still for so many seconds of real time.
        #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_S)]
        patience: u64,
    },
    /// Runs one case under one seed again; the last line is the trace's hash.
    Replay {
        /// The case's id, as `gauntlet list` and reports show it.
        id: String,
        /// The seed.
        #[arg(long)]
        seed: u64,
        /// Where the power is cut, for a case that explores that: OPERATION:STATE, as a report shows it.
        #[arg(long, value_name = "K:STATE,…", value_delimiter = ',')]
        crash: Vec<Mishap>,
        /// Which disk operation fails, for a case that explores that: OPERATION:ERROR, as a report shows it.
        #[arg(long, value_name = "K:ERROR", conflicts_with = "crash")]
        disk_error: Vec<Mishap>,
        /// Fails, with exit code 3, if the trace's hash is another.
        #[arg(long, value_name = "HASH")]
        expect_hash: Option<String>,
        /// Writes every event to this file as JSON Lines.
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
        /// Ends with exit code 3 when the world stands still for so many seconds of real time.
        #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_S)]
        patience: u64,
    },
    /// Draws worlds by chance, runs them, and tells which of them break a law.
    Wander {
        /// Which worlds, such as 0..1000; a number always means the same one.
        #[arg(long, value_parser = seeds, default_value = "0..100")]
        worlds: Seeds,
        /// How many worlds to run side by side; as many as there are processors if not given.
        #[arg(long)]
        jobs: Option<NonZeroUsize>,
        /// Writes a scenario file of each that does so to this folder, without what is not needed for that.
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
    },
    /// Makes a scenario file of an input that the fuzzer `world` has found, without what is not needed for it to fail.
    Promote {
        /// The input, such as `fuzz/artifacts/world/crash-…`.
        input: PathBuf,
        /// The scenario file to write; it must not be there yet.
        file: PathBuf,
    },
    /// Lists the ids of all cases of the catalogue, one a line, and why `cargo test` leaves one out.
    List,
    /// Reads scenario files without running them and tells every mistake.
    Check {
        /// Files or folders; the catalogue if none is given.
        paths: Vec<PathBuf>,
    },
    /// Judges a file of events, of `serve -event-log` or `replay --trace`, by the laws that bind a CA.
    CheckLog {
        /// The file.
        file: PathBuf,
    },
    /// Shows a scenario merged with its base, and the cases that it makes.
    Explain {
        /// The scenario file.
        file: PathBuf,
    },
    /// Serves the CA on real sockets, as Pebble does, with Pebble's flags.
    #[command(disable_help_flag = true)]
    Serve {
        /// Pebble's flags, with one dash or two; `-help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
        flags: Vec<String>,
    },
    /// Answers a CA's validations as tests tell it to, as pebble-challtestsrv does, with its flags.
    #[command(disable_help_flag = true)]
    Challtestsrv {
        /// The flags of pebble-challtestsrv, with one dash or two; `-help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
        flags: Vec<String>,
    },
    /// Tries on a CA, over its public interface, what the RFCs ask of one, clause by clause.
    Conform(conform::Options),
    /// Tries on a client, run by its command, what the RFCs ask of one: each case has a CA of its own.
    Examine(examine::Options),
    /// Tries what the RFCs ask on many CAs and clients, and puts what came of it on one page.
    Matrix(matrix::Options),
    /// Tells of every requirement of the catalogue by which cases it is tried, or why it is not.
    Coverage,
    /// Looks through a certificate manager's storage, or Caddy's, and repairs what can be repaired without a CA.
    Storage {
        #[command(subcommand)]
        action: storage::Action,
    },
    /// Prints the JSON Schema of scenario files, for editors.
    Schema {
        /// Prints the reference page instead, in Markdown.
        #[arg(long)]
        reference: bool,
    },
}

/// Set by Ctrl-C: no further run or case is begun, and what was done so far is told.
static STOPPING: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let called_as = arguments.next().map(PathBuf::from);
    let flags = || arguments.map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>();
    match called_as.as_deref().and_then(Path::file_name).and_then(OsStr::to_str) {
        Some("pebble") => return ExitCode::from(serve::main(CalledAs::Pebble, &flags(), variable)),
        Some("pebble-challtestsrv") => return ExitCode::from(challtestsrv::main(&flags())),
        _ => {}
    }
    let style = if io::stdout().is_terminal() { Style::Colored } else { Style::Plain };
    ExitCode::from(match Command::parse().action {
        Action::Run { selection, seeds, jobs, summary, patience } => {
            run(&selection, seeds, jobs, summary.as_deref(), Duration::from_secs(patience), style)
        }
        Action::Replay { id, seed, crash, disk_error, expect_hash, trace, patience } => {
            let patience = Duration::from_secs(patience);
            replay(&id, seed, &[crash, disk_error].concat(), expect_hash.as_deref(), trace.as_deref(), patience, style)
        }
        Action::Wander { worlds, jobs, to } => wander::wander(worlds, jobs, to.as_deref(), style),
        Action::Promote { input, file } => wander::promote(&input, &file, style),
        Action::Serve { flags } => serve::main(CalledAs::Gauntlet, &flags, variable),
        Action::Challtestsrv { flags } => challtestsrv::main(&flags),
        Action::Conform(options) => conform::main(&options),
        Action::Examine(options) => examine::main(&options),
        Action::Matrix(options) => matrix::main(&options),
        Action::Coverage => say(&coverage::Page(coverage::coverage()).to_string()),
        Action::List => list(),
        Action::Check { paths } => check(&paths),
        Action::CheckLog { file } => check_log::main(&file),
        Action::Storage { action } => storage::main(&action),
        Action::Explain { file } => explain(&file),
        Action::Schema { reference: true } => say(&language::reference_page()),
        Action::Schema { reference: false } => {
            let schema = serde_json::to_string_pretty(&language::schema()).expect("a JSON value can be written");
            say(&format!("{schema}\n"))
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn seeds(text: &str) -> Result<Seeds, String> {
    Seeds::parse(text).map_err(|wrong| wrong.to_string())
}

/// Runs all of them and shows how far it is; Ctrl-C ends it early.
fn sweep(cases: &[Case], seeds: Option<Seeds>, jobs: Option<NonZeroUsize>, patience: Duration) -> Sweep {
    if let Err(e) = ctrlc::set_handler(|| STOPPING.store(true, Ordering::Relaxed)) {
        eprintln!("Ctrl-C will end this at once, without a report: {e}");
    }
    let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = SweepOptions {
        seeds: seeds.map(|seeds| seeds.iter()),
        threads: jobs.unwrap_or(processors),
        interrupted: &STOPPING,
        repeat_one_in: 8,
        patience,
    };
    let mut shown = Progress::new();
    let sweep = runner::sweep(cases, &options, |run, finished, asked| shown.tell(run, finished, asked));
    shown.clear();
    sweep
}

fn run(
    selection: &[String],
    seeds: Option<Seeds>,
    jobs: Option<NonZeroUsize>,
    summary: Option<&Path>,
    patience: Duration,
    style: Style,
) -> u8 {
    let cases = match Catalogue::select(selection) {
        Ok(cases) => cases,
        Err(e) => return refuse(&e),
    };
    let sweep = sweep(&cases, seeds, jobs, patience);
    let said = say(&runner::report(&sweep, style));
    if let Some(path) = summary {
        let text = serde_json::to_string_pretty(&runner::summary(&sweep)).expect("a JSON value can be written");
        if let Err(e) = fs::write(path, text + "\n") {
            eprintln!("the summary can't be written to {}: {e}", path.display());
            return WRONG_INPUT;
        }
    }
    if STOPPING.load(Ordering::Relaxed) {
        eprintln!("interrupted: {} of {} runs were finished", sweep.finished, sweep.asked);
        return INTERRUPTED;
    }
    sweep.exit_code().max(said)
}

fn replay(
    id: &str,
    seed: u64,
    mishaps: &[Mishap],
    expect_hash: Option<&str>,
    trace: Option<&Path>,
    patience: Duration,
    style: Style,
) -> u8 {
    let case = match runner::find(id) {
        Ok(case) => case,
        Err(e) => return refuse(&e),
    };
    if !mishaps.is_empty() && case.crash_exploration.is_none() && case.disk_error_exploration.is_none() {
        eprintln!("{id} has no [explore], so --crash and --disk-error mean nothing to it");
        return WRONG_INPUT;
    }
    let run = match runner::replay(&case, seed, mishaps, trace, patience) {
        Ok(run) => run,
        Err(e) => {
            eprintln!("the trace can't be written to {}: {e}", trace.unwrap_or(Path::new("?")).display());
            return WRONG_INPUT;
        }
    };
    if let Some(mishap) = run.explored.missed.first() {
        eprintln!(
            "{id} has no {mishap} with seed {seed}: no such disk operation, or no such state after it or error of it"
        );
        return WRONG_INPUT;
    }
    let code = match &run.verdict {
        Verdict::Pass => 0,
        Verdict::Broken(_) | Verdict::Crashed(_) => 1,
        Verdict::Harness(_) => HARNESS_FAULT,
    };
    say(&runner::report_run(&case, &run, style));
    let hash = run.hash.to_string();
    let differs = expect_hash.is_some_and(|expected| !hash.eq_ignore_ascii_case(expected));
    if differs {
        println!(
            "expected the hash {}, found another: this is not the same program, or not deterministic",
            expect_hash.unwrap_or_default()
        );
    }
    println!("{hash}");
    if differs { HARNESS_FAULT } else { code }
}

fn list() -> u8 {
    match Catalogue::read(&shipped()) {
        Ok(catalogue) => say(&catalogue.cases().iter().map(listed).collect::<String>()),
        Err(e) => refuse(&e),
    }
}

fn listed(case: &Case) -> String {
    match &case.run.left_out_of_cargo_test {
        Some(reason) => format!("{}  (not in cargo test: {reason})\n", case.id),
        None => format!("{}\n", case.id),
    }
}

fn check(paths: &[PathBuf]) -> u8 {
    let read = if paths.is_empty() {
        vec![Catalogue::read(&shipped())]
    } else {
        paths.iter().map(|path| Catalogue::read_path(path)).collect()
    };
    let (mut files, mut cases, mut worst) = (0, 0, 0);
    for one in read {
        match one {
            Ok(catalogue) => {
                files += catalogue.scenarios().len();
                cases += catalogue.cases().len();
            }
            Err(e) => worst = refuse(&e),
        }
    }
    if worst == 0 { say(&format!("{files} files without a mistake make {cases} cases\n")) } else { worst }
}

fn explain(file: &Path) -> u8 {
    match Catalogue::read_path(file) {
        Ok(catalogue) => say(&catalogue.scenarios().iter().map(language::explain).collect::<String>()),
        Err(e) => refuse(&e),
    }
}

fn refuse(error: &CatalogueError) -> u8 {
    eprint!("{}", error.to_string().trim_end().to_owned() + "\n");
    WRONG_INPUT
}

/// Prints to standard output; a reader that has gone (`| head`) is no fault.
fn say(text: &str) -> u8 {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => 0,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(e) => {
            eprintln!("the report can't be printed: {e}");
            WRONG_INPUT
        }
    }
}
