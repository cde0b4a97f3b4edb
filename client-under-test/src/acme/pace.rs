//! [`Pace`]: when to look again at something that is not ready (RFC 8555 §7.5.1).
//!
//! As the CA's `Retry-After` says, else at growing intervals, and never past a deadline. A wait that
//! would pass the deadline is not slept here: it is handed to the caller, whose schedule has room for it.

use std::{fmt::Debug, sync::Arc, time::Duration};

use sim::{Env, Monotonic};

use super::Error;

/// Waits without a `Retry-After`, seconds; the last one repeats.
const INTERVALS_S: [u64; 5] = [1, 2, 3, 5, 10];

/// The longest wait between two looks at what is not ready.
const SUGGESTION_MAX: Duration = Duration::from_secs(60);

/// The shortest wait, whatever the CA says: a `Retry-After` of 0 is no invitation.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// Says when to look again at what is not ready.
pub trait Polling: Debug + Send + Sync {
    /// The wait after so many `looks`, given what the CA suggests, if anything.
    fn wait(&self, looks: usize, suggested: Option<Duration>) -> Duration;
}

/// As the CA suggests, between a second and a minute: some say a day and mean seconds. Else at growing intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsSuggested;

impl Polling for AsSuggested {
    fn wait(&self, looks: usize, suggested: Option<Duration>) -> Duration {
        suggested.map_or_else(|| interval(looks), |suggested| suggested.clamp(WAIT_MIN, SUGGESTION_MAX))
    }
}

/// The wait after so many looks that nobody has suggested.
#[must_use]
pub fn interval(looks: usize) -> Duration {
    Duration::from_secs(INTERVALS_S[looks.min(INTERVALS_S.len() - 1)])
}

/// How long something is looked at again and again.
#[derive(Debug)]
pub struct Pace {
    env: Env,
    polling: Arc<dyn Polling>,
    what: String,
    deadline: Monotonic,
    waits: usize,
}

impl Pace {
    /// Begins to wait for `what`, for `limit` at most.
    #[must_use]
    pub fn new(env: &Env, polling: Arc<dyn Polling>, what: impl Into<String>, limit: Duration) -> Self {
        Self { env: env.clone(), polling, what: what.into(), deadline: env.monotonic_now() + limit, waits: 0 }
    }

    /// Waits until it is time to look again at what is not ready.
    ///
    /// # Errors
    /// [`Error::NotYet`] at once if that would be after the deadline.
    pub async fn poll(&mut self, suggested: Option<Duration>) -> Result<(), Error> {
        let wait = self.polling.wait(self.waits, suggested);
        self.pass(wait, suggested).await
    }

    /// Waits until it is time to ask again what was refused.
    ///
    /// # Errors
    /// [`Error::NotYet`] at once if that would be after the deadline.
    pub async fn wait(&mut self, retry_after: Option<Duration>) -> Result<(), Error> {
        let wait = retry_after.map_or_else(|| interval(self.waits), |asked| asked.max(WAIT_MIN));
        self.pass(wait, retry_after).await
    }

    async fn pass(&mut self, wait: Duration, retry_after: Option<Duration>) -> Result<(), Error> {
        self.waits += 1;
        let next = self.env.monotonic_now() + wait;
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
        let mut pace = Pace::new(&env, Arc::new(AsSuggested), "the order", Duration::from_secs(60));
        let begun = env.monotonic_now();
        pace.wait(Some(Duration::from_secs(30))).await.unwrap();
        let error = pace.wait(Some(Duration::from_secs(3_600))).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
        assert_eq!(env.monotonic_now().since(begun).as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_day_that_is_only_suggested_is_a_minute_and_handed_back_as_a_day() {
        let env = real::env("client", real::Options::default());
        let mut pace = Pace::new(&env, Arc::new(AsSuggested), "the order", Duration::from_secs(100));
        let day = Some(Duration::from_secs(86_400));
        pace.poll(day).await.unwrap();
        assert_eq!(env.monotonic_now().0.as_secs(), 60);
        assert_eq!(pace.poll(day).await.unwrap_err().retry_after(), day);
    }

    #[test]
    fn no_wait_at_all_is_a_second() {
        assert_eq!(AsSuggested.wait(0, Some(Duration::ZERO)), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_header_the_intervals_grow_until_the_deadline() {
        let env = real::env("client", real::Options::default());
        let mut pace = Pace::new(&env, Arc::new(AsSuggested), "the order", Duration::from_secs(60));
        let mut waits = 0;
        while pace.wait(None).await.is_ok() {
            waits += 1;
        }
        assert_eq!(waits, 8);
        assert!(env.monotonic_now().0.as_secs() <= 60);
    }
}
