//! Account key rollover (RFC 8555 §7.3.5): a JWS by the new key inside of one by the old.

use sim::crypto::P256Key;

use super::{Error, account::Session, client::Payload, jws};

impl Session<'_> {
    /// Asks the CA to know this account by `new` from now on; `false` if it has no such resource.
    ///
    /// # Errors
    /// [`Error`]. If there is no answer, either key may be the account's.
    pub async fn change_key(&mut self, new: &P256Key) -> Result<bool, Error> {
        let Some(url) = self.client().directory().key_change.clone() else { return Ok(false) };
        let inner = jws::sign_key_change(new, self.account().key(), self.account().url(), &url);
        self.post(&url, &Payload::Json(inner)).await?;
        Ok(true)
    }
}
