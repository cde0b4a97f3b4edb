//! The validation authority: answers to challenges are checked from here, beside the front end.

use std::time::Duration;

use sim::Env;

use crate::{
    Ca,
    authorizations::AuthorizationStatus,
    caa,
    challenges::{ChallengeStatus, ChallengeType},
    dns_persist01, dns01, http01,
    ids::AuthorizationId,
    rate_limits::Bucket,
    tls_alpn01,
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
    let work = ca.with_store(|store| {
        let authorization = store.authorizations.find(id)?;
        let challenge = authorization.challenge(kind)?;
        let ChallengeStatus::Processing { account_key } = challenge.status else { return None };
        let account = authorization.account;
        let account_uri = store.account_uri(account);
        Some((account, account_uri, account_key, authorization.identifier.clone(), challenge.token))
    });
    let Some((account, account_uri, account_key, identifier, token)) = work else { return };
    let (config, expected) = (ca.config(), token.key_authorization(account_key));
    if config.validation_delay_max > Duration::ZERO {
        let whole_seconds = env.random_below("ca/validation delay", config.validation_delay_max.as_secs());
        env.sleep(Duration::from_secs(whole_seconds)).await;
    }
    let proof = if config.always_valid {
        Ok(())
    } else {
        match kind {
            ChallengeType::Http01 => http01::validate(env, config, &identifier, token, &expected).await,
            ChallengeType::TlsAlpn01 => tls_alpn01::validate(env, config, &identifier, &expected).await,
            ChallengeType::Dns01 => dns01::validate(env, config, &identifier, dns01::LABEL, &expected).await,
            ChallengeType::DnsAccount01 => {
                let labels = dns01::account_labels(&account_uri);
                dns01::validate(env, config, &identifier, &labels, &expected).await
            }
            ChallengeType::DnsPersist01 => dns_persist01::validate(env, config, &identifier, &account_uri).await,
        }
    };
    let verdict = match proof {
        Ok(()) => caa::check(ca, env, account, &identifier, kind).await,
        Err(problem) => Err(problem),
    };
    env.probe(if verdict.is_ok() { "ca/challenge-valid" } else { "ca/challenge-invalid" });
    ca.with_store(|store| {
        if let (Err(_), Some(limit)) = (&verdict, config.rate_limits.failed_validations_per_identifier) {
            let bucket = Bucket::FailedValidations(account, identifier.to_string());
            store.limits.spend(bucket, limit, env.utc_now());
        }
        if let Some(authorization) = store.authorizations.find_mut(id) {
            authorization.conclude(kind, verdict, env.utc_now(), config.valid_authorization_lifetime);
        }
    });
}
