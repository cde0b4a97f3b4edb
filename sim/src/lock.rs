//! Locks with names, and the graph of who waits for whom.
//!
//! A deadlock in a real program shows as silence. Here each wait is known: a cycle is reported the
//! moment it closes, by the names of its locks, and an operation that is still open when the world has
//! nothing left to do is reported with what it waits for.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError},
};

use tokio::sync;

use crate::{Env, trace::Event};

/// A mutual exclusion lock with a name.
#[derive(Debug)]
pub struct Mutex<T> {
    watch: Watch,
    inner: sync::Mutex<T>,
}

impl<T> Mutex<T> {
    /// A lock around `value`; `name` is what reports call it.
    pub fn new(env: &Env, name: impl Into<String>, value: T) -> Self {
        Self { watch: Watch::new(env, name.into()), inner: sync::Mutex::new(value) }
    }

    /// Waits for the lock.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        let inner = match self.inner.try_lock() {
            Ok(free) => free,
            Err(_) => {
                let _waiting = self.watch.wait();
                self.inner.lock().await
            }
        };
        MutexGuard { inner, _held: self.watch.hold() }
    }
}

/// Holds a [`Mutex`] until dropped.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    inner: sync::MutexGuard<'a, T>,
    _held: Held,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// A readers-writer lock with a name. A waiting writer holds back later readers.
#[derive(Debug)]
pub struct RwLock<T> {
    watch: Watch,
    inner: sync::RwLock<T>,
}

impl<T> RwLock<T> {
    /// A lock around `value`; `name` is what reports call it.
    pub fn new(env: &Env, name: impl Into<String>, value: T) -> Self {
        Self { watch: Watch::new(env, name.into()), inner: sync::RwLock::new(value) }
    }

    /// Waits for the lock, shared with other readers.
    pub async fn read(&self) -> ReadGuard<'_, T> {
        let inner = match self.inner.try_read() {
            Ok(free) => free,
            Err(_) => {
                let _waiting = self.watch.wait();
                self.inner.read().await
            }
        };
        ReadGuard { inner, _held: self.watch.hold() }
    }

    /// Waits for the lock, alone.
    pub async fn write(&self) -> WriteGuard<'_, T> {
        let inner = match self.inner.try_write() {
            Ok(free) => free,
            Err(_) => {
                let _waiting = self.watch.wait();
                self.inner.write().await
            }
        };
        WriteGuard { inner, _held: self.watch.hold() }
    }
}

/// Holds an [`RwLock`] shared until dropped.
#[derive(Debug)]
pub struct ReadGuard<'a, T> {
    inner: sync::RwLockReadGuard<'a, T>,
    _held: Held,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

/// Holds an [`RwLock`] alone until dropped.
#[derive(Debug)]
pub struct WriteGuard<'a, T> {
    inner: sync::RwLockWriteGuard<'a, T>,
    _held: Held,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// Work that must end ([`Env::operation`]).
#[must_use = "the operation ends when this is dropped"]
#[derive(Debug)]
pub struct Operation(Option<(Arc<WaitGraph>, u64)>);

impl Operation {
    pub(crate) fn begin(graph: Option<Arc<WaitGraph>>, what: String) -> Self {
        Self(graph.map(|graph| {
            let id = graph.state().begin_operation(what);
            (graph, id)
        }))
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if let Some((graph, id)) = &self.0 {
            graph.state().operations.remove(id);
        }
    }
}

/// Names a task in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskId(pub(crate) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LockId(u64);

/// Which task holds and which awaits which lock, and which operations are open.
#[derive(Default)]
pub struct WaitGraph(StdMutex<State>);

impl fmt::Debug for WaitGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WaitGraph")
    }
}

impl WaitGraph {
    fn state(&self) -> StdMutexGuard<'_, State> {
        // A panic while the graph was held leaves counts that only a report reads.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, task: TaskId, name: &Arc<str>) {
        let mut state = self.state();
        state.current = Some(task);
        state.tasks.entry(task).or_insert_with(|| name.clone());
    }

    pub(crate) fn leave(&self, ended: bool) {
        let mut state = self.state();
        if let Some(task) = state.current.take()
            && ended
        {
            state.tasks.remove(&task);
        }
    }

    pub(crate) fn take_cycle(&self) -> Option<String> {
        self.state().cycle.take()
    }

    /// What is still open, in words; `None` if nothing is.
    pub(crate) fn open_operations(&self) -> Option<String> {
        let state = self.state();
        let mut lines: Vec<String> = state
            .operations
            .values()
            .map(|(task, what)| format!("`{what}` ({}) has not ended", state.name(*task)))
            .collect();
        if lines.is_empty() {
            return None;
        }
        for (task, lock) in &state.waiting {
            lines.push(state.wait_in_words(*task, *lock));
        }
        Some(lines.join("; "))
    }
}

#[derive(Default)]
struct State {
    next_id: u64,
    current: Option<TaskId>,
    tasks: BTreeMap<TaskId, Arc<str>>,
    locks: BTreeMap<LockId, String>,
    holders: BTreeMap<LockId, Vec<TaskId>>,
    waiting: BTreeMap<TaskId, LockId>,
    operations: BTreeMap<u64, (TaskId, String)>,
    cycle: Option<String>,
}

const OUTSIDE: TaskId = TaskId(u64::MAX);

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn begin_operation(&mut self, what: String) -> u64 {
        let id = self.id();
        let task = self.current.unwrap_or(OUTSIDE);
        self.operations.insert(id, (task, what));
        id
    }

    fn name(&self, task: TaskId) -> &str {
        self.tasks.get(&task).map_or("a task that has ended", |name| name)
    }

    fn holders_of(&self, lock: LockId) -> &[TaskId] {
        self.holders.get(&lock).map_or(&[], Vec::as_slice)
    }

    fn wait_in_words(&self, task: TaskId, lock: LockId) -> String {
        let holders: Vec<&str> = self.holders_of(lock).iter().map(|holder| self.name(*holder)).collect();
        format!("{} waits for `{}` held by {}", self.name(task), self.locks[&lock], holders.join(" and "))
    }

    /// The waits that lead from `task` back to itself, if they do.
    fn cycle_from(&self, task: TaskId) -> Option<Vec<(TaskId, LockId)>> {
        let mut path = Vec::new();
        self.walk(task, task, &mut path).then_some(path)
    }

    fn walk(&self, from: TaskId, target: TaskId, path: &mut Vec<(TaskId, LockId)>) -> bool {
        let Some(&lock) = self.waiting.get(&from) else { return false };
        if path.iter().any(|(task, _)| *task == from) {
            return false;
        }
        path.push((from, lock));
        for &holder in self.holders_of(lock) {
            if holder == target || self.walk(holder, target, path) {
                return true;
            }
        }
        path.pop();
        false
    }
}

/// A lock's connection to the graph.
#[derive(Debug)]
struct Watch {
    env: Env,
    graph: Option<(Arc<WaitGraph>, LockId)>,
}

impl Watch {
    fn new(env: &Env, name: String) -> Self {
        let graph = env.wait_graph().map(|graph| {
            let mut state = graph.state();
            let id = LockId(state.id());
            state.locks.insert(id, name);
            drop(state);
            (graph, id)
        });
        Self { env: env.clone(), graph }
    }

    fn wait(&self) -> Option<Waiting> {
        let (graph, lock) = self.graph.as_ref()?;
        let mut state = graph.state();
        let task = state.current?;
        state.waiting.insert(task, *lock);
        if let Some(path) = state.cycle_from(task) {
            let words: Vec<String> = path.iter().map(|(task, lock)| state.wait_in_words(*task, *lock)).collect();
            state.cycle = Some(words.join("; "));
        }
        let event = Event::LockWait {
            lock: state.locks[lock].clone(),
            task: state.name(task).to_owned(),
            held_by: state.holders_of(*lock).iter().map(|holder| state.name(*holder).to_owned()).collect(),
        };
        drop(state);
        self.env.record(event);
        Some(Waiting { graph: graph.clone(), task })
    }

    fn hold(&self) -> Held {
        Held(self.graph.as_ref().map(|(graph, lock)| {
            let mut state = graph.state();
            let task = state.current.unwrap_or(OUTSIDE);
            state.holders.entry(*lock).or_default().push(task);
            (graph.clone(), *lock, task)
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((graph, lock)) = &self.graph {
            let mut state = graph.state();
            state.locks.remove(lock);
            state.holders.remove(lock);
        }
    }
}

struct Waiting {
    graph: Arc<WaitGraph>,
    task: TaskId,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.graph.state().waiting.remove(&self.task);
    }
}

#[derive(Debug)]
struct Held(Option<(Arc<WaitGraph>, LockId, TaskId)>);

impl Drop for Held {
    fn drop(&mut self) {
        let Some((graph, lock, task)) = &self.0 else { return };
        let mut state = graph.state();
        if let Some(holders) = state.holders.get_mut(lock)
            && let Some(index) = holders.iter().position(|holder| holder == task)
        {
            holders.remove(index);
        }
    }
}
