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
pub(super) const ISSUANCE: &str = "rfc8555/7.4/issuance";

/// The case that is about what an order tells.
const ORDER_OBJECT: &str = "rfc8555/7.1.3/order-object";

/// For one new name, proved by http-01.
pub(super) async fn ready(driver: &Driver) -> Result<Ready, Stop> {
    let account = driver.account().await?;
    ready_for(driver, &account, &for_names(&[&driver.new_name()]), "http-01").await
}

/// This order, or another one if it is not ready any more: a CA may end an order whose finalization it has refused (§7.1.6).
pub(super) async fn still_ready(driver: &Driver, order: Ready) -> Result<Ready, Stop> {
    let reading = async { driver.get(&order.account, &order.url).await?.text("status") };
    if driver.needed(ORDER_OBJECT, reading).await? == "ready" { Ok(order) } else { ready(driver).await }
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
    driver.needed(ISSUANCE, proved(driver, account, payload, kind)).await
}

async fn proved(driver: &Driver, account: &Account, payload: &Value, kind: &str) -> Result<Ready, Stop> {
    let order = located(driver.ask_order(account, payload).await?)?;
    let shown = driver.prove_by(account, &order, kind).await?;
    let status = shown.text("status")?;
    shown.claim(status == "ready", "an order that is ready", || shown.json().to_string())?;
    Ready::of(account, payload, order, shown)
}

/// What answers newOrder, and the order's URL.
fn located(order: Answer) -> Result<(Answer, String), Stop> {
    let url = order.is_success("a new order").and_then(|()| order.location());
    Ok((order, url.map_err(|stop| stop.before(ORDER_OBJECT))?))
}

/// Where the order that this shows is finalized.
pub(super) fn finalize_url(order: &Answer) -> Result<String, Stop> {
    order.text("finalize").map_err(|stop| stop.before(ORDER_OBJECT))
}

impl Ready {
    /// Of what answered newOrder, and of the order when it became ready.
    fn of(account: &Account, payload: &Value, order: (Answer, String), shown: Answer) -> Result<Self, Stop> {
        let names = names_of(payload);
        let name = names.first().cloned().unwrap_or_default();
        let (order, url) = order;
        Ok(Self { account: account.clone(), name, names, url, finalize: finalize_url(&order)?, shown })
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
    /// The CA has refused.
    Refused(Refusal),
}

/// How an attempt to have a certificate was refused.
pub(super) struct Refusal {
    /// What has refused, or failed: newOrder, an authorization, finalize or the order.
    at: &'static str,
    /// Where that shows.
    pub(super) shown: Answer,
    /// The problem's type, empty if there is none.
    pub(super) problem: String,
}

impl Attempt {
    /// There is a certificate; else it is told what has refused, and what shows there.
    pub(super) fn expect_issued(self) -> Result<(), Stop> {
        match self {
            Self::Issued(_) => Ok(()),
            Self::Refused(refusal) => Err(refusal.into_stop()),
        }
    }
}

impl Refusal {
    /// Of a request.
    fn of(at: &'static str, shown: Answer) -> Self {
        let problem = shown.problem().unwrap_or_default();
        Self { at, shown, problem }
    }

    /// For a case that expected a certificate.
    pub(super) fn into_stop(self) -> Stop {
        let Self { at, shown, problem } = self;
        let json = shown.json();
        let found = if shown.status() >= 400 {
            format!("a refusal by {at}: {}", shown.in_words())
        } else {
            let status = json.get("status").and_then(Value::as_str).unwrap_or("without a status");
            let why = if problem.is_empty() { "no error".to_owned() } else { format!("the error {problem}") };
            format!("an {at} that is {status}, with {why}: {json}")
        };
        Stop::Fail(shown.finding("a certificate", found))
    }
}

/// Goes all the way to a certificate, right in all, with challenges of this type.
pub(super) async fn attempt(driver: &Driver, account: &Account, payload: &Value, kind: &str) -> Result<Attempt, Stop> {
    let attempt = attempted(driver, account, payload, kind);
    // Other challenges have cases of their own.
    if kind == "http-01" { driver.needed(ISSUANCE, attempt).await } else { attempt.await }
}

async fn attempted(driver: &Driver, account: &Account, payload: &Value, kind: &str) -> Result<Attempt, Stop> {
    let order = driver.ask_order(account, payload).await?;
    if (400..500).contains(&order.status()) {
        return Ok(Attempt::Refused(Refusal::of("newOrder", order)));
    }
    let order = located(order)?;
    for challenge in driver.challenges(account, &order.0, kind).await? {
        driver.publish(&challenge);
        let over = driver.judged(account, &challenge).await?;
        if over.text("status")? != "valid" {
            let error = crate::conformance::driver::challenge(&over, kind);
            let problem = error.and_then(|one| one.get("error").map(problem_type)).unwrap_or_default();
            return Ok(Attempt::Refused(Refusal { at: "authorization", shown: over, problem }));
        }
    }
    let shown = driver.until(account, &order.1, |status| status != "pending").await?;
    let ready = Ready::of(account, payload, order, shown)?;
    let key = new_key(driver);
    let names: Vec<&str> = ready.names.iter().map(String::as_str).collect();
    let request = csr(&key, &names);
    let answer = finalize(driver, &ready, &request).await?;
    if answer.status() >= 400 {
        if answer.status() >= 500 {
            driver.note(format!("finalize ends with {}", answer.in_words()));
        }
        return Ok(Attempt::Refused(Refusal::of("finalize", answer)));
    }
    let over = is_over(driver, &ready).await?;
    if over.text("status")? == "invalid" {
        let problem = over.json().get("error").map(problem_type).unwrap_or_default();
        return Ok(Attempt::Refused(Refusal { at: "order", shown: over, problem }));
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
