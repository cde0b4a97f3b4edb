//! A step: one moment of an HTTP exchange, with its meaning for ACME.

use std::sync::Arc;

use serde_json::Value;

use super::{
    http::{Moment, Request, Response},
    identifier::{Identifier, Identifiers},
    jws::Jws,
    place::Place,
    retry_after::RetryAfter,
};

/// What a step is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// The directory. The very first request for one is [`Resource::Other`] until it is answered.
    Directory,
    /// `newNonce`.
    NewNonce,
    /// `newAccount`.
    NewAccount,
    /// `newAuthz`.
    NewAuthorization,
    /// `newOrder`.
    NewOrder,
    /// `revokeCert`.
    RevokeCertificate,
    /// `keyChange`.
    KeyChange,
    /// `renewalInfo` (RFC 9773) of one certificate.
    RenewalInfo {
        /// The certificate's unique identifier.
        certificate_id: String,
    },
    /// An account.
    Account,
    /// An order.
    Order,
    /// An authorization.
    Authorization,
    /// A challenge.
    Challenge {
        /// The authorization that it belongs to.
        authorization: Place,
    },
    /// An order's finalize URL.
    Finalize {
        /// The order.
        order: Place,
    },
    /// A certificate, in its default chain or an alternate one.
    Certificate {
        /// The order.
        order: Place,
    },
    /// The answer to an `http-01` challenge (RFC 8555 §8.3), fetched by a validation authority.
    Http01 {
        /// The token in the path.
        token: String,
    },
    /// None of ACME's, as far as is known.
    Other,
}

/// A moment of an HTTP exchange, with its meaning for ACME.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which moment.
    pub moment: Moment,
    /// What it is about.
    pub resource: Resource,
    /// The resource's place.
    pub place: Place,
    /// The client's host, if known.
    pub client: Option<Arc<str>>,
    /// The server's host, if known.
    pub server: Option<Arc<str>>,
    /// The request.
    pub request: Arc<Request>,
    /// The response, from [`Moment::Answered`] on.
    pub response: Option<Arc<Response>>,
}

impl Step {
    /// The signed request, if it is one.
    #[must_use]
    pub fn jws(&self) -> Option<&Jws> {
        self.request.jws()
    }

    /// The signed request's payload.
    #[must_use]
    pub fn payload(&self) -> Option<&Value> {
        self.jws().map(|jws| &jws.payload)
    }

    /// The response's status; 0 while there is no response.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.as_ref().map_or(0, |response| response.status)
    }

    /// Whether the response says that it worked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status())
    }

    /// The response's body, if it is JSON.
    #[must_use]
    pub fn body(&self) -> Option<&Value> {
        self.response.as_ref()?.json()
    }

    /// A text member of the response's body.
    #[must_use]
    pub fn body_text(&self, member: &str) -> Option<&str> {
        self.body()?.get(member)?.as_str()
    }

    /// A response's header field, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.as_ref()?.headers.first(name)
    }

    /// The place in `Location`.
    #[must_use]
    pub fn location(&self) -> Option<Place> {
        let location = self.header("location")?;
        Place::of_url(location).or_else(|| Some(Place::of_request(self.place.authority(), location)))
    }

    /// The account that speaks, if it says so by its URL (RFC 8555 §6.2).
    pub(crate) fn account(&self) -> Option<Place> {
        self.jws().and_then(Jws::kid).and_then(Place::of_url)
    }

    /// The account of whose end this tells: the CA does not know it, or says that it is not valid (RFC 8555 §7.3.6).
    pub(crate) fn account_over(&self) -> Option<Place> {
        if self.problem() == Some("accountDoesNotExist") || self.is_unauthorized() {
            return self.account();
        }
        let is_over = self.resource == Resource::Account && self.body_text("status").is_some_and(|s| s != "valid");
        is_over.then(|| self.place.clone())
    }

    /// Whether the CA says of the key that asks for an account that its account is over (RFC 8555 §7.3.6).
    pub(crate) fn is_key_over(&self) -> bool {
        self.resource == Resource::NewAccount && self.is_unauthorized()
    }

    fn is_unauthorized(&self) -> bool {
        self.problem() == Some("unauthorized") && self.status() == 401
    }

    /// The problem's type without ACME's prefix, for example `badNonce` (RFC 8555 §6.7); one that is not ACME's is a whole URI.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        let kind = self.body_text("type").filter(|_| self.status() >= 400)?;
        // A relative reference (RFC 9457 §3.1.1) looks like a type of ACME's, and is none.
        kind.strip_prefix("urn:ietf:params:acme:error:").or_else(|| kind.contains(':').then_some(kind))
    }

    /// How long the response asks to wait; `utc_s` is the true time.
    #[must_use]
    pub fn retry_after(&self, utc_s: Option<i64>) -> Option<RetryAfter> {
        RetryAfter::read(self.response.as_deref()?, utc_s)
    }

    /// The start and the end of the renewal window in the response (RFC 9773 §4.2), as far as they are there.
    #[must_use]
    pub fn suggested_window(&self) -> [Option<&str>; 2] {
        let window = self.body().and_then(|body| body.get("suggestedWindow"));
        ["start", "end"].map(|edge| window?.get(edge)?.as_str())
    }

    /// The order that this step shows or acts on.
    #[must_use]
    pub fn order(&self) -> Option<Place> {
        match &self.resource {
            Resource::Order => Some(self.place.clone()),
            Resource::Finalize { order } | Resource::Certificate { order } => Some(order.clone()),
            Resource::NewOrder => self.location(),
            Resource::Directory
            | Resource::NewNonce
            | Resource::NewAccount
            | Resource::NewAuthorization
            | Resource::RevokeCertificate
            | Resource::KeyChange
            | Resource::RenewalInfo { .. }
            | Resource::Account
            | Resource::Authorization
            | Resource::Challenge { .. }
            | Resource::Http01 { .. }
            | Resource::Other => None,
        }
    }

    /// The authorization that this step shows or acts on.
    #[must_use]
    pub fn authorization(&self) -> Option<Place> {
        if let Resource::Challenge { authorization } = &self.resource {
            return Some(authorization.clone());
        }
        (self.resource == Resource::Authorization).then(|| self.place.clone())
    }

    /// The order object in the response, with its place.
    #[must_use]
    pub fn order_shown(&self) -> Option<(Place, &Value)> {
        let is_order = matches!(self.resource, Resource::Order | Resource::NewOrder | Resource::Finalize { .. });
        if !is_order || !self.is_success() {
            return None;
        }
        Some((self.order()?, self.body()?))
    }

    /// The identifiers of the order object in the response, or else of the request for one.
    #[must_use]
    pub fn identifiers(&self) -> Option<Identifiers> {
        self.body().and_then(Identifier::set_of_json).or_else(|| self.payload().and_then(Identifier::set_of_json))
    }

    /// The client's host for a message.
    #[must_use]
    pub fn client_name(&self) -> &str {
        self.client.as_deref().unwrap_or("a client")
    }
}
