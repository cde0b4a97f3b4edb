//! [`TermsOfService`]: what accounts agree to, and who has (RFC 8555 §7.3.3).
//!
//! Terms may change while the CA runs. An account that has agreed to other ones gets no orders any more until somebody
//! agrees for it, which is done outside of ACME.

use url::Url;

use crate::{ids::AccountId, store::Store};

/// The URL of terms of service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsOfService(String);

impl TermsOfService {
    /// `None` if `text` is not a URL in ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.is_ascii() && Url::parse(text).is_ok()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The terms that the account has not agreed to, if there are such.
pub(crate) fn not_agreed_to(store: &Store, account: AccountId) -> Option<&TermsOfService> {
    let agreed = store.accounts.find(account).and_then(|account| account.agreed_terms.as_ref());
    store.terms_of_service.as_ref().filter(|terms| Some(*terms) != agreed)
}

/// The account with this URL agrees to the terms as they are now, or every account if none is named. Whether there is
/// such an account.
pub(crate) fn agree(store: &mut Store, account_url: Option<&str>) -> bool {
    let Store { accounts, terms_of_service, .. } = store;
    let mut agreed = account_url.is_none();
    for account in accounts.iter_mut().filter(|account| account_url.is_none_or(|url| account.url == url)) {
        account.agreed_terms.clone_from(terms_of_service);
        agreed = true;
    }
    agreed
}
