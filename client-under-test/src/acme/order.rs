//! Orders (RFC 8555 §7.1.3, §7.4): the way from names to a certificate.

use std::time::Duration;

use serde_json::json;

use super::{
    Error, account::Session, address::Address, client::Payload, http::Response, jws::base64url, problem::Problem,
    reading::Document, renewal_info::CertId,
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
    /// Its authorizations.
    pub authorizations: Vec<Address>,
    /// How long the CA wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Order {
    fn read(url: Address, response: &Response) -> Result<Self, Error> {
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
        Ok(Self { url, state, authorizations, retry_after: response.retry_after })
    }
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
            let offered = profiles.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(Error::NotOffered { what: format!("the profile `{profile}`, but these: [{offered}]") });
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
        Order::read(location, &response)
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

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    fn state(body: &str) -> Option<OrderState> {
        let url: Address = "https://ca.test/order/1".parse().unwrap();
        let response = Response {
            url: url.clone(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            retry_after: None,
            body: body.to_owned().into(),
        };
        Order::read(url, &response).ok().map(|order| order.state)
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
