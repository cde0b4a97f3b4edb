//! Challenges (RFC 8555 §7.1.5, §8): the ways to prove control over a name.

use serde_json::json;

use super::{Error, account::Session, address::Address, client::Payload, reading::Document};
use crate::name::Name;

/// The most names that a CA may go by in a challenge (draft-ietf-acme-dns-persist-01 §3.1).
const ISSUERS_MAX: usize = 10;
/// A token is some 128 bits (RFC 8555 §8.3); a longer one than this is none.
const TOKEN_CHARACTERS_MAX: usize = 512;

/// The kinds of challenge that can be read here, with what the answer is derived from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// A file on port 80 (RFC 8555 §8.3).
    Http01(Token),
    /// A TXT record (RFC 8555 §8.4).
    Dns01(Token),
    /// A certificate on port 443 (RFC 8737).
    TlsAlpn01(Token),
    /// A TXT record that stays (draft-ietf-acme-dns-persist-01).
    DnsPersist01(Grantee),
}

/// Whom a record that stays has to name (draft-ietf-acme-dns-persist-01 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grantee {
    /// The names that the CA goes by, any of which will do; there is one at least.
    pub issuers: Vec<String>,
    /// The account, if the challenge says so.
    pub account: Option<String>,
}

impl Grantee {
    /// Reads what a challenge says. `None` if it names no CA, too many, or one in another form than the draft has them:
    /// A-labels in lower case, without a final dot. Later drafts spell the field as JSON's other fields are.
    fn read(document: &Document) -> Option<Self> {
        let issuers = document.text_list("issuer-domain-names").or_else(|| document.text_list("issuerDomainNames"))?;
        let is_domain = |text: &&str| {
            let name = text.parse::<Name>();
            name.is_ok_and(|name| name.as_str() == *text && !name.is_wildcard() && name.address().is_none())
        };
        let is_well_formed = (1..=ISSUERS_MAX).contains(&issuers.len()) && issuers.iter().all(is_domain);
        is_well_formed.then(|| Self {
            issuers: issuers.into_iter().map(str::to_owned).collect(),
            account: document.text("accounturi").map(str::to_owned),
        })
    }
}

/// A challenge's random value: base64url, so that it is safe in a path (RFC 8555 §8.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// Takes `text` if it is base64url and no longer than a token may be.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_some_long = (1..=TOKEN_CHARACTERS_MAX).contains(&text.len());
        (is_some_long && text.bytes().all(is_base64url)).then(|| Self(text.to_owned()))
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One way to prove control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Which.
    pub kind: ChallengeKind,
    /// Where to say that the answer is in place.
    pub url: Address,
    /// Whether it still waits to be told so; a second time would be refused or counted twice.
    pub is_pending: bool,
}

impl Challenge {
    /// Reads one; `None` if its type is unknown, something in it is missing, or it has failed: of an authorization that is
    /// pending all the same, another one may still succeed.
    #[must_use]
    pub fn read(document: &Document) -> Option<Self> {
        let token = || Token::parse(document.text("token")?);
        let kind = match document.text("type")? {
            "http-01" => ChallengeKind::Http01(token()?),
            "dns-01" => ChallengeKind::Dns01(token()?),
            "tls-alpn-01" => ChallengeKind::TlsAlpn01(token()?),
            "dns-persist-01" => ChallengeKind::DnsPersist01(Grantee::read(document)?),
            _ => return None,
        };
        if document.text("status") == Some("invalid") {
            return None;
        }
        Some(Self {
            kind,
            url: document.url("url")?,
            is_pending: matches!(document.text("status"), Some("pending") | None),
        })
    }
}

impl Session<'_> {
    /// Says that a challenge's answer is in place (RFC 8555 §7.5.1). To be said once per challenge.
    ///
    /// # Errors
    /// [`Error`] if the CA refuses; without an answer, the authorization tells whether it arrived.
    pub async fn respond(&mut self, challenge: &Challenge) -> Result<(), Error> {
        self.post(&challenge.url, &Payload::Json(json!({}))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Challenge> {
        let base = "https://ca.test/authz/1".parse().unwrap();
        Challenge::read(&Document::parse(body.as_bytes(), &base).unwrap())
    }

    fn persistent(more: &str) -> Option<Grantee> {
        let challenge = read(&format!(r#"{{"type": "dns-persist-01", "url": "/c/1"{more}}}"#))?;
        if let ChallengeKind::DnsPersist01(grantee) = challenge.kind { Some(grantee) } else { None }
    }

    #[test]
    fn a_persistent_challenge_names_between_one_and_ten_cas() {
        let names = |count: usize| vec!["\"ca.test\""; count].join(", ");
        for (count, is_read) in [(0, false), (1, true), (10, true), (11, false)] {
            for field in ["issuer-domain-names", "issuerDomainNames"] {
                let found = persistent(&format!(r#", "{field}": [{}]"#, names(count)));
                assert_eq!(found.map(|found| found.issuers.len()), is_read.then_some(count), "{field} {count}");
            }
        }
        assert_eq!(persistent(""), None);
        let account = "https://ca.test/account/1";
        let found = persistent(&format!(r#", "issuer-domain-names": ["ca.test"], "accounturi": "{account}""#));
        assert_eq!(found, Some(Grantee { issuers: vec!["ca.test".into()], account: Some(account.into()) }));
    }

    #[test]
    fn a_persistent_challenge_that_names_a_ca_in_another_form_is_refused() {
        for issuer in ["CA.test", "ca.test.", "*.ca.test", "10.0.0.1", "ca.test; policy=wildcard", "", "cä.test"] {
            assert_eq!(persistent(&format!(r#", "issuer-domain-names": ["ca.test", "{issuer}"]"#)), None, "{issuer}");
        }
        assert_eq!(persistent(r#", "issuer-domain-names": ["ca.test", 7]"#), None);
        assert_eq!(persistent(r#", "issuer-domain-names": "ca.test""#), None);
    }

    #[test]
    fn a_token_is_base64url_of_bounded_length() {
        let token = |text: &str| Token::parse(text).is_some();
        assert!(token("abc-_9") && token(&"a".repeat(TOKEN_CHARACTERS_MAX)));
        assert!(!token("") && !token("a/b") && !token(&"a".repeat(TOKEN_CHARACTERS_MAX + 1)));
    }
}
