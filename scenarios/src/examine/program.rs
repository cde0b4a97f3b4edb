//! A client's command: started, watched, and ended with all that it has begun; beside others, which it leaves alone.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    pin::pin,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
/// The variable that tells a client its folder, and us whose a process is.
pub(super) const FOLDER: &str = "ACME_FOLDER";
/// What a client has to end in once it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// What those have to end in that a client has left behind, without being told to.
const PARTING: Duration = Duration::from_millis(200);
/// How often those that a client has left behind are looked for.
const SWEEPS: usize = 20;
/// How many of them are told by their commands, and how much of each command.
const TOLD_MAX: usize = 5;
const COMMAND_CHARS_MAX: usize = 80;

/// The commands that run side by side, by their folders, with their processes: what one of them has left behind is not looked
/// for among another's.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<BTreeMap<PathBuf, Pid>>);

impl Running {
    /// No command is started or given up while this is held.
    fn held(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our descendants, those that were left to us included, but for what belongs to the commands in other folders. Whose a
    /// process is that has left its parents, its group and its environment, nobody knows; whoever ends first ends it.
    fn descendants_of(&self, folder: &Path) -> Vec<Process> {
        let running = self.held();
        let others: Vec<(&PathBuf, &Pid)> = running.iter().filter(|(other, _)| *other != folder).collect();
        let is_others = |process: &Process| {
            others
                .iter()
                .any(|(other, root)| [Some(process.id), process.group].contains(&Some(**root)) || process.is_in(other))
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut rest: Vec<Process> = entries.filter_map(|entry| process(entry.file_name().to_str()?)).collect();
        let (mut found, mut parents) = (Vec::new(), vec![getpid()]);
        while let Some(parent) = parents.pop() {
            let (children, others): (Vec<Process>, _) =
                rest.into_iter().partition(|process| process.parent == Some(parent));
            rest = others;
            let ours: Vec<Process> = children.into_iter().filter(|child| !is_others(child)).collect();
            parents.extend(ours.iter().map(|child| child.id));
            found.extend(ours);
        }
        found
    }
}

/// A command with what it is given.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) words: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) folder: PathBuf,
}

impl Program {
    /// Runs it beside those that are `running`, no longer than `limit` and no further than to an `interrupt`, of which the next
    /// one hears then. Nothing of it is left.
    pub(crate) async fn run(
        &self,
        env: &Env,
        running: &Running,
        limit: Duration,
        interrupt: &Notify,
    ) -> io::Result<Ran> {
        // Whoever is left behind becomes our child, and is found.
        set_child_subreaper(Some(getpid()))?;
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (mut child, group) = {
            let mut running = running.held();
            let child = command.spawn()?;
            let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            running.extend(group.map(|group| (self.folder.clone(), group)));
            (child, group)
        };
        let printed = Arc::new(Mutex::new(Vec::new()));
        let readers = [
            child.stdout.take().map(|pipe| env.spawn("stdout", read(pipe, printed.clone()))),
            child.stderr.take().map(|pipe| env.spawn("stderr", read(pipe, printed.clone()))),
        ];
        let ended = ended(env, &mut child, group, limit, interrupt).await;
        let left_behind = match ended {
            // It had no occasion to end them.
            Ok(Ended::Killed) | Err(_) => Vec::new(),
            Ok(Ended::Exit(_) | Ended::Signal | Ended::GoesOn) => self.left_behind(env, running).await,
        };
        self.sweep(env, running, group).await;
        running.held().remove(&self.folder);
        let ended = ended?;
        // What has been written is there; who still holds a pipe is gone.
        env.sleep(Duration::from_millis(50)).await;
        drop(readers);
        let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Ran { ended, output: String::from_utf8_lossy(&printed).into_owned(), left_behind, records_left: Vec::new() })
    }

    /// Ends whatever the command has left behind, in its group or out of it.
    async fn sweep(&self, env: &Env, running: &Running, group: Option<Pid>) {
        signal(group, Signal::KILL);
        for _ in 0..SWEEPS {
            let left = running.descendants_of(&self.folder);
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

    /// The commands of those that still run, and not only for a moment.
    async fn left_behind(&self, env: &Env, running: &Running) -> Vec<String> {
        if running.descendants_of(&self.folder).iter().all(|process| process.is_over) {
            return Vec::new();
        }
        env.sleep(PARTING).await;
        let left = running.descendants_of(&self.folder).into_iter().filter(|process| !process.is_over);
        let commands = left.map(|Process { id, .. }| {
            let command = fs::read(format!("/proc/{}/cmdline", id.as_raw_nonzero())).unwrap_or_default();
            let words = String::from_utf8_lossy(&command).replace('\0', " ");
            let words: String = words.trim().chars().take(COMMAND_CHARS_MAX).collect();
            // One that is about to become another program has none for a moment.
            if words.is_empty() { format!("process {}", id.as_raw_nonzero()) } else { words }
        });
        commands.take(TOLD_MAX).collect()
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
        // One hears of an interrupt: it tells the next one.
        Ok(Either::Right(_)) => interrupt.notify_one(),
        Err(_) => {}
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

struct Process {
    id: Pid,
    parent: Option<Pid>,
    group: Option<Pid>,
    /// Whether it has ended, and nobody has asked how.
    is_over: bool,
}

impl Process {
    /// Whether it was begun by the command in this folder: it has the environment of that, unless it has put it off.
    fn is_in(&self, folder: &Path) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", self.id.as_raw_nonzero())).unwrap_or_default();
        let mark = [FOLDER.as_bytes(), b"=", folder.as_os_str().as_bytes()].concat();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark)
    }
}

/// What the kernel tells of a process, by its number.
fn process(number: &str) -> Option<Process> {
    let id = number.parse().ok().and_then(Pid::from_raw)?;
    // pid (name) state ppid pgrp …; the name may have blanks and parentheses in it.
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let is_over = matches!(words.next()?, "Z" | "X");
    // One that ends just now may have no parent, 0, and no group, -1.
    let mut next = || Some(words.next()?.parse().ok().filter(|id| *id > 0).and_then(Pid::from_raw));
    Some(Process { id, parent: next()?, group: next()?, is_over })
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
