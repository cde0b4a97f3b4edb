//! Which challenge is answered (RFC 8555 §7.1.5), and what keeps its answer in place.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use sim::Env;

use super::{
    cache::CertificateCache,
    dns01::{Presented, Records},
    http01::{Published, Tokens},
    issue::IssueError,
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
    /// In the DNS (RFC 8555 §8.4), if somebody can change it; the only way for wildcards.
    Dns01,
}

impl Solver {
    const ALL: [Self; 3] = [Self::Http01, Self::TlsAlpn01, Self::Dns01];

    /// The challenge's type, as RFC 8555 and RFC 8737 write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 => "dns-01",
        }
    }

    fn kind(self) -> ChallengeKind {
        match self {
            Self::Http01 => ChallengeKind::Http01,
            Self::TlsAlpn01 => ChallengeKind::TlsAlpn01,
            Self::Dns01 => ChallengeKind::Dns01,
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
    /// Without it, dns-01 is not open.
    records: Option<Records>,
    /// Through which other hosts give the same answers.
    shared: Option<Storage>,
}

/// Keeps an answer in place while it lives, on this host and on those that share its storage.
#[derive(Debug)]
pub(super) struct InPlace(Here, #[expect(dead_code, reason = "owning is what it is for")] Option<PublishedChallenge>);

#[derive(Debug)]
#[expect(dead_code, reason = "owning is what most of it is for")]
enum Here {
    Http01(Published),
    TlsAlpn01(Arc<CertifiedKey>),
    Dns01(Presented),
}

impl InPlace {
    fn in_dns(&self) -> Option<&Presented> {
        match &self.0 {
            Here::Dns01(presented) => Some(presented),
            Here::Http01(_) | Here::TlsAlpn01(_) => None,
        }
    }
}

impl Answers {
    pub(super) fn new(
        env: &Env,
        preferred: Solver,
        tokens: Tokens,
        cache: Arc<dyn CertificateCache>,
        records: Option<Records>,
        shared: Option<Storage>,
    ) -> Self {
        Self { env: env.clone(), preferred, tokens, cache, records, shared }
    }

    /// The challenge of `name` to answer, by the preferred way if that is offered.
    pub(super) fn choose<'a>(&self, name: &Name, offered: &'a [Challenge]) -> Option<(Solver, &'a Challenge)> {
        let find = |solver: Solver| {
            let is_open = match solver {
                Solver::Http01 | Solver::TlsAlpn01 => !name.is_wildcard(),
                // RFC 8738 §7.
                Solver::Dns01 => self.records.is_some() && name.address().is_none(),
            };
            let challenge = offered.iter().find(|challenge| challenge.kind == solver.kind());
            Some((solver, challenge.filter(|_| is_open)?))
        };
        find(self.preferred).or_else(|| Solver::ALL.into_iter().find_map(find))
    }

    /// Puts the answer to a challenge for `name` in place.
    ///
    /// # Errors
    /// [`IssueError`] if that does not work.
    pub(super) async fn put_in_place(
        &self,
        solver: Solver,
        name: &Name,
        challenge: &Challenge,
        key_authorization: String,
    ) -> Result<InPlace, IssueError> {
        let label = match solver {
            Solver::Http01 => Some(challenge.token.as_str()),
            Solver::TlsAlpn01 => Some(name.as_str()),
            // Everybody sees the DNS.
            Solver::Dns01 => None,
        };
        let published = match (&self.shared, label) {
            // If the disk fails, this host may still be the one that is asked.
            (Some(storage), Some(label)) => {
                storage.publish_challenge(solver.name(), label, &key_authorization).await.ok()
            }
            (Some(_), None) | (None, _) => None,
        };
        let here = match solver {
            Solver::Dns01 => {
                let records = self.records.as_ref().expect("dns-01 is chosen only with it");
                Here::Dns01(records.present(name, &key_authorization).await?)
            }
            Solver::Http01 => Here::Http01(self.tokens.publish(challenge.token.clone(), key_authorization)),
            Solver::TlsAlpn01 => {
                let certificate = Arc::new(tls_alpn01::certificate(&self.env, name, &key_authorization)?);
                self.cache.insert_challenge(&name.validation_name(), &certificate).await;
                Here::TlsAlpn01(certificate)
            }
        };
        Ok(InPlace(here, published))
    }

    /// Waits until what is in place is also where CAs look.
    ///
    /// # Errors
    /// [`IssueError`] if that can't be confirmed and has to be.
    pub(super) async fn await_in_place(&self, answers: &[InPlace]) -> Result<(), IssueError> {
        let presented: Vec<&Presented> = answers.iter().filter_map(InPlace::in_dns).collect();
        match &self.records {
            Some(records) if !presented.is_empty() => Ok(records.await_seen(&presented).await?),
            Some(_) | None => Ok(()),
        }
    }
}
