//! What the CA remembers: `/accounts`, `/orders` and `/authorizations` list it, `/state` forces a resource into a state, and
//! `/reset` forgets everything but the CA's own keys.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, Uri, body::Incoming};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Management, bare, json, refusal};
use crate::{
    accounts::{Account, AccountStatus},
    authorizations::Authorization,
    faults::{self, ForcedState},
    front_end,
    orders::Order,
    store::Store,
    timestamp::rfc3339,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forced {
    /// Of the resource, as the CA gave it to a client.
    url: String,
    state: String,
}

impl Management {
    /// `POST {"url": …, "state": "invalid" | "expired" | "deactivated" | "revoked"}`.
    pub(super) async fn state(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::POST {
            return bare(StatusCode::METHOD_NOT_ALLOWED);
        }
        let Some(body) = self.body(request).await else { return bare(StatusCode::BAD_REQUEST) };
        let Forced { url, state } = match serde_json::from_slice(&body) {
            Ok(forced) => forced,
            Err(error) => return refusal(format!("{error}\n")),
        };
        let Some(state) = ForcedState::ALL.iter().find(|known| known.name() == state) else {
            return refusal(format!("state: {state:?} is none of {}\n", faults::states()));
        };
        let path = url.parse::<Uri>().map(|url| url.path().to_owned()).unwrap_or_default();
        let Some(resource) = front_end::resource_at(self.ca.config().paths, &path) else {
            return refusal(format!("url: {url:?} is no account, order, authorization or certificate\n"));
        };
        let now = self.env.utc_now();
        match self.ca.with_store(|store| faults::force(store, &resource, *state, now)) {
            true => {
                self.env.probe_about("ca/state-forced", || [("url", url), ("state", state.name().to_owned())]);
                bare(StatusCode::NO_CONTENT)
            }
            false => refusal(format!("{url} is not there, or can't be {}\n", state.name())),
        }
    }

    /// All accounts, nonces, orders, authorizations, certificates, fault rules and what limits have counted are gone.
    pub(super) fn reset(&self) -> Response<Full<Bytes>> {
        self.ca.with_store(|store| *store = Store::new(self.ca.config()));
        self.env.probe("ca/reset");
        bare(StatusCode::NO_CONTENT)
    }

    pub(super) fn accounts(&self) -> Response<Full<Bytes>> {
        let shown = |account: &Account| {
            let status = match account.status {
                AccountStatus::Valid => "valid",
                AccountStatus::Deactivated => "deactivated",
            };
            let contacts: Vec<&str> = account.contacts.iter().map(|contact| contact.as_str()).collect();
            json!({ "id": account.id.to_string(), "url": account.url, "status": status, "contact": contacts })
        };
        list(self.ca.with_store(|store| store.accounts.iter().map(shown).collect()))
    }

    pub(super) fn orders(&self) -> Response<Full<Bytes>> {
        let now = self.env.utc_now();
        list(self.ca.with_store(|Store { orders, authorizations, .. }| {
            let shown = |order: &mut Order| {
                order.settle(authorizations, now);
                json!({
                    "id": order.id.to_string(),
                    "account": order.account.to_string(),
                    "status": order.status.name(),
                    "expires": rfc3339(order.expires),
                    "identifiers": order.identifiers,
                    "authorizations": order.authorizations.iter().map(ToString::to_string).collect::<Vec<_>>(),
                })
            };
            orders.iter_mut().map(shown).collect()
        }))
    }

    pub(super) fn authorizations(&self) -> Response<Full<Bytes>> {
        let now = self.env.utc_now();
        let shown = |one: &mut Authorization| {
            one.settle(now);
            json!({
                "id": one.id.to_string(),
                "account": one.account.to_string(),
                "identifier": one.identifier,
                "status": one.status.name(),
                "expires": one.status.expires().map(rfc3339),
            })
        };
        list(self.ca.with_store(|store| store.authorizations.iter_mut().map(shown).collect()))
    }
}

fn list(shown: Vec<Value>) -> Response<Full<Bytes>> {
    json(StatusCode::OK, &Value::Array(shown))
}
