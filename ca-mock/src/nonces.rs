//! Anti-replay nonces (RFC 8555 §6.5): each is good for one request.
//!
//! The unused ones are kept, at most as many as configured; beyond that the oldest is forgotten, and its
//! owner is told `badNonce` and retries. The same if they grow older than configured.

use std::{collections::BTreeMap, time::Duration};

use sim::{Env, UtcDateTime};

use crate::{ids::Nonce, timestamp::after};

#[derive(Clone, Debug)]
pub(crate) struct Nonces {
    max: usize,
    lifetime: Option<Duration>,
    issued: u64,
    by_age: BTreeMap<u64, (Nonce, UtcDateTime)>,
    ages: BTreeMap<Nonce, u64>,
}

impl Nonces {
    /// Keeps at most `max` unused nonces, and at least one, each for its `lifetime` or for ever.
    pub(crate) fn new(max: usize, lifetime: Option<Duration>) -> Self {
        Self { max: max.max(1), lifetime, issued: 0, by_age: BTreeMap::new(), ages: BTreeMap::new() }
    }

    pub(crate) fn issue(&mut self, env: &Env) -> Nonce {
        let nonce = Nonce::draw(env);
        self.issued += 1;
        self.by_age.insert(self.issued, (nonce, env.utc_now()));
        self.ages.insert(nonce, self.issued);
        while self.by_age.len() > self.max {
            if let Some((_, (forgotten, _))) = self.by_age.pop_first() {
                self.ages.remove(&forgotten);
            }
        }
        nonce
    }

    /// Uses a nonce up; whether it was one.
    pub(crate) fn redeem(&mut self, env: &Env, nonce: Nonce) -> bool {
        let age = self.ages.remove(&nonce);
        let Some((_, issued)) = age.and_then(|age| self.by_age.remove(&age)) else { return false };
        self.lifetime.is_none_or(|lifetime| env.utc_now() < after(issued, lifetime))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::Index};
    use sim::MovableClock;

    use super::*;
    use crate::testing;

    #[test]
    fn a_nonce_is_good_once_and_the_oldest_is_forgotten() {
        testing::with_env(|env| {
            let mut nonces = Nonces::new(2, None);
            let [first, second, third] = [(); 3].map(|()| nonces.issue(&env));
            assert!(!nonces.redeem(&env, first));
            assert!(nonces.redeem(&env, second));
            assert!(!nonces.redeem(&env, second));
            assert!(nonces.redeem(&env, third));
            assert!(nonces.by_age.is_empty() && nonces.ages.is_empty());
            let mut short_lived = Nonces::new(2, Some(Duration::ZERO));
            let nonce = short_lived.issue(&env);
            assert!(!short_lived.redeem(&env, nonce));
        });
    }

    #[derive(Clone, Debug)]
    enum Step {
        Issue,
        /// One that was issued at some time.
        Redeem(Index),
        RedeemUnknown,
        Pass {
            seconds: u64,
        },
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        #[test]
        fn a_nonce_is_good_if_it_is_among_the_latest_unused_ones_and_young_enough(
            max in 0..6_usize,
            lifetime_s in option::of(0..20_u64),
            steps in vec(
                prop_oneof![
                    4 => Just(Step::Issue),
                    4 => any::<Index>().prop_map(Step::Redeem),
                    1 => Just(Step::RedeemUnknown),
                    2 => (0..10_u64).prop_map(|seconds| Step::Pass { seconds }),
                ],
                0..60,
            ),
        ) {
            testing::with_env(|env| {
                let clock = MovableClock::default();
                let env = clock.around(&env);
                clock.freeze(&env, true);
                let mut nonces = Nonces::new(max, lifetime_s.map(Duration::from_secs));
                let (mut now, mut unused, mut issued): (u64, Vec<(Nonce, u64)>, Vec<Nonce>) = (0, Vec::new(), Vec::new());
                for step in steps {
                    match step {
                        Step::Issue => {
                            let nonce = nonces.issue(&env);
                            prop_assert!(!issued.contains(&nonce));
                            issued.push(nonce);
                            unused.push((nonce, now));
                            unused = unused.split_off(unused.len().saturating_sub(max.max(1)));
                        }
                        Step::Redeem(index) if !issued.is_empty() => {
                            let nonce = *index.get(&issued);
                            let found = unused.iter().position(|(unused, _)| *unused == nonce).map(|at| unused.remove(at));
                            let is_good = |(_, at)| lifetime_s.is_none_or(|lifetime_s| now < at + lifetime_s);
                            prop_assert_eq!(nonces.redeem(&env, nonce), found.is_some_and(is_good));
                        }
                        Step::Redeem(_) | Step::RedeemUnknown => {
                            prop_assert!(!nonces.redeem(&env, Nonce::draw(&env)));
                        }
                        Step::Pass { seconds } => {
                            now += seconds;
                            clock.set(&env, after(env.utc_now(), Duration::from_secs(seconds)));
                        }
                    }
                    prop_assert_eq!((nonces.by_age.len(), nonces.ages.len()), (unused.len(), unused.len()));
                }
                Ok(())
            })?;
        }
    }
}
