//! [`Client`]: a conversation with one CA, signed requests and their nonces included.

use sim::{Env, crypto::P256Key};
use url::Url;

use super::{
    Error,
    address::Address,
    directory::Directory,
    http::{Conversation, HttpClient, Request, Response},
    jws::{self, KeyId},
    nonce::{Nonce, NoncePool, NonceStock},
};

/// How often one request is signed anew because its nonce was refused (RFC 8555 §6.5).
const NONCES_TRIED_MAX: usize = 5;

/// What a signed request carries.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Nothing: a POST-as-GET, which reads a resource (RFC 8555 §6.3) in the media type given.
    Read(Option<&'static str>),
    /// A JSON object.
    Json(serde_json::Value),
}

/// A conversation with one CA.
#[derive(Debug)]
pub struct Client {
    env: Env,
    conversation: Conversation,
    directory: Directory,
    nonces: Box<dyn NonceStock>,
}

impl Client {
    /// Reads the directory at `directory_url` and begins a conversation.
    ///
    /// # Errors
    /// [`Error`] if there is no usable directory.
    pub async fn connect(env: &Env, http: &HttpClient, directory_url: &Url) -> Result<Self, Error> {
        let mut conversation = http.converse();
        let response = succeeded(conversation.send(&Request::get(&directory_url.clone().into())).await?)?;
        let directory = Directory::read(&response)?;
        Ok(Self { env: env.clone(), conversation, directory, nonces: NoncePool::make() })
    }

    /// The same conversation, with its nonces kept in `nonces`.
    #[must_use]
    pub fn with_nonces(self, nonces: Box<dyn NonceStock>) -> Self {
        Self { nonces, ..self }
    }

    /// The CA's directory.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The host that this conversation is held from.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Reads a public resource.
    ///
    /// # Errors
    /// [`Error::Http`] without an answer, [`Error::Refused`] for an error status.
    pub async fn get(&mut self, url: &Address) -> Result<Response, Error> {
        Ok(succeeded(self.conversation.send(&Request::get(url)).await?)?)
    }

    /// Sends a signed request, again with another nonce if its nonce is refused.
    ///
    /// # Errors
    /// [`Error::Http`] without an answer, [`Error::Refused`] for an error status.
    pub async fn post(
        &mut self,
        key: &P256Key,
        key_id: KeyId<'_>,
        url: &Address,
        payload: &Payload,
    ) -> Result<Response, Error> {
        let (body, accept) = match payload {
            Payload::Read(accept) => (Vec::new(), *accept),
            Payload::Json(value) => (value.to_string().into_bytes(), None),
        };
        let is_read = matches!(payload, Payload::Read(_));
        let mut tried = 0;
        loop {
            tried += 1;
            let nonce = self.nonce().await?;
            let signed = jws::sign(key, key_id, &nonce, url, &body);
            let response = match self.conversation.send(&Request::post(url, signed, accept)).await {
                Ok(response) => response,
                // Reading has no effect, so it may be repeated, though not with the same nonce.
                Err(_) if is_read && tried == 1 => continue,
                Err(e) => return Err(e.into()),
            };
            let refused = match succeeded(response) {
                Ok(response) => {
                    self.nonces.keep(&response.headers);
                    return Ok(response);
                }
                Err(refused) => refused,
            };
            if !refused.error.is("badNonce") {
                self.nonces.keep(&refused.response.headers);
                return Err(refused.into());
            }
            self.nonces.refused();
            self.nonces.keep(&refused.response.headers);
            if tried == NONCES_TRIED_MAX {
                return Err(refused.into());
            }
            self.env.probe("manager/nonce-retried");
        }
    }

    async fn nonce(&mut self) -> Result<Nonce, Error> {
        if let Some(nonce) = self.nonces.take() {
            return Ok(nonce);
        }
        let url = self.directory.new_nonce.clone();
        let mut response = self.conversation.send(&Request::head(&url)).await?;
        if Nonce::of(&response.headers).is_none() && response.status == hyper::StatusCode::METHOD_NOT_ALLOWED {
            response = self.conversation.send(&Request::get(&url)).await?;
        }
        match Nonce::of(&response.headers) {
            Some(nonce) => Ok(nonce),
            None if response.status.is_success() => Err(Error::unusable(&response, "it has no Replay-Nonce")),
            None => Err(Error::refused(&response)),
        }
    }
}

/// An error answer, with its headers still at hand.
struct Refused {
    error: Error,
    response: Response,
}

fn succeeded(response: Response) -> Result<Response, Box<Refused>> {
    if response.status.is_success() {
        Ok(response)
    } else {
        Err(Box::new(Refused { error: Error::refused(&response), response }))
    }
}

impl From<Box<Refused>> for Error {
    fn from(refused: Box<Refused>) -> Self {
        refused.error
    }
}
