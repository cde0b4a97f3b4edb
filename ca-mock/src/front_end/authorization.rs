//! Authorizations and challenges over HTTP (RFC 8555 §7.5).

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    requests::{is_post_as_get, payload},
    routes::Route,
};
use crate::{
    authorizations::{Authorization, AuthorizationStatus},
    challenges::{Challenge, ChallengeStatus, ChallengeType},
    ids::{AccountId, AuthorizationId},
    jws::Jws,
    problem::Problem,
    store::Store,
    timestamp::rfc3339,
    validation,
};

#[derive(Deserialize)]
struct AuthorizationUpdate {
    status: Option<String>,
}

impl FrontEnd {
    /// Reads or deactivates an authorization (RFC 8555 §7.5, §7.5.2).
    pub(super) fn authorization(&self, account: AccountId, id: AuthorizationId, jws: &Jws) -> Result<Answer, Refusal> {
        let update = if is_post_as_get(jws) { AuthorizationUpdate { status: None } } else { payload(jws)? };
        self.ca.with_store(|store| {
            let authorization = self.own_authorization(store, account, id)?;
            match update.status.as_deref() {
                Some("deactivated") => authorization.deactivate()?,
                None if is_post_as_get(jws) => {}
                // RFC 8555 §7.5.2 knows one update.
                Some(_) | None => {
                    return Err(
                        Problem::malformed("an authorization's status can be set to \"deactivated\" only").into()
                    );
                }
            }
            let is_busy = authorization.challenges.iter().any(is_processing);
            let answer = Answer::json(StatusCode::OK, &self.authorization_object(authorization));
            Ok(self.with_challenge_interval(answer, is_busy))
        })
    }

    /// Reads a challenge, or begins its validation (RFC 8555 §7.5.1).
    pub(super) fn challenge(
        &self,
        account: AccountId,
        id: AuthorizationId,
        kind: ChallengeType,
        jws: &Jws,
    ) -> Result<Answer, Refusal> {
        let is_answer = (self.ca.config().challenge_trigger.0)(&jws.payload);
        if !is_post_as_get(jws) {
            // Any object will do; unknown members are ignored.
            payload::<Map<String, Value>>(jws)?;
        }
        let (answer, has_begun) = self.ca.with_store(|store| {
            let key = store.accounts.find(account).map(|account| account.key.thumbprint());
            let authorization = self.own_authorization(store, account, id)?;
            let is_open = matches!(authorization.status, AuthorizationStatus::Pending { .. });
            let challenge = authorization.challenge_mut(kind).ok_or_else(|| Problem::not_found("challenge"))?;
            let has_begun = is_answer && is_open && key.is_some_and(|key| challenge.answer(key));
            let answer = Answer::json(StatusCode::OK, &self.challenge_object(account, id, challenge))
                .with_link(&self.urls.of(&Route::Authorization(id)), "up");
            Ok::<_, Problem>((self.with_challenge_interval(answer, is_processing(challenge)), has_begun))
        })?;
        if has_begun {
            self.env.probe_about("ca/challenge-answered", || {
                [("authorization", id.to_string()), ("type", kind.name().to_owned())]
            });
            validation::begin(&self.ca, &self.env, id, kind);
        }
        Ok(answer)
    }

    /// The authorization as it is now, if it is the account's.
    pub(super) fn own_authorization<'a>(
        &self,
        store: &'a mut Store,
        account: AccountId,
        id: AuthorizationId,
    ) -> Result<&'a mut Authorization, Problem> {
        let found = store.authorizations.find_mut(id).filter(|authorization| authorization.account == account);
        let authorization = found.ok_or_else(|| Problem::not_found("authorization"))?;
        authorization.settle(self.env.utc_now());
        Ok(authorization)
    }

    fn with_challenge_interval(&self, answer: Answer, is_busy: bool) -> Answer {
        if is_busy { self.with_poll_interval(answer, self.ca.config().challenge_retry_after) } else { answer }
    }

    pub(super) fn authorization_object(&self, authorization: &Authorization) -> Value {
        let Authorization { id, account, .. } = *authorization;
        let challenges = shown_challenges(authorization).map(|challenge| self.challenge_object(account, id, challenge));
        let mut object = json!({
            "identifier": {"type": authorization.identifier.kind(), "value": authorization.identifier.domain()},
            "status": authorization.status.name(),
            "challenges": challenges.collect::<Vec<_>>(),
        });
        if let Some(expires) = authorization.status.expires() {
            object["expires"] = rfc3339(expires).into();
        }
        if authorization.identifier.is_wildcard() {
            object["wildcard"] = true.into();
        }
        if authorization.covers_subdomains {
            object["subdomainAuthAllowed"] = true.into();
        }
        object
    }

    fn challenge_object(&self, account: AccountId, id: AuthorizationId, challenge: &Challenge) -> Value {
        let mut object = json!({
            "type": challenge.kind.name(),
            "url": self.urls.of(&Route::Challenge(id, challenge.kind)),
            "status": challenge.status.name(),
        });
        match challenge.kind {
            ChallengeType::Http01 | ChallengeType::TlsAlpn01 | ChallengeType::Dns01 | ChallengeType::DnsAccount01 => {
                object["token"] = challenge.token.to_string().into();
            }
            ChallengeType::DnsPersist01 => {
                object["accounturi"] = self.urls.of(&Route::Account(account)).into();
                object["issuer-domain-names"] = json!(self.ca.config().caa_identities);
            }
        }
        if !challenge.records.is_empty() {
            object["validationRecord"] = json!(challenge.records);
        }
        if let ChallengeStatus::Valid { validated } = &challenge.status {
            object["validated"] = rfc3339(*validated).into();
        }
        if let Some(error) = challenge.error() {
            object["error"] = json!(error);
        }
        object
    }
}

/// What an authorization shows: all of its challenges, or once there is a verdict, the one that led to it
/// (RFC 8555 §7.1.4).
fn shown_challenges(authorization: &Authorization) -> impl Iterator<Item = &Challenge> {
    let is_decided = authorization.challenges.iter().any(has_verdict);
    authorization.challenges.iter().filter(move |challenge| !is_decided || has_verdict(challenge))
}

fn has_verdict(challenge: &Challenge) -> bool {
    match challenge.status {
        ChallengeStatus::Valid { .. } | ChallengeStatus::Invalid { .. } => true,
        ChallengeStatus::Pending | ChallengeStatus::Processing { .. } => false,
    }
}

fn is_processing(challenge: &Challenge) -> bool {
    matches!(challenge.status, ChallengeStatus::Processing { .. })
}
