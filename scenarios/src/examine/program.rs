//! A client's command: started, watched, and ended with all that it has begun.

use std::{
    fs, io,
    path::PathBuf,
    pin::pin,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, select};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper, waitpid,
};
use scenarios::conformance::client::{Ended, Ran};
use sim::Env;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    sync::Notify,
};

/// What is kept of what a client prints; the rest is read and forgotten.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// What a client has to end in once it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How often those that a client has left behind are looked for.
const SWEEPS: usize = 20;
/// How many of them are told by their commands, and how much of each command.
const TOLD_MAX: usize = 5;
const COMMAND_CHARS_MAX: usize = 80;

/// A command with what it is given.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) words: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) folder: PathBuf,
}

impl Program {
    /// Runs it, no longer than `limit` and no further than to an `interrupt`. Nothing of it is left.
    pub(crate) async fn run(&self, env: &Env, limit: Duration, interrupt: &Notify) -> io::Result<Ran> {
        // Whoever is left behind becomes our child, and is found.
        set_child_subreaper(Some(getpid()))?;
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut child = Command::new(program)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let printed = Arc::new(Mutex::new(Vec::new()));
        let readers = [
            child.stdout.take().map(|pipe| env.spawn("stdout", read(pipe, printed.clone()))),
            child.stderr.take().map(|pipe| env.spawn("stderr", read(pipe, printed.clone()))),
        ];
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let ended = ended(env, &mut child, group, limit, interrupt).await?;
        let left_behind = left_behind();
        sweep(env, group).await;
        // What has been written is there; who still holds a pipe is gone.
        env.sleep(Duration::from_millis(50)).await;
        drop(readers);
        let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Ran { ended, output: String::from_utf8_lossy(&printed).into_owned(), left_behind })
    }
}

async fn ended(
    env: &Env,
    child: &mut Child,
    group: Option<Pid>,
    limit: Duration,
    interrupt: &Notify,
) -> io::Result<Ended> {
    match env.timeout(limit, select(pin!(child.wait()), pin!(interrupt.notified()))).await {
        Ok(Either::Left((status, _))) => return Ok(status?.code().map_or(Ended::Signal, Ended::Exit)),
        Ok(Either::Right(_)) | Err(_) => {}
    }
    signal(group, Signal::TERM);
    if env.timeout(GRACE, child.wait()).await.is_err() {
        signal(group, Signal::KILL);
        child.kill().await?;
    }
    Ok(Ended::Killed)
}

/// To all of a group; that there may be none any more is what is wanted.
fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

/// Ends whatever the command has left behind, in its group or out of it.
async fn sweep(env: &Env, group: Option<Pid>) {
    signal(group, Signal::KILL);
    for _ in 0..SWEEPS {
        let left = descendants();
        for process in &left {
            let _ = kill_process(process.id, Signal::KILL);
            let _ = waitpid(Some(process.id), WaitOptions::NOHANG);
        }
        if left.is_empty() {
            return;
        }
        env.sleep(Duration::from_millis(10)).await;
    }
}

/// The commands of those that still run.
fn left_behind() -> Vec<String> {
    let running = descendants().into_iter().filter(|process| !process.is_over);
    let commands = running.map(|Process { id, .. }| {
        let command = fs::read(format!("/proc/{}/cmdline", id.as_raw_nonzero())).unwrap_or_default();
        let words = String::from_utf8_lossy(&command).replace('\0', " ");
        let words: String = words.trim().chars().take(COMMAND_CHARS_MAX).collect();
        // One that is about to become another program has none for a moment.
        if words.is_empty() { format!("process {}", id.as_raw_nonzero()) } else { words }
    });
    commands.take(TOLD_MAX).collect()
}

struct Process {
    id: Pid,
    parent: Option<Pid>,
    /// Whether it has ended, and nobody has asked how.
    is_over: bool,
}

/// Our children and theirs, those that were left to us included.
fn descendants() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut others: Vec<Process> = entries.filter_map(|entry| process(entry.file_name().to_str()?)).collect();
    let (mut found, mut parents) = (Vec::new(), vec![getpid()]);
    while let Some(parent) = parents.pop() {
        let (children, rest) = others.into_iter().partition(|process| process.parent == Some(parent));
        others = rest;
        let children: Vec<Process> = children;
        parents.extend(children.iter().map(|child| child.id));
        found.extend(children);
    }
    found
}

/// What the kernel tells of a process, by its number.
fn process(number: &str) -> Option<Process> {
    let id = number.parse().ok().and_then(Pid::from_raw)?;
    // pid (name) state ppid …; the name may have blanks and parentheses in it.
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let is_over = matches!(words.next()?, "Z" | "X");
    Some(Process { id, parent: words.next()?.parse().ok().and_then(Pid::from_raw), is_over })
}

/// Reads to the end, and keeps the beginning.
async fn read(mut pipe: impl AsyncRead + Unpin, printed: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        let room = OUTPUT_BYTES_MAX.saturating_sub(printed.len()).min(length);
        printed.extend_from_slice(&buffer[..room]);
    }
}
