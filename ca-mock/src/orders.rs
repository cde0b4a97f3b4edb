//! Orders (RFC 8555 §7.1.3): from a set of identifiers to a certificate.

use std::collections::{BTreeMap, BTreeSet};

use sim::{Env, UtcDateTime};

use crate::{
    authorizations::{AuthorizationStatus, Authorizations},
    certificates::{CertificateId, Serial},
    csr::Csr,
    identifier::Identifier,
    ids::{AccountId, AuthorizationId, OrderId},
    problem::{Problem, ProblemType},
    validity::RequestedValidity,
};

/// RFC 8555 §7.1.6.
#[derive(Clone, Debug)]
pub(crate) enum OrderStatus {
    Pending,
    Ready,
    /// Issuance runs.
    Processing {
        csr: Csr,
    },
    Valid {
        certificate: Serial,
    },
    /// Without error if the client itself, or time, ended it.
    Invalid {
        error: Option<Problem>,
    },
}

impl OrderStatus {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Processing { .. } => "processing",
            Self::Valid { .. } => "valid",
            Self::Invalid { .. } => "invalid",
        }
    }
}

/// When an order expires that takes over authorizations that are valid already: from the end of the longest order and
/// that of the first authorization to end.
#[derive(Clone, Copy, Debug)]
pub struct OrderExpiry(pub(crate) fn(UtcDateTime, UtcDateTime) -> UtcDateTime);

impl OrderExpiry {
    /// No later than what it stands on.
    pub const WITHIN_AUTHORIZATIONS: Self = Self(UtcDateTime::min);
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) account: AccountId,
    pub(crate) identifiers: BTreeSet<Identifier>,
    pub(crate) authorizations: Vec<AuthorizationId>,
    pub(crate) expires: UtcDateTime,
    /// The name of its profile, if the CA has profiles.
    pub(crate) profile: Option<String>,
    /// The certificate that the new one is to replace (RFC 9773 §5).
    pub(crate) replaces: Option<CertificateId>,
    /// When the certificate is to begin and end, if the client has said so.
    pub(crate) validity: RequestedValidity,
    pub(crate) status: OrderStatus,
}

impl Order {
    /// Lets time pass and follows the authorizations: ready once all are valid, invalid once one cannot be any
    /// more (RFC 8555 §7.1.6).
    pub(crate) fn settle(&mut self, authorizations: &mut Authorizations, now: UtcDateTime) {
        match self.status {
            OrderStatus::Pending | OrderStatus::Ready => {}
            OrderStatus::Processing { .. } | OrderStatus::Valid { .. } | OrderStatus::Invalid { .. } => return,
        }
        if self.expires <= now {
            self.status = OrderStatus::Invalid { error: None };
            return;
        }
        let mut all_valid = true;
        for id in &self.authorizations {
            let authorization = authorizations.find_mut(*id).expect("an order's authorizations are never removed");
            authorization.settle(now);
            match authorization.status {
                AuthorizationStatus::Valid { .. } => {}
                AuthorizationStatus::Pending { .. } => all_valid = false,
                AuthorizationStatus::Invalid | AuthorizationStatus::Deactivated | AuthorizationStatus::Expired => {
                    let error = authorization.challenges.iter().find_map(|challenge| challenge.error().cloned());
                    self.status = OrderStatus::Invalid { error };
                    return;
                }
            }
        }
        self.status = if all_valid { OrderStatus::Ready } else { OrderStatus::Pending };
    }

    /// Takes the CSR; issuance is to begin (RFC 8555 §7.4). The order must have been settled.
    pub(crate) fn finalize(&mut self, csr: Csr) -> Result<(), Problem> {
        match self.status {
            OrderStatus::Ready => {
                self.status = OrderStatus::Processing { csr };
                Ok(())
            }
            OrderStatus::Pending
            | OrderStatus::Processing { .. }
            | OrderStatus::Valid { .. }
            | OrderStatus::Invalid { .. } => Err(self.not_ready()),
        }
    }

    /// Whether all that it stands on is valid at `now`.
    pub(crate) fn is_authorized(&self, authorizations: &Authorizations, now: UtcDateTime) -> bool {
        let is_valid = |id| match authorizations.find(id).map(|found| found.status) {
            Some(AuthorizationStatus::Valid { expires, .. }) => expires > now,
            Some(
                AuthorizationStatus::Pending { .. }
                | AuthorizationStatus::Invalid
                | AuthorizationStatus::Deactivated
                | AuthorizationStatus::Expired,
            )
            | None => false,
        };
        self.authorizations.iter().copied().all(is_valid)
    }

    pub(crate) fn not_ready(&self) -> Problem {
        let detail = format!("the order is {}, and only a ready one can be finalized", self.status.name());
        Problem::new(ProblemType::OrderNotReady, detail)
    }

    /// Issuance cannot go on. Whatever else happened to the order meanwhile stands.
    pub(crate) fn refuse(&mut self, error: Problem) {
        match self.status {
            OrderStatus::Processing { .. } => self.status = OrderStatus::Invalid { error: Some(error) },
            OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Valid { .. } | OrderStatus::Invalid { .. } => {}
        }
    }

    /// The account that owns the order has gone (RFC 8555 §7.3.6).
    pub(crate) fn cancel(&mut self) {
        match self.status {
            OrderStatus::Pending | OrderStatus::Ready => self.status = OrderStatus::Invalid { error: None },
            OrderStatus::Processing { .. } | OrderStatus::Valid { .. } | OrderStatus::Invalid { .. } => {}
        }
    }

    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self.status, OrderStatus::Invalid { .. })
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    by_id: BTreeMap<OrderId, Order>,
    /// In the order of creation.
    by_account: BTreeMap<AccountId, Vec<OrderId>>,
}

impl Orders {
    pub(crate) fn create(
        &mut self,
        env: &Env,
        account: AccountId,
        identifiers: BTreeSet<Identifier>,
        authorizations: Vec<AuthorizationId>,
        expires: UtcDateTime,
        (profile, validity, replaces): (Option<String>, RequestedValidity, Option<CertificateId>),
    ) -> OrderId {
        let id = OrderId::draw(env);
        let status = OrderStatus::Pending;
        let order = Order { id, account, identifiers, authorizations, expires, profile, validity, replaces, status };
        self.by_id.insert(id, order);
        self.by_account.entry(account).or_default().push(id);
        id
    }

    pub(crate) fn find(&self, id: OrderId) -> Option<&Order> {
        self.by_id.get(&id)
    }

    pub(crate) fn find_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn of_account(&self, account: AccountId) -> Vec<OrderId> {
        self.by_account.get(&account).cloned().unwrap_or_default()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Order> {
        self.by_id.values_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.by_id.values()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::utc_datetime;

    use super::*;
    use crate::{caa::Checked, challenges::ChallengeType, jwk::PublicKey, testing, timestamp::after};

    const NOW: UtcDateTime = utc_datetime!(2026-01-01 00:00);
    const HOUR: Duration = Duration::from_secs(3600);

    fn order(env: &Env) -> (Order, Authorizations) {
        let account = AccountId::draw(env);
        let mut authorizations = Authorizations::default();
        let identifiers: BTreeSet<Identifier> =
            ["a.example", "b.example"].map(|name| Identifier::parse(name).unwrap()).into();
        let ids = identifiers
            .iter()
            .map(|i| authorizations.create(env, account, i.clone(), false, after(NOW, HOUR)))
            .collect();
        let mut orders = Orders::default();
        let id = orders.create(
            env,
            account,
            identifiers,
            ids,
            after(NOW, 2 * HOUR),
            (None, RequestedValidity::default(), None),
        );
        (orders.by_id.remove(&id).unwrap(), authorizations)
    }

    fn conclude(authorizations: &mut Authorizations, id: AuthorizationId, verdict: Result<Checked, Problem>) {
        let authorization = authorizations.find_mut(id).unwrap();
        authorization.challenge_mut(ChallengeType::Http01).unwrap().answer(PublicKey::Ed25519([1; 32]).thumbprint());
        authorization.conclude(ChallengeType::Http01, verdict, Vec::new(), NOW, 2 * HOUR);
    }

    #[test]
    fn an_order_is_ready_when_all_its_authorizations_are_valid() {
        testing::with_env(|env| {
            let (mut order, mut authorizations) = order(&env);
            for id in order.authorizations.clone() {
                order.settle(&mut authorizations, NOW);
                assert_eq!(order.status.name(), "pending");
                conclude(&mut authorizations, id, Ok(Checked { at: NOW, ttl: Duration::ZERO }));
            }
            order.settle(&mut authorizations, NOW);
            assert_eq!(order.status.name(), "ready");
            order.settle(&mut authorizations, after(NOW, 2 * HOUR));
            assert_eq!(order.status.name(), "invalid");
        });
    }

    #[test]
    fn one_failed_authorization_ends_the_order_with_its_problem() {
        testing::with_env(|env| {
            let (mut order, mut authorizations) = order(&env);
            let problem = Problem::new(ProblemType::Connection, "refused");
            conclude(&mut authorizations, order.authorizations[1], Err(problem.clone()));
            order.settle(&mut authorizations, NOW);
            assert!(matches!(&order.status, OrderStatus::Invalid { error: Some(error) } if *error == problem));
        });
    }

    #[test]
    fn a_pending_authorization_that_runs_out_ends_the_order() {
        testing::with_env(|env| {
            let (mut order, mut authorizations) = order(&env);
            order.settle(&mut authorizations, after(NOW, HOUR));
            assert!(matches!(order.status, OrderStatus::Invalid { error: None }));
        });
    }
}
