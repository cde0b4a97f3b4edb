//! Which challenge is answered (RFC 8555 §7.1.5), and what keeps its answer in place.

use std::{sync::Arc, time::Duration};

use rustls::sign::CertifiedKey;
use sim::Env;

use super::{
    cache::CertificateCache,
    dns_persist01::Grants,
    dns01::{Presented, Records},
    http01::{Published, Tokens},
    issue::{IssueError, Issuer},
    sightings::{Expected, Sightings},
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

/// For so long, nobody polls for want of a CA that asks. It may ask another host than this, or be content with what it knows.
const SEEN_LIMIT: Duration = Duration::from_secs(10);

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
    sightings: Sightings,
}

/// Keeps an answer in place while it lives, on this host and on those that share its storage.
#[derive(Debug)]
pub(super) struct InPlace {
    here: Here,
    #[expect(dead_code, reason = "owning is what it is for")]
    published: Option<PublishedChallenge>,
    /// Where this host sees whoever asks for it.
    expected: Option<Expected>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "owning is what most of it is for")]
enum Here {
    Http01(Published),
    TlsAlpn01(Arc<CertifiedKey>),
    InDns(Presented),
}

impl InPlace {
    fn in_dns(&self) -> Option<&Presented> {
        match &self.here {
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
        sightings: Sightings,
    ) -> Self {
        Self { env: env.clone(), preferred, tokens, cache, records, grants: None, shared, sightings }
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
                let expected = Some(self.sightings.expect(Solver::Http01, token.as_str()));
                let here = Here::Http01(self.tokens.publish(token.clone(), key_authorization));
                Ok(InPlace { here, published, expected })
            }
            ChallengeKind::TlsAlpn01(token) => {
                let key_authorization = account.key_authorization(token);
                let published = self.publish(Solver::TlsAlpn01, name.as_str(), &key_authorization).await;
                let expected = Some(self.sightings.expect(Solver::TlsAlpn01, name.validation_name().as_str()));
                let certificate = Arc::new(tls_alpn01::certificate(&self.env, name, &key_authorization)?);
                self.cache.insert_challenge(&name.validation_name(), &certificate).await;
                Ok(InPlace { here: Here::TlsAlpn01(certificate), published, expected })
            }
            // Everybody sees the DNS, and who asks there is not seen here.
            ChallengeKind::Dns01(token) => {
                let records = self.records.as_ref().expect("dns-01 is chosen only with it");
                let presented = records.present(name, &account.key_authorization(token)).await?;
                Ok(InPlace { here: Here::InDns(presented), published: None, expected: None })
            }
            ChallengeKind::DnsPersist01(offered) => {
                let grants = self.grants.as_ref().expect("dns-persist-01 is chosen only with it");
                let presented = grants.grant(issuer, name, offered, account.url()).await?;
                Ok(InPlace { here: Here::InDns(presented), published: None, expected: None })
            }
        }
    }

    /// Lets the hosts that share the storage give the same answer.
    async fn publish(&self, solver: Solver, label: &str, key_authorization: &str) -> Option<PublishedChallenge> {
        // If the disk fails, this host may still be the one that is asked.
        self.shared.as_ref()?.publish_challenge(solver.name(), label, key_authorization).await.ok()
    }

    /// Waits until somebody has come for what is in place, where that would be seen, and not for long.
    pub(super) async fn await_seen(&self, answers: &[InPlace]) {
        if self.shared.is_some() {
            // Any of the hosts may be asked.
            return;
        }
        let all_seen = async {
            for expected in answers.iter().filter_map(|answer| answer.expected.as_ref()) {
                expected.seen().await;
                self.env.probe("manager/validation-seen");
            }
        };
        let _ = self.env.timeout(SEEN_LIMIT, all_seen).await;
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
