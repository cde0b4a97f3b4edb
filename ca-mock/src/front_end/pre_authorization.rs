//! Pre-authorization over HTTP (RFC 8555 §7.4.1): control of a name is proved before there is an order.

use hyper::StatusCode;
use serde::Deserialize;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    order::about_authorization,
    requests::payload,
    routes::Route,
};
use crate::{
    identifier::SentIdentifier,
    ids::AccountId,
    jws::Jws,
    problem::{Problem, ProblemType},
    timestamp::after,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAuthorization {
    identifier: SentIdentifier,
    /// RFC 9444 §4.2.
    #[serde(default)]
    subdomain_auth_allowed: bool,
}

impl FrontEnd {
    /// An authorization that the account asked for and that is not at its end is shown instead of a new one.
    pub(super) fn new_authorization(&self, account: AccountId, jws: &Jws) -> Result<Answer, Refusal> {
        let config = self.ca.config();
        if !config.pre_authorization {
            return Err(Problem::not_found("resource").into());
        }
        let request: NewAuthorization = payload(jws)?;
        let identifier = self.certifiable(&request.identifier).and_then(|identifier| match identifier.is_wildcard() {
            true => Err(Problem::new(
                ProblemType::RejectedIdentifier,
                "a wildcard can't be authorized before it is ordered (RFC 8555 §7.4.1)",
            )),
            false => Ok(identifier),
        });
        // RFC 8555 §7.4.1: "If the server is unwilling … it SHOULD return a 403".
        let identifier = identifier.map_err(|problem| problem.with_status(StatusCode::FORBIDDEN))?;
        let covers_subdomains = request.subdomain_auth_allowed && config.subdomain_authorization;
        let now = self.env.utc_now();
        self.ca.with_store(|store| {
            self.check_terms(store, account)?;
            let existing = store.authorizations.pre_authorization(account, &identifier, now);
            let (status, id) = match existing.filter(|one| one.covers_subdomains || !covers_subdomains) {
                Some(existing) => (StatusCode::OK, existing.id),
                None => {
                    let expires = after(now, config.pending_authorization_lifetime);
                    let authorizations = &mut store.authorizations;
                    let id = authorizations.create(&self.env, account, identifier.clone(), covers_subdomains, expires);
                    self.env.probe_about("ca/pre-authorization-created", || about_authorization(id, &identifier));
                    (StatusCode::CREATED, id)
                }
            };
            let authorization = self.own_authorization(store, account, id)?;
            authorization.is_pre_authorization = true;
            let answer = Answer::json(status, &self.authorization_object(authorization));
            Ok(answer.with_location(&self.urls.of(&Route::Authorization(id))))
        })
    }
}
