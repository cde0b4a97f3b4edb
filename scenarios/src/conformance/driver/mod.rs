//! [`Driver`]: what a case does to a CA: it asks, signs, and claims. It shares nothing with the CA and the client of
//! this project but the world that they live in.

mod answer;
mod binding;
mod http;
mod jws;
mod proof;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustls::RootCertStore;
use serde_json::{Value, json};
use sim::{BoxFuture, Env, Monotonic};
use url::Url;

use super::{
    responder::Responder,
    verdict::{Finding, Stop},
};
use crate::oracles::reader::retry_after::RetryAfter;
pub use answer::Answer;
pub use binding::{Binding, ExternalAccount};
pub use http::{Http, Request, Response, Unanswered};
pub use jws::{AccountKey, Draft, base64url, sign};
pub use proof::{Challenge, key_authorization};

/// How often a request is signed again because the CA does not take its nonce (RFC 8555 §6.5).
const NONCES_MAX: usize = 8;

/// How long an order or an authorization may stay as it is.
const PROGRESS_LIMIT: Duration = Duration::from_secs(90);

/// The shortest and the longest that is waited between two looks at one, whatever `Retry-After` asks for.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(100);
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(10);

/// How long a CA that gives no answer has to give one again before it is taken to be gone.
const RETURN_LIMIT: Duration = Duration::from_secs(60);

/// How much is kept of what was sent and of what came back.
const SHOWN_BYTES_MAX: usize = 64 * 1024;

/// How much of a problem's detail is told at the end.
const DETAIL_BYTES_MAX: usize = 200;

/// How often a request is made again because the CA is too busy or has failed.
const AGAIN_MAX: usize = 2;

/// What is waited before that, and the longest, whatever `Retry-After` asks for.
const AGAIN_WAIT: Duration = Duration::from_secs(1);
const AGAIN_WAIT_MAX: Duration = Duration::from_secs(15);

/// The CA that is put to the test.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where its directory is.
    pub directory: Url,
    /// Whom to trust for its HTTPS.
    pub roots: RootCertStore,
    /// The contacts of accounts that are made, as URLs.
    pub contact: Vec<String>,
    /// Names are ordered below this one.
    pub domain: String,
    /// The address that those names have.
    pub address: IpAddr,
    /// The port where http-01 is answered; where it is not 80, the CA was told so.
    pub http_port: u16,
    /// The port where tls-alpn-01 and HTTPS are answered, if they are; where it is not 443, the CA was told so for tls-alpn-01.
    pub tls_port: Option<u16>,
    /// What binds new accounts (RFC 8555 §7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// Whether the CA is one whose certificates the web trusts, which keeps to more rules than RFCs have.
    pub is_public: bool,
    /// The least time from one request to the next.
    pub request_interval: Duration,
}

/// An account at the CA.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its key.
    pub key: Arc<AccountKey>,
    /// Its URL.
    pub url: String,
}

/// An exchange, for the report.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What was sent.
    pub request: String,
    /// What came back, or why nothing did.
    pub response: String,
}

/// What cases share: what is costly to have, and what is learned once.
#[derive(Debug)]
pub struct Common {
    env: Env,
    target: Target,
    http: Http,
    responder: Responder,
    nonces: Mutex<Vec<String>>,
    accounts: Mutex<BTreeMap<&'static str, Account>>,
    resources: Mutex<Value>,
    names: Mutex<u64>,
    /// Not before then is anything asked.
    next_request: Mutex<Monotonic>,
    left: Mutex<Left>,
    /// Cases that block others and hang, by id.
    hanging: Mutex<BTreeMap<String, Finding>>,
}

/// What cases leave behind at the CA.
#[derive(Debug, Default)]
struct Left {
    /// By their URLs, each with the last key by which the CA took a request for the account's.
    accounts: BTreeMap<String, Arc<AccountKey>>,
    /// Each in DER, and whose it is.
    certificates: Vec<(Account, Vec<u8>)>,
}

impl Common {
    /// For this CA; `responder` answers its validations.
    #[must_use]
    pub fn new(env: &Env, target: Target, responder: Responder) -> Self {
        Self {
            env: env.clone(),
            http: Http::new(env, target.roots.clone()),
            target,
            responder,
            nonces: Mutex::default(),
            accounts: Mutex::default(),
            resources: Mutex::default(),
            names: Mutex::default(),
            next_request: Mutex::new(env.monotonic_now()),
            left: Mutex::default(),
            hanging: Mutex::default(),
        }
    }

    /// Waits until something may be asked again.
    async fn await_turn(&self) {
        let now = self.env.monotonic_now();
        let turn = {
            let mut next = locked(&self.next_request);
            let turn = now.max(*next);
            *next = turn + self.target.request_interval;
            turn
        };
        if turn > now {
            self.env.sleep_until(turn).await;
        }
    }

    /// The case with this id hangs: what needs what it is about is not waited for again.
    pub fn hangs(&self, id: &str, finding: &Finding) {
        locked(&self.hanging).insert(id.to_owned(), finding.clone());
    }

    /// Has cases share new accounts from now on: a CA that took what it should have refused may have changed their keys.
    pub fn forget_accounts(&self) {
        locked(&self.accounts).clear();
    }
}

/// One case's conversation with the CA.
#[derive(Debug)]
pub struct Driver {
    common: Arc<Common>,
    exchanges: Mutex<Vec<Exchange>>,
    notes: Mutex<Vec<String>>,
    /// Cases without which what passes here shows nothing, by id.
    presumed: Mutex<BTreeSet<&'static str>>,
    /// Whether something was not answered.
    is_unanswered: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver {
    /// A conversation that has not begun.
    #[must_use]
    pub fn new(common: &Arc<Common>) -> Self {
        Self {
            common: common.clone(),
            exchanges: Mutex::default(),
            notes: Mutex::default(),
            presumed: Mutex::default(),
            is_unanswered: AtomicBool::new(false),
        }
    }

    /// What was said.
    #[must_use]
    pub fn into_exchanges(self) -> Vec<Exchange> {
        self.exchanges.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is worth knowing of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        locked(&self.notes).clone()
    }

    /// The host that the suite runs on.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.common.env
    }

    /// The CA.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.common.target
    }

    /// Notes what is allowed, but worth knowing.
    pub fn note(&self, note: impl Into<String>) {
        locked(&self.notes).push(note.into());
    }

    /// That something is refused shows nothing here if the CA does not pass the case with this id: it might refuse all.
    pub fn presumes(&self, id: &'static str) {
        locked(&self.presumed).insert(id);
    }

    /// The ids of the cases without which it shows nothing that this one passes.
    #[must_use]
    pub fn presumed(&self) -> BTreeSet<&'static str> {
        locked(&self.presumed).clone()
    }

    /// A name that was not ordered before.
    #[must_use]
    pub fn new_name(&self) -> String {
        let mut names = locked(&self.common.names);
        *names += 1;
        format!("n{names}-{}.{}", base16(&self.common.env.entropy::<3>("conformance names")), self.common.target.domain)
    }

    /// What comes of `doing`, which the case with the id `by` is about, and others only need.
    ///
    /// # Errors
    /// [`Stop::Blocked`] if it fails or hangs, or that case is known to hang.
    pub async fn needed<T>(&self, by: &'static str, doing: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
        let hanging = locked(&self.common.hanging).get(by).cloned();
        match hanging {
            Some(finding) => Err(Stop::Hang(finding).before(by)),
            None => doing.await.map_err(|stop| stop.before(by)),
        }
    }

    /// How long an answer asks to wait, if it says so rightly (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        let now_s = self.env().utc_now().unix_timestamp();
        Some(RetryAfter::of(answer.header("retry-after")?, answer.header("date"), Some(now_s))?.wait)
    }

    /// Asks.
    ///
    /// # Errors
    /// [`Stop`] if there is no answer.
    pub async fn ask(&self, request: &Request) -> Result<Answer, Stop> {
        self.common.await_turn().await;
        let outcome = self.common.http.ask(request).await;
        let response = match &outcome {
            Ok(response) => response.to_string(),
            Err(e) => e.to_string(),
        };
        self.is_unanswered.fetch_or(outcome.is_err(), Ordering::Relaxed);
        let exchange = {
            let mut exchanges = locked(&self.exchanges);
            let shown = |text| shortened(text, SHOWN_BYTES_MAX);
            exchanges.push(Exchange { request: shown(request.to_string()), response: shown(response) });
            exchanges.len() - 1
        };
        let finding = |found| Finding { expected: "an answer".to_owned(), found, exchange: Some(exchange) };
        match outcome {
            Ok(response) => Ok(Answer { exchange, response }),
            Err(e @ Unanswered::Silent { .. }) => Err(Stop::Hang(finding(e.to_string()))),
            Err(e @ (Unanswered::Connect { .. } | Unanswered::Broken { .. })) => {
                Err(Stop::Fail(finding(e.to_string())))
            }
        }
    }

    /// Reads an address that a CA has told.
    ///
    /// # Errors
    /// [`Stop::Fail`] if it is no URL.
    pub fn url(&self, text: &str) -> Result<Url, Stop> {
        let finding = |e: url::ParseError| Finding {
            expected: "an absolute URL".to_owned(),
            found: format!("{text:?} ({e})"),
            exchange: locked(&self.exchanges).len().checked_sub(1),
        };
        Url::parse(text).map_err(|e| Stop::Fail(finding(e)))
    }

    /// Asks without a body.
    ///
    /// # Errors
    /// [`Stop`] if there is no answer.
    pub async fn method(&self, method: &str, url: &str) -> Result<Answer, Stop> {
        self.ask(&Request::of(method, &self.url(url)?)).await
    }

    /// The directory (RFC 8555 §7.1.1).
    ///
    /// # Errors
    /// [`Stop`] if there is none.
    pub async fn directory(&self) -> Result<Answer, Stop> {
        let answer = self.method("GET", self.common.target.directory.as_str()).await?;
        answer.is_success("the directory")?;
        answer.object()?;
        Ok(answer)
    }

    /// Why the CA does not answer any more, if something was not answered and it does not answer soon again: one that
    /// broke down over a case may be started again.
    pub async fn is_gone(&self) -> Option<Finding> {
        if !self.is_unanswered.load(Ordering::Relaxed) {
            return None;
        }
        let begun = self.env().monotonic_now();
        let request = Request::of("GET", &self.common.target.directory);
        loop {
            let (Stop::Fail(why) | Stop::Hang(why)) = self.ask(&request).await.err()? else { return None };
            if self.env().monotonic_now().since(begun) >= RETURN_LIMIT {
                return Some(why);
            }
            self.env().sleep(LOOK_INTERVAL_MAX).await;
        }
    }

    /// What the directory says, which is read once.
    ///
    /// # Errors
    /// [`Stop`] if there is none.
    pub async fn known_directory(&self) -> Result<Value, Stop> {
        let known = locked(&self.common.resources).clone();
        if known.is_object() {
            return Ok(known);
        }
        let read = self.directory().await?.object()?;
        *locked(&self.common.resources) = read.clone();
        Ok(read)
    }

    /// The URL of one of the directory's resources.
    ///
    /// # Errors
    /// [`Stop`] if it is not there.
    pub async fn resource(&self, name: &str) -> Result<String, Stop> {
        match self.known_directory().await?.get(name).and_then(Value::as_str) {
            Some(url) => Ok(url.to_owned()),
            None => self.directory().await?.text(name),
        }
    }

    /// The URL of a resource that a CA need not have.
    ///
    /// # Errors
    /// [`Stop::Skip`] if it is not there.
    pub async fn optional_resource(&self, name: &str) -> Result<String, Stop> {
        let directory = self.known_directory().await?;
        let url = directory.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        url.ok_or_else(|| Stop::Skip(format!("the directory has no {name}")))
    }

    /// What the directory says of the CA itself (RFC 8555 §7.1.1).
    ///
    /// # Errors
    /// [`Stop`] if there is no directory.
    pub async fn meta(&self, member: &str) -> Result<Option<Value>, Stop> {
        Ok(self.known_directory().await?.pointer(&format!("/meta/{member}")).cloned())
    }

    /// The case is about what is asked of CAs that the web trusts, and of no others.
    ///
    /// # Errors
    /// [`Stop::Skip`] if this is not said to be one.
    pub fn only_public(&self, why: &str) -> Result<(), Stop> {
        if self.target().is_public { Ok(()) } else { Err(Stop::Skip(format!("{why}: it needs --public-ca"))) }
    }

    /// A nonce that was not used (RFC 8555 §7.2).
    ///
    /// # Errors
    /// [`Stop`] if the CA gives none.
    pub async fn nonce(&self) -> Result<String, Stop> {
        if let Some(nonce) = locked(&self.common.nonces).pop() {
            return Ok(nonce);
        }
        let answer = self.method("HEAD", &self.resource("newNonce").await?).await?;
        answer.claim(answer.nonce().is_some(), "a Replay-Nonce header", || "none".to_owned())?;
        Ok(answer.nonce().unwrap_or_default().to_owned())
    }

    /// Signs and posts it, with a nonce of its own choice; again, if that is not taken and the draft has none of its own.
    ///
    /// # Errors
    /// [`Stop`] if there is no answer.
    pub async fn send(&self, draft: &Draft<'_>) -> Result<Answer, Stop> {
        let url = self.url(&draft.url)?;
        let (mut attempts, mut again) = (0, 0);
        loop {
            let nonce = if draft.is_nonce_given {
                String::new()
            } else {
                self.needed("rfc8555/7.2/new-nonce-head", self.nonce()).await?
            };
            let request = Request::of("POST", &url).with_body(&draft.content_type, draft.body(&nonce));
            let with_header = |request: Request, (name, value): &(String, String)| request.with_header(name, value);
            let request = draft.http_headers.iter().fold(request, with_header);
            let answer = self.ask(&request).await?;
            attempts += 1;
            if answer.problem().as_deref() == Some("badNonce") && !draft.is_nonce_given && attempts < NONCES_MAX {
                continue;
            }
            if !draft.is_nonce_given && again < AGAIN_MAX && is_passing(draft, &answer) {
                again += 1;
                self.env().sleep(self.retry_after(&answer).unwrap_or(AGAIN_WAIT).min(AGAIN_WAIT_MAX)).await;
                continue;
            }
            locked(&self.common.nonces).extend(answer.nonce().map(ToOwned::to_owned));
            self.remember_account(draft, &answer);
            return Ok(answer);
        }
    }

    /// Remembers, for the end, whose a request was that the CA took, be it right or not.
    fn remember_account(&self, draft: &Draft<'_>, answer: &Answer) {
        if !(200..300).contains(&answer.status()) {
            return;
        }
        let is_new_account = locked(&self.common.resources).get("newAccount") == Some(&json!(draft.url));
        let mut left = locked(&self.common.left);
        let known = draft.protected.get("kid").and_then(Value::as_str).filter(|kid| left.accounts.contains_key(*kid));
        let url = if is_new_account { answer.header("Location") } else { known };
        if let Some(url) = url.map(ToOwned::to_owned) {
            left.accounts.insert(url, Arc::new(draft.key.clone()));
        }
    }

    /// A request of this account's, right in all.
    #[must_use]
    pub fn draft<'a>(&self, account: &'a Account, url: &str, payload: &Value) -> Draft<'a> {
        Draft::new(url, &account.key, payload.to_string().into_bytes()).header("kid", account.url.as_str())
    }

    /// A POST-as-GET of this account's (RFC 8555 §6.3), right in all.
    #[must_use]
    pub fn draft_get<'a>(&self, account: &'a Account, url: &str) -> Draft<'a> {
        self.draft(account, url, &Value::Null).payload(b"")
    }

    /// A request that brings its key along, right in all.
    #[must_use]
    pub fn draft_with_key<'a>(&self, key: &'a AccountKey, url: &str, payload: &Value) -> Draft<'a> {
        Draft::new(url, key, payload.to_string().into_bytes()).header("jwk", key.jwk())
    }

    /// Posts JSON for this account.
    ///
    /// # Errors
    /// [`Stop`] if there is no answer.
    pub async fn post(&self, account: &Account, url: &str, payload: &Value) -> Result<Answer, Stop> {
        self.send(&self.draft(account, url, payload)).await
    }

    /// Reads for this account (RFC 8555 §6.3); a second time if nothing is there, since a replica may lag.
    ///
    /// # Errors
    /// [`Stop`] if there is no answer.
    pub async fn get(&self, account: &Account, url: &str) -> Result<Answer, Stop> {
        let answer = self.send(&self.draft_get(account, url)).await?;
        if answer.status() != 404 {
            return Ok(answer);
        }
        self.env().sleep(Duration::from_secs(1)).await;
        self.send(&self.draft_get(account, url)).await
    }

    /// Reads the account, for a case that is about something else.
    ///
    /// # Errors
    /// [`Stop::Blocked`] if the CA does not show it.
    pub async fn read_account(&self, account: &Account) -> Result<Answer, Stop> {
        let reading = async {
            let answer = self.get(account, &account.url).await?;
            answer.is_success("reading the account with its key")?;
            Ok(answer)
        };
        self.needed("rfc8555/6.3/post-as-get-account", reading).await
    }

    /// What a new account is asked for with.
    #[must_use]
    pub fn new_account_payload(&self) -> Value {
        json!({"termsOfServiceAgreed": true, "contact": self.common.target.contact})
    }

    /// The same, bound to the external account if there is one.
    #[must_use]
    pub fn bound(&self, mut payload: Value, key: &AccountKey, url: &str) -> Value {
        if let Some(external) = &self.target().external_account
            && payload.get("externalAccountBinding").is_none()
        {
            payload["externalAccountBinding"] = Binding::of(external, key, url).jws();
        }
        payload
    }

    /// An account that no other case knows.
    ///
    /// # Errors
    /// [`Stop`] if the CA gives none.
    pub async fn new_account(&self) -> Result<Account, Stop> {
        self.needed("rfc8555/7.3/account-created", self.made_account()).await
    }

    async fn made_account(&self) -> Result<Account, Stop> {
        let key = Arc::new(AccountKey::generate(&self.common.env));
        let url = self.resource("newAccount").await?;
        let payload = self.bound(self.new_account_payload(), &key, &url);
        let answer = self.send(&self.draft_with_key(&key, &url, &payload)).await?;
        if answer.problem().as_deref() == Some("externalAccountRequired") && self.target().external_account.is_none() {
            return Err(Stop::Skip("the CA wants accounts that are bound: it needs --eab KID:KEY".to_owned()));
        }
        // One that exists already and is told so with 409 is there all the same.
        if answer.status() != 409 {
            answer.is_success("a new account")?;
        }
        Ok(Account { url: answer.location()?, key })
    }

    /// Notes that this account was given a certificate (DER), so that it will be revoked.
    pub fn was_given(&self, account: &Account, certificate: &[u8]) {
        locked(&self.common.left).certificates.push((account.clone(), certificate.to_vec()));
    }

    /// Revokes the certificates that cases were given and deactivates the accounts that they made, with which their orders end
    /// (RFC 8555 §7.3.6); what came of it, in words, with the first refusals.
    ///
    /// # Errors
    /// [`Stop`] if the CA does not answer any more.
    pub async fn clean_up(&self) -> Result<String, Stop> {
        let left = std::mem::take(&mut *locked(&self.common.left));
        let (mut revoked, mut deactivated) = (0, 0);
        let (mut not_revoked, mut not_deactivated) = (Vec::new(), Vec::new());
        if let Ok(url) = self.optional_resource("revokeCert").await {
            for (account, certificate) in &left.certificates {
                let mut payload = json!({"certificate": base64url(certificate)});
                let answer = self.post(account, &url, &payload).await?;
                let mut is_over = is_revoked(&answer);
                if !is_over && answer.is_refused().is_ok() {
                    // Some want a reason.
                    payload["reason"] = json!(0);
                    is_over = is_revoked(&self.post(account, &url, &payload).await?);
                }
                if is_over {
                    revoked += 1;
                } else {
                    not_revoked.push(in_short(&answer));
                }
            }
        }
        for (url, key) in left.accounts {
            let account = Account { key, url };
            let answer = self.post(&account, &account.url, &json!({"status": "deactivated"})).await?;
            // A case may have deactivated it.
            let is_over = matches!(answer.status(), 200 | 401 | 403);
            if is_over {
                deactivated += 1;
            } else {
                not_deactivated.push(in_short(&answer));
            }
        }
        let refusals = [("certificates not revoked", not_revoked), ("accounts not deactivated", not_deactivated)];
        let told =
            |(what, refusals): (&str, Vec<String>)| Some(format!("{} {what}: {}", refusals.len(), refusals.first()?));
        let told: Vec<String> = refusals.into_iter().filter_map(told).collect();
        let done = format!("cleaned up: {revoked} certificates revoked, {deactivated} accounts deactivated");
        Ok(if told.is_empty() { done } else { format!("{done}; {}", told.join(", ")) })
    }

    /// The account of all cases that leave it as it is.
    ///
    /// # Errors
    /// [`Stop`] if the CA gives none.
    pub async fn account(&self) -> Result<Account, Stop> {
        self.shared_account("the account").await
    }

    /// Another account, with nothing of the first one's.
    ///
    /// # Errors
    /// [`Stop`] if the CA gives none.
    pub async fn other_account(&self) -> Result<Account, Stop> {
        self.shared_account("another account").await
    }

    async fn shared_account(&self, which: &'static str) -> Result<Account, Stop> {
        let known = locked(&self.common.accounts).get(which).cloned();
        if let Some(account) = known {
            return Ok(account);
        }
        let account = self.new_account().await?;
        locked(&self.common.accounts).insert(which, account.clone());
        Ok(account)
    }

    /// A new order for these names; what answers it, and where it is.
    ///
    /// # Errors
    /// [`Stop`] if the CA makes none.
    pub async fn new_order(&self, account: &Account, names: &[String]) -> Result<(Answer, String), Stop> {
        self.needed("rfc8555/7.1.3/order-object", self.made_order(account, names)).await
    }

    async fn made_order(&self, account: &Account, names: &[String]) -> Result<(Answer, String), Stop> {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
        let url = self.resource("newOrder").await?;
        let answer = self.post(account, &url, &json!({"identifiers": identifiers})).await?;
        answer.is_success("a new order")?;
        let location = answer.location()?;
        Ok((answer, location))
    }

    /// A new order for one new name.
    ///
    /// # Errors
    /// [`Stop`] if the CA makes none.
    pub async fn pending_order(&self, account: &Account) -> Result<(Answer, String), Stop> {
        self.new_order(account, &[self.new_name()]).await
    }

    /// Asks for an order with this payload; what answers it.
    ///
    /// # Errors
    /// [`Stop`] if there is no answer.
    pub async fn ask_order(&self, account: &Account, payload: &Value) -> Result<Answer, Stop> {
        self.post(account, &self.resource("newOrder").await?, payload).await
    }

    /// Proves control over all that an order asks for, by http-01, and waits until it is ready.
    ///
    /// # Errors
    /// [`Stop`] if it does not become so.
    pub async fn prove(&self, account: &Account, order: &(Answer, String)) -> Result<Answer, Stop> {
        self.prove_by(account, order, "http-01").await
    }

    /// Looks at a resource of this account's until its status is as `is_wanted` says.
    ///
    /// # Errors
    /// [`Stop::Hang`] if it never is.
    pub async fn until(&self, account: &Account, url: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Answer, Stop> {
        let begun = self.env().monotonic_now();
        let mut pause = LOOK_INTERVAL_MIN;
        loop {
            let answer = self.get(account, url).await?;
            answer.is_success("reading a resource")?;
            if is_wanted(&answer.text("status")?) {
                return Ok(answer);
            }
            let waited = self.env().monotonic_now().since(begun);
            if waited >= PROGRESS_LIMIT {
                let found = format!("the same status for {} s: {}", waited.as_secs(), answer.json());
                return Err(Stop::Hang(answer.finding("another status", found)));
            }
            let wanted = self.retry_after(&answer).unwrap_or(pause);
            self.env().sleep(wanted.clamp(LOOK_INTERVAL_MIN, LOOK_INTERVAL_MAX)).await;
            pause = (pause * 2).min(LOOK_INTERVAL_MAX);
        }
    }
}

/// The URLs of an order's authorizations.
///
/// # Errors
/// [`Stop::Fail`] if the order has none.
pub fn authorizations(order: &Answer) -> Result<Vec<String>, Stop> {
    let json = order.json();
    let list = json.get("authorizations").and_then(Value::as_array);
    let urls: Option<Vec<String>> =
        list.map(|list| list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect());
    urls.ok_or_else(|| Stop::Fail(order.finding("an array \"authorizations\" in the order", json.to_string())))
}

/// The challenge of this type, if the authorization has one.
#[must_use]
pub fn challenge(authorization: &Answer, kind: &str) -> Option<Value> {
    let json = authorization.json();
    let challenges = json.get("challenges").and_then(Value::as_array)?;
    challenges.iter().find(|challenge| challenge.get("type").and_then(Value::as_str) == Some(kind)).cloned()
}

/// Whether to ask again in a while: the CA is too busy and says so, or something before it or in it has failed over a request
/// that only reads. One that changes something may have done so nevertheless.
fn is_passing(draft: &Draft<'_>, answer: &Answer) -> bool {
    let is_busy = answer.problem().as_deref() == Some("rateLimited") || [429, 503].contains(&answer.status());
    let is_failure_to_read = draft.payload.is_empty() && answer.status() >= 500 && answer.status() != 501;
    (is_busy && answer.header("retry-after").is_some()) || is_failure_to_read
}

fn is_revoked(answer: &Answer) -> bool {
    answer.status() == 200 || answer.problem().as_deref() == Some("alreadyRevoked")
}

/// A refusal as it is told at the end: `400 malformed (the reason is missing)`.
fn in_short(answer: &Answer) -> String {
    let json = answer.json();
    let detail = json.get("detail").and_then(Value::as_str);
    let detail = detail.map(|detail| format!(" ({})", shortened(detail.to_owned(), DETAIL_BYTES_MAX)));
    let kind = answer.problem().map(|kind| format!(" {kind}"));
    format!("{}{}{}", answer.status(), kind.unwrap_or_default(), detail.unwrap_or_default())
}

/// The beginning of a text that is longer than this.
fn shortened(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let left_out = text.len() - bytes_max;
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push_str(&format!("… ({left_out} bytes more)"));
    }
    text
}

fn base16(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A case that is being tried.
pub type Running<'a> = BoxFuture<'a, Result<(), Stop>>;
