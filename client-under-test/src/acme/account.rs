//! Accounts (RFC 8555 §7.3) and what one may ask: [`Session`].

use serde_json::json;
use sim::{Env, crypto::P256Key};
use url::Url;

use super::{
    Error,
    client::{Client, Payload},
    http::Response,
    jws::{self, KeyId},
};

/// A key that a CA knows by an address.
#[derive(Clone, Debug)]
pub struct Account {
    key: P256Key,
    url: Url,
}

impl Account {
    /// An account known from before.
    #[must_use]
    pub fn known(key: P256Key, url: Url) -> Self {
        Self { key, url }
    }

    /// Registers `key`, agreeing to the CA's terms of service. A key that the CA knows already leads
    /// to the account it has (RFC 8555 §7.3.1), so this may be repeated after a lost answer.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses or names no address.
    pub async fn register(client: &mut Client, key: P256Key, contact: &[String]) -> Result<Self, Error> {
        let url = client.directory().new_account.clone();
        let mut payload = json!({ "termsOfServiceAgreed": true });
        if !contact.is_empty() {
            payload["contact"] = json!(contact);
        }
        let response = client.post(&key, KeyId::Jwk, &url, &Payload::Json(payload)).await?;
        let url = response.location().ok_or_else(|| Error::unusable(&response, "the account has no Location"))?;
        Ok(Self { key, url })
    }

    /// The address by which the CA knows the account.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The account's key.
    #[must_use]
    pub fn key(&self) -> &P256Key {
        &self.key
    }

    /// Speaks to the CA as this account.
    pub fn session<'a>(&'a self, client: &'a mut Client) -> Session<'a> {
        Session { client, account: self }
    }
}

/// A conversation with a CA, held as an account. Its requests stand with their resources: orders,
/// authorizations, challenges, certificates.
#[derive(Debug)]
pub struct Session<'a> {
    client: &'a mut Client,
    account: &'a Account,
}

impl Session<'_> {
    /// The host that this session is held from.
    #[must_use]
    pub fn env(&self) -> Env {
        self.client.env().clone()
    }

    /// What proves that this account controls a challenge's token (RFC 8555 §8.1).
    #[must_use]
    pub fn key_authorization(&self, token: &str) -> String {
        jws::key_authorization(token, &self.account.key)
    }

    pub(super) fn client(&self) -> &Client {
        self.client
    }

    pub(super) async fn post(&mut self, url: &Url, payload: &Payload) -> Result<Response, Error> {
        self.client.post(&self.account.key, KeyId::Account(&self.account.url), url, payload).await
    }

    pub(super) async fn read(&mut self, url: &Url) -> Result<Response, Error> {
        self.post(url, &Payload::Read(None)).await
    }
}
