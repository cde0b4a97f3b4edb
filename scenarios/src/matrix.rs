//! `gauntlet matrix`: many CAs and many clients, one after the other, on one page.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use clap::{Args, Parser};
use scenarios::conformance::{
    client::Ran,
    report::{self, Column},
};
use serde::Deserialize;
use sim::real;
use tokio::{runtime::Runtime, sync::Notify};

use super::{
    INTERRUPTED, STOPPING, WRONG_INPUT, conform,
    examine::{
        self,
        program::{Program, Running},
    },
    outputs::{OutputError, Results, write},
    say,
};

/// How long a CA that was started may run.
const SERVER_LIMIT: Duration = Duration::from_secs(24 * 3_600);

/// How long one may take to answer, if its arguments do not say, in seconds.
const WAIT: &str = "30";

/// Which ones, and where the page goes.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What is tried, TOML: `[[server]]` and `[[client]]` with `name` and `arguments`, those of `conform` and `examine`; of a
    /// server `start` too, the words of a command that runs meanwhile.
    file: PathBuf,
    /// Writes the page to this file as HTML.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Writes the page to this file as Markdown.
    #[arg(long, value_name = "FILE.md")]
    markdown: Option<PathBuf>,
    /// Writes all results to this file as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    server: Vec<Server>,
    #[serde(default)]
    client: Vec<Client>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    name: String,
    start: Option<Vec<String>>,
    arguments: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    name: String,
    arguments: Vec<String>,
}

#[derive(Debug, Parser)]
#[command(name = "arguments", no_binary_name = true)]
struct ConformArguments {
    #[command(flatten)]
    options: conform::Options,
}

#[derive(Debug, Parser)]
#[command(name = "arguments", no_binary_name = true)]
struct ExamineArguments {
    #[command(flatten)]
    options: examine::Options,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}: {why}")]
    Wrong { path: PathBuf, why: Box<toml::de::Error> },
    #[error("{0}: there is neither a [[server]] nor a [[client]] in it")]
    Empty(PathBuf),
    #[error("{path}: {name}: {why}")]
    Arguments { path: PathBuf, name: String, why: Box<clap::Error> },
    #[error("{why}{printed}")]
    Server { why: Box<conform::Refusal>, printed: String },
    #[error(transparent)]
    Client(Box<examine::Refusal>),
    #[error("{program} can't be started: {source}")]
    Start { program: String, source: io::Error },
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Tries them all; the exit code is the worst of theirs.
pub(super) fn main(options: &Options) -> u8 {
    tried(options).unwrap_or_else(|e| {
        eprintln!("{e}");
        WRONG_INPUT
    })
}

fn tried(options: &Options) -> Result<u8, Refusal> {
    let path = &options.file;
    let text = fs::read_to_string(path).map_err(|source| Refusal::Unreadable { path: path.clone(), source })?;
    let file: File = toml::from_str(&text).map_err(|why| Refusal::Wrong { path: path.clone(), why: Box::new(why) })?;
    // All mistakes are told before anything is tried.
    let servers = file.server.iter().map(|server| Ok((server, server.options(path)?)));
    let servers: Vec<(&Server, conform::Options)> = servers.collect::<Result<_, Refusal>>()?;
    let clients = file.client.iter().map(|client| Ok((client, client.options(path)?)));
    let clients: Vec<(&Client, examine::Options)> = clients.collect::<Result<_, Refusal>>()?;
    if servers.is_empty() && clients.is_empty() {
        return Err(Refusal::Empty(path.clone()));
    }

    let interrupt = examine::interrupt();
    // One that can't be tried does not keep the others from it.
    let mut worst = 0;
    let mut tried = |name: &str, results: Result<Results, Refusal>| match results {
        Ok(results) => {
            worst = worst.max(results.exit_code);
            Some(results)
        }
        Err(e) => {
            eprintln!("{name}: {e}");
            worst = worst.max(WRONG_INPUT);
            None
        }
    };
    let (mut of_servers, mut of_clients) = (Vec::new(), Vec::new());
    for (server, arguments) in servers {
        if !STOPPING.load(Ordering::Relaxed) {
            say(&format!("\n{}\n", server.name));
            let results = tried(&server.name, of_server(server, &arguments, &interrupt));
            of_servers.extend(results.map(|results| (server.name.as_str(), results)));
        }
    }
    for (client, arguments) in clients {
        if !STOPPING.load(Ordering::Relaxed) {
            say(&format!("\n{}\n", client.name));
            let results = examine::results(&arguments, &interrupt).map_err(|why| Refusal::Client(Box::new(why)));
            of_clients.extend(tried(&client.name, results).map(|results| (client.name.as_str(), results)));
        }
    }

    let matrix = [("Servers", columns(&of_servers)), ("Clients", columns(&of_clients))];
    write(options.html.as_deref(), || report::matrix_html(&matrix))?;
    write(options.markdown.as_deref(), || report::matrix_markdown(&matrix))?;
    write(options.json.as_deref(), || {
        serde_json::to_string_pretty(&report::matrix_json(&matrix)).expect("JSON can be written")
    })?;
    say(&report::matrix_summary(&matrix));
    Ok(if STOPPING.load(Ordering::Relaxed) { INTERRUPTED } else { worst })
}

fn columns<'a>(results: &'a [(&'a str, Results)]) -> Vec<Column<'a>> {
    results.iter().map(|(name, results)| Column { name, run: results.run() }).collect()
}

impl Server {
    fn options(&self, path: &Path) -> Result<conform::Options, Refusal> {
        let mut arguments = Vec::new();
        if self.start.is_some() && !self.arguments.iter().any(|argument| argument.starts_with("--wait")) {
            arguments.extend(["--wait", WAIT].map(ToOwned::to_owned));
        }
        arguments.extend_from_slice(&self.arguments);
        let wrong = |why| Refusal::Arguments { path: path.to_owned(), name: self.name.clone(), why: Box::new(why) };
        ConformArguments::try_parse_from(arguments).map(|read| read.options).map_err(wrong)
    }
}

impl Client {
    fn options(&self, path: &Path) -> Result<examine::Options, Refusal> {
        let wrong = |why| Refusal::Arguments { path: path.to_owned(), name: self.name.clone(), why: Box::new(why) };
        ExamineArguments::try_parse_from(&self.arguments).map(|read| read.options).map_err(wrong)
    }
}

/// What came of a server, which is started first if need be and ended with all that it has begun.
fn of_server(server: &Server, arguments: &conform::Options, interrupt: &Notify) -> Result<Results, Refusal> {
    let failed = |why, printed| Refusal::Server { why: Box::new(why), printed };
    let Some(words) = &server.start else {
        return conform::results(arguments, interrupt).map_err(|why| failed(why, String::new()));
    };
    let program = words.first().cloned().unwrap_or_default();
    let not_started = |source| Refusal::Start { program: program.clone(), source };
    let runtime = Runtime::new().map_err(not_started)?;
    let started = Program { words: words.clone(), environment: Vec::new(), folder: PathBuf::from(".") };
    let over = Notify::new();
    let (results, ran) = thread::scope(|scope| {
        let running = scope.spawn(|| {
            let env = real::env("server", real::Options::default());
            runtime.block_on(started.run(&env, &Running::default(), SERVER_LIMIT, &over))
        });
        let results = conform::results(arguments, interrupt);
        over.notify_one();
        (results, running.join().expect("running a program does not panic"))
    });
    let Ran { output, .. } = ran.map_err(not_started)?;
    results.map_err(|why| failed(why, format!("\nit printed:\n{output}")))
}
