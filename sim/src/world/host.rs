//! A host: its program's tasks, polled with the host's network stack and entropy in place.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};

use super::{
    HostId, panic,
    shared::{HostWaker, Shared},
};
use crate::{Env, crypto, entropy::Stream, lock::TaskId, trace::Event};

/// A host's program: called anew each time the host starts.
pub(super) type Program = Box<dyn Fn(Env) -> BoxFuture<'static, ()>>;

/// Tasks that were spawned and not polled yet.
pub(super) type Inbox = Arc<Mutex<Vec<HostTask>>>;

pub(super) struct Host {
    pub(super) id: HostId,
    pub(super) kernel: turmoil_net::HostId,
    pub(super) env: Env,
    pub(super) program: Option<Program>,
    pub(super) incarnation: u32,
    pub(super) suspended: bool,
    shared: Arc<Shared>,
    tasks: FuturesUnordered<HostTask>,
    inbox: Inbox,
    waker: Arc<HostWaker>,
    entropy: Option<Stream>,
    /// The number of tasks that is worth telling next.
    tasks_told: usize,
}

/// How many tasks more than ever are worth telling.
const TASKS_TOLD: usize = 32;

/// What a turn of a host's tasks led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Done,
    /// The program has returned, and with it the process ends.
    ProgramReturned,
    Panicked {
        task: String,
        message: String,
    },
}

impl Host {
    pub(super) fn new(
        id: HostId,
        kernel: turmoil_net::HostId,
        env: Env,
        inbox: Inbox,
        waker: Arc<HostWaker>,
        shared: Arc<Shared>,
    ) -> Self {
        let entropy = shared.state().streams.stream(&shared.host_names[id.0], "tls").clone();
        Self {
            id,
            kernel,
            env,
            program: None,
            incarnation: 0,
            suspended: false,
            shared,
            tasks: FuturesUnordered::new(),
            inbox,
            waker,
            entropy: Some(entropy),
            tasks_told: TASKS_TOLD,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Starts the program; nothing happens if there is none or it runs already.
    pub(super) fn start(&mut self) {
        if self.is_running() {
            return;
        }
        let Some(program) = &self.program else { return };
        self.incarnation += 1;
        self.tasks_told = TASKS_TOLD;
        self.shared.record(Some(self.id), Event::HostStarted { incarnation: self.incarnation });
        let main = program(self.env.clone());
        self.tasks.push(HostTask::new(&self.shared, self.id, "main", main));
        self.wake();
    }

    pub(super) fn wake(&self) {
        std::task::Wake::wake_by_ref(&self.waker);
    }

    /// Ends all tasks at once. Their sockets are closed in the host's stack.
    pub(super) fn stop(&mut self) {
        self.scoped(|host| {
            host.tasks.clear();
            // What ends may want to set something to work as it goes; that ends as well.
            loop {
                let left = std::mem::take(&mut *host.inbox.lock().unwrap_or_else(PoisonError::into_inner));
                if left.is_empty() {
                    break;
                }
                drop(left);
            }
        });
    }

    /// Lets every task run that has something to do.
    pub(super) fn turn(&mut self) -> Turn {
        self.waker.taken();
        if self.suspended {
            return Turn::Done;
        }
        self.scoped(|host| {
            let waker = Waker::from(host.waker.clone());
            let mut cx = Context::from_waker(&waker);
            loop {
                host.tasks.extend(std::mem::take(&mut *host.inbox.lock().unwrap_or_else(PoisonError::into_inner)));
                host.tell_tasks();
                match host.tasks.poll_next_unpin(&mut cx) {
                    Poll::Ready(Some(Turn::Done)) => {}
                    Poll::Ready(Some(ended)) => return ended,
                    Poll::Ready(None) => return Turn::Done,
                    Poll::Pending if host.inbox.lock().unwrap_or_else(PoisonError::into_inner).is_empty() => {
                        return Turn::Done;
                    }
                    Poll::Pending => {}
                }
            }
        })
    }

    fn tell_tasks(&mut self) {
        let tasks = self.tasks.len();
        if tasks >= self.tasks_told {
            self.tasks_told = tasks + TASKS_TOLD;
            self.shared.record(Some(self.id), Event::TasksAlive { tasks });
        }
    }

    /// Runs `work` with this host's stack and entropy current on the thread.
    fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        turmoil_net::set_current(self.kernel);
        let mut entropy = self.entropy.take();
        let done = crypto::with_entropy(&mut entropy, || work(self));
        self.entropy = entropy;
        done
    }
}

/// One task, which notes a panic instead of passing it on.
pub(super) struct HostTask {
    shared: Arc<Shared>,
    host: HostId,
    id: TaskId,
    name: Arc<str>,
    is_main: bool,
    work: BoxFuture<'static, ()>,
}

impl HostTask {
    pub(super) fn new(shared: &Arc<Shared>, host: HostId, name: &str, work: BoxFuture<'static, ()>) -> Self {
        Self {
            shared: shared.clone(),
            host,
            id: TaskId(shared.new_task_id()),
            name: format!("{}/{name}", shared.host_names[host.0]).into(),
            is_main: name == "main",
            work,
        }
    }
}

impl Future for HostTask {
    type Output = Turn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        let this = &mut *self;
        let shared = this.shared.clone();
        shared.progress.set_doing(&shared.host_names[this.host.0], &this.name);
        shared.waits.enter(this.id, &this.name);
        let polled = panic::captured(|| catch_unwind(AssertUnwindSafe(|| this.work.as_mut().poll(cx))));
        shared.waits.leave(!matches!(polled, Ok(Poll::Pending)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) if this.is_main => Poll::Ready(Turn::ProgramReturned),
            Ok(Poll::Ready(())) => Poll::Ready(Turn::Done),
            Err(message) => Poll::Ready(Turn::Panicked { task: this.name.to_string(), message }),
        }
    }
}
