//! Seeded entropy: one ChaCha stream for each (seed, host, purpose), derived by hash.

use std::collections::BTreeMap;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};

/// The stream of random bytes that belongs to one purpose on one host.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// The stream for `purpose` on `host` under `seed`. Streams of different triples are independent.
    #[must_use]
    pub fn new(seed: u64, host: &str, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"gauntlet entropy 1\0");
        hash.update(seed.to_le_bytes());
        // Lengths first, so that no two (host, purpose) pairs hash alike.
        hash.update((host.len() as u64).to_le_bytes());
        hash.update(host);
        hash.update(purpose);
        Self(ChaCha20Rng::from_seed(hash.finalize().into()))
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, without modulo bias; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        below(bound, || self.next_u64())
    }

    /// True `per_million` times in a million.
    pub fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }
}

/// All streams under one seed, each made when first drawn from.
#[derive(Debug)]
pub struct Streams {
    seed: u64,
    open: BTreeMap<(String, String), Stream>,
}

impl Streams {
    /// The streams under `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, open: BTreeMap::new() }
    }

    /// The stream for `purpose` on `host`, where it was left.
    pub fn stream(&mut self, host: &str, purpose: &str) -> &mut Stream {
        let seed = self.seed;
        self.open.entry((host.to_owned(), purpose.to_owned())).or_insert_with(|| Stream::new(seed, host, purpose))
    }
}

/// A number below `bound` by Lemire's multiply-and-reject method; 0 if `bound` is 0.
pub(crate) fn below(bound: u64, mut next: impl FnMut() -> u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let reject_below = bound.wrapping_neg() % bound;
    loop {
        let wide = u128::from(next()) * u128::from(bound);
        if wide as u64 >= reject_below {
            return (wide >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(host: &str, purpose: &str) -> u64 {
        Stream::new(7, host, purpose).next_u64()
    }

    #[test]
    fn equal_triples_give_equal_streams_and_others_do_not() {
        assert_eq!(first("ca", "nonce"), first("ca", "nonce"));
        assert_ne!(first("ca", "nonce"), first("ca", "serial"));
        assert_ne!(first("ca", "nonce"), first("canonce", ""));
        assert_ne!(Stream::new(8, "ca", "nonce").next_u64(), first("ca", "nonce"));
    }

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut stream = Stream::new(1, "h", "p");
        let mut seen = [false; 7];
        for _ in 0..1_000 {
            seen[stream.below(7) as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
    }
}
