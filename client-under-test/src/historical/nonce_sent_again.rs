//! A retry that carries the nonce that was just refused (Acme PHP, reported in 2020).
//!
//! <https://github.com/acmephp/acmephp/issues/211>,
//! <https://github.com/publishlab/node-acme-client/issues/103>
//!
//! A CA may refuse a nonce at any time with `badNonce`, and gives a fresh one along (RFC 8555 §6.5). Acme PHP sent its request
//! again as it was, signature, nonce and all, and was refused again; node-acme-client did so after 429 and 5xx.
//!
//! Seam: [`NonceStock`]. To be caught with a CA that refuses now and then by **M7**: a nonce is sent twice.

use hyper::HeaderMap;

use crate::acme::nonce::{Nonce, NoncePool, NonceStock};

/// A stock that gives a refused nonce out once more.
#[derive(Debug, Default)]
struct SentAgain {
    pool: NoncePool,
    taken: Option<Nonce>,
    again: Option<Nonce>,
}

/// Of a conversation whose retries carry the nonce of the first try.
#[must_use]
pub fn nonce_sent_again() -> Box<dyn NonceStock> {
    Box::<SentAgain>::default()
}

impl NonceStock for SentAgain {
    fn keep(&mut self, headers: &HeaderMap) {
        self.pool.keep(headers);
    }

    fn take(&mut self) -> Option<Nonce> {
        self.taken = self.again.take().or_else(|| self.pool.take());
        self.taken.clone()
    }

    fn refused(&mut self) {
        self.again = self.taken.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::nonce::REPLAY_NONCE;

    #[test]
    fn after_a_refusal_the_same_one_comes_and_a_fresh_one_from_the_good_pool() {
        let answer = |nonce: &str| HeaderMap::from_iter([(REPLAY_NONCE.parse().unwrap(), nonce.parse().unwrap())]);
        for (mut stock, next) in [(nonce_sent_again(), "one"), (NoncePool::make(), "two")] {
            stock.keep(&answer("one"));
            assert_eq!(stock.take().unwrap().as_str(), "one");
            stock.refused();
            stock.keep(&answer("two"));
            assert_eq!(stock.take().unwrap().as_str(), next);
        }
    }
}
