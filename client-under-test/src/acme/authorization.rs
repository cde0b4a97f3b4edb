//! Authorizations (RFC 8555 §7.1.4, §7.5): whether the account controls a name.

use std::time::Duration;

use serde_json::json;

use super::{
    Error,
    account::Session,
    address::Address,
    challenge::Challenge,
    client::Payload,
    http::Response,
    problem::Problem,
    reading::{self, Document},
};
use crate::name::Name;

/// The most challenges of an authorization that are looked at; there are five types, and some private ones.
const CHALLENGES_MAX: usize = 100;

/// Where an authorization stands (RFC 8555 §7.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationState {
    /// It awaits a challenge's success.
    Pending,
    /// Control has been proven.
    Valid,
    /// It can't become valid any more: `invalid`, `deactivated`, `expired`, `revoked`.
    Over(String),
    /// A status that RFC 8555 does not know: to be asked again.
    Unknown,
}

/// An authorization as the CA last showed it.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Its address.
    pub url: Address,
    /// The name it is about, as the CA writes it.
    pub identifier: String,
    /// Whether it is about all names directly below that one (RFC 8555 §7.1.4).
    pub is_wildcard: bool,
    /// Where it stands.
    pub state: AuthorizationState,
    /// The ways to prove control that can be read and have not failed; others are left out.
    pub challenges: Vec<Challenge>,
    /// The types of all challenges offered, in words.
    pub offered: String,
    /// The problems of its challenges, in words.
    pub reason: String,
    /// How long the CA wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Authorization {
    /// Reads the authorization at `url` from an answer that shows it.
    ///
    /// # Errors
    /// [`Error::Unusable`] if it shows none.
    pub fn read(url: Address, response: &Response) -> Result<Self, Error> {
        let Some(document) = Document::parse(&response.body, &response.url) else {
            return Err(Error::unusable(response, "the authorization is not JSON"));
        };
        let state = match document.text("status") {
            Some("pending") => AuthorizationState::Pending,
            Some("valid") => AuthorizationState::Valid,
            Some(over @ ("invalid" | "deactivated" | "expired" | "revoked")) => {
                AuthorizationState::Over(over.to_owned())
            }
            Some(_) | None => AuthorizationState::Unknown,
        };
        let mut challenges = document.objects("challenges");
        challenges.truncate(CHALLENGES_MAX);
        let words = |found: Vec<String>| if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
        Ok(Self {
            url,
            identifier: document
                .object("identifier")
                .and_then(|identifier| identifier.text("value").map(reading::words))
                .unwrap_or_default(),
            is_wildcard: document.flag("wildcard"),
            state,
            offered: words(challenges.iter().filter_map(|one| one.text("type")).map(reading::words).collect()),
            reason: words(
                challenges
                    .iter()
                    .filter_map(|one| one.object("error"))
                    .map(|error| Problem::of_document(&error).to_string())
                    .collect(),
            ),
            challenges: challenges.iter().filter_map(Challenge::read).collect(),
            retry_after: response.retry_after,
        })
    }
}

impl Authorization {
    /// The name that it is about, as an order has it; `None` if that can't be read.
    #[must_use]
    pub fn wanted(&self) -> Option<Name> {
        if self.is_wildcard { format!("*.{}", self.identifier).parse().ok() } else { self.identifier.parse().ok() }
    }
}

impl Session<'_> {
    /// Looks at an authorization.
    ///
    /// # Errors
    /// [`Error`] if the CA does not show it.
    pub async fn authorization(&mut self, url: &Address) -> Result<Authorization, Error> {
        let response = self.read(url).await?;
        Authorization::read(url.clone(), &response)
    }

    /// Gives an authorization up (RFC 8555 §7.5.2), so that the CA need not hold it pending.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses.
    pub async fn deactivate(&mut self, url: &Address) -> Result<(), Error> {
        self.post(url, &Payload::Json(json!({ "status": "deactivated" }))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    fn read(body: &str) -> Result<Authorization, Error> {
        let url: Address = "https://ca.test/authz/1".parse().unwrap();
        let response = Response {
            url: url.clone(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            retry_after: None,
            body: body.to_owned().into(),
        };
        Authorization::read(url, &response)
    }

    #[test]
    fn challenges_that_are_unknown_or_have_failed_are_left_out_but_named() {
        let read = read(
            r#"{"status": "pending", "identifier": {"type": "dns", "value": "a.test"}, "challenges": [
                {"type": "smoke-01", "url": "https://ca.test/c/0"},
                {"type": "http-01", "status": "pending", "url": "https://ca.test/c/1", "token": "abc-_9"},
                {"type": "http-01", "url": "https://ca.test/c/2", "token": "../../etc/passwd"},
                {"type": "dns-01", "status": "invalid", "url": "https://ca.test/c/3", "token": "abc"},
                {"type": "dns-01", "status": "processing", "url": "https://ca.test/c/4", "token": "abc"},
                {"type": null}, null, 7]}"#,
        )
        .unwrap();
        let urls: Vec<&str> = read.challenges.iter().map(|challenge| challenge.url.as_str()).collect();
        assert_eq!(urls, ["https://ca.test/c/1", "https://ca.test/c/4"]);
        assert!(read.challenges[0].is_pending && !read.challenges[1].is_pending);
        assert_eq!(read.offered, "smoke-01, http-01, http-01, dns-01, dns-01");
        assert_eq!(read.wanted(), "a.test".parse().ok());
        assert_eq!(read.state, AuthorizationState::Pending);
    }

    #[test]
    fn no_more_than_a_hundred_challenges_are_looked_at() {
        let challenge = r#"{"type": "http-01", "url": "/c/1", "token": "abc"}"#;
        let body = format!(r#"{{"challenges": [{}]}}"#, vec![challenge; CHALLENGES_MAX + 1].join(", "));
        assert_eq!(read(&body).unwrap().challenges.len(), CHALLENGES_MAX);
    }

    /// RFC 8555 §7.1.4.
    #[test]
    fn that_of_a_wildcard_is_told_from_that_of_the_name_above() {
        let read = read(r#"{"identifier": {"type": "dns", "value": "A.test"}, "wildcard": true}"#).unwrap();
        assert_eq!(read.wanted(), "*.a.test".parse().ok());
    }

    #[test]
    fn a_failed_one_says_why() {
        let read = read(
            r#"{"status": "invalid", "challenges": [{"type": "http-01", "error":
                {"type": "urn:ietf:params:acme:error:connection", "detail": "refused"}}]}"#,
        )
        .unwrap();
        assert_eq!(read.state, AuthorizationState::Over("invalid".into()));
        assert_eq!(read.reason, "connection: refused");
    }

    #[test]
    fn what_is_no_authorization_is_an_error_and_gaps_are_unknown() {
        assert!(read("<html>").is_err());
        assert_eq!(read(r#"{"challenges": {}}"#).unwrap().state, AuthorizationState::Unknown);
    }
}
