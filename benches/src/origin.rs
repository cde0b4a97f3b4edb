//! What a figure was measured with: which code, by which compiler, on which machine, and when.

use std::{fs, num::NonZero, process::Command, thread};

use serde::{Deserialize, Serialize};
use sim::real;
use time::format_description::well_known::Rfc3339;

/// Where figures come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The workspace's version.
    pub version: String,
    /// The commit, with ` and changes` if the code was not exactly that.
    pub commit: String,
    /// When, in UTC (RFC 3339).
    pub date: String,
    /// The compiler, as it tells itself.
    pub compiler: String,
    /// What it compiled for.
    pub target: String,
    /// The processor's name.
    pub cpu: String,
    /// How many cores there were to use.
    pub cores: usize,
    /// How much memory there was, bytes.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
    /// Valgrind's version, where it was installed.
    pub valgrind: Option<String>,
}

impl Origin {
    /// Here and now.
    ///
    /// # Panics
    /// Where the kernel does not tell of the machine, as Linux does, or there is no compiler.
    #[must_use]
    pub fn here() -> Self {
        let told = |file: &str| fs::read_to_string(file).expect("Linux tells");
        let (cpus, memory) = (told("/proc/cpuinfo"), told("/proc/meminfo"));
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
            line.unwrap_or("unknown").trim().to_owned()
        };
        let kib: u64 = field(&memory, "MemTotal").trim_end_matches(" kB").parse().expect("a number of KiB");
        let compiler = said("rustc", &["-vV"]).expect("what is measured was compiled");
        let changes = said("git", &["status", "--porcelain", "--", ":/", ":!/README.md", ":!/benches/results"]);
        let changed = if changes.is_none_or(|changes| changes.is_empty()) { "" } else { " and changes" };
        let commit = said("git", &["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit + changed,
            date: real::env("bench", real::Options::default()).utc_now().format(&Rfc3339).expect("a date of today"),
            compiler: compiler.lines().next().unwrap_or_default().to_owned(),
            target: field(&compiler, "host"),
            cpu: field(&cpus, "model name"),
            cores: thread::available_parallelism().map_or(1, NonZero::get),
            memory_bytes: kib * 1_024,
            kernel: told("/proc/sys/kernel/osrelease").trim().to_owned(),
            valgrind: said("valgrind", &["--version"]),
        }
    }

    /// Whether instructions counted here can be compared with those counted there: the same compiler for the same target, under
    /// the same Valgrind, which shows programs a processor of its own.
    #[must_use]
    pub fn counts_alike(&self, other: &Self) -> bool {
        (&self.compiler, &self.target, &self.valgrind) == (&other.compiler, &other.target, &other.valgrind)
    }

    /// Whether times measured here can be compared with those measured there.
    #[must_use]
    pub fn runs_alike(&self, other: &Self) -> bool {
        self.compiler == other.compiler && (&self.cpu, self.cores) == (&other.cpu, other.cores)
    }
}

/// What a command says, if it succeeds.
fn said(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}
