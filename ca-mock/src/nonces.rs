//! Anti-replay nonces (RFC 8555 §6.5): each is good for one request.
//!
//! The unused ones are kept, at most as many as configured; beyond that the oldest is forgotten, and its
//! owner is told `badNonce` and retries. Nonces do not expire by time.

use std::collections::BTreeMap;

use sim::Env;

use crate::ids::Nonce;

#[derive(Clone, Debug)]
pub(crate) struct Nonces {
    max: usize,
    issued: u64,
    by_age: BTreeMap<u64, Nonce>,
    ages: BTreeMap<Nonce, u64>,
}

impl Nonces {
    /// Keeps at most `max` unused nonces, and at least one.
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), issued: 0, by_age: BTreeMap::new(), ages: BTreeMap::new() }
    }

    pub(crate) fn issue(&mut self, env: &Env) -> Nonce {
        let nonce = Nonce::draw(env);
        self.issued += 1;
        self.by_age.insert(self.issued, nonce);
        self.ages.insert(nonce, self.issued);
        while self.by_age.len() > self.max {
            if let Some((_, forgotten)) = self.by_age.pop_first() {
                self.ages.remove(&forgotten);
            }
        }
        nonce
    }

    /// Uses a nonce up; whether it was one.
    pub(crate) fn redeem(&mut self, nonce: Nonce) -> bool {
        let Some(age) = self.ages.remove(&nonce) else { return false };
        self.by_age.remove(&age);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_nonce_is_good_once_and_the_oldest_is_forgotten() {
        testing::with_env(|env| {
            let mut nonces = Nonces::new(2);
            let [first, second, third] = [(); 3].map(|()| nonces.issue(&env));
            assert!(!nonces.redeem(first));
            assert!(nonces.redeem(second));
            assert!(!nonces.redeem(second));
            assert!(nonces.redeem(third));
            assert!(nonces.by_age.is_empty() && nonces.ages.is_empty());
        });
    }
}
