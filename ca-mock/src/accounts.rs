//! Accounts (RFC 8555 §7.1.2): who may order, known by their keys.

use std::collections::BTreeMap;

use serde_json::Value;
use sim::Env;

use crate::{
    ids::AccountId,
    jwk::{PublicKey, Thumbprint},
    problem::{Problem, ProblemType},
    terms_of_service::TermsOfService,
};

/// RFC 8555 §7.1.6; `revoked` is a CA's own decision, which this CA never takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountStatus {
    Valid,
    Deactivated,
}

/// A `mailto` URL with one address (RFC 8555 §7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact(String);

impl Contact {
    pub(crate) fn parse(url: &str) -> Result<Self, Problem> {
        let invalid = |why: &str| Problem::new(ProblemType::InvalidContact, format!("{url:?} {why}"));
        let Some((scheme, address)) = url.split_once(':') else {
            return Err(invalid("is not a URL"));
        };
        if !scheme.eq_ignore_ascii_case("mailto") {
            return Err(Problem::new(
                ProblemType::UnsupportedContact,
                format!("{url:?}: only \"mailto\" is supported"),
            ));
        }
        if address.contains(['?', ',']) {
            return Err(invalid("has header fields or more than one address (RFC 8555 §7.3)"));
        }
        let is_address = address.bytes().all(|b| b.is_ascii_graphic())
            && address.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
        if is_address { Ok(Self(url.to_owned())) } else { Err(invalid("is not a mail address")) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) key: PublicKey,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) status: AccountStatus,
    /// The URL that it was created under: its name outside of this CA (RFC 8657 §3).
    pub(crate) url: String,
    /// The verified binding to an external account, as it was sent (RFC 8555 §7.3.4).
    pub(crate) external_account_binding: Option<Value>,
    /// The terms that its holder has agreed to (RFC 8555 §7.3.3).
    pub(crate) agreed_terms: Option<TermsOfService>,
}

/// All accounts; each key belongs to one at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    by_id: BTreeMap<AccountId, Account>,
    by_key: BTreeMap<Thumbprint, AccountId>,
}

impl Accounts {
    pub(crate) fn find(&self, id: AccountId) -> Option<&Account> {
        self.by_id.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.by_id.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        self.by_id.values_mut()
    }

    pub(crate) fn find_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn with_key(&self, key: Thumbprint) -> Option<&Account> {
        self.by_key.get(&key).and_then(|id| self.by_id.get(id))
    }

    /// The key must not have an account yet.
    pub(crate) fn create(
        &mut self,
        env: &Env,
        key: PublicKey,
        contacts: Vec<Contact>,
        url: impl FnOnce(AccountId) -> String,
    ) -> &mut Account {
        let id = AccountId::draw(env);
        self.by_key.insert(key.thumbprint(), id);
        let (status, url) = (AccountStatus::Valid, url(id));
        let (external_account_binding, agreed_terms) = (None, None);
        let new = Account { id, key, contacts, status, url, external_account_binding, agreed_terms };
        self.by_id.entry(id).or_insert(new)
    }

    /// Key rollover (RFC 8555 §7.3.5). `Err` names the account that has the new key already.
    pub(crate) fn change_key(&mut self, id: AccountId, new: PublicKey) -> Result<(), AccountId> {
        if let Some(holder) = self.by_key.get(&new.thumbprint()) {
            return Err(*holder);
        }
        if let Some(account) = self.by_id.get_mut(&id) {
            self.by_key.remove(&account.key.thumbprint());
            self.by_key.insert(new.thumbprint(), id);
            account.key = new;
        }
        Ok(())
    }
}

/// What becomes of an account's new key, once the request for it has been found good; `Err` names the account that has
/// that key already (RFC 8555 §7.3.5).
#[derive(Clone, Copy, Debug)]
pub struct KeyRollover(pub(crate) fn(&mut Accounts, AccountId, PublicKey) -> Result<(), AccountId>);

impl KeyRollover {
    /// It takes the old one's place.
    pub const CARRIED_OUT: Self = Self(Accounts::change_key);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn contacts_are_single_mail_addresses() {
        assert!(Contact::parse("mailto:admin@example.org").is_ok());
        assert!(Contact::parse("MAILTO:o'hara+a@example.org").is_ok());
        for (bad, kind) in [
            ("tel:+12025551212", ProblemType::UnsupportedContact),
            ("https://example.org", ProblemType::UnsupportedContact),
            ("admin@example.org", ProblemType::InvalidContact),
            ("mailto:", ProblemType::InvalidContact),
            ("mailto:@example.org", ProblemType::InvalidContact),
            ("mailto:a@b", ProblemType::InvalidContact),
            ("mailto:a@example.org,b@example.org", ProblemType::InvalidContact),
            ("mailto:a@example.org?subject=x", ProblemType::InvalidContact),
            ("mailto:ä@example.org", ProblemType::InvalidContact),
        ] {
            assert_eq!(Contact::parse(bad).expect_err(bad).kind(), kind, "{bad}");
        }
    }

    #[test]
    fn a_key_belongs_to_one_account() {
        testing::with_env(|env| {
            let mut accounts = Accounts::default();
            let [one, other, third] = [1, 2, 3].map(|n| PublicKey::Ed25519([n; 32]));
            let id = accounts.create(&env, one.clone(), Vec::new(), |id| id.to_string()).id;
            let other_id = accounts.create(&env, other.clone(), Vec::new(), |id| id.to_string()).id;
            assert_eq!(accounts.change_key(id, other), Err(other_id));
            assert_eq!(accounts.change_key(id, one.clone()), Err(id));
            assert_eq!(accounts.change_key(id, third.clone()), Ok(()));
            assert!(accounts.with_key(one.thumbprint()).is_none());
            assert_eq!(accounts.with_key(third.thumbprint()).map(|account| account.id), Some(id));
        });
    }
}
