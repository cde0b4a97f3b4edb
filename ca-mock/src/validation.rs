//! The validation authority: answers to challenges are checked from here, beside the front end.

use std::time::Duration;

use sim::Env;

use crate::{
    Ca,
    authorizations::AuthorizationStatus,
    caa::{self, Checked},
    challenges::{ChallengeStatus, ChallengeType, KeyAuthorization, Token},
    decoys, dns_persist01, dns01, http01,
    identifier::Identifier,
    ids::{AccountId, AuthorizationId},
    jwk::Thumbprint,
    perspective::{self, Perspective},
    problem::Problem,
    rate_limits::Bucket,
    tls_alpn01,
    validation_record::ValidationRecord,
};

/// Begins to validate a challenge that is `processing`; its verdict goes into the store.
pub(crate) fn begin(ca: &Ca, env: &Env, id: AuthorizationId, kind: ChallengeType) {
    let (ca, on) = (ca.clone(), env.clone());
    env.spawn("ca validation", async move { validate(&ca, &on, id, kind).await }).detach();
}

/// Begins again what a process that was killed had begun.
pub(crate) fn resume(ca: &Ca, env: &Env) {
    let interrupted: Vec<_> = ca.with_store(|store| {
        let authorizations = store.authorizations.iter_mut();
        let pending = authorizations.filter(|a| matches!(a.status, AuthorizationStatus::Pending { .. }));
        pending
            .flat_map(|authorization| {
                let running = authorization.challenges.iter().filter(|challenge| match challenge.status {
                    ChallengeStatus::Processing { .. } => true,
                    ChallengeStatus::Pending | ChallengeStatus::Valid { .. } | ChallengeStatus::Invalid { .. } => false,
                });
                running.map(|challenge| (authorization.id, challenge.kind)).collect::<Vec<_>>()
            })
            .collect()
    });
    for (id, kind) in interrupted {
        begin(ca, env, id, kind);
    }
}

async fn validate(ca: &Ca, env: &Env, id: AuthorizationId, kind: ChallengeType) {
    let answered = ca.with_store(|store| {
        let authorization = store.authorizations.find(id)?;
        let challenge = authorization.challenge(kind)?;
        let ChallengeStatus::Processing { account_key, .. } = challenge.status else { return None };
        let account = authorization.account;
        Some(Answered {
            account,
            account_uri: store.account_uri(account),
            identifier: authorization.identifier.clone(),
            kind,
            token: challenge.token,
            account_key,
            expected: challenge.token.key_authorization(account_key),
        })
    });
    let Some(answered) = answered else { return };
    let config = ca.config();
    let mut delay = config.validation_delay;
    if config.validation_delay_max > Duration::ZERO {
        let whole_seconds = env.random_below("ca/validation delay", config.validation_delay_max.as_secs());
        delay += Duration::from_secs(whole_seconds);
    }
    if delay > Duration::ZERO {
        env.sleep(delay).await;
    }
    if config.lays_decoys {
        decoys::lay(&Perspective::primary(ca, env), &answered.identifier, kind, answered.account_key).await;
    }
    let (mut records, mut verdict) = answered.look_from_everywhere(ca, env).await;
    for _ in 0..config.validation_retries {
        let Err(problem) = &verdict else { break };
        env.probe("ca/validation-failed-for-now");
        let is_awaited = ca.with_store(|store| {
            let authorization = store.authorizations.find_mut(id)?;
            Some(authorization.failed_for_now(kind, problem.clone(), env.utc_now()))
        });
        if is_awaited != Some(true) {
            return;
        }
        env.sleep(config.validation_retry_pause).await;
        (records, verdict) = answered.look_from_everywhere(ca, env).await;
    }
    let about = || {
        let (identifier, kind) = (answered.identifier.to_string(), kind.name().to_owned());
        [("authorization", id.to_string()), ("identifier", identifier), ("type", kind)]
    };
    match &verdict {
        Ok(_) => env.probe_about("ca/challenge-valid", about),
        Err(problem) => env.probe_about("ca/challenge-invalid", || {
            let [authorization, identifier, kind] = about();
            [authorization, identifier, kind, ("why", problem.to_string())]
        }),
    }
    ca.with_store(|store| {
        if let (Err(_), Some(limit)) = (&verdict, config.rate_limits.failed_validations_per_identifier) {
            let bucket = Bucket::FailedValidations(answered.account, answered.identifier.to_string());
            store.limits.spend(bucket, limit, env.utc_now());
        }
        if let Some(authorization) = store.authorizations.find_mut(id) {
            let lifetime = config.lifetimes(authorization.profile.as_deref()).valid_authorization;
            authorization.conclude(kind, verdict, records, env.utc_now(), lifetime);
        }
    });
}

/// A challenge that its client has answered.
#[derive(Clone, Debug)]
struct Answered {
    account: AccountId,
    account_uri: String,
    identifier: Identifier,
    kind: ChallengeType,
    token: Token,
    account_key: Thumbprint,
    expected: KeyAuthorization,
}

impl Answered {
    /// Looks from the primary perspective, and if that finds what it should, from the others.
    async fn look_from_everywhere(&self, ca: &Ca, env: &Env) -> (Vec<ValidationRecord>, Result<Checked, Problem>) {
        let (records, mut verdict) = self.look(&Perspective::primary(ca, env)).await;
        if verdict.is_ok() {
            let corroborated = perspective::corroborate(ca, env, |from| {
                let answered = self.clone();
                async move { answered.look(&from).await.1.map(drop) }
            });
            if let Err(problem) = corroborated.await {
                verdict = Err(problem);
            }
        }
        (records, verdict)
    }

    /// Looks for the proof and then at the CAA records; where that was, and what came of it.
    async fn look(&self, from: &Perspective) -> (Vec<ValidationRecord>, Result<Checked, Problem>) {
        let Self { account, account_uri, identifier, kind, token, account_key: _, expected } = self;
        let mut records = Vec::new();
        let proof = match kind {
            _ if from.config().always_valid => Ok(()),
            ChallengeType::Http01 => http01::validate(from, identifier, *token, expected, &mut records).await,
            ChallengeType::TlsAlpn01 => tls_alpn01::validate(from, identifier, expected, &mut records).await,
            ChallengeType::Dns01 => dns01::validate(from, identifier, dns01::LABEL, expected, &mut records).await,
            ChallengeType::DnsAccount01 => {
                let labels = dns01::account_labels(account_uri);
                let checked = dns01::validate(from, identifier, &labels, expected, &mut records).await;
                // By the account's URL its owner sees which one the label is of (draft-ietf-acme-dns-account-label-03 §3.4).
                checked.map_err(|problem| problem.prefixed(&format!("Account {account_uri}: ")))
            }
            ChallengeType::DnsPersist01 => dns_persist01::validate(from, identifier, account_uri, &mut records).await,
        };
        let verdict = match proof {
            Ok(()) => caa::check(from, *account, identifier, *kind).await,
            Err(problem) => Err(problem),
        };
        (records, verdict)
    }
}
