//! What the CA remembers: one store behind one lock, never held across an await.
//!
//! It lives in the [`Ca`](crate::Ca) and thus outlives the process that serves it, as a database does.

use sim::UtcDateTime;

use crate::{
    accounts::{AccountStatus, Accounts},
    authorizations::Authorizations,
    certificates::Certificates,
    config::Config,
    external_accounts::ExternalAccountKeys,
    faults::Faults,
    ids::AccountId,
    nonces::Nonces,
    orders::Orders,
    rate_limits::Buckets,
    renewal_info_policy::RenewalInfoPolicy,
    revocation_status::OcspAnswers,
    terms_of_service::TermsOfService,
};

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) nonces: Nonces,
    pub(crate) accounts: Accounts,
    pub(crate) orders: Orders,
    pub(crate) authorizations: Authorizations,
    pub(crate) certificates: Certificates,
    pub(crate) terms_of_service: Option<TermsOfService>,
    pub(crate) renewal_info: RenewalInfoPolicy,
    pub(crate) ocsp_answers: OcspAnswers,
    pub(crate) external_accounts: ExternalAccountKeys,
    pub(crate) faults: Faults,
    pub(crate) limits: Buckets,
}

impl Store {
    pub(crate) fn new(config: &Config, now: UtcDateTime) -> Self {
        Self {
            nonces: Nonces::new(config.nonces_max, config.nonce_lifetime),
            accounts: Accounts::default(),
            orders: Orders::default(),
            authorizations: Authorizations::default(),
            certificates: Certificates::default(),
            terms_of_service: config.terms_of_service.as_deref().and_then(TermsOfService::parse),
            renewal_info: config.renewal_info_policy.clone(),
            ocsp_answers: OcspAnswers::default(),
            external_accounts: config.external_account_keys.clone(),
            faults: Faults::new(&config.faults, now),
            limits: Buckets::default(),
        }
    }

    /// An account ends. Orders that are not done yet go with it; certificates stay (RFC 8555 §7.3.6).
    pub(crate) fn deactivate_account(&mut self, id: AccountId) {
        if let Some(account) = self.accounts.find_mut(id) {
            account.status = AccountStatus::Deactivated;
        }
        for order in self.orders.of_account(id) {
            if let Some(order) = self.orders.find_mut(order) {
                order.cancel();
            }
        }
    }

    /// An account's name outside of this CA (RFC 8657 §3); empty if there is no such account.
    pub(crate) fn account_uri(&self, account: AccountId) -> String {
        self.accounts.find(account).map(|account| account.url.clone()).unwrap_or_default()
    }
}
