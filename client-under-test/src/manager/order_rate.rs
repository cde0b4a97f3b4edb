//! [`OrderRate`]: no more orders than this in any stretch of time, whatever is due.
//!
//! Hundreds of names that are due at once, at the first start or after a long outage, would storm a CA and use up its
//! limits for all of them. Who comes too early waits for its turn, in the order of coming.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sim::{Env, Monotonic};

/// So many attempts for certificates in any stretch of this length, at one CA as one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRate {
    /// How many.
    pub orders: NonZeroUsize,
    /// In any stretch as long as this.
    pub per: Duration,
}

impl Default for OrderRate {
    /// Ten in ten seconds, as certmagic.
    fn default() -> Self {
        Self { orders: NonZeroUsize::new(10).expect("ten is not zero"), per: Duration::from_secs(10) }
    }
}

/// Keeps a rate.
#[derive(Debug)]
pub(super) struct Turnstile {
    env: Env,
    rate: OrderRate,
    /// When the latest passed or will pass, as many as the rate has orders.
    passes: Mutex<VecDeque<Monotonic>>,
}

impl Turnstile {
    pub(super) fn new(env: &Env, rate: OrderRate) -> Self {
        Self { env: env.clone(), rate, passes: Mutex::default() }
    }

    /// Takes a turn that has come already.
    ///
    /// # Errors
    /// When to ask again. No place is kept until then, so that who asks may do something else.
    pub(super) fn pass_at_once(&self) -> Result<(), Monotonic> {
        let mut passes = self.passes();
        let now = self.env.monotonic_now();
        match self.free_at(&passes, now) {
            at if at > now => Err(at),
            at => {
                self.take(&mut passes, at);
                Ok(())
            }
        }
    }

    /// Waits for a turn, and says so with a probe if it has to. Who stops waiting loses it, and nobody else gains it.
    pub(super) async fn pass(&self, held_back: &'static str) {
        let at = self.next();
        if at > self.env.monotonic_now() {
            self.env.probe(held_back);
            self.env.sleep_until(at).await;
        }
    }

    fn next(&self) -> Monotonic {
        let mut passes = self.passes();
        let now = self.env.monotonic_now();
        let at = self.free_at(&passes, now);
        self.take(&mut passes, at);
        at
    }

    /// When the next may pass.
    fn free_at(&self, passes: &VecDeque<Monotonic>, now: Monotonic) -> Monotonic {
        let earliest = passes.front().filter(|_| passes.len() >= self.rate.orders.get());
        earliest.map_or(now, |earliest| now.max(*earliest + self.rate.per))
    }

    fn take(&self, passes: &mut VecDeque<Monotonic>, at: Monotonic) {
        if passes.len() >= self.rate.orders.get() {
            passes.pop_front();
        }
        passes.push_back(at);
    }

    fn passes(&self) -> MutexGuard<'_, VecDeque<Monotonic>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::acme::certificate::tests::env;

    #[tokio::test(start_paused = true)]
    async fn no_stretch_has_more_than_the_rate_and_a_pause_fills_it_up_again() {
        let env = env();
        let rate = OrderRate { orders: NonZeroUsize::new(3).unwrap(), per: Duration::from_secs(10) };
        let turnstile = Turnstile::new(&env, rate);
        let mut passed_s = Vec::new();
        for _ in 0..8 {
            turnstile.pass("manager/order-held-back").await;
            passed_s.push(env.monotonic_now().0.as_secs());
        }
        assert_eq!(passed_s, [0, 0, 0, 10, 10, 10, 20, 20]);
        env.sleep(Duration::from_secs(100)).await;
        let begun = env.monotonic_now();
        for _ in 0..3 {
            turnstile.pass("manager/order-held-back").await;
        }
        assert_eq!(env.monotonic_now(), begun);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_wait_is_told_when_to_come_again_and_takes_nobodys_place() {
        let env = env();
        let rate = OrderRate { orders: NonZeroUsize::new(2).unwrap(), per: Duration::from_secs(10) };
        let turnstile = Turnstile::new(&env, rate);
        let begun = env.monotonic_now();
        assert_eq!([(); 2].map(|()| turnstile.pass_at_once()), [Ok(()), Ok(())]);
        for _ in 0..3 {
            assert_eq!(turnstile.pass_at_once(), Err(begun + rate.per));
        }
        env.sleep(rate.per).await;
        assert_eq!(turnstile.pass_at_once(), Ok(()));
    }

    /// Who comes.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Somebody who waits for a turn.
        Next,
        /// Somebody who does not.
        AtOnce,
        Pass {
            seconds: u64,
        },
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        #[test]
        fn whoever_comes_passes_at_the_first_second_that_leaves_no_stretch_with_more_than_the_rate(
            orders in 1..5_usize,
            per in 1..12_u64,
            steps in vec(
                prop_oneof![
                    2 => Just(Step::Next),
                    3 => Just(Step::AtOnce),
                    3 => (0..8_u64).prop_map(|seconds| Step::Pass { seconds }),
                ],
                0..40,
            ),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let rate = OrderRate { orders: NonZeroUsize::new(orders).unwrap(), per: Duration::from_secs(per) };
                let env = env();
                let turnstile = Turnstile::new(&env, rate);
                let (mut now, mut passed): (u64, Vec<u64>) = (0, Vec::new());
                for step in steps {
                    // However far ahead others have their turns, who comes now comes after them.
                    let is_free = |at: &u64| passed.iter().filter(|earlier| *earlier + per > *at).count() < orders;
                    let free_at = (now..).find(is_free).unwrap();
                    match step {
                        Step::Next => {
                            prop_assert_eq!(turnstile.next().0.as_secs(), free_at);
                            passed.push(free_at);
                        }
                        Step::AtOnce if free_at == now => {
                            prop_assert_eq!(turnstile.pass_at_once(), Ok(()));
                            passed.push(now);
                        }
                        Step::AtOnce => {
                            let refused = turnstile.pass_at_once().map_err(|at| at.0.as_secs());
                            prop_assert_eq!(refused, Err(free_at));
                        }
                        Step::Pass { seconds } => {
                            env.sleep(Duration::from_secs(seconds)).await;
                            now += seconds;
                        }
                    }
                }
                for begin in &passed {
                    let stretch = passed.iter().filter(|at| (*begin..begin + per).contains(at));
                    prop_assert!(stretch.count() <= orders, "{:?}", passed);
                }
                Ok(())
            })?;
        }
    }
}
