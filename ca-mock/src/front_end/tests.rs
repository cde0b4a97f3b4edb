//! Accounts, orders, authorizations and challenges under requests of every kind in any order, against a small model: the
//! arrows of RFC 8555 §7.1.6, and what each request does.
//!
//! Requests go through the whole front end, from the signature on; only sockets are left out. Validations and issuances come to
//! their end when a step says so: they find control proved, and CAA in order, while the one remote perspective is up.

use std::{cell::RefCell, collections::BTreeSet, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::{
    Method, Request as HttpRequest, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use sim::{Env, MovableClock, crypto::P256Key};
use time::macros::utc_datetime;

use super::{
    FrontEnd,
    account_lookup::FromStore,
    requests::Incoming,
    routes::{Paths, Route, Urls},
};
use crate::{Ca, Config, OpenPerspective, base64url, challenges::ChallengeType, testing};

const HOUR: Duration = Duration::from_secs(3_600);
const NAMES: [&str; 2] = ["a.test", "b.test"];
/// The challenges that are answered, out of those that a name has.
const KINDS: [ChallengeType; 2] = [ChallengeType::Http01, ChallengeType::Dns01];
// Lifetimes in hours; with an eighth of an order's life left, an authorization is taken over.
const ORDER_LIFETIME: u64 = 24;
const PENDING_LIFETIME: u64 = 10;
const VALID_LIFETIME: u64 = 12;
const LEFT_FOR_REUSE: u64 = 3;
/// Baseline Requirements §3.2.2.8.
const CAA_GOOD_FOR: u64 = 8;

// The model.

/// A status and those that may follow it (RFC 8555 §7.1.6).
type Arrows = &'static [(&'static str, &'static [&'static str])];

const ACCOUNT: Arrows = &[("valid", &["deactivated"])];
const ORDER: Arrows =
    &[("pending", &["ready", "invalid"]), ("ready", &["processing", "invalid"]), ("processing", &["valid", "invalid"])];
const AUTHORIZATION: Arrows =
    &[("pending", &["valid", "invalid", "deactivated"]), ("valid", &["expired", "deactivated"])];
const CHALLENGE: Arrows = &[("pending", &["processing"]), ("processing", &["valid", "invalid"])];

/// Where an object stands.
#[derive(Clone, Debug)]
struct Status {
    name: &'static str,
    arrows: Arrows,
}

impl Status {
    fn first(arrows: Arrows) -> Self {
        Self { name: arrows[0].0, arrows }
    }

    fn is(&self, name: &str) -> bool {
        self.name == name
    }

    fn go_to(&mut self, next: &'static str) {
        let may_follow = self.arrows.iter().find(|(from, _)| self.is(from)).map_or(&[][..], |(_, next)| next);
        assert!(may_follow.contains(&next), "RFC 8555 has no arrow from {} to {next}", self.name);
        self.name = next;
    }
}

#[derive(Debug)]
struct Order {
    status: Status,
    authorizations: Vec<usize>,
    expires: u64,
}

#[derive(Debug)]
struct Authorization {
    status: Status,
    name: &'static str,
    expires: u64,
    caa_checked: u64,
    challenges: [Status; 2],
    /// The challenges whose validation runs, the first answered first.
    validated: Vec<usize>,
}

#[derive(Debug)]
struct Model {
    now: u64,
    is_perspective_up: bool,
    account: Status,
    orders: Vec<Order>,
    authorizations: Vec<Authorization>,
}

impl Model {
    /// The status code and what the body says: a status, or what kind of problem there is.
    fn answer(&mut self, asked: &Asked) -> (u16, &'static str) {
        match asked {
            Asked { request: Request::DeactivateAccount, by_stranger: true } => return (403, "unauthorized"),
            Asked { by_stranger: true, .. } => return (404, "malformed"),
            Asked { .. } if self.account.is("deactivated") => return (401, "unauthorized"),
            Asked { .. } => {}
        }
        let answer = match asked.request {
            Request::NewOrder(names) => {
                self.create(names);
                self.settle();
                (201, self.orders.last().expect("it was created").status.name)
            }
            Request::Order(order) => (200, self.orders[order].status.name),
            Request::Finalize { order, is_right } => match &mut self.orders[order].status {
                ready if ready.is("ready") && is_right => {
                    ready.go_to("processing");
                    (200, "processing")
                }
                ready if ready.is("ready") => (400, "badCSR"),
                _ => (403, "orderNotReady"),
            },
            Request::Authorization(authorization) => (200, self.authorizations[authorization].status.name),
            Request::DeactivateAuthorization(authorization) => {
                let status = &mut self.authorizations[authorization].status;
                match status.name {
                    "pending" | "valid" => {
                        status.go_to("deactivated");
                        (200, "deactivated")
                    }
                    "deactivated" => (200, "deactivated"),
                    _ => (400, "malformed"),
                }
            }
            Request::Challenge(authorization, kind) => (200, self.authorizations[authorization].challenges[kind].name),
            Request::AnswerChallenge(authorization, kind) => {
                let Authorization { status, challenges, validated, .. } = &mut self.authorizations[authorization];
                if status.is("pending") && challenges[kind].is("pending") {
                    challenges[kind].go_to("processing");
                    validated.push(kind);
                }
                (200, challenges[kind].name)
            }
            Request::DeactivateAccount => {
                self.account.go_to("deactivated");
                for order in self.orders.iter_mut().filter(|order| !order.is_decided()) {
                    order.status.go_to("invalid");
                }
                (200, "deactivated")
            }
        };
        self.settle();
        answer
    }

    fn create(&mut self, names: &[&'static str]) {
        let now = self.now;
        let mut expires = now + ORDER_LIFETIME;
        let mut authorizations = Vec::new();
        for name in names {
            let is_good = |one: &Authorization| {
                one.name == *name && one.status.is("valid") && one.expires >= now + LEFT_FOR_REUSE
            };
            let reused = self.authorizations.iter().position(is_good);
            if let Some(reused) = reused {
                expires = expires.min(self.authorizations[reused].expires);
            }
            authorizations.push(reused.unwrap_or_else(|| {
                self.authorizations.push(Authorization {
                    status: Status::first(AUTHORIZATION),
                    name,
                    expires: now + PENDING_LIFETIME,
                    caa_checked: 0,
                    challenges: [CHALLENGE; 2].map(Status::first),
                    validated: Vec::new(),
                });
                self.authorizations.len() - 1
            }));
        }
        self.orders.push(Order { status: Status::first(ORDER), authorizations, expires });
    }

    /// What follows from the hour and from what else has happened.
    fn settle(&mut self) {
        for authorization in self.authorizations.iter_mut().filter(|one| one.expires <= self.now) {
            match authorization.status.name {
                "pending" => authorization.status.go_to("invalid"),
                "valid" => authorization.status.go_to("expired"),
                _ => {}
            }
        }
        for order in self.orders.iter_mut().filter(|order| !order.is_decided()) {
            let on: Vec<&str> = order.authorizations.iter().map(|on| self.authorizations[*on].status.name).collect();
            if order.expires <= self.now || on.iter().any(|status| !matches!(*status, "pending" | "valid")) {
                order.status.go_to("invalid");
            } else if order.status.is("pending") && on.iter().all(|status| *status == "valid") {
                order.status.go_to("ready");
            }
        }
    }

    /// Validations and issuances come to their end.
    fn work(&mut self) {
        let verdict = if self.is_perspective_up { "valid" } else { "invalid" };
        for authorization in &mut self.authorizations {
            for kind in authorization.validated.drain(..) {
                // The first verdict is the authorization's.
                if authorization.status.is("pending") {
                    authorization.challenges[kind].go_to(verdict);
                    authorization.status.go_to(verdict);
                    if self.is_perspective_up {
                        authorization.expires = self.now + VALID_LIFETIME;
                        authorization.caa_checked = self.now;
                    }
                }
            }
        }
        for order in self.orders.iter_mut().filter(|order| order.status.is("processing")) {
            let mut issued = "valid";
            for on in &order.authorizations {
                let authorization = &mut self.authorizations[*on];
                let is_due = authorization.caa_checked + CAA_GOOD_FOR <= self.now;
                if !authorization.status.is("valid") || is_due && !self.is_perspective_up {
                    issued = "invalid";
                } else if is_due {
                    authorization.caa_checked = self.now;
                }
            }
            order.status.go_to(issued);
        }
        self.settle();
    }
}

impl Order {
    fn is_decided(&self) -> bool {
        !self.status.is("pending") && !self.status.is("ready")
    }
}

// What happens to both.

#[derive(Clone, Debug)]
enum Request<At = usize> {
    NewOrder(&'static [&'static str]),
    Order(At),
    Finalize { order: At, is_right: bool },
    Authorization(At),
    DeactivateAuthorization(At),
    Challenge(At, usize),
    AnswerChallenge(At, usize),
    DeactivateAccount,
}

#[derive(Clone, Debug)]
struct Asked<At = usize> {
    request: Request<At>,
    /// Somebody else's account asks, and not the one whose order, authorization or account it is.
    by_stranger: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Asked<Index>),
    /// Validations and issuances come to their end.
    Work,
    Pass {
        hours: u64,
    },
    Perspective {
        is_up: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_one = any::<Index>;
    let kind = || 0..KINDS.len();
    let request = prop_oneof![
        4 => any_one().prop_map(Request::Order),
        6 => (any_one(), prop_oneof![4 => Just(true), 1 => Just(false)])
            .prop_map(|(order, is_right)| Request::Finalize { order, is_right }),
        3 => any_one().prop_map(Request::Authorization),
        4 => any_one().prop_map(Request::DeactivateAuthorization),
        2 => (any_one(), kind()).prop_map(|(at, kind)| Request::Challenge(at, kind)),
        9 => (any_one(), kind()).prop_map(|(at, kind)| Request::AnswerChallenge(at, kind)),
    ];
    let stranger = prop_oneof![1 => Just(true), 12 => Just(false)];
    let new_order = select(vec![&NAMES[..1], &NAMES[1..], &NAMES[..]]).prop_map(Request::NewOrder);
    let new_order = new_order.prop_map(|request| Asked { request, by_stranger: false });
    let request = (request, stranger).prop_map(|(request, by_stranger)| Asked { request, by_stranger });
    let account = any::<bool>().prop_map(|by_stranger| Asked { request: Request::DeactivateAccount, by_stranger });
    let step = prop_oneof![
        30 => new_order.prop_map(Step::Ask),
        200 => request.prop_map(Step::Ask),
        3 => account.prop_map(Step::Ask),
        45 => Just(Step::Work),
        30 => (1..9_u64).prop_map(|hours| Step::Pass { hours }),
        20 => prop_oneof![1 => Just(false), 2 => Just(true)].prop_map(|is_up| Step::Perspective { is_up }),
    ];
    vec(step, 1..80)
}

/// The CA, and those who ask it.
struct Stage {
    front_end: FrontEnd,
    env: Env,
    clock: MovableClock,
    perspective: Option<OpenPerspective>,
    /// That of the account, and a stranger's.
    keys: [P256Key; 2],
    accounts: [String; 2],
    /// A request for each set of names, and one for a name that nobody orders.
    csrs: Vec<(&'static [&'static str], String)>,
    orders: Vec<(String, Value, &'static [&'static str])>,
    authorizations: Vec<String>,
}

impl Stage {
    async fn new(env: &Env, keys: &[P256Key; 2], csrs: &[(&'static [&'static str], String)]) -> Self {
        let clock = MovableClock::default();
        let env = clock.around(env);
        clock.freeze(&env, true);
        clock.set(&env, utc_datetime!(2026-01-01 00:00));
        let hours = |hours: u64| HOUR * u32::try_from(hours).unwrap();
        let config = Config {
            always_valid: true,
            remote_perspectives: 1,
            authorization_reuse_percent: 100,
            order_lifetime: hours(ORDER_LIFETIME),
            pending_authorization_lifetime: hours(PENDING_LIFETIME),
            valid_authorization_lifetime: hours(VALID_LIFETIME),
            ..Config::default()
        };
        let ca = Ca::with_clock(&env, config, clock.clone());
        let urls = Urls::new("https", "ca.test", 443, Paths::default());
        let front_end = FrontEnd { ca, env: env.clone(), urls, accounts: Arc::new(FromStore) };
        let (accounts, orders, authorizations) = ([const { String::new() }; 2], Vec::new(), Vec::new());
        let (keys, csrs) = (keys.clone(), csrs.to_vec());
        let mut stage = Self { front_end, env, clock, perspective: None, keys, accounts, csrs, orders, authorizations };
        for who in 0..2 {
            let url = stage.front_end.urls.of(&Route::NewAccount);
            let created = stage.post(who, &url, &json!({"termsOfServiceAgreed": true}).to_string()).await;
            assert_eq!((created.status, created.what()), (201, "valid".to_owned()));
            stage.accounts[who] = created.location;
        }
        stage
    }

    /// What the front end answers to a request that is signed by one of the keys.
    async fn post(&self, who: usize, url: &str, payload: &str) -> Reply {
        let FrontEnd { ca, env, urls, .. } = &self.front_end;
        let nonce = ca.with_store(|store| store.nonces.issue(env)).to_string();
        let mut header = json!({"alg": "ES256", "nonce": nonce, "url": url});
        match self.accounts[who].as_str() {
            "" => {
                let [x, y] = [1..33, 33..65].map(|at| base64url::encode(&self.keys[who].public_point()[at]));
                header["jwk"] = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
            }
            account => header["kid"] = account.into(),
        }
        let [protected, payload] = [header.to_string(), payload.to_owned()].map(base64url::encode);
        let signature = base64url::encode(self.keys[who].sign_fixed(format!("{protected}.{payload}").as_bytes()));
        let body = json!({"protected": protected, "payload": payload, "signature": signature}).to_string();
        let request = HttpRequest::builder().method(Method::POST).uri(url);
        let request = request.header(CONTENT_TYPE, "application/jose+json").body(()).unwrap();
        let head = request.into_parts().0;
        let route = urls.route(head.uri.path());
        let answer = self.front_end.answer(Incoming { head, route, body: Ok(body.into()) }).await;
        let (head, body) = Response::from(answer).into_parts();
        let body = body.collect().await.expect("a body in memory comes whole").to_bytes();
        assert!(head.headers.contains_key("replay-nonce"), "every answer to a POST has a nonce");
        Reply {
            status: head.status.as_u16(),
            location: head.headers.get(LOCATION).map(|url| url.to_str().unwrap().to_owned()).unwrap_or_default(),
            body: serde_json::from_slice(&body).expect("every answer here is an object"),
        }
    }

    /// Asks, and keeps what is new.
    async fn ask(&mut self, asked: &Asked) -> (u16, String) {
        let challenge = |at: &usize, kind: &usize| {
            let path = self.authorizations[*at].replace("/authorization/", "/challenge/");
            format!("{path}/{}", KINDS[*kind].name())
        };
        let deactivated = || json!({"status": "deactivated"}).to_string();
        let (url, payload) = match &asked.request {
            Request::NewOrder(names) => {
                let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
                (self.front_end.urls.of(&Route::NewOrder), json!({"identifiers": identifiers}).to_string())
            }
            Request::Order(order) => (self.orders[*order].0.clone(), String::new()),
            Request::Finalize { order, is_right } => {
                let (_, shown, names) = &self.orders[*order];
                let (_, csr) = self.csrs.iter().find(|(of, _)| (of == names) == *is_right).unwrap();
                (shown["finalize"].as_str().unwrap().to_owned(), json!({"csr": csr}).to_string())
            }
            Request::Authorization(at) => (self.authorizations[*at].clone(), String::new()),
            Request::DeactivateAuthorization(at) => (self.authorizations[*at].clone(), deactivated()),
            Request::Challenge(at, kind) => (challenge(at, kind), String::new()),
            Request::AnswerChallenge(at, kind) => (challenge(at, kind), "{}".to_owned()),
            Request::DeactivateAccount => (self.accounts[0].clone(), deactivated()),
        };
        let reply = self.post(usize::from(asked.by_stranger), &url, &payload).await;
        if let (Request::NewOrder(names), 201) = (&asked.request, reply.status) {
            for url in reply.body["authorizations"].as_array().unwrap() {
                let url = url.as_str().unwrap().to_owned();
                if !self.authorizations.contains(&url) {
                    self.authorizations.push(url);
                }
            }
            self.orders.push((reply.location.clone(), reply.body.clone(), names));
        }
        (reply.status, reply.what())
    }

    /// The statuses of everything, as they are by now.
    fn statuses(&self) -> Vec<&'static str> {
        let now = self.env.utc_now();
        self.front_end.ca.with_store(|store| {
            let mut all = Vec::new();
            for (url, ..) in &self.orders {
                let Some(Route::Order(id)) = self.front_end.urls.parse(url) else { unreachable!("it is an order's") };
                let order = store.orders.find_mut(id).unwrap();
                order.settle(&mut store.authorizations, now);
                all.push(order.status.name());
            }
            for url in &self.authorizations {
                let Some(Route::Authorization(id)) = self.front_end.urls.parse(url) else { unreachable!("likewise") };
                let authorization = store.authorizations.find_mut(id).unwrap();
                authorization.settle(now);
                all.push(authorization.status.name());
                all.extend(KINDS.map(|kind| authorization.challenge(kind).unwrap().status.name()));
            }
            all
        })
    }
}

struct Reply {
    status: u16,
    location: String,
    body: Value,
}

impl Reply {
    /// What it says: a status, or what kind of problem there is.
    fn what(&self) -> String {
        let member = if StatusCode::from_u16(self.status).unwrap().is_success() { "status" } else { "type" };
        let text = self.body[member].as_str().unwrap_or_else(|| panic!("{} has no {member}", self.body));
        text.trim_start_matches("urn:ietf:params:acme:error:").to_owned()
    }
}

/// The same request with a place in a list instead of an index; `None` if the list is empty.
fn resolve(asked: &Asked<Index>, orders: usize, authorizations: usize) -> Option<Asked> {
    let place = |index: &Index, of: usize| (of > 0).then(|| index.index(of));
    let request = match &asked.request {
        Request::NewOrder(names) => Request::NewOrder(names),
        Request::Order(at) => Request::Order(place(at, orders)?),
        Request::Finalize { order, is_right } => {
            Request::Finalize { order: place(order, orders)?, is_right: *is_right }
        }
        Request::Authorization(at) => Request::Authorization(place(at, authorizations)?),
        Request::DeactivateAuthorization(at) => Request::DeactivateAuthorization(place(at, authorizations)?),
        Request::Challenge(at, kind) => Request::Challenge(place(at, authorizations)?, *kind),
        Request::AnswerChallenge(at, kind) => Request::AnswerChallenge(place(at, authorizations)?, *kind),
        Request::DeactivateAccount => Request::DeactivateAccount,
    };
    Some(Asked { request, by_stranger: asked.by_stranger })
}

/// Status codes, with a status or a kind of problem each.
type Answers = BTreeSet<(u16, String)>;

async fn check(mut stage: Stage, steps: &[Step], answers: &RefCell<Answers>) -> Result<(), TestCaseError> {
    let account = Status::first(ACCOUNT);
    let mut model = Model { now: 0, is_perspective_up: false, account, orders: Vec::new(), authorizations: Vec::new() };
    for step in steps {
        match step {
            Step::Ask(asked) => {
                let Some(asked) = resolve(asked, model.orders.len(), model.authorizations.len()) else { continue };
                let expected = model.answer(&asked);
                let (status, what) = stage.ask(&asked).await;
                prop_assert_eq!((status, &*what), expected, "{:?}", asked);
                answers.borrow_mut().insert((status, what));
            }
            Step::Work => {
                model.work();
                stage.env.sleep(Duration::from_secs(10)).await;
            }
            Step::Pass { hours } => {
                model.now += hours;
                model.settle();
                let to = stage.env.utc_now() + HOUR * u32::try_from(*hours).unwrap();
                stage.clock.set(&stage.env, to);
            }
            Step::Perspective { is_up } => {
                model.is_perspective_up = *is_up;
                let open = || stage.front_end.ca.open_perspective(&stage.env, ([127, 0, 0, 1], 53).into());
                stage.perspective = is_up.then(open);
            }
        }
    }
    let mut expected: Vec<&str> = model.orders.iter().map(|order| order.status.name).collect();
    for authorization in &model.authorizations {
        expected.push(authorization.status.name);
        expected.extend(authorization.challenges.iter().map(|challenge| challenge.name));
    }
    prop_assert_eq!(stage.statuses(), expected);
    Ok(())
}

#[test]
fn requests_in_any_order_move_statuses_along_the_arrows_of_rfc_8555_and_are_answered_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let env = runtime.block_on(async { testing::env() });
    let keys = ["account key", "stranger's key"].map(|purpose| P256Key::generate(&env, purpose));
    let certificate_key = P256Key::generate(&env, "certificate key");
    let csr = |names: &'static [&'static str]| {
        let mut params =
            rcgen::CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        (names, base64url::encode(params.serialize_request(&certificate_key).unwrap().der()))
    };
    let csrs = [&NAMES[..1], &NAMES[1..], &NAMES[..]].map(csr);
    let config = crate::testing::same_each_time(256);
    let answers = RefCell::default();
    let run = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async { check(Stage::new(&env, &keys, &csrs).await, &steps, &answers).await })
    });
    run.unwrap_or_else(|e| panic!("{e}"));
    let all = [
        (200, "deactivated"),
        (200, "expired"),
        (200, "invalid"),
        (200, "pending"),
        (200, "processing"),
        (200, "ready"),
        (200, "valid"),
        (201, "pending"),
        (201, "ready"),
        (400, "badCSR"),
        (400, "malformed"),
        (401, "unauthorized"),
        (403, "orderNotReady"),
        (403, "unauthorized"),
        (404, "malformed"),
    ];
    assert_eq!(answers.into_inner(), all.map(|(code, what)| (code, what.to_owned())).into());
}
