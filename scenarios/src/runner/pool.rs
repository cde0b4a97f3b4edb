//! Runs many worlds side by side, one on each thread, and watches that none stands still in real time.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use sim::world::Progress;

/// How often the watchdog looks, in real time.
const LOOK: Duration = Duration::from_secs(1);

/// Where a running world shows itself to the watchdog.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Watched>>>);

#[derive(Debug)]
struct Watched {
    what: String,
    progress: Arc<Progress>,
    steps: u64,
    looks: u64,
}

impl Slot {
    /// From now on this world is watched; `what` is how to name and replay it.
    pub(crate) fn watch(&self, what: String, progress: Arc<Progress>) {
        *lock(&self.0) = Some(Watched { what, progress, steps: 0, looks: 0 });
    }

    /// The world has ended.
    pub(crate) fn release(&self) {
        *lock(&self.0) = None;
    }

    /// One look of the watchdog: what to say if the world has stood still for `looks_max` of them.
    fn look(&self, looks_max: u64) -> Option<String> {
        let mut watched = lock(&self.0);
        let watched = watched.as_mut()?;
        let steps = watched.progress.steps();
        if steps != watched.steps {
            (watched.steps, watched.looks) = (steps, 0);
            return None;
        }
        watched.looks += 1;
        (watched.looks >= looks_max).then(|| {
            format!(
                "the world has stood still for {} s of real time in task `{}`, step {steps}: the task never yields, or \
                 it takes a std lock twice\n  replay  {}",
                looks_max * LOOK.as_secs(),
                watched.progress.doing(),
                watched.what,
            )
        })
    }
}

/// Carries out `jobs` in order on `threads` threads. Results arrive at `done` on the calling thread as
/// they are ready. Once `interrupted` is set, no further job is begun. `stuck` is called from a thread of
/// its own when a world has stood still for `patience`; it can't be stopped, so `stuck` should end the process.
#[expect(clippy::disallowed_methods, reason = "these threads carry whole worlds; nothing in a world sees them")]
pub(crate) fn run<J: Send, R: Send>(
    jobs: Vec<J>,
    threads: NonZeroUsize,
    interrupted: &AtomicBool,
    patience: Duration,
    stuck: impl Fn(String) + Send + Sync + 'static,
    work: impl Fn(J, &Slot) -> R + Sync,
    mut done: impl FnMut(R),
) {
    let slots: Vec<Slot> = (0..threads.get()).map(|_| Slot::default()).collect();
    let over = Arc::new((Mutex::new(false), Condvar::new()));
    let watchdog = {
        let (slots, over) = (slots.clone(), over.clone());
        thread::spawn(move || {
            let mut is_over = lock(&over.0);
            while !*is_over {
                is_over = over.1.wait_timeout(is_over, LOOK).unwrap_or_else(PoisonError::into_inner).0;
                slots.iter().filter_map(|slot| slot.look(patience.as_secs().max(1))).for_each(&stuck);
            }
        })
    };
    let queue = Mutex::new(VecDeque::from(jobs));
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for slot in &slots {
            let (sender, queue, work) = (sender.clone(), &queue, &work);
            scope.spawn(move || {
                while !interrupted.load(Ordering::Relaxed) {
                    let Some(job) = lock(queue).pop_front() else { break };
                    // The receiver lives as long as the scope.
                    let _ = sender.send(work(job, slot));
                }
            });
        }
        drop(sender);
        results.iter().for_each(&mut done);
    });
    *lock(&over.0) = true;
    over.1.notify_all();
    watchdog.join().expect("the watchdog does not panic");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded here is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
