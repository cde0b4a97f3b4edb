//! [`Task`]: a handle on work that a host runs beside its caller.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::{AbortHandle, Abortable};
use tokio::sync::oneshot;

/// A running task. Awaiting it yields its result, or `None` if it was stopped or panicked.
///
/// Dropping the handle stops the task, so that no work outlives its owner unnoticed.
#[must_use = "dropping a Task stops it; call detach() to let it run"]
#[derive(Debug)]
pub struct Task<T> {
    result: oneshot::Receiver<T>,
    abort: Option<AbortHandle>,
}

impl<T: Send + 'static> Task<T> {
    pub(crate) fn new(
        work: impl Future<Output = T> + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, result) = oneshot::channel();
        let (abort, registration) = AbortHandle::new_pair();
        let work = Abortable::new(work, registration);
        let driver = async move {
            if let Ok(done) = work.await {
                // The owner may have gone; then nobody wants the result.
                drop(sender.send(done));
            }
        };
        (Self { result, abort: Some(abort) }, driver)
    }

    /// Lets the task run to its end without an owner.
    pub fn detach(mut self) {
        self.abort = None;
    }

    /// Whether the task has ended, in whatever way.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.result.is_terminated()
            || !self.result.is_empty()
            || self.abort.as_ref().is_some_and(AbortHandle::is_aborted)
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.result).poll(cx).map(Result::ok)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}
