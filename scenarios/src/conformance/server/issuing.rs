//! From an order to its certificate, as far as a case wants to go.

use rcgen::{CertificateParams, DistinguishedName};
use serde_json::{Value, json};
use sim::crypto::P256Key;

use crate::{
    conformance::{
        driver::{Account, Answer, Driver, authorizations, base64url},
        verdict::Stop,
    },
    oracles::reader::{
        certificate::Certificate,
        identifier::{Identifier, show},
    },
};

/// An order that awaits its finalization.
pub(super) struct Ready {
    pub(super) account: Account,
    /// The first of its names.
    pub(super) name: String,
    /// All of its names and addresses.
    pub(super) names: Vec<String>,
    pub(super) url: String,
    pub(super) finalize: String,
    /// The order when it became ready.
    pub(super) shown: Answer,
}

/// The case that is about what most others need first: a certificate.
const ISSUANCE: &str = "rfc8555/7.4/issuance";

/// For one new name, proved by http-01.
pub(super) async fn ready(driver: &Driver) -> Result<Ready, Stop> {
    let account = driver.account().await?;
    let payload = for_names(&[&driver.new_name()]);
    driver.needed(ISSUANCE, ready_for(driver, &account, &payload, "http-01")).await
}

/// This order, or another one if it is not ready any more: a CA may end an order whose finalization it has refused (§7.1.6).
pub(super) async fn still_ready(driver: &Driver, order: Ready) -> Result<Ready, Stop> {
    let shown = driver.get(&order.account, &order.url).await?;
    if shown.text("status")? == "ready" { Ok(order) } else { ready(driver).await }
}

/// The payload of a new order for these names.
pub(super) fn for_names(names: &[&str]) -> Value {
    let identifiers: Vec<Value> = names.iter().map(|name| identifier(name)).collect();
    json!({"identifiers": identifiers})
}

/// Of type `dns`, or of type `ip` if it is an address.
pub(super) fn identifier(name: &str) -> Value {
    let kind = if name.parse::<std::net::IpAddr>().is_ok() { "ip" } else { "dns" };
    json!({"type": kind, "value": name})
}

/// For this payload, proved by challenges of this type.
pub(super) async fn ready_for(driver: &Driver, account: &Account, payload: &Value, kind: &str) -> Result<Ready, Stop> {
    let order = driver.ask_order(account, payload).await?;
    order.is_success("a new order")?;
    let url = order.location()?;
    let shown = driver.prove_by(account, &(order, url.clone()), kind).await?;
    let status = shown.text("status")?;
    shown.claim(status == "ready", "an order that is ready", || shown.json().to_string())?;
    Ready::of(account, payload, url, shown)
}

impl Ready {
    fn of(account: &Account, payload: &Value, url: String, shown: Answer) -> Result<Self, Stop> {
        let names = names_of(payload);
        let name = names.first().cloned().unwrap_or_default();
        Ok(Self { account: account.clone(), name, names, url, finalize: shown.text("finalize")?, shown })
    }
}

fn names_of(payload: &Value) -> Vec<String> {
    let identifiers = payload.get("identifiers").and_then(Value::as_array).into_iter().flatten();
    identifiers.filter_map(|one| one.get("value")?.as_str()).map(ToOwned::to_owned).collect()
}

/// What a request for a certificate for these names is made of.
pub(super) fn csr_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names in ASCII");
    params.distinguished_name = DistinguishedName::new();
    params
}

/// A request for a certificate for these names, DER.
pub(super) fn csr(key: &P256Key, names: &[&str]) -> Vec<u8> {
    signed_csr(key, csr_params(names))
}

pub(super) fn signed_csr(key: &P256Key, params: CertificateParams) -> Vec<u8> {
    params.serialize_request(key).expect("a request that can be signed").der().to_vec()
}

pub(super) fn new_key(driver: &Driver) -> P256Key {
    P256Key::generate(driver.env(), "conformance certificate key")
}

pub(super) async fn finalize(driver: &Driver, order: &Ready, csr: &[u8]) -> Result<Answer, Stop> {
    driver.post(&order.account, &order.finalize, &json!({"csr": base64url(csr)})).await
}

/// A certificate as it came, its account and the key that it is for.
pub(super) struct Issued {
    pub(super) account: Account,
    pub(super) chain: Answer,
    /// The first certificate, DER.
    pub(super) leaf: Vec<u8>,
    /// The same, read.
    pub(super) read: Certificate,
    pub(super) key: P256Key,
    /// Its names and addresses.
    pub(super) names: Vec<String>,
    /// Its order.
    pub(super) order: Answer,
    pub(super) order_url: String,
    /// Its URL.
    pub(super) url: String,
}

/// For one new name of the account that all cases share.
pub(super) async fn issued(driver: &Driver) -> Result<Issued, Stop> {
    completed(driver, &ready(driver).await?).await
}

/// The order is finalized, and what is issued is what was asked for.
pub(super) async fn completed(driver: &Driver, order: &Ready) -> Result<Issued, Stop> {
    let key = new_key(driver);
    let names: Vec<&str> = order.names.iter().map(String::as_str).collect();
    driver.needed(ISSUANCE, finalized(driver, order, key.clone(), csr(&key, &names))).await
}

/// As [`completed`], with this request.
pub(super) async fn finalized(driver: &Driver, order: &Ready, key: P256Key, csr: Vec<u8>) -> Result<Issued, Stop> {
    finalize(driver, order, &csr).await?.is_success("finalize")?;
    let done = is_over(driver, order).await?;
    let issued = given_out(driver, order, done, key).await?;
    let Issued { chain, read, .. } = &issued;
    let ordered = for_names(&order.names.iter().map(String::as_str).collect::<Vec<_>>());
    let ordered = Identifier::set_of_json(&ordered).unwrap_or_default();
    chain.claim(read.names == ordered, &format!("a certificate for {}", show(&ordered)), || show(&read.names))?;
    let is_for_key = read.public_key == issued.key.public_point();
    chain.claim(is_for_key, "a certificate for the key of the CSR", || "another key".to_owned())?;
    Ok(issued)
}

/// What has become of an order that is finalized.
async fn is_over(driver: &Driver, order: &Ready) -> Result<Answer, Stop> {
    driver.until(&order.account, &order.url, |status| status != "processing" && status != "ready").await
}

/// What an order gives out that is over, for this key: a certificate, whatever is in it.
async fn given_out(driver: &Driver, order: &Ready, over: Answer, key: P256Key) -> Result<Issued, Stop> {
    over.claim(over.text("status")? == "valid", "an order that is valid", || over.json().to_string())?;
    let url = over.text("certificate")?;
    let chain = driver.get(&order.account, &url).await?;
    chain.has_status(200)?;
    let leaf = certificates(&chain).into_iter().next().unwrap_or_default();
    let none = || Stop::Fail(chain.finding("a certificate", String::from_utf8_lossy(chain.body()).into_owned()));
    let read = Certificate::read(&leaf).ok_or_else(none)?;
    driver.was_given(&order.account, &leaf);
    let (account, names) = (order.account.clone(), order.names.clone());
    Ok(Issued { account, chain, leaf, read, key, names, order: over, order_url: order.url.clone(), url })
}

/// The certificates of a chain, DER.
pub(super) fn certificates(chain: &Answer) -> Vec<Vec<u8>> {
    let blocks = pem::parse_many(chain.body()).unwrap_or_default();
    blocks.into_iter().map(pem::Pem::into_contents).collect()
}

/// Asks for an order for this name.
pub(super) async fn order_for(driver: &Driver, name: &str) -> Result<Answer, Stop> {
    let account = driver.account().await?;
    driver.ask_order(&account, &json!({"identifiers": [{"type": "dns", "value": name}]})).await
}

/// What came of an attempt to have a certificate.
pub(super) enum Attempt {
    /// There is one.
    Issued(Box<Issued>),
    /// The CA has refused, be it at the order, at a challenge or at the end: where that shows, and the problem.
    Refused(Answer, String),
}

/// Goes all the way to a certificate, right in all, with challenges of this type.
pub(super) async fn attempt(driver: &Driver, account: &Account, payload: &Value, kind: &str) -> Result<Attempt, Stop> {
    let order = driver.ask_order(account, payload).await?;
    if (400..500).contains(&order.status()) {
        let problem = order.problem().unwrap_or_default();
        return Ok(Attempt::Refused(order, problem));
    }
    order.is_success("a new order")?;
    let url = order.location()?;
    for challenge in driver.challenges(account, &order, kind).await? {
        driver.publish(&challenge);
        let over = driver.judged(account, &challenge).await?;
        if over.text("status")? != "valid" {
            let error = crate::conformance::driver::challenge(&over, kind);
            let problem = error.and_then(|one| one.get("error").map(problem_type)).unwrap_or_default();
            return Ok(Attempt::Refused(over, problem));
        }
    }
    let shown = driver.until(account, &url, |status| status != "pending").await?;
    let ready = Ready::of(account, payload, url, shown)?;
    let key = new_key(driver);
    let names: Vec<&str> = ready.names.iter().map(String::as_str).collect();
    let request = csr(&key, &names);
    let answer = finalize(driver, &ready, &request).await?;
    if (400..500).contains(&answer.status()) {
        let problem = answer.problem().unwrap_or_default();
        return Ok(Attempt::Refused(answer, problem));
    }
    let over = is_over(driver, &ready).await?;
    if over.text("status")? == "invalid" {
        let problem = over.json().get("error").map(problem_type).unwrap_or_default();
        return Ok(Attempt::Refused(over, problem));
    }
    given_out(driver, &ready, over, key).await.map(|issued| Attempt::Issued(Box::new(issued)))
}

fn problem_type(problem: &Value) -> String {
    let kind = problem.get("type").and_then(Value::as_str).unwrap_or_default();
    kind.trim_start_matches("urn:ietf:params:acme:error:").to_owned()
}

/// The first authorization of an order, and its URL.
pub(super) async fn first_authorization(
    driver: &Driver,
    account: &Account,
    order: &Answer,
) -> Result<(String, Answer), Stop> {
    let Some(url) = authorizations(order)?.into_iter().next() else {
        return Err(Stop::Fail(order.finding("an authorization", order.json().to_string())));
    };
    let shown = driver.get(account, &url).await?;
    shown.is_success("reading an authorization")?;
    Ok((url, shown))
}
