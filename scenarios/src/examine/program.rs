//! A client's command: started, watched, and ended with all that it has begun.

use std::{
    fs, io,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper, waitpid,
};
use scenarios::conformance::client::Ended;
use sim::Env;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

/// What is kept of what a client prints; the rest is read and forgotten.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// What a client has to end in once it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How often those that a client has left behind are looked for.
const SWEEPS: usize = 20;

/// A command with what it is given.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) words: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) folder: PathBuf,
}

impl Program {
    /// Runs it, no longer than `limit`; how it ended, and what it printed. Nothing of it is left.
    pub(super) async fn run(&self, env: &Env, limit: Duration) -> io::Result<(Ended, String)> {
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
        let ended = self.ended(env, &mut child, group, limit).await?;
        sweep(env, group).await;
        // What has been written is there; who still holds a pipe is gone.
        env.sleep(Duration::from_millis(50)).await;
        drop(readers);
        let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((ended, String::from_utf8_lossy(&printed).into_owned()))
    }

    async fn ended(&self, env: &Env, child: &mut Child, group: Option<Pid>, limit: Duration) -> io::Result<Ended> {
        if let Ok(status) = env.timeout(limit, child.wait()).await {
            return Ok(status?.code().map_or(Ended::Signal, Ended::Exit));
        }
        signal(group, Signal::TERM);
        if env.timeout(GRACE, child.wait()).await.is_err() {
            signal(group, Signal::KILL);
            child.kill().await?;
        }
        Ok(Ended::Killed)
    }
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
        let left = children();
        for pid in &left {
            let _ = kill_process(*pid, Signal::KILL);
            let _ = waitpid(Some(*pid), WaitOptions::NOHANG);
        }
        if left.is_empty() {
            return;
        }
        env.sleep(Duration::from_millis(10)).await;
    }
}

/// Our children, those that were left to us included.
fn children() -> Vec<Pid> {
    let own = getpid().as_raw_nonzero().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_ours = |id: &i32| {
        // pid (name) state ppid …; the name may have blanks and parentheses in it.
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        parent == Some(own.as_str())
    };
    ids.filter(is_ours).filter_map(Pid::from_raw).collect()
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
