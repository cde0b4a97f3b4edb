//! Accounts over HTTP (RFC 8555 §7.3): creation, lookup, update, deactivation, list of orders.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    requests::{deactivated, is_post_as_get, payload, post_as_get},
    routes::{Route, Urls},
    terms_of_service::{user_action_required, with_terms},
};
use crate::{
    accounts::{Account, AccountStatus, Contact},
    external_accounts::ExternalAccountBinding,
    ids::AccountId,
    jwk::PublicKey,
    jws::Jws,
    problem::{Problem, ProblemType},
    store::Store,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAccount {
    contact: Option<Vec<String>>,
    terms_of_service_agreed: Option<bool>,
    only_return_existing: Option<bool>,
    external_account_binding: Option<Value>,
}

#[derive(Deserialize)]
struct AccountUpdate {
    contact: Option<Vec<String>>,
    status: Option<String>,
}

impl FrontEnd {
    /// RFC 8555 §7.3, §7.3.1.
    pub(super) fn new_account(&self, key: &PublicKey, jws: &Jws) -> Result<Answer, Refusal> {
        let request: NewAccount = payload(jws)?;
        self.ca.with_store(|store| {
            if let Some(account) = store.accounts.with_key(key.thumbprint()) {
                return match account.status {
                    AccountStatus::Valid => Ok(self.show_account(StatusCode::OK, account)),
                    AccountStatus::Deactivated => Err(deactivated().into()),
                };
            }
            if request.only_return_existing == Some(true) {
                return Err(Problem::new(ProblemType::AccountDoesNotExist, "there is no account with this key").into());
            }
            let contacts = contacts(request.contact.unwrap_or_default())?;
            let terms = store.terms_of_service.clone();
            if let Some(terms) = &terms
                && request.terms_of_service_agreed != Some(true)
            {
                let problem = user_action_required("the terms of service must be agreed to", terms);
                return Err(with_terms(&problem, terms).into());
            }
            let binding = self.bind_external_account(store, request.external_account_binding, key, jws)?;
            let url = |id| self.urls.of(&Route::Account(id));
            let account = store.accounts.create(&self.env, key.clone(), contacts, url);
            account.external_account_binding = binding;
            account.agreed_terms = terms;
            self.env.probe_about("ca/account-created", || [("account", account.id.to_string())]);
            Ok(self.show_account(StatusCode::CREATED, account))
        })
    }

    /// RFC 8555 §7.3.4. The binding is returned if it was verified. A CA that has no keys and wants no bindings does not
    /// look at those that it is sent.
    fn bind_external_account(
        &self,
        store: &mut Store,
        sent: Option<Value>,
        key: &PublicKey,
        outer: &Jws,
    ) -> Result<Option<Value>, Problem> {
        let is_required = self.ca.config().external_account_required;
        match sent {
            None if is_required => Err(Problem::new(
                ProblemType::ExternalAccountRequired,
                "a new account must be bound to an external one: \"externalAccountBinding\" is missing",
            )),
            Some(sent) if is_required || !store.external_accounts.is_empty() => {
                let binding = ExternalAccountBinding::parse(&sent, &outer.url)?;
                store.external_accounts.redeem(&binding, key, self.env.utc_now())?;
                self.env.probe("ca/external-account-bound");
                Ok(Some(sent))
            }
            None | Some(_) => Ok(None),
        }
    }

    /// Reads, updates or deactivates an account (RFC 8555 §7.3.2, §7.3.6).
    pub(super) fn account(&self, requester: AccountId, id: AccountId, jws: &Jws) -> Result<Answer, Refusal> {
        check_own(requester, id)?;
        let update = if is_post_as_get(jws) { AccountUpdate { contact: None, status: None } } else { payload(jws)? };
        let contacts = update.contact.map(contacts).transpose()?;
        self.ca.with_store(|store| {
            if update.status.as_deref() == Some("deactivated") {
                store.deactivate_account(id);
            }
            let account = store.accounts.find_mut(id).ok_or_else(|| Problem::not_found("account"))?;
            if let Some(contacts) = contacts {
                account.contacts = contacts;
            }
            Ok(self.show_account(StatusCode::OK, account))
        })
    }

    /// The account's orders from number `from` on, a page of them (RFC 8555 §7.1.2.1); invalid ones are left out.
    pub(super) fn account_orders(
        &self,
        requester: AccountId,
        id: AccountId,
        from: usize,
        jws: &Jws,
    ) -> Result<Answer, Refusal> {
        check_own(requester, id)?;
        post_as_get(jws)?;
        let now = self.env.utc_now();
        let (urls, next) = self.ca.with_store(|store| {
            let Store { orders, authorizations, .. } = store;
            let mut shown = Vec::new();
            for (number, id) in orders.of_account(id).into_iter().enumerate().skip(from) {
                let Some(order) = orders.find_mut(id) else { continue };
                order.settle(authorizations, now);
                if order.is_invalid() {
                    continue;
                }
                if shown.len() == self.ca.config().orders_per_page.get() {
                    return (shown, Some(number));
                }
                shown.push(self.urls.of(&Route::Order(id)));
            }
            (shown, None)
        });
        let page = Answer::json(StatusCode::OK, &json!({ "orders": urls }));
        Ok(match next {
            Some(number) => page.with_link(&self.urls.of(&Route::AccountOrders(id, number)), "next"),
            None => page,
        })
    }

    pub(super) fn show_account(&self, status: StatusCode, account: &Account) -> Answer {
        let mut object = account_object(&self.urls, account);
        if self.ca.config().style.shows_account_keys() {
            object["key"] = serde_json::from_str(&account.key.jwk()).expect("it is an object of texts");
        }
        Answer::json(status, &object).with_location(&self.urls.of(&Route::Account(account.id)))
    }
}

fn check_own(requester: AccountId, id: AccountId) -> Result<(), Problem> {
    if requester == id { Ok(()) } else { Err(Problem::new(ProblemType::Unauthorized, "this account is another one's")) }
}

fn contacts(urls: Vec<String>) -> Result<Vec<Contact>, Problem> {
    urls.iter().map(|url| Contact::parse(url)).collect()
}

fn account_object(urls: &Urls, account: &Account) -> Value {
    let status = match account.status {
        AccountStatus::Valid => "valid",
        AccountStatus::Deactivated => "deactivated",
    };
    let mut object = json!({
        "status": status,
        "contact": account.contacts.iter().map(Contact::as_str).collect::<Vec<_>>(),
        "orders": urls.of(&Route::AccountOrders(account.id, 0)),
    });
    if let Some(binding) = &account.external_account_binding {
        object["externalAccountBinding"] = binding.clone();
    }
    object
}
