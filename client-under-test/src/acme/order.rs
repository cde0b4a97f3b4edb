//! Orders (RFC 8555 §7.1.3, §7.4): the way from names to a certificate.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;

use super::{
    Error,
    account::Session,
    address::Address,
    client::Payload,
    http::Response,
    jws::base64url,
    problem::Problem,
    reading::{Document, words},
    renewal_info::CertId,
};
use crate::name::Name;

/// The most authorizations that an order may have: some CAs allow a hundred names, none a thousand.
const AUTHORIZATIONS_MAX: usize = 1_000;

/// Where an order stands (RFC 8555 §7.1.6), with what it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Its authorizations are not all valid yet.
    Pending,
    /// It awaits the request for the certificate.
    Ready {
        /// Where that goes.
        finalize: Address,
    },
    /// The certificate is being made.
    Processing,
    /// The certificate is there.
    Valid {
        /// Where.
        certificate: Address,
    },
    /// It will not lead to a certificate.
    Invalid {
        /// Why.
        reason: Option<Problem>,
    },
    /// A status that RFC 8555 does not know, or one without what belongs to it: to be asked again.
    Unknown,
}

/// An order as the CA last showed it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its address.
    pub url: Address,
    /// Where it stands.
    pub state: OrderState,
    /// What it is for, as the CA writes it: types and values.
    identifiers: BTreeSet<(String, String)>,
    /// Its authorizations.
    pub authorizations: Vec<Address>,
    /// How long the CA wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Order {
    /// Reads the order at `url` from what the CA has answered. A status that is unknown or lacks its field makes it
    /// [`OrderState::Unknown`].
    ///
    /// # Errors
    /// [`Error`] if the answer is no JSON object or has more than a thousand authorizations.
    pub fn read(url: Address, response: &Response) -> Result<Self, Error> {
        let Some(document) = Document::parse(&response.body, &response.url) else {
            return Err(Error::unusable(response, "the order is not JSON"));
        };
        let state = match (document.text("status"), document.url("finalize"), document.url("certificate")) {
            (Some("pending"), _, _) => OrderState::Pending,
            (Some("ready"), Some(finalize), _) => OrderState::Ready { finalize },
            (Some("processing"), _, _) => OrderState::Processing,
            (Some("valid"), _, Some(certificate)) => OrderState::Valid { certificate },
            (Some("invalid"), _, _) => {
                OrderState::Invalid { reason: document.object("error").map(|error| Problem::of_document(&error)) }
            }
            _ => OrderState::Unknown,
        };
        let authorizations = document.urls("authorizations");
        if authorizations.len() > AUTHORIZATIONS_MAX {
            return Err(Error::unusable(response, "the order has more than a thousand authorizations"));
        }
        let identifiers = document.objects("identifiers");
        let identifiers = identifiers
            .iter()
            .filter_map(|one| Some((one.text("type")?.to_owned(), one.text("value")?.to_ascii_lowercase())))
            .collect();
        Ok(Self { url, state, identifiers, authorizations, retry_after: response.retry_after })
    }

    /// Whether it is for the same and has the same authorizations as when it was `shown` before. Neither may ever change
    /// (RFC 8555 §7.1.3); their order says nothing, and what is left out of an answer has not changed.
    #[must_use]
    pub fn is_same_as(&self, shown: &Self) -> bool {
        let addresses = |order: &Self| order.authorizations.iter().map(Address::to_string).collect::<BTreeSet<_>>();
        is_same(&addresses(self), &addresses(shown)) && is_same(&self.identifiers, &shown.identifiers)
    }
}

fn is_same<T: Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

impl Session<'_> {
    /// Orders a certificate for `names`, of this `profile` (draft-ietf-acme-profiles §4) if one is given, saying which one
    /// it `replaces` (RFC 9773 §5) if the CA advertises renewal information.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses, does not advertise the profile, or names no address.
    pub async fn new_order(
        &mut self,
        names: &[Name],
        profile: Option<&str>,
        replaces: Option<&CertId>,
    ) -> Result<Order, Error> {
        let profiles = &self.client().directory().profiles;
        if let Some(profile) = profile.filter(|profile| !profiles.contains_key(*profile)) {
            return Err(Error::NotOffered { what: format!("the profile `{profile}`, {}", in_words(profiles)) });
        }
        let url = self.client().directory().new_order.clone();
        // RFC 8555 §9.7.7, RFC 8738 §3.
        let kind = |name: &Name| if name.address().is_some() { "ip" } else { "dns" };
        let identifiers: Vec<_> =
            names.iter().map(|name| json!({ "type": kind(name), "value": name.as_str() })).collect();
        let mut payload = json!({ "identifiers": identifiers });
        if let Some(profile) = profile {
            payload["profile"] = json!(profile);
        }
        if let Some(replaces) = replaces.filter(|_| self.tells_replacements()) {
            payload["replaces"] = json!(replaces.as_str());
        }
        let response = self.post(&url, &Payload::Json(payload)).await?;
        let location = response.location().ok_or_else(|| Error::unusable(&response, "the order has no Location"))?;
        match Order::read(location.clone(), &response) {
            Ok(order) => Ok(order),
            // It is there, and another one would be one too many.
            Err(_) => self.order(&location).await,
        }
    }

    /// Whether this CA is told which certificate an order replaces: it is one with renewal information (RFC 9773 §5).
    #[must_use]
    pub fn tells_replacements(&self) -> bool {
        self.client().directory().renewal_info.is_some()
    }

    /// Looks at an order.
    ///
    /// # Errors
    /// [`Error`] if the CA does not show it.
    pub async fn order(&mut self, url: &Address) -> Result<Order, Error> {
        let response = self.read(url).await?;
        Order::read(url.clone(), &response)
    }

    /// Hands in the certificate signing request (DER) of a ready order, at its `finalize` address.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses; without an answer, the order tells whether it arrived.
    pub async fn finalize(&mut self, order: &Order, finalize: &Address, csr: &[u8]) -> Result<Order, Error> {
        let payload = Payload::Json(json!({ "csr": base64url(csr) }));
        let response = self.post(finalize, &payload).await?;
        Order::read(order.url.clone(), &response)
    }
}

/// What a CA offers instead (draft-ietf-acme-profiles §3).
fn in_words(profiles: &BTreeMap<String, String>) -> String {
    if profiles.is_empty() {
        return "or any other".to_owned();
    }
    let one = |(name, description): (&String, &String)| format!("`{}` ({})", words(name), words(description));
    format!("but these: {}", profiles.iter().map(one).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    /// draft-ietf-acme-profiles §3.
    #[test]
    fn what_a_ca_offers_is_told_with_its_descriptions() {
        let profiles = BTreeMap::from([("classic".to_owned(), "the same as ever\u{7}".to_owned())]);
        assert_eq!(in_words(&profiles), "but these: `classic` (the same as ever )");
        assert_eq!(in_words(&BTreeMap::new()), "or any other");
    }

    /// RFC 8555 §7.1.3.
    #[test]
    fn an_order_is_the_same_while_nothing_comes_or_goes() {
        let first = order(
            r#"{"identifiers": [{"type": "dns", "value": "a.test"}, {"type": "dns", "value": "b.test"}],
                "authorizations": ["/authz/1", "/authz/2"]}"#,
        )
        .unwrap();
        for same in [
            "{}",
            r#"{"authorizations": ["/authz/2", "/authz/1"]}"#,
            r#"{"identifiers": [{"type": "dns", "value": "B.test"}, {"type": "dns", "value": "a.test"}]}"#,
        ] {
            assert!(order(same).unwrap().is_same_as(&first), "{same}");
        }
        for changed in [
            r#"{"authorizations": ["/authz/1"]}"#,
            r#"{"authorizations": ["/authz/1", "/authz/3"]}"#,
            r#"{"identifiers": [{"type": "dns", "value": "a.test"}, {"type": "ip", "value": "b.test"}]}"#,
            r#"{"identifiers": [{"type": "dns", "value": "a.test"}]}"#,
        ] {
            assert!(!order(changed).unwrap().is_same_as(&first), "{changed}");
        }
    }

    fn state(body: &str) -> Option<OrderState> {
        order(body).map(|order| order.state)
    }

    fn order(body: &str) -> Option<Order> {
        let url: Address = "https://ca.test/order/1".parse().unwrap();
        let response = Response {
            url: url.clone(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            retry_after: None,
            body: body.to_owned().into(),
        };
        Order::read(url, &response).ok()
    }

    #[test]
    fn a_state_has_what_belongs_to_it_or_is_unknown() {
        let certificate = "https://ca.test/cert/1".parse().unwrap();
        assert_eq!(
            state(r#"{"status": "valid", "certificate": "/cert/1", "new": [{}]}"#),
            Some(OrderState::Valid { certificate })
        );
        assert_eq!(state(r#"{"status": "pending"}"#), Some(OrderState::Pending));
        assert_eq!(state(r#"{"status": "invalid", "error": "no"}"#), Some(OrderState::Invalid { reason: None }));
        for body in [
            r#"{"status": "valid"}"#,
            r#"{"status": "ready", "finalize": null}"#,
            r#"{"status": "deferred"}"#,
            r#"{"status": 7}"#,
            "{}",
        ] {
            assert_eq!(state(body), Some(OrderState::Unknown), "{body}");
        }
        assert_eq!(state(r#"{"status": "valid", "cert"#), None);
    }

    #[test]
    fn an_order_has_a_thousand_authorizations_at_most() {
        let order = |count: usize| {
            let authorizations = vec!["\"/authz/1\""; count].join(", ");
            state(&format!(r#"{{"status": "pending", "authorizations": [{authorizations}]}}"#))
        };
        assert_eq!(order(AUTHORIZATIONS_MAX), Some(OrderState::Pending));
        assert_eq!(order(AUTHORIZATIONS_MAX + 1), None);
    }
}
