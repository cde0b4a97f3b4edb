//! Accounts (RFC 8555 §7.3) and what one may ask: [`Session`].

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Env, Monotonic, crypto::P256Key};

use super::{
    Error,
    address::Address,
    challenge::Token,
    client::{Client, Payload},
    external_account::ExternalAccount,
    http::Response,
    jws::{self, KeyId},
    reading::Document,
};

/// For so long after a rollover, a part of the CA may not know the new key yet.
pub const SETTLING_TIME: Duration = Duration::from_secs(60);
/// The waits before a request is sent again that was refused in that time, seconds.
const SETTLING_WAITS_S: [u64; 4] = [1, 2, 4, 8];

/// The waits before a resource that was not found is looked for again, seconds.
const UNKNOWN_WAITS_S: [u64; 3] = [1, 2, 4];

/// The terms of service that the operator agrees to (RFC 8555 §7.3). To agree is a person's doing; nothing here does it unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Those at this URL, as the CA's directory writes it, and to no others.
    To(String),
    /// Whatever the CA asks for.
    ToAny,
}

impl Consent {
    /// Whether the operator agrees to the terms at `url`.
    #[must_use]
    pub fn covers(&self, url: &str) -> bool {
        match self {
            Self::To(agreed) => agreed == url,
            Self::ToAny => true,
        }
    }
}

/// What is said of whoever a new account is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applicant {
    /// Where the CA can reach the operator.
    pub contact: Vec<String>,
    /// An account outside of ACME to bind the new one to (RFC 8555 §7.3.4).
    pub external: Option<ExternalAccount>,
    /// Which terms of service the operator agrees to; none if absent.
    pub consent: Option<Consent>,
}

impl Applicant {
    /// What a newAccount request says, except of the external account.
    ///
    /// # Errors
    /// [`Error::TermsNotAgreed`].
    fn payload(&self, terms: Option<&str>) -> Result<Value, Error> {
        let mut payload = json!({});
        if let Some(terms) = terms {
            if !self.consent.as_ref().is_some_and(|consent| consent.covers(terms)) {
                return Err(Error::TermsNotAgreed { terms: terms.to_owned() });
            }
            payload["termsOfServiceAgreed"] = json!(true);
        }
        if !self.contact.is_empty() {
            payload["contact"] = json!(self.contact);
        }
        Ok(payload)
    }
}

/// A key that a CA knows by an address.
#[derive(Clone, Debug)]
pub struct Account {
    key: P256Key,
    url: Address,
    /// Until when the key is so new that the CA may refuse it by mistake.
    settles_at: Option<Monotonic>,
}

impl Account {
    /// An account known from before.
    #[must_use]
    pub fn known(key: P256Key, url: Address) -> Self {
        Self { key, url, settles_at: None }
    }

    /// The same, with a key that the CA may have taken in so recently that not every part of it has heard.
    #[must_use]
    pub fn settling_until(self, settles_at: Monotonic) -> Self {
        Self { settles_at: Some(settles_at), ..self }
    }

    /// Registers `key` for the `applicant`. A key that the CA knows already leads to the account it has (RFC 8555 §7.3.1),
    /// so this may be repeated after a lost answer.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses, wants terms agreed to that the applicant does not agree to, wants an external account,
    /// or names no address.
    pub async fn register(client: &mut Client, key: P256Key, applicant: &Applicant) -> Result<Self, Error> {
        let external = applicant.external.as_ref();
        if client.directory().external_account_required && external.is_none() {
            return Err(Error::ExternalAccountRequired);
        }
        let mut payload = applicant.payload(client.directory().terms_of_service.as_deref())?;
        let url = client.directory().new_account.clone();
        if let Some(external) = external {
            payload["externalAccountBinding"] = jws::bind(external, &key, &url);
        }
        let url = match client.post(&key, KeyId::Jwk, &url, &Payload::Json(payload)).await {
            Ok(response) => {
                response.location().ok_or_else(|| Error::unusable(&response, "the account has no Location"))?
            }
            // Not every CA says so in its directory.
            Err(e) if e.is("externalAccountRequired") && external.is_none() => {
                return Err(Error::ExternalAccountRequired);
            }
            Err(e) => named_by_refusal(client, e)?,
        };
        Ok(Self::known(key, url))
    }

    /// The account that the CA has for `key`; `None` if it has none (RFC 8555 §7.3.1).
    ///
    /// # Errors
    /// [`Error`] if that can't be learned, or the CA names no address.
    pub async fn find(client: &mut Client, key: P256Key) -> Result<Option<Self>, Error> {
        match look_up(client, &key).await {
            Ok(response) => {
                let url = response.location();
                let url = url.ok_or_else(|| Error::unusable(&response, "the account has no Location"))?;
                Ok(Some(Self::known(key, url)))
            }
            Err(e) if e.is("accountDoesNotExist") => Ok(None),
            Err(e) => Ok(Some(Self::known(key, named_by_refusal(client, e)?))),
        }
    }

    /// Whether the CA has an account for `key` that is over: it refuses whatever that asks for (RFC 8555 §7.3.6), or says so.
    ///
    /// # Errors
    /// [`Error`] if that can't be learned.
    pub async fn is_over(client: &mut Client, key: &P256Key) -> Result<bool, Error> {
        match look_up(client, key).await {
            Ok(response) => {
                let document = Document::parse(&response.body, &response.url);
                let status = document.as_ref().and_then(|document| document.text("status"));
                Ok(matches!(status, Some("deactivated" | "revoked")))
            }
            Err(e) if e.is("unauthorized") => Ok(true),
            Err(e) if e.is("accountDoesNotExist") => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The address by which the CA knows the account.
    #[must_use]
    pub fn url(&self) -> &Address {
        &self.url
    }

    /// The account's key.
    #[must_use]
    pub fn key(&self) -> &P256Key {
        &self.key
    }

    /// What proves that this account controls a challenge's token (RFC 8555 §8.1).
    #[must_use]
    pub fn key_authorization(&self, token: &Token) -> String {
        jws::key_authorization(token.as_str(), &self.key)
    }

    /// Speaks to the CA as this account.
    pub fn session<'a>(&'a self, client: &'a mut Client) -> Session<'a> {
        Session { client, account: self }
    }
}

/// Asks for the account of `key`, and for none to be created (RFC 8555 §7.3.1).
async fn look_up(client: &mut Client, key: &P256Key) -> Result<Response, Error> {
    let url = client.directory().new_account.clone();
    client.post(key, KeyId::Jwk, &url, &Payload::Json(json!({ "onlyReturnExisting": true }))).await
}

/// Some CAs refuse with 409 what RFC 8555 §7.3.1 has them answer, and name the account all the same.
fn named_by_refusal(client: &Client, refused: Error) -> Result<Address, Error> {
    let conflict = refused.problem().filter(|problem| problem.status == Some(409));
    let Some(url) = conflict.and_then(|problem| problem.location.clone()) else { return Err(refused) };
    client.env().probe("manager/account-named-by-refusal");
    Ok(url)
}

/// A conversation with a CA, held as an account. Its requests stand with their resources: orders,
/// authorizations, challenges, certificates.
#[derive(Debug)]
pub struct Session<'a> {
    client: &'a mut Client,
    account: &'a Account,
}

impl<'a> Session<'a> {
    /// The account that speaks.
    #[must_use]
    pub fn account(&self) -> &'a Account {
        self.account
    }
}

impl Session<'_> {
    /// The host that this session is held from.
    #[must_use]
    pub fn env(&self) -> Env {
        self.client.env().clone()
    }

    /// Reads the account (RFC 8555 §7.3.2), whose answer says that the CA knows account and key.
    ///
    /// # Errors
    /// [`Error`] if it doesn't, or can't be asked.
    pub async fn read_account(&mut self) -> Result<(), Error> {
        let url = self.account.url.clone();
        self.read(&url).await.map(drop)
    }

    /// Gives the account up for ever (RFC 8555 §7.3.6): the CA takes no request of it any more.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses or can't be asked.
    pub async fn deactivate_account(&mut self) -> Result<(), Error> {
        let url = self.account.url.clone();
        self.post(&url, &Payload::Json(json!({ "status": "deactivated" }))).await.map(drop)
    }

    pub(super) fn client(&self) -> &Client {
        self.client
    }

    /// Sends a request signed by the account. While the key is new, a refusal that may be about the signature is
    /// no answer yet: front ends that remember accounts for a while refuse what others take, and have done nothing.
    /// An account that is over by the CA's own word, asked for by its key, is no such mistake.
    pub(super) async fn post(&mut self, url: &Address, payload: &Payload) -> Result<Response, Error> {
        let mut waits = SETTLING_WAITS_S.into_iter();
        loop {
            let key_id = KeyId::Account(&self.account.url);
            let refused = match self.client.post(&self.account.key, key_id, url, payload).await {
                Err(e) if e.is("malformed") || e.is("unauthorized") => e,
                other => return other,
            };
            let now = self.client.env().monotonic_now();
            let is_new = self.account.settles_at.is_some_and(|settles_at| now < settles_at);
            let Some(wait) = waits.next().filter(|_| is_new) else { return Err(refused) };
            // RFC 8555 §7.3.6. If that can't be learned, it is seen at the next try.
            if refused.is("unauthorized") && matches!(Account::is_over(self.client, &self.account.key).await, Ok(true))
            {
                return Err(refused);
            }
            let env = self.client.env();
            env.probe("manager/new-account-key-refused");
            env.sleep(Duration::from_secs(wait)).await;
        }
    }

    pub(super) async fn read(&mut self, url: &Address) -> Result<Response, Error> {
        self.read_as(url, None).await
    }

    /// Reads a resource that the CA has named, in a media type if one is given. A part of the CA that lags behind may
    /// not have heard of it, so 404 is no answer at first.
    pub(super) async fn read_as(&mut self, url: &Address, accept: Option<&'static str>) -> Result<Response, Error> {
        let mut waits = UNKNOWN_WAITS_S.into_iter();
        loop {
            let refused = match self.post(url, &Payload::Read(accept)).await {
                Err(e) if e.problem().is_some_and(|problem| problem.status == Some(404)) => e,
                other => return other,
            };
            let Some(wait) = waits.next().filter(|_| refused.retry_after().is_none()) else { return Err(refused) };
            let env = self.client.env();
            env.probe("manager/not-found-yet");
            env.sleep(Duration::from_secs(wait)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8555 §7.3: to agree is the operator's doing.
    #[test]
    fn terms_are_agreed_to_only_if_the_operator_says_so_and_only_where_there_are_any() {
        let terms = "https://ca.test/terms/1";
        let payload = |consent: Option<Consent>, terms| Applicant { consent, ..Applicant::default() }.payload(terms);
        for consent in [Consent::ToAny, Consent::To(terms.to_owned())] {
            assert_eq!(payload(Some(consent.clone()), Some(terms)).unwrap(), json!({ "termsOfServiceAgreed": true }));
            assert_eq!(payload(Some(consent), None).unwrap(), json!({}));
        }
        for consent in [None, Some(Consent::To("https://ca.test/terms/2".to_owned()))] {
            let refused = payload(consent, Some(terms)).unwrap_err();
            assert!(matches!(&refused, Error::TermsNotAgreed { .. }) && refused.to_string().contains(terms));
        }
    }
}
