//! [`ForcedState`]: the CA changes a resource on its own, as an operator or a fault would.

use sim::UtcDateTime;

use crate::{
    authorizations::AuthorizationStatus,
    certificates::{Revocation, RevocationReason, Serial},
    ids::{AccountId, AuthorizationId, OrderId},
    orders::OrderStatus,
    store::Store,
};

/// What becomes of a resource (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedState {
    /// Of an order or an authorization.
    Invalid,
    /// Of an order, which is then invalid, or of an authorization.
    Expired,
    /// Of an authorization or an account.
    Deactivated,
    /// Of a certificate.
    Revoked,
}

impl ForcedState {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Invalid, Self::Expired, Self::Deactivated, Self::Revoked];

    /// The name in rules and calls.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Deactivated => "deactivated",
            Self::Revoked => "revoked",
        }
    }
}

/// A resource that has a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Account(AccountId),
    Order(OrderId),
    Authorization(AuthorizationId),
    Certificate(Serial),
}

/// Whether the resource is there and can be so.
pub(crate) fn force(store: &mut Store, resource: &Resource, state: ForcedState, now: UtcDateTime) -> bool {
    match resource {
        Resource::Account(id) => force_account(store, *id, state),
        Resource::Order(id) => force_order(store, *id, state, now),
        Resource::Authorization(id) => force_authorization(store, *id, state, now),
        Resource::Certificate(serial) => {
            let is_possible = store.certificates.with_serial(serial).is_some() && state == ForcedState::Revoked;
            if is_possible {
                store.certificates.revoke(serial, Revocation { at: now, reason: RevocationReason::Unspecified });
            }
            is_possible
        }
    }
}

fn force_account(store: &mut Store, id: AccountId, state: ForcedState) -> bool {
    let is_possible = store.accounts.find(id).is_some() && state == ForcedState::Deactivated;
    if is_possible {
        store.deactivate_account(id);
    }
    is_possible
}

fn force_order(store: &mut Store, id: OrderId, state: ForcedState, now: UtcDateTime) -> bool {
    let Some(order) = store.orders.find_mut(id) else { return false };
    match state {
        ForcedState::Invalid => order.status = OrderStatus::Invalid { error: None },
        ForcedState::Expired => {
            order.expires = now;
            order.settle(&mut store.authorizations, now);
        }
        ForcedState::Deactivated | ForcedState::Revoked => return false,
    }
    true
}

fn force_authorization(store: &mut Store, id: AuthorizationId, state: ForcedState, now: UtcDateTime) -> bool {
    let Some(authorization) = store.authorizations.find_mut(id) else { return false };
    authorization.status = match (state, authorization.status) {
        (ForcedState::Invalid, _) => AuthorizationStatus::Invalid,
        (ForcedState::Deactivated, _) => AuthorizationStatus::Deactivated,
        (ForcedState::Expired, AuthorizationStatus::Pending { .. }) => AuthorizationStatus::Pending { expires: now },
        (ForcedState::Expired, AuthorizationStatus::Valid { caa, .. }) => {
            AuthorizationStatus::Valid { expires: now, caa }
        }
        (
            ForcedState::Expired,
            AuthorizationStatus::Invalid | AuthorizationStatus::Deactivated | AuthorizationStatus::Expired,
        )
        | (ForcedState::Revoked, _) => return false,
    };
    authorization.settle(now);
    true
}
