//! Which challenge is answered (RFC 8555 §7.1.5), and what keeps its answer in place.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use sim::Env;

use super::{
    cache::CertificateCache,
    dns_persist01::Grants,
    dns01::{Presented, Records},
    http01::{Published, Tokens},
    issue::{IssueError, Issuer},
    tls_alpn01,
};
use crate::{
    acme::{
        account::Account,
        challenge::{Challenge, ChallengeKind},
    },
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
    /// In the DNS (RFC 8555 §8.4), if somebody can change it; a way for wildcards.
    Dns01,
    /// In the DNS, by a record that stays (draft-ietf-acme-dns-persist-01), if somebody can change it; a way for wildcards.
    /// It is gone only if it is preferred.
    DnsPersist01,
}

impl Solver {
    const ALL: [Self; 4] = [Self::Http01, Self::TlsAlpn01, Self::Dns01, Self::DnsPersist01];

    /// The challenge's type, as RFC 8555 and RFC 8737 write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 => "dns-01",
            Self::DnsPersist01 => "dns-persist-01",
        }
    }

    fn of(kind: &ChallengeKind) -> Self {
        match kind {
            ChallengeKind::Http01(_) => Self::Http01,
            ChallengeKind::TlsAlpn01(_) => Self::TlsAlpn01,
            ChallengeKind::Dns01(_) => Self::Dns01,
            ChallengeKind::DnsPersist01(_) => Self::DnsPersist01,
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
    /// Without it, dns-persist-01 is not open.
    grants: Option<Grants>,
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
    InDns(Presented),
}

impl InPlace {
    fn in_dns(&self) -> Option<&Presented> {
        match &self.0 {
            Here::InDns(presented) => Some(presented),
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
        Self { env: env.clone(), preferred, tokens, cache, records, grants: None, shared }
    }

    /// The same, with records that stay if they are chosen.
    pub(super) fn with_grants(self, grants: Option<&Grants>) -> Self {
        Self { grants: grants.filter(|grants| grants.is_chosen()).cloned(), ..self }
    }

    /// The challenge of `name` to answer as `account`, by the preferred way if that is offered.
    pub(super) fn choose<'a>(&self, name: &Name, account: &Account, offered: &'a [Challenge]) -> Option<&'a Challenge> {
        let is_open = |challenge: &&Challenge| match &challenge.kind {
            ChallengeKind::Http01(_) | ChallengeKind::TlsAlpn01(_) => !name.is_wildcard(),
            // RFC 8738 §7.
            ChallengeKind::Dns01(_) => self.records.is_some() && name.address().is_none(),
            ChallengeKind::DnsPersist01(grantee) => {
                self.grants.is_some() && name.address().is_none() && grantee.is(account.url())
            }
        };
        let find = |solver: Solver| offered.iter().filter(is_open).find(|one| Solver::of(&one.kind) == solver);
        find(self.preferred).or_else(|| Solver::ALL.into_iter().find_map(find))
    }

    /// Puts the answer to a challenge of the issuer's for `name` in place, which proves that `account` has control.
    ///
    /// # Errors
    /// [`IssueError`] if that does not work.
    pub(super) async fn put_in_place(
        &self,
        issuer: &Issuer,
        name: &Name,
        challenge: &Challenge,
        account: &Account,
    ) -> Result<InPlace, IssueError> {
        match &challenge.kind {
            ChallengeKind::Http01(token) => {
                let key_authorization = account.key_authorization(token);
                let published = self.publish(Solver::Http01, token.as_str(), &key_authorization).await;
                Ok(InPlace(Here::Http01(self.tokens.publish(token.clone(), key_authorization)), published))
            }
            ChallengeKind::TlsAlpn01(token) => {
                let key_authorization = account.key_authorization(token);
                let published = self.publish(Solver::TlsAlpn01, name.as_str(), &key_authorization).await;
                let certificate = Arc::new(tls_alpn01::certificate(&self.env, name, &key_authorization)?);
                self.cache.insert_challenge(&name.validation_name(), &certificate).await;
                Ok(InPlace(Here::TlsAlpn01(certificate), published))
            }
            // Everybody sees the DNS.
            ChallengeKind::Dns01(token) => {
                let records = self.records.as_ref().expect("dns-01 is chosen only with it");
                let presented = records.present(name, &account.key_authorization(token)).await?;
                Ok(InPlace(Here::InDns(presented), None))
            }
            ChallengeKind::DnsPersist01(offered) => {
                let grants = self.grants.as_ref().expect("dns-persist-01 is chosen only with it");
                let presented = grants.grant(issuer, name, offered, account.url()).await?;
                Ok(InPlace(Here::InDns(presented), None))
            }
        }
    }

    /// Lets the hosts that share the storage give the same answer.
    async fn publish(&self, solver: Solver, label: &str, key_authorization: &str) -> Option<PublishedChallenge> {
        // If the disk fails, this host may still be the one that is asked.
        self.shared.as_ref()?.publish_challenge(solver.name(), label, key_authorization).await.ok()
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
