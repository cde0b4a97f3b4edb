//! Which challenge is answered (RFC 8555 §7.1.5), and what keeps its answer in place.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use sim::Env;

use super::{
    cache::CertificateCache,
    http01::{Published, Tokens},
    tls_alpn01,
};
use crate::{
    acme::challenge::{Challenge, ChallengeKind},
    name::Name,
    storage::{Storage, challenge::PublishedChallenge},
};

/// A way to answer challenges that the manager has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Solver {
    /// On port 80 (RFC 8555 §8.3).
    #[default]
    Http01,
    /// On port 443 (RFC 8737).
    TlsAlpn01,
}

impl Solver {
    const ALL: [Self; 2] = [Self::Http01, Self::TlsAlpn01];

    /// The challenge's type, as RFC 8555 and RFC 8737 write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    fn kind(self) -> ChallengeKind {
        match self {
            Self::Http01 => ChallengeKind::Http01,
            Self::TlsAlpn01 => ChallengeKind::TlsAlpn01,
        }
    }
}

/// Where answers are put.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    env: Env,
    preferred: Solver,
    tokens: Tokens,
    cache: Arc<dyn CertificateCache>,
    /// Through which other hosts give the same answers.
    shared: Option<Storage>,
}

/// Keeps an answer in place while it lives, on this host and on those that share its storage.
#[derive(Debug)]
#[expect(dead_code, reason = "owning is what it is for")]
pub(super) struct InPlace(Here, Option<PublishedChallenge>);

#[derive(Debug)]
#[expect(dead_code, reason = "owning is what it is for")]
enum Here {
    Http01(Published),
    TlsAlpn01(Arc<CertifiedKey>),
}

impl Answers {
    pub(super) fn new(env: &Env, preferred: Solver, tokens: Tokens, cache: Arc<dyn CertificateCache>) -> Self {
        Self { env: env.clone(), preferred, tokens, cache, shared: None }
    }

    /// Lets the hosts that share `storage` give the same answers, if it is shared.
    pub(super) fn with_shared(self, storage: &Storage) -> Self {
        Self { shared: storage.is_shared().then(|| storage.clone()), ..self }
    }

    /// The challenge to answer, by the preferred way if that is offered.
    pub(super) fn choose<'a>(&self, offered: &'a [Challenge]) -> Option<(Solver, &'a Challenge)> {
        let find = |solver: Solver| Some((solver, offered.iter().find(|challenge| challenge.kind == solver.kind())?));
        find(self.preferred).or_else(|| Solver::ALL.into_iter().find_map(find))
    }

    /// Puts the answer to a challenge for `name` in place.
    ///
    /// # Errors
    /// [`rcgen::Error`] if a certificate that it takes can't be made.
    pub(super) async fn put_in_place(
        &self,
        solver: Solver,
        name: &Name,
        challenge: &Challenge,
        key_authorization: String,
    ) -> Result<InPlace, rcgen::Error> {
        let label = match solver {
            Solver::Http01 => challenge.token.as_str(),
            Solver::TlsAlpn01 => name.as_str(),
        };
        let published = match &self.shared {
            // If the disk fails, this host may still be the one that is asked.
            Some(storage) => storage.publish_challenge(solver.name(), label, &key_authorization).await.ok(),
            None => None,
        };
        let here = match solver {
            Solver::Http01 => Here::Http01(self.tokens.publish(challenge.token.clone(), key_authorization)),
            Solver::TlsAlpn01 => {
                let certificate = Arc::new(tls_alpn01::certificate(&self.env, name, &key_authorization)?);
                self.cache.insert_challenge(name, &certificate).await;
                Here::TlsAlpn01(certificate)
            }
        };
        Ok(InPlace(here, published))
    }
}
