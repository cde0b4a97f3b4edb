//! Challenges: what proves an identifier by each type, published where the CA looks, and the CA asked to look.

use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Account, AccountKey, Answer, Driver, authorizations, base64url, challenge};
use crate::conformance::{
    responder::{HTTP01_PATH, Page, Proof, Published, RecordType, Responder, Service},
    verdict::Stop,
};

/// The case that is about what becomes of a challenge that can't be proved: it ends, and tells why.
const VALIDATION_FAILS: &str = "rfc8555/7.5.1/validation-fails";

/// The cases that are about proving control at all, by the challenge's type.
const PROVED: [(&str, &str); 5] = [
    ("http-01", "rfc8555/7.5.1/response"),
    ("dns-01", "rfc8555/8.4/record"),
    ("tls-alpn-01", "rfc8737/3/certificate"),
    ("dns-account-01", "draft-ietf-acme-dns-account-label/3.2/name"),
    ("dns-persist-01", "draft-ietf-acme-dns-persist/4/name"),
];

/// A challenge that a CA offers (RFC 8555 §8), and the right answer to it.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Such as `http-01`.
    pub kind: String,
    /// Its URL.
    pub url: String,
    /// Its authorization's URL.
    pub authorization: String,
    /// Its token; empty if it has none.
    pub token: String,
    /// The name or address that is to be proved, without `*.`.
    pub identifier: String,
    /// The token and the thumbprint of the account's key (§8.1).
    pub key_authorization: String,
    /// The account's URL.
    pub account: String,
    /// All of it, as the CA shows it.
    pub object: Value,
}

impl Challenge {
    /// The digest that a TXT record holds (RFC 8555 §8.4).
    #[must_use]
    pub fn digest(&self) -> String {
        base64url(Sha256::digest(&self.key_authorization))
    }

    /// Where http-01 is looked for.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{HTTP01_PATH}{}", self.token)
    }

    /// Where a TXT record is looked for.
    #[must_use]
    pub fn record_name(&self) -> String {
        match self.kind.as_str() {
            "dns-account-01" => {
                let own = BASE32_NOPAD.encode(&Sha256::digest(&self.account)[..10]).to_ascii_lowercase();
                format!("_{own}._acme-challenge.{}", self.identifier)
            }
            "dns-persist-01" => format!("_validation-persist.{}", self.identifier),
            _ => format!("_acme-challenge.{}", self.identifier),
        }
    }

    /// The name that tls-alpn-01 asks for: that of an address stands in the reverse tree (RFC 8738 §6).
    #[must_use]
    pub fn server_name(&self) -> String {
        match self.identifier.parse() {
            Ok(std::net::IpAddr::V4(ip)) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            Ok(std::net::IpAddr::V6(ip)) => {
                let nibbles = ip.octets().into_iter().rev().map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4));
                format!("{}ip6.arpa", nibbles.collect::<String>())
            }
            Err(_) => self.identifier.clone(),
        }
    }

    /// The certificate that is right for tls-alpn-01.
    #[must_use]
    pub fn proof(&self) -> Proof {
        Proof::of(&self.identifier, &self.key_authorization)
    }

    /// The issuer domain names of dns-persist-01; drafts differ in how the member is written.
    #[must_use]
    pub fn issuers(&self) -> Vec<String> {
        let list =
            ["issuer-domain-names", "issuerDomainNames"].iter().find_map(|name| self.object.get(name)?.as_array());
        list.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }

    /// The record that is right for dns-persist-01.
    #[must_use]
    pub fn lasting_record(&self) -> String {
        let issuer = self.issuers().into_iter().next().unwrap_or_default();
        format!("{issuer}; accounturi={}; policy=wildcard", self.account)
    }
}

impl Driver {
    /// What answers the CA's validations.
    #[must_use]
    pub fn responder(&self) -> &Responder {
        &self.common.responder
    }

    /// The case needs this served.
    ///
    /// # Errors
    /// [`Stop::Skip`] with the option to give.
    pub fn needs(&self, service: Service) -> Result<(), Stop> {
        let option = match service {
            Service::Http => "--http HOST:PORT",
            Service::Dns => "--dns HOST:PORT",
            Service::Tls => "--tls-alpn HOST:PORT",
        };
        if self.responder().serves(service) {
            return Ok(());
        }
        Err(Stop::Skip(format!("it needs {option}, and a CA that asks there")))
    }

    /// The challenge of this type of an authorization that was read from `url`.
    ///
    /// # Errors
    /// [`Stop::Skip`] if the CA offers none, or nothing is served where it would look.
    pub fn challenge(&self, account: &Account, url: &str, shown: &Answer, kind: &str) -> Result<Challenge, Stop> {
        let whole = shown.json();
        let identifier = whole.pointer("/identifier/value").and_then(Value::as_str).unwrap_or_default();
        let none = || Stop::Skip(format!("the CA offers no {kind} challenge for {identifier}"));
        let object = challenge(shown, kind).ok_or_else(none)?;
        self.needs(match kind {
            "http-01" => Service::Http,
            "tls-alpn-01" => Service::Tls,
            _ => Service::Dns,
        })?;
        let member = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let token = member("token");
        Ok(Challenge {
            kind: kind.to_owned(),
            url: member("url"),
            authorization: url.to_owned(),
            key_authorization: key_authorization(&token, &account.key),
            token,
            identifier: identifier.trim_start_matches("*.").to_owned(),
            account: account.url.clone(),
            object,
        })
    }

    /// The challenges of this type of all of an order's authorizations.
    ///
    /// # Errors
    /// [`Stop`] as [`Self::challenge`].
    pub async fn challenges(&self, account: &Account, order: &Answer, kind: &str) -> Result<Vec<Challenge>, Stop> {
        self.needed("rfc8555/7.1.4/authorization-object", self.read_challenges(account, order, kind)).await
    }

    async fn read_challenges(&self, account: &Account, order: &Answer, kind: &str) -> Result<Vec<Challenge>, Stop> {
        let mut found = Vec::new();
        for url in authorizations(order)? {
            let shown = self.get(account, &url).await?;
            shown.is_success("reading an authorization")?;
            if shown.text("status")? == "pending" {
                found.push(self.challenge(account, &url, &shown, kind)?);
            }
        }
        Ok(found)
    }

    /// A new order for one new name, and its challenge of this type.
    ///
    /// # Errors
    /// [`Stop`] as [`Self::challenge`].
    pub async fn pending_challenge(&self, account: &Account, kind: &str) -> Result<Challenge, Stop> {
        let (order, _) = self.pending_order(account).await?;
        let first = self.challenges(account, &order, kind).await?.into_iter().next();
        first.ok_or_else(|| Stop::Skip("the CA asks for no proof".to_owned()))
    }

    /// Publishes the right answer to a challenge.
    pub fn publish(&self, challenge: &Challenge) {
        let responder = self.responder();
        match challenge.kind.as_str() {
            "http-01" => responder.publish_page(&challenge.path(), Page::new(challenge.key_authorization.as_str())),
            "tls-alpn-01" => {
                responder.publish_handshake(&challenge.server_name(), challenge.proof().handshake(self.env()));
            }
            "dns-persist-01" => {
                let record = Published::text(challenge.lasting_record());
                responder.publish_records(&challenge.record_name(), vec![record]);
            }
            _ => responder.add_record(&challenge.record_name(), Published::text(challenge.digest())),
        }
    }

    /// Asks the CA to look.
    ///
    /// # Errors
    /// [`Stop`] if it refuses to.
    pub async fn respond(&self, account: &Account, challenge: &Challenge) -> Result<Answer, Stop> {
        let answer = self.post(account, &challenge.url, &json!({})).await?;
        is_taken(&answer)?;
        Ok(answer)
    }

    /// Asks the CA to look and waits for what comes of it: the authorization when it is decided.
    ///
    /// # Errors
    /// [`Stop`] if it is not decided.
    pub async fn judged(&self, account: &Account, challenge: &Challenge) -> Result<Answer, Stop> {
        self.respond(account, challenge).await?;
        self.decided(account, challenge).await
    }

    async fn decided(&self, account: &Account, challenge: &Challenge) -> Result<Answer, Stop> {
        self.until(account, &challenge.authorization, |status| status != "pending" && status != "processing").await
    }

    /// The CA looks, and finds what it should.
    ///
    /// # Errors
    /// [`Stop::Fail`] if not.
    pub async fn proves(&self, account: &Account, challenge: &Challenge) -> Result<Answer, Stop> {
        let over = self.judged(account, challenge).await?;
        over.claim(over.text("status")? == "valid", "an authorization that is valid", || over.json().to_string())?;
        Ok(over)
    }

    /// The CA looks, and does not take what it finds; the error in the challenge.
    ///
    /// # Errors
    /// [`Stop::Fail`] if it does.
    pub async fn fails_to_prove(&self, account: &Account, challenge: &Challenge) -> Result<Value, Stop> {
        let answer = self.post(account, &challenge.url, &json!({})).await?;
        if answer.status() == 409 || answer.is_refused().is_err() {
            is_taken(&answer)?;
        } else {
            // §7.5.1 has errors for answers that are wrong themselves.
            self.note(format!("the CA looks at once, and tells of the failure by answering with {}", answer.status()));
        }
        let over = self.needed(VALIDATION_FAILS, self.decided(account, challenge)).await?;
        over.claim(over.text("status")? == "invalid", "an authorization that is invalid", || over.json().to_string())?;
        if let Some(proved) = PROVED.iter().find_map(|(kind, proved)| (*kind == challenge.kind).then_some(*proved)) {
            self.presumes(proved);
        }
        Ok(super::challenge(&over, &challenge.kind).and_then(|one| one.get("error").cloned()).unwrap_or_default())
    }

    /// The same, where the challenge has an error.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the CA takes it, [`Stop::Blocked`] if there is no error.
    pub async fn fails_with_error(&self, account: &Account, challenge: &Challenge) -> Result<Value, Stop> {
        let error = self.fails_to_prove(account, challenge).await?;
        let over = self.get(account, &challenge.authorization).await?;
        over.claim(error.is_object(), "an error in the challenge", || format!("none: {}", over.json()))
            .map_err(|stop| stop.before(VALIDATION_FAILS))?;
        Ok(error)
    }

    /// Proves control over all that an order asks for by challenges of this type, and waits until it is ready.
    ///
    /// # Errors
    /// [`Stop`] if it does not become so.
    pub async fn prove_by(&self, account: &Account, order: &(Answer, String), kind: &str) -> Result<Answer, Stop> {
        for challenge in self.challenges(account, &order.0, kind).await? {
            self.publish(&challenge);
            self.judged(account, &challenge).await?;
        }
        self.until(account, &order.1, |status| status != "pending").await
    }

    /// How often the CA has asked for this name and type of record.
    #[must_use]
    pub fn questions(&self, name: &str, record_type: RecordType) -> usize {
        let asked = self.responder().asked(name);
        asked.iter().filter(|asked| asked.name == name && asked.record_type == record_type).count()
    }
}

/// The CA takes the answer to a challenge.
fn is_taken(answer: &Answer) -> Result<(), Stop> {
    // Some that were asked twice say so.
    if answer.status() == 409 {
        return Ok(());
    }
    answer.is_success("answering a challenge").map_err(|stop| stop.before("rfc8555/7.5.1/response"))
}

/// RFC 8555 §8.1.
#[must_use]
pub fn key_authorization(token: &str, key: &AccountKey) -> String {
    format!("{token}.{}", key.thumbprint())
}
