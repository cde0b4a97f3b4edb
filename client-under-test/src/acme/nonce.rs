//! Nonces: what the CA hands out so that no request can be replayed (RFC 8555 §6.5).
//!
//! Each leaves the pool when it is used, whatever becomes of the request: a nonce is never used twice.

use std::fmt::Debug;

use hyper::HeaderMap;

/// The header that carries a nonce.
pub const REPLAY_NONCE: &str = "replay-nonce";

/// How many unused nonces are kept. A CA forgets old ones, so a large stock is a stock of stale ones.
const KEPT_MAX: usize = 8;

/// One nonce, base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// The nonce in `headers`. One that is not base64url is ignored, and so are two at once (RFC 8555 §6.5.1).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(REPLAY_NONCE).iter();
        let text = fields.next().filter(|_| fields.next().is_none())?.to_str().ok()?;
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (!text.is_empty() && text.bytes().all(is_base64url)).then(|| Self(text.to_owned()))
    }

    /// The nonce as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keeps the nonces of one conversation.
pub trait NonceStock: Debug + Send {
    /// Keeps the nonce of an answer, if it has one.
    fn keep(&mut self, headers: &HeaderMap);

    /// A nonce for one request, if there is one.
    fn take(&mut self) -> Option<Nonce>;

    /// The CA has refused the nonce that was taken last.
    fn refused(&mut self);
}

/// Makes the stock of a conversation.
pub type MakeNonces = fn() -> Box<dyn NonceStock>;

/// The nonces received and not yet used.
#[derive(Debug, Default)]
pub struct NoncePool {
    unused: Vec<Nonce>,
}

impl NoncePool {
    /// An empty pool.
    #[must_use]
    pub fn make() -> Box<dyn NonceStock> {
        Box::<Self>::default()
    }
}

impl NonceStock for NoncePool {
    fn keep(&mut self, headers: &HeaderMap) {
        let Some(nonce) = Nonce::of(headers) else { return };
        // A cache between here and the CA may show an old answer again.
        if self.unused.contains(&nonce) {
            return;
        }
        if self.unused.len() == KEPT_MAX {
            self.unused.remove(0);
        }
        self.unused.push(nonce);
    }

    /// Takes the newest out.
    fn take(&mut self) -> Option<Nonce> {
        self.unused.pop()
    }

    /// Forgets all: the others of that age are suspect too.
    fn refused(&mut self) {
        self.unused.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn answer(nonce: &str) -> HeaderMap {
        HeaderMap::from_iter([(REPLAY_NONCE.parse().unwrap(), nonce.parse().unwrap())])
    }

    #[test]
    fn each_nonce_leaves_once_and_the_newest_first() {
        let mut pool = NoncePool::default();
        for nonce in ["one", "two", "two"] {
            pool.keep(&answer(nonce));
        }
        assert_eq!(pool.take().unwrap().as_str(), "two");
        assert_eq!(pool.take().unwrap().as_str(), "one");
        assert_eq!(pool.take(), None);
    }

    #[test]
    fn invalid_nonces_are_ignored_and_the_stock_is_bounded() {
        let mut pool = NoncePool::default();
        for nonce in ["", "a=", "a b", "a/b"] {
            pool.keep(&answer(nonce));
        }
        let mut two = answer("one");
        two.append(REPLAY_NONCE, "other".parse().unwrap());
        pool.keep(&two);
        assert_eq!(pool.take(), None);
        (0..100).for_each(|n| pool.keep(&answer(&format!("n{n}"))));
        assert_eq!(std::iter::from_fn(|| pool.take()).count(), KEPT_MAX);
    }

    /// What happens to a pool.
    #[derive(Clone, Debug)]
    enum Step {
        /// An answer comes with these headers of the name.
        Answer(Vec<&'static str>),
        Take,
        Refused,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // More good ones than are kept, so that the oldest are forgotten and some come twice.
        let good = || select(vec!["A", "b", "-", "_", "0", "e30", "f", "g", "h", "i", "j", "k", "l", "m"]);
        let bad = select(vec!["", "a=", "a b", "a/b", "a+b", "a,b"]);
        let step = prop_oneof![
            12 => good().prop_map(|nonce| Step::Answer(vec![nonce])),
            1 => bad.prop_map(|nonce| Step::Answer(vec![nonce])),
            1 => (good(), good()).prop_map(|(one, other)| Step::Answer(vec![one, other])),
            1 => Just(Step::Answer(Vec::new())),
            6 => Just(Step::Take),
            1 => Just(Step::Refused),
        ];
        vec(step, 0..80)
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        #[test]
        fn a_pool_is_the_last_eight_different_nonces_that_were_given_and_not_taken(steps in steps()) {
            let (mut pool, mut model) = (NoncePool::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Answer(nonces) => {
                        let mut headers = HeaderMap::new();
                        for nonce in &nonces {
                            headers.append(REPLAY_NONCE, nonce.parse().unwrap());
                        }
                        pool.keep(&headers);
                        if let [nonce] = nonces[..]
                            && !model.contains(&nonce)
                            && !nonce.is_empty()
                            && !nonce.contains(['=', ' ', '/', '+', ','])
                        {
                            model.push(nonce);
                            model = model.split_off(model.len().saturating_sub(8));
                        }
                    }
                    Step::Take => prop_assert_eq!(pool.take(), model.pop().map(|nonce: &str| Nonce(nonce.to_owned()))),
                    Step::Refused => {
                        pool.refused();
                        model.clear();
                    }
                }
            }
        }
    }
}
