//! Fault rules at the front end: what they are told of a request, and what becomes of its answer.

use hyper::{StatusCode, header::DATE};
use serde::Deserialize;
use serde_json::json;

use super::{
    FrontEnd,
    answer::Answer,
    requests::Incoming,
    routes::{Paths, Route},
};
use crate::{
    certificates::CertificateId,
    faults::{self, Asked, Fault, Instead, Resource},
    identifier::{Identifier, SentIdentifier},
    ids::{AccountId, OrderId},
    jws::{Jws, KeyReference},
    store::Store,
    timestamp::http_date,
};

/// As much of a new order as rules look at.
#[derive(Deserialize)]
struct Ordered {
    identifiers: Vec<SentIdentifier>,
    replaces: Option<String>,
}

fn ordered(jws: &Jws) -> Option<Ordered> {
    serde_json::from_slice(&jws.payload).ok()
}

#[derive(Deserialize)]
struct Authorized {
    identifier: SentIdentifier,
}

impl FrontEnd {
    /// What a rule does to this request, if one does. Without rules the request is not looked at.
    pub(super) fn fault_for(&self, asked: &Incoming) -> Option<Fault> {
        if self.ca.with_store(|store| store.faults.is_empty()) {
            return None;
        }
        let jws = asked.body.as_ref().ok().and_then(|body| Jws::parse(body).ok());
        self.ca.with_store(|store| {
            let account = jws.as_ref().and_then(|jws| self.claimed_account(store, jws));
            let account = account.and_then(|id| store.accounts.find(id)).map(|account| {
                let contacts = account.contacts.iter().map(|contact| contact.as_str().to_owned());
                std::iter::once(account.url.clone()).chain(contacts).collect()
            });
            let about = Asked {
                endpoint: asked.route.as_ref().map(Route::endpoint),
                account: account.unwrap_or_default(),
                identifiers: asked
                    .route
                    .as_ref()
                    .map(|route| identifiers(store, route, jws.as_ref()))
                    .unwrap_or_default(),
                replaces: asked.route == Some(Route::NewOrder)
                    && jws.as_ref().and_then(ordered).is_some_and(|ordered| ordered.replaces.is_some()),
            };
            let fault = store.faults.strike(&self.env, &about)?;
            if let (Some(state), Some(resource)) = (fault.state, asked.route.as_ref().and_then(resource)) {
                faults::force(store, &resource, state, self.env.utc_now());
            }
            Some(fault)
        })
    }

    /// Whom the request says it is from. Whether it is true is not checked yet.
    fn claimed_account(&self, store: &Store, jws: &Jws) -> Option<AccountId> {
        match &jws.key {
            KeyReference::Jwk(key) => store.accounts.with_key(key.thumbprint()).map(|account| account.id),
            KeyReference::Kid(url) => match self.urls.parse(url) {
                Some(Route::Account(id)) => Some(id),
                Some(_) | None => None,
            },
        }
    }

    /// What is answered to a request that a rule has struck.
    pub(super) async fn spoiled(&self, asked: Incoming, fault: Fault) -> Answer {
        let (route, method) = (asked.route.clone(), asked.head.method.clone());
        let right = if fault.is_kept_from_ca { None } else { Some(self.answer(asked).await) };
        let bare = || Answer::empty(StatusCode::OK).with(DATE, &http_date(self.env.utc_now()));
        let answer = match (&fault.instead, right) {
            (Some(Instead::Problem { kind, detail }), _) => {
                let status = fault.status.unwrap_or_else(|| usual_status(kind));
                let kind = if kind.contains(':') { kind.clone() } else { format!("urn:ietf:params:acme:error:{kind}") };
                let body = json!({ "type": kind, "detail": detail, "status": status }).to_string();
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                let problem = Answer::text(status, "application/problem+json", body);
                self.finish(problem, route.as_ref(), &method)
            }
            (Some(Instead::Page { content_type, body }), right) => {
                right.unwrap_or_else(bare).with_page(content_type.clone(), body.clone())
            }
            (None, Some(right)) => right,
            (None, None) => bare(),
        };
        if !fault.delay.is_zero() {
            self.env.sleep(fault.delay).await;
        }
        answer.spoiled_by(&fault)
    }
}

/// The HTTP status that goes with a type of RFC 8555 §6.7, where the RFCs or public CAs have another than 400.
fn usual_status(kind: &str) -> u16 {
    match kind {
        "unauthorized" | "caa" | "orderNotReady" | "userActionRequired" | "externalAccountRequired" => 403,
        "alreadyReplaced" => 409,
        "rateLimited" => 429,
        "serverInternal" => 500,
        _ => 400,
    }
}

/// The identifiers that a request is about.
fn identifiers(store: &Store, route: &Route, jws: Option<&Jws>) -> Vec<String> {
    let names = |found: &mut dyn Iterator<Item = &Identifier>| found.map(ToString::to_string).collect();
    let of_order = |id: &OrderId| store.orders.find(*id).map(|order| names(&mut order.identifiers.iter()));
    let found = match route {
        Route::Order(id) | Route::Finalize(id) => of_order(id),
        Route::Authorization(id) | Route::Challenge(id, _) => {
            store.authorizations.find(*id).map(|one| names(&mut std::iter::once(&one.identifier)))
        }
        Route::Certificate(serial) | Route::AlternateCertificate(serial, _) => {
            store.certificates.with_serial(serial).map(|one| names(&mut one.identifiers.iter()))
        }
        Route::RenewalInfo(id) => {
            let id = CertificateId::parse(id).ok();
            id.and_then(|id| store.certificates.find(&id)).map(|one| names(&mut one.identifiers.iter()))
        }
        Route::NewOrder => {
            jws.and_then(ordered).map(|ordered| ordered.identifiers.into_iter().map(|sent| sent.value).collect())
        }
        Route::NewAuthorization => {
            let asked = jws.and_then(|jws| serde_json::from_slice::<Authorized>(&jws.payload).ok());
            asked.map(|asked| vec![asked.identifier.value])
        }
        Route::Directory
        | Route::NewNonce
        | Route::NewAccount
        | Route::RevokeCertificate
        | Route::KeyChange
        | Route::Account(_)
        | Route::AccountOrders(..) => None,
    };
    found.unwrap_or_default()
}

/// What has a state at a path.
pub(crate) fn resource_at(paths: Paths, path: &str) -> Option<Resource> {
    resource(&Route::parse(paths, path)?)
}

/// What has a state behind a URL.
fn resource(route: &Route) -> Option<Resource> {
    match route {
        Route::Account(id) => Some(Resource::Account(*id)),
        Route::Order(id) | Route::Finalize(id) => Some(Resource::Order(*id)),
        Route::Authorization(id) | Route::Challenge(id, _) => Some(Resource::Authorization(*id)),
        Route::Certificate(serial) | Route::AlternateCertificate(serial, _) => {
            Some(Resource::Certificate(serial.clone()))
        }
        Route::Directory
        | Route::NewNonce
        | Route::NewAccount
        | Route::NewOrder
        | Route::NewAuthorization
        | Route::RevokeCertificate
        | Route::KeyChange
        | Route::AccountOrders(..)
        | Route::RenewalInfo(_) => None,
    }
}
