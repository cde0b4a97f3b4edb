//! Key rollover over HTTP (RFC 8555 §7.3.5): a JWS by the new key inside of one by the old.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    requests::key_of,
    routes::Route,
};
use crate::{ids::AccountId, json, jwk::PublicKey, jws::Jws, problem::Problem};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyChange {
    account: String,
    old_key: Map<String, Value>,
}

impl FrontEnd {
    pub(super) fn key_change(&self, account: AccountId, outer: &Jws) -> Result<Answer, Refusal> {
        if !self.ca.config().changes_keys {
            let problem = Problem::malformed("accounts' keys can't be changed at this CA");
            return Err(problem.with_status(StatusCode::NOT_IMPLEMENTED).into());
        }
        let inner = Jws::parse(&outer.payload)?;
        let new_key = key_of(&inner)?;
        if inner.nonce.is_some() {
            return Err(Problem::malformed("the inner JWS must not have a nonce").into());
        }
        if inner.url != outer.url {
            return Err(Problem::malformed("the inner JWS is for another URL than the outer one").into());
        }
        let change: KeyChange = json::read("the inner payload", &inner.payload)?;
        let url = self.urls.of(&Route::Account(account));
        if change.account != url {
            return Err(Problem::malformed("\"account\" is not the account that signed the outer JWS").into());
        }
        let old_key = PublicKey::from_jwk(&change.old_key)?;
        self.ca.with_store(|store| {
            if store.accounts.find(account).is_none_or(|account| account.key != old_key) {
                return Err(Problem::malformed("\"oldKey\" is not the account's key").into());
            }
            if let Err(holder) = (self.ca.config().key_rollover.0)(&mut store.accounts, account, new_key) {
                // RFC 8555 §7.3.5: 409, and the account that has the key.
                let problem =
                    Problem::malformed("the new key belongs to an account already").with_status(StatusCode::CONFLICT);
                return Err(Answer::from(&problem).with_location(&self.urls.of(&Route::Account(holder))).into());
            }
            self.env.probe_about("ca/key-changed", || [("account", account.to_string())]);
            let account = store.accounts.find(account).ok_or_else(|| Problem::not_found("account"))?;
            Ok(self.show_account(StatusCode::OK, account))
        })
    }
}
