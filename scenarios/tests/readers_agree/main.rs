//! The CA, the client and the oracles read the same bytes, each with code of its own, and have to see the same in them: what the
//! client signs, what the CA issues, what it says about revocation, what it asks to wait, what it refuses, and for which names.

mod names;
mod overheard;
mod problems;
mod records;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use ca_mock::{Ca, Config, IdentifierPolicy, LeafUrls};
use client_under_test::{
    acme::{
        account::{Account, Applicant, Consent},
        address::Address,
        certificate::Chain,
        client::Client,
        http::HttpClient,
        jws::{self, KeyId},
        nonce::Nonce,
        order::OrderState,
        retry_after,
        revocation::RevocationReason,
    },
    name::Name,
    status::{
        Reason, Status, Subject,
        crl::List,
        ocsp::{self, Question},
    },
};
use hyper::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};
use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
    sample::select,
    test_runner::{Config as RunnerConfig, RngSeed, TestRunner},
};
use rcgen::{CertificateParams, DistinguishedName};
use rustls::RootCertStore;
use scenarios::oracles::reader::{
    certificate::Certificate,
    csr::Csr,
    http::{Headers, Response},
    identifier::{Identifier, Identifiers},
    jws::Jws,
    ocsp as seen_ocsp,
    retry_after::RetryAfter,
};
use sim::{Env, Task, crypto::P256Key, real};
use time::{UtcDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

fn config(cases: u32) -> RunnerConfig {
    RunnerConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..RunnerConfig::default() }
}

fn env() -> Env {
    real::env("readers", real::Options { seed: Some(7), ..real::Options::default() })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// RFC 8555 §6.2 to §6.5.
#[test]
fn what_the_client_signs_the_ca_and_the_oracles_read() {
    let env = runtime().block_on(async { env() });
    let [key, other] = ["account", "another account"].map(|purpose| P256Key::generate(&env, purpose));
    let url = "https://ca\\.test(:[1-9][0-9]{0,3})?/[a-zA-Z0-9._~/-]{0,30}(\\?[a-z=&]{0,9})?";
    let account = option::of("https://ca\\.test/account/[0-9]{1,9}");
    let signed = (url, vec(any::<u8>(), 1..40), account, vec(any::<u8>(), 0..200));
    let run = TestRunner::new(config(128)).run(&signed, |(url, nonce, account, payload)| {
        let nonce = jws::base64url(nonce);
        let headers = HeaderMap::from_iter([("replay-nonce".parse().unwrap(), nonce.parse().unwrap())]);
        let url: Address = url.parse().unwrap();
        let account = account.map(|account| account.parse::<Address>().unwrap());
        let key_id = account.as_ref().map_or(KeyId::Jwk, KeyId::Account);
        let body = jws::sign(&key, key_id, &Nonce::of(&headers).unwrap(), &url, &payload);
        let read = ca_mock::read_signed_request(&body).map_err(TestCaseError::fail)?;
        prop_assert_eq!((read.url.as_str(), read.nonce.as_deref()), (url.as_str(), Some(nonce.as_str())));
        prop_assert_eq!(&read.payload, &payload);
        let seen = Jws::read(&body).unwrap();
        prop_assert_eq!((seen.url(), seen.nonce()), (Some(url.as_str()), Some(nonce.as_str())));
        prop_assert_eq!(seen.kid(), account.as_ref().map(Address::as_str));
        prop_assert_eq!(&seen.payload_bytes, &payload);
        prop_assert!(seen.is_signed_by(key.public_point()) && !seen.is_signed_by(other.public_point()));
        let own = account.is_none().then(|| jws::thumbprint(&key));
        prop_assert_eq!(
            (seen.thumbprint(), seen.point()),
            (own, account.is_none().then(|| key.public_point().to_vec()))
        );
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}

/// A CA that believes everybody and tells of revocations.
struct Stage {
    env: Env,
    ca: Ca,
    http: HttpClient,
    directory: Url,
    _running: [Task<()>; 2],
}

impl Stage {
    async fn new(env: &Env) -> Self {
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        // The certificates have to name it before it is there.
        let free = env.listen(SocketAddr::new(localhost, 0)).await.unwrap().local_address().unwrap();
        let at = |path: &str| Some(format!("http://{free}{path}"));
        let ca = Ca::new(
            env,
            Config {
                listen: localhost,
                https_port: 0,
                directory_host: localhost.to_string(),
                leaf_urls: LeafUrls { ocsp: at("/ocsp"), issuer: at("/issuer"), crl: at("/crl") },
                always_valid: true,
                issuance_delay: Duration::ZERO,
                awaits_issuance: true,
                identifier_policy: IdentifierPolicy::ANY,
                ..Config::default()
            },
        );
        let mut roots = RootCertStore::empty();
        roots.add(pem::parse(ca.api_root_pem()).unwrap().into_contents().into()).unwrap();
        let bound = ca.bind(env).await.unwrap();
        let address = bound.local_address().unwrap();
        let status = ca.bind_revocation_status(env, free).await.unwrap();
        let directory = format!("https://{address}{}", ca.config().paths.directory()).parse().unwrap();
        let _running = [env.spawn("ca", bound.serve()), env.spawn("revocation status", status.serve())];
        Self { env: env.clone(), ca, http: HttpClient::new(env, roots), directory, _running }
    }

    async fn client(&self) -> (Client, Account) {
        let mut client = Client::connect(&self.env, &self.http, &self.directory).await.unwrap();
        let applicant = Applicant { consent: Some(Consent::ToAny), ..Applicant::default() };
        let account = Account::register(&mut client, P256Key::generate(&self.env, "account"), &applicant).await;
        (client, account.unwrap())
    }

    /// The body of what is answered to a GET, or to a POST if there is something to send.
    async fn fetch(&self, url: &Url, body: Option<&[u8]>) -> Vec<u8> {
        let address = url.socket_addrs(|| None).unwrap()[0];
        let mut stream = self.env.connect(address).await.unwrap();
        let (method, body) = body.map_or(("GET", &[][..]), |body| ("POST", body));
        let head = format!(
            "{method} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            url.path(),
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        answer.split_off(end + 4)
    }
}

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    let dns = "(\\*\\.)?([a-z][a-z0-9]{0,8}(-[a-z0-9]{1,3})?\\.){1,3}(test|example\\.com)";
    let name = prop_oneof![
        6 => dns.prop_map(|name: String| name),
        1 => any::<[u8; 4]>().prop_map(|octets| IpAddr::from(octets).to_string()),
        1 => any::<[u16; 8]>().prop_map(|groups| Name::from(IpAddr::from(groups)).to_string()),
    ];
    btree_set(name, 1..6)
}

/// RFC 2986, RFC 5280, RFC 6960, RFC 9773 §4.1.
#[test]
fn what_the_ca_issues_and_says_of_it_the_client_and_the_oracles_read() {
    let runtime = runtime();
    let (stage, mut client, account) = runtime.block_on(async {
        let stage = Stage::new(&env()).await;
        let (client, account) = stage.client().await;
        (stage, client, account)
    });
    let client = std::cell::RefCell::new(&mut client);
    let reasons = [
        RevocationReason::Unspecified,
        RevocationReason::KeyCompromise,
        RevocationReason::AffiliationChanged,
        RevocationReason::Superseded,
        RevocationReason::CessationOfOperation,
    ];
    let run = TestRunner::new(config(24)).run(&(names(), select(reasons.to_vec())), |(names, reason)| {
        runtime.block_on(read_alike(&stage, &mut client.borrow_mut(), &account, &names, reason))
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}

async fn read_alike(
    stage: &Stage,
    client: &mut Client,
    account: &Account,
    texts: &BTreeSet<String>,
    reason: RevocationReason,
) -> Result<(), TestCaseError> {
    let names: Vec<Name> = texts.iter().map(|name| name.parse().unwrap()).collect();
    let expected: Identifiers = texts.iter().map(|name| Identifier::of_server(name)).collect();
    let key = P256Key::generate(&stage.env, "certificate");
    let mut params = CertificateParams::new(texts.iter().cloned().collect::<Vec<_>>()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    let csr = params.serialize_request(&key).unwrap();
    let asked = Csr::read(csr.der()).unwrap();
    prop_assert_eq!((&asked.names, &asked.public_key[..]), (&expected, key.public_point()));

    // That the CA issues says that it has read the same names.
    let mut session = account.session(client);
    let order = session.new_order(&names, None, None).await.map_err(|e| TestCaseError::fail(e.to_string()))?;
    for url in &order.authorizations {
        let authorization = session.authorization(url).await.unwrap();
        let challenge = authorization.challenges.iter().find(|challenge| challenge.is_pending).unwrap();
        session.respond(challenge).await.unwrap();
    }
    let order = session.order(&order.url).await.unwrap();
    let OrderState::Ready { finalize } = &order.state else { panic!("{order:?}") };
    let order = session.finalize(&order, finalize, csr.der()).await.unwrap();
    let OrderState::Valid { certificate } = &order.state else { panic!("{order:?}") };
    let chain = session.download(certificate, None).await.unwrap();

    let leaf = chain.leaf();
    let seen = Certificate::read(&chain.certificates()[0]).unwrap();
    prop_assert_eq!(leaf.names.iter().map(Name::to_string).collect::<BTreeSet<_>>(), texts.clone());
    prop_assert_eq!(&seen.names, &expected);
    prop_assert_eq!((leaf.public_key(), &seen.public_key[..]), (key.public_point(), key.public_point()));
    let dates = [leaf.not_before, leaf.not_after].map(UtcDateTime::unix_timestamp);
    prop_assert_eq!(dates, [seen.not_before_s, seen.not_after_s]);
    let id = leaf.id.clone().unwrap();
    prop_assert_eq!(Some(id.as_str()), seen.renewal_id.as_deref());
    prop_assert_eq!(Chain::parse(chain.to_pem().as_bytes()).unwrap(), chain.clone());

    let subject = Subject::of(&chain).unwrap();
    let hex: String = subject.serial().iter().map(|octet| format!("{octet:02x}")).collect();
    prop_assert_eq!(&hex, &seen.serial);
    same_status(stage, &chain, &subject, &seen, Status::Good).await?;
    session.revoke(&chain, Some(reason)).await.unwrap();
    same_status(stage, &chain, &subject, &seen, Status::Revoked(Reason::of_code(reason.code()))).await?;
    prop_assert!(client.renewal_info(&id).await.unwrap().is_some(), "the CA knows what the certificate is called");
    Ok(())
}

/// The responder and the list say this, to the client and to the oracles.
async fn same_status(
    stage: &Stage,
    chain: &Chain,
    subject: &Subject,
    seen: &Certificate,
    expected: Status,
) -> Result<(), TestCaseError> {
    let now = stage.env.utc_now();
    let responder = chain.leaf().status_sources.responder.clone().unwrap();
    let response = match Question::new(&responder, subject) {
        Question::Get(url) => stage.fetch(&url, None).await,
        Question::Post(question) => stage.fetch(&responder, Some(&question)).await,
    };
    let answer = ocsp::read(subject, &response, now).map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(answer.status, expected);
    let told = seen_ocsp::Response::read(&response).unwrap();
    let [statement] = &told.statements[..] else { panic!("{told:?}") };
    let status = match expected {
        Status::Good => seen_ocsp::Status::Good,
        Status::Revoked(Reason::KeyCompromise) => seen_ocsp::Status::Revoked { reason: 1 },
        Status::Revoked(Reason::Other(reason)) => seen_ocsp::Status::Revoked { reason },
    };
    prop_assert_eq!((&statement.serial, statement.status), (&seen.serial, status));
    let validity = [answer.validity.from, answer.validity.until].map(UtcDateTime::unix_timestamp);
    prop_assert_eq!(validity.map(Some), [Some(statement.this_update_s), statement.next_update_s]);
    prop_assert!(told.is_signed_by(&Certificate::read(subject.issuer()).unwrap().public_key));

    let url = chain.leaf().status_sources.list.clone().unwrap();
    let list = List::read(&stage.fetch(&url, None).await, &url, subject.issuer(), now);
    let list = list.map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(list.status(subject.serial()), expected);
    Ok(())
}

/// RFC 9110 §5.6.7 and §10.2.3.
#[test]
fn the_client_and_the_oracles_wait_equally_long() {
    const FORMS: [&[BorrowedFormatItem<'_>]; 3] = [
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"),
        format_description!("[weekday], [day]-[month repr:short]-[year repr:last_two] [hour]:[minute]:[second] GMT"),
        format_description!(
            "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
        ),
    ];
    let form = 0..FORMS.len();
    // What two digits of a year mean is known until 2069.
    let moment = || 0..3_124_137_600_i64;
    let near = (moment(), -100_000..200_000_i64).prop_map(|(now, wait)| (now, (now + wait).max(0)));
    let moments = prop_oneof![near, (moment(), moment())];
    let date = (moments, form.clone(), option::of(form)).prop_map(|((now, until), form, own)| {
        let written = |form: usize, at| UtcDateTime::from_unix_timestamp(at).unwrap().format(FORMS[form]).unwrap();
        (written(form, until), own.map(|form| written(form, now)), now, u64::try_from(until - now).unwrap_or(0))
    });
    let seconds = ("[0-9]{1,19}", moment()).prop_map(|(digits, now)| {
        let seconds = digits.parse().unwrap();
        (digits, None, now, seconds)
    });
    let run = TestRunner::new(config(512)).run(&prop_oneof![date, seconds], |(text, date, now, wait_s)| {
        let mut headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        let mut fields = vec![("Retry-After", text.as_str())];
        if let Some(date) = &date {
            headers.insert(DATE, date.parse().unwrap());
            fields.push(("Date", date));
        }
        let wait = Duration::from_secs(wait_s);
        let read = retry_after::parse(&headers, UtcDateTime::from_unix_timestamp(now).unwrap());
        prop_assert_eq!(read, Some(wait.min(retry_after::CAP)));
        let seen = RetryAfter::read(&Response::new(503, Headers::of(&fields), Vec::new()), Some(now));
        prop_assert_eq!(seen.map(|seen| seen.wait), Some(wait));
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}

/// What is written in neither form is no wait, to nobody.
#[test]
fn what_is_no_wait_is_none_to_the_client_and_to_the_oracles() {
    for text in ["", "soon", "-5", "+5", "1.5", "12 s", "0x1", "Sat, 99 Nov 2026 00:00:00 GMT"] {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        assert_eq!(retry_after::parse(&headers, UtcDateTime::UNIX_EPOCH), None, "{text}");
        let response = Response::new(503, Headers::of(&[("Retry-After", text)]), Vec::new());
        assert_eq!(RetryAfter::read(&response, Some(0)), None, "{text}");
    }
    let endless = "9".repeat(30);
    let headers = HeaderMap::from_iter([(RETRY_AFTER, endless.parse().unwrap())]);
    assert_eq!(retry_after::parse(&headers, UtcDateTime::UNIX_EPOCH), Some(retry_after::CAP));
    let response = Response::new(503, Headers::of(&[("Retry-After", &endless)]), Vec::new());
    assert!(RetryAfter::read(&response, Some(0)).is_some_and(|seen| seen.wait >= retry_after::CAP));
}
