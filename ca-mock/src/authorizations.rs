//! Authorizations (RFC 8555 §7.1.4): an account's permission to have an identifier certified.
//!
//! One failed challenge makes its authorization invalid, as public CAs do it; each order gets new
//! authorizations, unless the CA lets it take over valid ones.

use std::{collections::BTreeMap, time::Duration};

use sim::{Env, UtcDateTime};

use crate::{
    caa::{Authorized, Checked},
    challenges::{Challenge, ChallengeStatus, ChallengeType},
    identifier::Identifier,
    ids::{AccountId, AuthorizationId},
    problem::Problem,
    timestamp::after,
    validation_record::ValidationRecord,
};

/// RFC 8555 §7.1.6; `revoked` is a CA's own decision, which this CA never takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorizationStatus {
    Pending { expires: UtcDateTime },
    Valid { expires: UtcDateTime, caa: Checked },
    Invalid,
    Deactivated,
    Expired,
}

impl AuthorizationStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Valid { .. } => "valid",
            Self::Invalid => "invalid",
            Self::Deactivated => "deactivated",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn expires(self) -> Option<UtcDateTime> {
        match self {
            Self::Pending { expires } | Self::Valid { expires, .. } => Some(expires),
            Self::Invalid | Self::Deactivated | Self::Expired => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    pub(crate) id: AuthorizationId,
    pub(crate) account: AccountId,
    pub(crate) identifier: Identifier,
    pub(crate) status: AuthorizationStatus,
    /// Whether the client asked for it before it ordered anything (RFC 8555 §7.4.1).
    pub(crate) is_pre_authorization: bool,
    /// Whether it is good for the names below its identifier too (RFC 9444).
    pub(crate) covers_subdomains: bool,
    /// The profile of the order that it was created for, if that profile has lifetimes of its own.
    pub(crate) profile: Option<String>,
    pub(crate) challenges: Vec<Challenge>,
}

impl Authorization {
    pub(crate) fn challenge(&self, kind: ChallengeType) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.kind == kind)
    }

    pub(crate) fn challenge_mut(&mut self, kind: ChallengeType) -> Option<&mut Challenge> {
        self.challenges.iter_mut().find(|challenge| challenge.kind == kind)
    }

    /// Lets time pass: what has run out by `now` is final. A pending one that ran out is invalid, a valid
    /// one expired (the figure in RFC 8555 §7.1.6).
    pub(crate) fn settle(&mut self, now: UtcDateTime) {
        self.status = match self.status {
            AuthorizationStatus::Pending { expires } if expires <= now => AuthorizationStatus::Invalid,
            AuthorizationStatus::Valid { expires, .. } if expires <= now => AuthorizationStatus::Expired,
            unchanged @ (AuthorizationStatus::Pending { .. }
            | AuthorizationStatus::Valid { .. }
            | AuthorizationStatus::Invalid
            | AuthorizationStatus::Deactivated
            | AuthorizationStatus::Expired) => unchanged,
        };
    }

    /// The validation authority's verdict on a challenge; `lifetime` counts from now. A verdict on a
    /// challenge that is not being validated, or for an authorization that is final by now, changes nothing. A good
    /// one comes with the check of the identifier's CAA.
    pub(crate) fn conclude(
        &mut self,
        kind: ChallengeType,
        verdict: Result<Checked, Problem>,
        records: Vec<ValidationRecord>,
        now: UtcDateTime,
        lifetime: Duration,
    ) {
        self.settle(now);
        let AuthorizationStatus::Pending { .. } = self.status else { return };
        let Some(challenge) = self.challenge_mut(kind) else { return };
        let ChallengeStatus::Processing { .. } = challenge.status else { return };
        challenge.records = records;
        match verdict {
            Ok(caa) => {
                challenge.status = ChallengeStatus::Valid { validated: now };
                self.status = AuthorizationStatus::Valid { expires: after(now, lifetime), caa };
            }
            Err(error) => {
                challenge.status = ChallengeStatus::Invalid { error };
                self.status = AuthorizationStatus::Invalid;
            }
        }
    }

    /// A look that failed, and that there will be another after: how it went is shown meanwhile (RFC 8555 §8.2). Whether there is
    /// still something to look at.
    pub(crate) fn failed_for_now(&mut self, kind: ChallengeType, why: Problem, now: UtcDateTime) -> bool {
        self.settle(now);
        let AuthorizationStatus::Pending { .. } = self.status else { return false };
        let Some(challenge) = self.challenge_mut(kind) else { return false };
        let ChallengeStatus::Processing { error, .. } = &mut challenge.status else { return false };
        *error = Some(why);
        true
    }

    /// Whether it is good for `identifier`.
    pub(crate) fn is_for(&self, identifier: &Identifier) -> bool {
        self.identifier == *identifier || (self.covers_subdomains && identifier.is_within(self.identifier.as_str()))
    }

    /// What a valid authorization that is for `identifier` knows of that one's CAA: nothing, if it is below its own.
    pub(crate) fn authorized(&self, identifier: &Identifier) -> Option<Authorized> {
        let AuthorizationStatus::Valid { caa, .. } = self.status else { return None };
        let challenge = self.challenges.iter().find(|one| matches!(one.status, ChallengeStatus::Valid { .. }))?;
        let checked = if self.identifier == *identifier { caa } else { Checked::NEVER };
        Some(Authorized { identifier: identifier.clone(), checked, method: challenge.kind })
    }

    /// The CAA of `identifier` has been checked again, which is remembered if it is its own.
    pub(crate) fn caa_rechecked(&mut self, identifier: &Identifier, checked: Checked) {
        match &mut self.status {
            AuthorizationStatus::Valid { caa, .. } if self.identifier == *identifier => *caa = checked,
            AuthorizationStatus::Valid { .. }
            | AuthorizationStatus::Pending { .. }
            | AuthorizationStatus::Invalid
            | AuthorizationStatus::Deactivated
            | AuthorizationStatus::Expired => {}
        }
    }

    /// The client gives the authorization up (RFC 8555 §7.5.2).
    pub(crate) fn deactivate(&mut self) -> Result<(), Problem> {
        match self.status {
            AuthorizationStatus::Pending { .. }
            | AuthorizationStatus::Valid { .. }
            | AuthorizationStatus::Deactivated => {
                self.status = AuthorizationStatus::Deactivated;
                Ok(())
            }
            AuthorizationStatus::Invalid | AuthorizationStatus::Expired => Err(Problem::malformed(format!(
                "an authorization that is {} cannot be deactivated",
                self.status.name()
            ))),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Authorizations {
    by_id: BTreeMap<AuthorizationId, Authorization>,
    by_identifier: BTreeMap<(AccountId, Identifier), Vec<AuthorizationId>>,
}

impl Authorizations {
    pub(crate) fn create(
        &mut self,
        env: &Env,
        account: AccountId,
        identifier: Identifier,
        covers_subdomains: bool,
        expires: UtcDateTime,
    ) -> AuthorizationId {
        let id = AuthorizationId::draw(env);
        let kinds = ChallengeType::for_identifier(&identifier, covers_subdomains);
        let challenges = kinds.map(|kind| Challenge::new(env, kind)).collect();
        let status = AuthorizationStatus::Pending { expires };
        self.by_identifier.entry((account, identifier.clone())).or_default().push(id);
        let is_pre_authorization = false;
        let profile = None;
        let new = Authorization {
            id,
            account,
            identifier,
            status,
            is_pre_authorization,
            covers_subdomains,
            profile,
            challenges,
        };
        self.by_id.insert(id, new);
        id
    }

    /// A valid authorization of the account for the identifier, and under the profile, that lasts until `until` (RFC
    /// 8555 §7.1.3).
    pub(crate) fn valid_until(
        &self,
        account: AccountId,
        identifier: &Identifier,
        profile: Option<&str>,
        until: UtcDateTime,
    ) -> Option<AuthorizationId> {
        let lasts =
            |one: &&Authorization| matches!(one.status, AuthorizationStatus::Valid { expires, .. } if expires >= until);
        // A record that stays can be looked up again, and is (draft-ietf-acme-dns-persist-01 §7.8).
        let is_to_keep = |one: &&Authorization| {
            let persistent = one.challenge(ChallengeType::DnsPersist01).map(|challenge| &challenge.status);
            !matches!(persistent, Some(ChallengeStatus::Valid { .. }))
        };
        let is_alike = |one: &&Authorization| one.profile.as_deref() == profile;
        self.good_for(account, identifier).filter(is_alike).filter(is_to_keep).find(lasts).map(|one| one.id)
    }

    /// Whether the account holds a valid authorization for the identifier by `now`.
    pub(crate) fn holds_valid(&self, account: AccountId, identifier: &Identifier, now: UtcDateTime) -> bool {
        self.good_for(account, identifier)
            .any(|one| matches!(one.status, AuthorizationStatus::Valid { expires, .. } if expires > now))
    }

    /// The pre-authorization of the account that is good for the identifier and is pending or valid by `now` (RFC 8555
    /// §7.4.1).
    pub(crate) fn pre_authorization<'a>(
        &'a self,
        account: AccountId,
        identifier: &'a Identifier,
        now: UtcDateTime,
    ) -> Option<&'a Authorization> {
        let is_open = |one: &&Authorization| {
            one.is_pre_authorization && one.status.expires().is_some_and(|expires| expires > now)
        };
        self.good_for(account, identifier).find(is_open)
    }

    /// The account's authorizations that are good for the identifier: those for itself, and then those for domains above.
    fn good_for<'a>(
        &'a self,
        account: AccountId,
        identifier: &'a Identifier,
    ) -> impl Iterator<Item = &'a Authorization> {
        let of_those_above = identifier.above().flat_map(move |above| self.of(account, &above));
        self.of(account, identifier).chain(of_those_above.filter(|one| one.covers_subdomains))
    }

    /// The account's authorizations for the identifier, in the order of creation.
    fn of(&self, account: AccountId, identifier: &Identifier) -> impl Iterator<Item = &Authorization> + use<'_> {
        let ids = self.by_identifier.get(&(account, identifier.clone()));
        ids.into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    pub(crate) fn find(&self, id: AuthorizationId) -> Option<&Authorization> {
        self.by_id.get(&id)
    }

    pub(crate) fn find_mut(&mut self, id: AuthorizationId) -> Option<&mut Authorization> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Authorization> {
        self.by_id.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;
    use crate::{jwk::PublicKey, problem::ProblemType, testing};

    const NOW: UtcDateTime = utc_datetime!(2026-01-01 00:00);
    const HOUR: Duration = Duration::from_secs(3600);

    const CHECKED: Checked = Checked { at: NOW, ttl: Duration::ZERO };

    fn answered(env: &Env) -> Authorization {
        let mut all = Authorizations::default();
        let id = answered_in(&mut all, env).id;
        all.by_id.remove(&id).unwrap()
    }

    fn answered_in<'a>(all: &'a mut Authorizations, env: &Env) -> &'a Authorization {
        let name = Identifier::parse("a.example").unwrap();
        let id = all.create(env, AccountId::draw(env), name, false, after(NOW, HOUR));
        let authorization = all.find_mut(id).unwrap();
        let challenge = authorization.challenge_mut(ChallengeType::Http01).unwrap();
        let key = PublicKey::Ed25519([1; 32]).thumbprint();
        assert!(challenge.answer(key));
        assert!(!challenge.answer(key));
        authorization
    }

    #[test]
    fn a_verdict_counts_once() {
        testing::with_env(|env| {
            let mut good = answered(&env);
            good.conclude(ChallengeType::Http01, Ok(CHECKED), vec![], NOW, HOUR);
            good.conclude(ChallengeType::Http01, Err(Problem::malformed("late")), vec![], NOW, HOUR);
            assert_eq!(good.status, AuthorizationStatus::Valid { expires: after(NOW, HOUR), caa: CHECKED });
            good.settle(after(NOW, HOUR));
            assert_eq!(good.status, AuthorizationStatus::Expired);

            let mut bad = answered(&env);
            bad.conclude(ChallengeType::Http01, Err(Problem::new(ProblemType::Dns, "no")), vec![], NOW, HOUR);
            bad.conclude(ChallengeType::Http01, Ok(CHECKED), vec![], NOW, HOUR);
            assert_eq!((bad.status, bad.challenges[0].status.name()), (AuthorizationStatus::Invalid, "invalid"));
            assert!(bad.deactivate().is_err());
        });
    }

    #[test]
    fn a_verdict_that_comes_too_late_proves_nothing() {
        testing::with_env(|env| {
            let mut authorization = answered(&env);
            authorization.conclude(ChallengeType::Http01, Ok(CHECKED), vec![], after(NOW, HOUR), HOUR);
            assert_eq!(authorization.status, AuthorizationStatus::Invalid);

            let mut given_up = answered(&env);
            given_up.deactivate().unwrap();
            given_up.conclude(ChallengeType::Http01, Ok(CHECKED), vec![], NOW, HOUR);
            assert_eq!(given_up.status, AuthorizationStatus::Deactivated);
        });
    }

    #[test]
    fn a_valid_authorization_is_taken_over_by_its_account_for_its_identifier_while_it_lasts() {
        testing::with_env(|env| {
            let mut all = Authorizations::default();
            let authorization = answered_in(&mut all, &env);
            let (id, account, name) = (authorization.id, authorization.account, authorization.identifier.clone());
            assert_eq!(all.valid_until(account, &name, None, NOW), None);
            all.find_mut(id).unwrap().conclude(ChallengeType::Http01, Ok(CHECKED), vec![], NOW, HOUR);
            assert_eq!(all.valid_until(account, &name, None, after(NOW, HOUR)), Some(id));
            assert_eq!(all.valid_until(account, &name, None, after(NOW, HOUR + HOUR)), None);
            assert_eq!(all.valid_until(account, &name, Some("shortlived"), NOW), None);
            assert_eq!(all.valid_until(AccountId::draw(&env), &name, None, NOW), None);
            assert_eq!(all.valid_until(account, &Identifier::parse("b.example").unwrap(), None, NOW), None);
        });
    }
}
