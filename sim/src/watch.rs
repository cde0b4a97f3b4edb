//! A value that tasks wait for, woken in the order in which they began to wait.
//!
//! The part of `tokio::sync::watch` that programs of the world need. That one wakes its receivers in an order that it draws
//! by lot: with dozens of them, two runs of one seed would differ.

use std::{
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// The sender is gone, and the value will not change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody is left to change the value")]
pub struct Closed;

/// Changes the value.
pub struct Sender<T>(Arc<Mutex<State<T>>>);

/// Waits for the value.
pub struct Receiver<T> {
    state: Arc<Mutex<State<T>>>,
    /// The change that was seen last.
    seen: u64,
}

/// The value at this moment. It can't be changed meanwhile, so it is not to be held for long.
pub struct Ref<'a, T>(MutexGuard<'a, State<T>>);

struct State<T> {
    value: T,
    changes: u64,
    is_closed: bool,
    /// In the order in which they began to wait.
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

/// A channel with its first value.
#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets everybody look again.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    waiting.into_values().for_each(Waker::wake);
}

impl<T> Sender<T> {
    /// A sender with its first value.
    #[must_use]
    pub fn new(value: T) -> Self {
        let state = State { value, changes: 0, is_closed: false, waiting: BTreeMap::new(), next: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Changes the value, and returns the former one.
    pub fn send_replace(&self, value: T) -> T {
        let mut state = lock(&self.0);
        let former = std::mem::replace(&mut state.value, value);
        state.changes += 1;
        wake(state);
        former
    }

    /// Changes the value in place.
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        let mut state = lock(&self.0);
        change(&mut state.value);
        state.changes += 1;
        wake(state);
    }

    /// Someone more who waits for the value. What it is at this moment counts as seen.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = lock(&self.0).changes;
        Receiver { state: self.0.clone(), seen }
    }

    /// The value at this moment.
    #[must_use]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(lock(&self.0))
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_closed = true;
        wake(state);
    }
}

impl<T> Receiver<T> {
    /// The value at this moment.
    #[must_use]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(lock(&self.state))
    }

    /// The value at this moment, which counts as seen from now on.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let state = lock(&self.state);
        self.seen = state.changes;
        Ref(state)
    }

    /// Whether nobody is left to change the value.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.state).is_closed
    }

    /// The value, once it is as `wanted`, which it may be already.
    ///
    /// # Errors
    /// [`Closed`] if it will not be.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, Closed> {
        loop {
            wait(&self.state, |state| wanted(&state.value)).await?;
            let state = lock(&self.state);
            // On a real machine it may have changed again.
            if wanted(&state.value) {
                self.seen = state.changes;
                return Ok(Ref(state));
            }
        }
    }

    /// Returns once the value has been changed since it was last waited for.
    ///
    /// # Errors
    /// [`Closed`] if it will not be.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let seen = self.seen;
        self.seen = wait(&self.state, |state| state.changes > seen).await?;
        Ok(())
    }
}

/// The number of changes at the moment at which `is_over`.
async fn wait<T>(state: &Mutex<State<T>>, mut is_over: impl FnMut(&State<T>) -> bool) -> Result<u64, Closed> {
    let mut place = Place { state, id: None };
    poll_fn(|context| {
        let mut state = lock(place.state);
        if is_over(&state) {
            return Poll::Ready(Ok(state.changes));
        }
        if state.is_closed {
            return Poll::Ready(Err(Closed));
        }
        let id = *place.id.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        state.waiting.insert(id, context.waker().clone());
        Poll::Pending
    })
    .await
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), seen: self.seen }
    }
}

/// A place among those who wait, given up when the wait is.
struct Place<'a, T> {
    state: &'a Mutex<State<T>>,
    id: Option<u64>,
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            lock(self.state).waiting.remove(&id);
        }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Wake},
    };

    use super::*;

    /// Notes its number when it is woken.
    struct Bell(u32, Arc<Mutex<Vec<u32>>>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn who_waits_is_woken_in_the_order_of_coming() {
        let (sender, receiver) = channel(0);
        let rung = Arc::new(Mutex::new(Vec::new()));
        let mut receivers: Vec<_> = (0..50).map(|_| receiver.clone()).collect();
        let mut waits: Vec<_> = receivers.iter_mut().map(|one| Box::pin(one.wait_for(|value| *value > 0))).collect();
        for (number, wait) in (0..).zip(&mut waits) {
            let bell = Waker::from(Arc::new(Bell(number, rung.clone())));
            assert!(wait.as_mut().poll(&mut Context::from_waker(&bell)).is_pending());
        }
        drop(waits.remove(7));
        assert_eq!(sender.send_replace(1), 0);
        assert_eq!(*rung.lock().unwrap(), (0..50).filter(|number| *number != 7).collect::<Vec<_>>());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waits.iter_mut().all(|wait| wait.as_mut().poll(&mut context).is_ready()));
    }

    #[test]
    fn a_sender_that_goes_ends_every_wait_but_one_for_what_is() {
        let (sender, mut receiver) = channel(1);
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(receiver.changed()).poll(&mut context).is_pending());
        drop(sender);
        assert!(matches!(pin!(receiver.wait_for(|value| *value == 1)).poll(&mut context), Poll::Ready(Ok(_))));
        assert!(matches!(pin!(receiver.wait_for(|value| *value == 2)).poll(&mut context), Poll::Ready(Err(Closed))));
        assert_eq!(pin!(receiver.changed()).poll(&mut context), Poll::Ready(Err(Closed)));
        assert_eq!(*receiver.borrow(), 1);
    }
}
