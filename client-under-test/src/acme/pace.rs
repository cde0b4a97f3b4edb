//! [`Pace`]: when to look again at something that is not ready (RFC 8555 §7.5.1).
//!
//! As the CA's `Retry-After` says, else at growing intervals, and never past a deadline. A wait that
//! would pass the deadline is not slept here: it is handed to the caller, whose schedule has room for it.

use std::time::Duration;

use sim::{Env, Monotonic};

use super::Error;

/// Waits without a `Retry-After`, seconds; the last one repeats.
const INTERVALS_S: [u64; 5] = [1, 2, 3, 5, 10];

/// The longest wait between two looks at what is not ready.
const SUGGESTION_MAX: Duration = Duration::from_secs(60);

/// How long something is looked at again and again.
#[derive(Debug)]
pub struct Pace {
    env: Env,
    what: String,
    deadline: Monotonic,
    waits: usize,
}

impl Pace {
    /// Begins to wait for `what`, for `limit` at most.
    #[must_use]
    pub fn new(env: &Env, what: impl Into<String>, limit: Duration) -> Self {
        Self { env: env.clone(), what: what.into(), deadline: env.monotonic_now() + limit, waits: 0 }
    }

    /// Waits until it is time to look again at what is not ready. What the CA suggests is followed up to
    /// a minute: some say a day and mean seconds.
    ///
    /// # Errors
    /// [`Error::NotYet`] at once if that would be after the deadline.
    pub async fn poll(&mut self, suggested: Option<Duration>) -> Result<(), Error> {
        let wait = self.wait(suggested.map(|suggested| suggested.min(SUGGESTION_MAX))).await;
        wait.map_err(|_| Error::NotYet { what: self.what.clone(), retry_after: suggested })
    }

    /// Waits until it is time to ask again what was refused.
    ///
    /// # Errors
    /// [`Error::NotYet`] at once if that would be after the deadline.
    pub async fn wait(&mut self, retry_after: Option<Duration>) -> Result<(), Error> {
        let interval = INTERVALS_S[self.waits.min(INTERVALS_S.len() - 1)];
        self.waits += 1;
        let next = self.env.monotonic_now() + retry_after.unwrap_or(Duration::from_secs(interval));
        if next > self.deadline {
            return Err(Error::NotYet { what: self.what.clone(), retry_after });
        }
        self.env.sleep_until(next).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::real;

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_handed_back_at_once() {
        let env = real::env("client", real::Options::default());
        let mut pace = Pace::new(&env, "the order", Duration::from_secs(60));
        let begun = env.monotonic_now();
        pace.wait(Some(Duration::from_secs(30))).await.unwrap();
        let error = pace.wait(Some(Duration::from_secs(3_600))).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
        assert_eq!(env.monotonic_now().since(begun).as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_day_that_is_only_suggested_is_a_minute_and_handed_back_as_a_day() {
        let env = real::env("client", real::Options::default());
        let mut pace = Pace::new(&env, "the order", Duration::from_secs(100));
        let day = Some(Duration::from_secs(86_400));
        pace.poll(day).await.unwrap();
        assert_eq!(env.monotonic_now().0.as_secs(), 60);
        assert_eq!(pace.poll(day).await.unwrap_err().retry_after(), day);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_header_the_intervals_grow_until_the_deadline() {
        let env = real::env("client", real::Options::default());
        let mut pace = Pace::new(&env, "the order", Duration::from_secs(60));
        let mut waits = 0;
        while pace.wait(None).await.is_ok() {
            waits += 1;
        }
        assert_eq!(waits, 8);
        assert!(env.monotonic_now().0.as_secs() <= 60);
    }
}
