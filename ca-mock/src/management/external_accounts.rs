//! `/external-account-keys`: a customer is given a key while the CA runs (RFC 8555 §7.3.4). This call is not Pebble's.
//!
//! `{"kid": "kid-1", "macKey": base64url, "singleUse": true, "expires": "2027-01-01T00:00:00Z"}`; the last two may be left
//! out. What is wrong with a request is told in the answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use serde::Deserialize;
use sim::UtcDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Management, bare, refusal};
use crate::external_accounts::ExternalAccountKey;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewKey {
    kid: String,
    mac_key: String,
    #[serde(default)]
    single_use: bool,
    expires: Option<String>,
}

impl Management {
    pub(super) fn add_external_account_key(&self, body: &[u8]) -> Response<Full<Bytes>> {
        match read(body) {
            Ok((kid, key)) => {
                self.ca.with_store(|store| store.external_accounts.add(kid, key));
                bare(StatusCode::OK)
            }
            Err(wrong) => refusal(wrong + "\n"),
        }
    }
}

fn read(body: &[u8]) -> Result<(String, ExternalAccountKey), String> {
    let new: NewKey = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let mut key = ExternalAccountKey::parse(&new.mac_key)
        .ok_or_else(|| "\"macKey\" is not base64url without padding, or empty".to_owned())?;
    key.is_single_use = new.single_use;
    let time = |text: &String| UtcDateTime::parse(text, &Rfc3339).map_err(|e| format!("\"expires\" is no time: {e}"));
    key.expires = new.expires.as_ref().map(time).transpose()?;
    Ok((new.kid, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_its_limits_and_what_is_wrong_is_told() {
        let whole = br#"{"kid": "a", "macKey": "AAAA", "singleUse": true, "expires": "2027-01-01T00:00:00Z"}"#;
        let (kid, key) = read(whole).unwrap();
        assert_eq!((kid.as_str(), key.is_single_use, key.expires.is_some()), ("a", true, true));
        for (bad, told) in [
            (&b""[..], "EOF"),
            (br#"{"kid": "a"}"#, "macKey"),
            (br#"{"kid": "a", "macKey": "AAAA", "single": true}"#, "single"),
            (br#"{"kid": "a", "macKey": "AAA="}"#, "base64url"),
            (br#"{"kid": "a", "macKey": "AAAA", "expires": "soon"}"#, "expires"),
        ] {
            let wrong = read(bad).unwrap_err();
            assert!(wrong.contains(told), "{wrong}");
        }
    }
}
