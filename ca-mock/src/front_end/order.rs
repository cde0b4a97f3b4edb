//! Orders over HTTP (RFC 8555 §7.4): creation, polling, finalization.

use std::collections::{BTreeMap, BTreeSet};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sim::UtcDateTime;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    requests::{payload, post_as_get},
    routes::{Route, Urls},
};
use crate::{
    authorizations::AuthorizationStatus,
    base64url,
    certificates::CertificateId,
    csr::Csr,
    dice, finalization,
    identifier::{Identifier, SentIdentifier},
    ids::{AccountId, AuthorizationId, OrderId},
    jws::Jws,
    orders::{Order, OrderStatus},
    problem::{Problem, ProblemType},
    profiles::Profile,
    store::Store,
    timestamp::{after, rfc3339},
    validity::RequestedValidity,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewOrder {
    identifiers: Vec<OrderedIdentifier>,
    not_before: Option<String>,
    not_after: Option<String>,
    replaces: Option<String>,
    profile: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderedIdentifier {
    #[serde(flatten)]
    sent: SentIdentifier,
    /// The domain above it that control is proved of instead (RFC 9444 §4.3).
    ancestor_domain: Option<String>,
}

#[derive(Deserialize)]
struct Finalize {
    csr: String,
}

impl FrontEnd {
    pub(super) fn new_order(&self, account: AccountId, jws: &Jws) -> Result<Answer, Refusal> {
        let request: NewOrder = payload(jws)?;
        let config = self.ca.config();
        let now = self.env.utc_now();
        let profile = config.profiles.choose(&self.env, request.profile.as_deref())?;
        let dates = (request.not_before.as_deref(), request.not_after.as_deref());
        let chosen = config.profiles.find(profile.as_deref());
        let validity = RequestedValidity::read(config, &chosen, dates, now)?;
        let ancestors = self.identifiers(&request.identifiers, &chosen)?;
        let identifiers: BTreeSet<Identifier> = ancestors.keys().cloned().collect();
        let replaces = request.replaces.filter(|_| config.renewal_info);
        let replaces = replaces.as_deref().map(CertificateId::parse).transpose()?;
        self.ca.with_store(|store| {
            self.check_terms(store, account)?;
            if config.reuses_orders
                && let Some(open) = self.open_order(store, account, &identifiers, (&profile, validity, &replaces))
            {
                self.env.probe_about("ca/order-reused", || [("order", open.id.to_string())]);
                return Ok(self.show_order(StatusCode::CREATED, open));
            }
            if let Some(replaced) = &replaces {
                self.check_replacement(store, account, replaced, &identifiers)?;
            }
            self.limit_new_order(store, account, &identifiers, replaces.as_ref())?;
            let authorizations = self.authorizations_for(store, account, &ancestors, profile.as_deref());
            let latest = after(now, config.lifetimes(profile.as_deref()).order);
            let expires = (config.order_expiry.0)(latest, first_end(store, &authorizations, latest));
            let expires = validity.not_after.map_or(expires, |end| expires.min(end));
            let wishes = (profile, validity, replaces.clone());
            let id = store.orders.create(&self.env, account, identifiers, authorizations, expires, wishes);
            if let Some(certificate) = replaces.and_then(|replaced| store.certificates.find_mut(&replaced)) {
                certificate.replaced_by = Some(id);
                self.env.probe_about("ca/order-replaces", || [("order", id.to_string())]);
            }
            // With authorizations that are valid already, it is ready at once.
            let order = self.own_order(store, account, id)?;
            self.env.probe_about("ca/order-created", || {
                let names = order.identifiers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                [("order", id.to_string()), ("account", account.to_string()), ("identifiers", names)]
            });
            Ok(self.show_order(StatusCode::CREATED, order))
        })
    }

    /// The account's last order for just this that can still be finalized.
    fn open_order<'a>(
        &self,
        store: &'a mut Store,
        account: AccountId,
        identifiers: &BTreeSet<Identifier>,
        (profile, validity, replaces): (&Option<String>, RequestedValidity, &Option<CertificateId>),
    ) -> Option<&'a Order> {
        let now = self.env.utc_now();
        let Store { orders, authorizations, .. } = store;
        let all = orders.of_account(account);
        let is_open = |id: &OrderId| {
            let same = orders.find_mut(*id).filter(|order| {
                order.identifiers == *identifiers
                    && order.profile == *profile
                    && order.validity == validity
                    && order.replaces == *replaces
            });
            same.is_some_and(|order| {
                order.settle(authorizations, now);
                matches!(order.status, OrderStatus::Pending | OrderStatus::Ready)
            })
        };
        let open = all.into_iter().rev().find(is_open)?;
        store.orders.find(open)
    }

    /// One for each identifier; those that are proved by the same ancestor have it in common.
    fn authorizations_for(
        &self,
        store: &mut Store,
        account: AccountId,
        ancestors: &BTreeMap<Identifier, Option<Identifier>>,
        profile: Option<&str>,
    ) -> Vec<AuthorizationId> {
        let mut all = Vec::new();
        let mut of_ancestors = BTreeMap::new();
        for (identifier, ancestor) in ancestors {
            let known = ancestor.as_ref().and_then(|ancestor| of_ancestors.get(ancestor).copied());
            let id = known
                .unwrap_or_else(|| self.authorization_for(store, account, (identifier, ancestor.as_ref()), profile));
            of_ancestors.extend(ancestor.as_ref().map(|ancestor| (ancestor, id)));
            if !all.contains(&id) {
                all.push(id);
            }
        }
        all
    }

    /// One that the account has asked for already; a valid one that is good for some time more, if the CA reuses them; or
    /// else a new one, for the ancestor if there is one.
    fn authorization_for(
        &self,
        store: &mut Store,
        account: AccountId,
        (identifier, ancestor): (&Identifier, Option<&Identifier>),
        profile: Option<&str>,
    ) -> AuthorizationId {
        let config = self.ca.config();
        let now = self.env.utc_now();
        let lifetimes = config.lifetimes(profile);
        // What is proved under one profile's lifetimes is not good under those of another.
        let profile = profile.filter(|name| config.profiles.find(Some(name)).lifetimes.is_some());
        if let Some(earlier) = store.authorizations.pre_authorization(account, identifier, now) {
            self.env.probe_about("ca/pre-authorization-used", || about_authorization(earlier.id, identifier));
            return earlier.id;
        }
        if dice::falls(&self.env, "ca/authorization reuse", config.authorization_reuse_percent)
            && let Some(valid) =
                store.authorizations.valid_until(account, identifier, profile, after(now, lifetimes.left_for_reuse()))
        {
            self.env.probe_about("ca/authorization-reused", || about_authorization(valid, identifier));
            return valid;
        }
        let expires = after(now, lifetimes.pending_authorization);
        let proved = ancestor.unwrap_or(identifier).clone();
        let id = store.authorizations.create(&self.env, account, proved, ancestor.is_some(), expires);
        if let Some(created) = store.authorizations.find_mut(id) {
            created.profile = profile.map(str::to_owned);
        }
        id
    }

    pub(super) fn order(&self, account: AccountId, id: OrderId, jws: &Jws) -> Result<Answer, Refusal> {
        post_as_get(jws)?;
        self.ca.with_store(|store| {
            let order = self.own_order(store, account, id)?;
            Ok(self.show_order(StatusCode::OK, order))
        })
    }

    pub(super) async fn finalize(&self, account: AccountId, id: OrderId, jws: &Jws) -> Result<Answer, Refusal> {
        let request: Finalize = payload(jws)?;
        // Nobody else has to wait while its signature is checked.
        let csr = base64url::decode(&request.csr)
            .ok_or_else(|| Problem::malformed("\"csr\" is not base64url of DER without padding"))
            .and_then(|der| Csr::parse(&der));
        let answer = self.ca.with_store(|store| {
            let order = self.own_order(store, account, id)?;
            let OrderStatus::Ready = order.status else { return Err(order.not_ready()) };
            let identifiers = order.identifiers.clone();
            let csr = csr?;
            csr.check_names(&identifiers)?;
            csr.check_key(&self.ca.config().certificate_keys)?;
            check_key(store, &csr)?;
            let order = self.own_order(store, account, id)?;
            order.finalize(csr)?;
            Ok(self.show_order(StatusCode::OK, order))
        })?;
        self.env.probe_about("ca/order-finalized", || [("order", id.to_string())]);
        let issued = finalization::begin(&self.ca, &self.env, id);
        if !self.ca.config().awaits_issuance {
            return Ok(answer);
        }
        issued.done().await;
        self.ca.with_store(|store| Ok(self.show_order(StatusCode::OK, self.own_order(store, account, id)?)))
    }

    /// What is ordered, each with the domain above it that control is proved of instead, if that is wanted (RFC 9444).
    fn identifiers(
        &self,
        sent: &[OrderedIdentifier],
        profile: &Profile,
    ) -> Result<BTreeMap<Identifier, Option<Identifier>>, Problem> {
        let max = profile.identifiers_max.unwrap_or(self.ca.config().identifiers_max);
        if sent.is_empty() || sent.len() > max {
            return Err(Problem::malformed(format!("an order has 1 to {max} identifiers, not {}", sent.len())));
        }
        let mut identifiers = BTreeMap::new();
        let mut refused = Vec::new();
        for OrderedIdentifier { sent, ancestor_domain } in sent {
            let read = self.certifiable(sent).and_then(|identifier| {
                if profile.refuses_addresses && identifier.ip().is_some() {
                    let why = "the profile is not for IP addresses";
                    return Err(Problem::new(ProblemType::RejectedIdentifier, why));
                }
                let ancestor = self.ancestor(&identifier, ancestor_domain.as_deref())?;
                Ok((identifier, ancestor))
            });
            match read {
                Ok((identifier, ancestor)) => {
                    identifiers.insert(identifier, ancestor);
                }
                Err(problem) => refused.push((sent.clone(), problem)),
            }
        }
        match Problem::about_identifiers(refused) {
            Some(problem) => Err(problem),
            None => {
                let all = identifiers.keys().cloned().collect();
                self.ca.config().identifier_policy.check_together(&all).map(|()| identifiers)
            }
        }
    }

    /// The ancestor that control is to be proved of, if the CA takes that for proof (RFC 9444 §4.3).
    fn ancestor(&self, identifier: &Identifier, wanted: Option<&str>) -> Result<Option<Identifier>, Problem> {
        let Some(wanted) = wanted.filter(|_| self.ca.config().subdomain_authorization) else { return Ok(None) };
        let ancestor = self.certifiable(&SentIdentifier { kind: "dns".to_owned(), value: wanted.to_owned() })?;
        match identifier.above().any(|above| above == ancestor) {
            true => Ok(Some(ancestor)),
            false => Err(Problem::malformed(format!("{ancestor} is not above {identifier}"))),
        }
    }

    /// The identifier, if this CA issues for it.
    pub(super) fn certifiable(&self, sent: &SentIdentifier) -> Result<Identifier, Problem> {
        let config = self.ca.config();
        let identifier = sent.read()?;
        config.identifier_policy.check(&identifier)?;
        match config.domain_blocklist.iter().any(|domain| identifier.is_within(domain)) {
            false => Ok(identifier),
            true => {
                let detail = format!("{identifier} is a forbidden domain");
                Err(Problem::new(ProblemType::RejectedIdentifier, detail))
            }
        }
    }

    /// RFC 9773 §5.
    fn check_replacement(
        &self,
        store: &mut Store,
        account: AccountId,
        replaced: &CertificateId,
        identifiers: &BTreeSet<Identifier>,
    ) -> Result<(), Problem> {
        let certificate =
            store.certificates.find(replaced).ok_or_else(|| Problem::not_found("certificate to replace"))?;
        if certificate.account != account {
            return Err(Problem::new(ProblemType::Unauthorized, "the certificate to replace is another account's"));
        }
        if !certificate.identifiers.iter().any(|identifier| identifiers.contains(identifier)) {
            return Err(Problem::malformed("the certificate to replace has none of the order's identifiers"));
        }
        let Some(earlier) = certificate.replaced_by else { return Ok(()) };
        let earlier = self.own_order(store, account, earlier)?;
        if earlier.is_invalid() {
            return Ok(());
        }
        Err(Problem::new(ProblemType::AlreadyReplaced, "another order replaces this certificate already"))
    }

    /// The order as it is now, if it is the account's.
    fn own_order<'a>(&self, store: &'a mut Store, account: AccountId, id: OrderId) -> Result<&'a mut Order, Problem> {
        let Store { orders, authorizations, .. } = store;
        let order =
            orders.find_mut(id).filter(|order| order.account == account).ok_or_else(|| Problem::not_found("order"))?;
        order.settle(authorizations, self.env.utc_now());
        Ok(order)
    }

    fn show_order(&self, status: StatusCode, order: &Order) -> Answer {
        let answer = Answer::json(status, &order_object(&self.urls, order))
            .with_location(&self.urls.of(&Route::Order(order.id)));
        match order.status {
            OrderStatus::Processing { .. } => self.with_poll_interval(answer, self.ca.config().order_retry_after),
            OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Valid { .. } | OrderStatus::Invalid { .. } => {
                answer
            }
        }
    }
}

/// What the trace tells of an authorization.
pub(super) fn about_authorization(id: AuthorizationId, identifier: &Identifier) -> [(&'static str, String); 2] {
    [("authorization", id.to_string()), ("identifier", identifier.to_string())]
}

/// When the first of the valid ones among the authorizations ends, or `latest`.
fn first_end(store: &Store, authorizations: &[AuthorizationId], latest: UtcDateTime) -> UtcDateTime {
    let of_valid = |id: &AuthorizationId| match store.authorizations.find(*id)?.status {
        AuthorizationStatus::Valid { expires, .. } => Some(expires),
        AuthorizationStatus::Pending { .. }
        | AuthorizationStatus::Invalid
        | AuthorizationStatus::Deactivated
        | AuthorizationStatus::Expired => None,
    };
    authorizations.iter().filter_map(of_valid).fold(latest, UtcDateTime::min)
}

/// RFC 8555 §11.1: a certificate's key is no account's, and nobody else has it.
fn check_key(store: &Store, csr: &Csr) -> Result<(), Problem> {
    let key = csr.key.thumbprint();
    if store.accounts.with_key(key).is_some() {
        return Err(Problem::new(ProblemType::BadCsr, "the CSR's key is the key of an account"));
    }
    if store.certificates.is_compromised(key) {
        return Err(Problem::new(ProblemType::BadCsr, "the CSR's key has been reported as compromised"));
    }
    Ok(())
}

fn order_object(urls: &Urls, order: &Order) -> Value {
    let mut object = json!({
        "status": order.status.name(),
        "expires": rfc3339(order.expires),
        "identifiers": order.identifiers,
        "authorizations": order.authorizations.iter().map(|id| urls.of(&Route::Authorization(*id))).collect::<Vec<_>>(),
        "finalize": urls.of(&Route::Finalize(order.id)),
    });
    let RequestedValidity { not_before, not_after } = order.validity;
    for (member, time) in [("notBefore", not_before), ("notAfter", not_after)] {
        if let Some(time) = time {
            object[member] = rfc3339(time).into();
        }
    }
    if let Some(profile) = &order.profile {
        object["profile"] = profile.as_str().into();
    }
    if let Some(replaces) = &order.replaces {
        object["replaces"] = replaces.to_string().into();
    }
    match &order.status {
        OrderStatus::Valid { certificate } => {
            object["certificate"] = urls.of(&Route::Certificate(certificate.clone())).into();
        }
        OrderStatus::Invalid { error: Some(error) } => object["error"] = json!(error),
        OrderStatus::Invalid { error: None }
        | OrderStatus::Pending
        | OrderStatus::Ready
        | OrderStatus::Processing { .. } => {}
    }
    object
}
