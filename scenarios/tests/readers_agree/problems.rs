//! Why the CA refused: what it writes (RFC 8555 §6.7, RFC 9457) the client and the oracles read. The problems of single
//! identifiers are in `names`.

use std::cell::RefCell;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ca_mock::{Fault, FaultRule, FieldFault, Instead};
use client_under_test::acme::{
    address::Address,
    http::Request,
    jws::{self, KeyId},
    nonce::Nonce,
    problem::Problem,
    reading::words,
};
use hyper::HeaderMap;
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestRunner};
use serde_json::{Value, json};

use super::{config, overheard::Conversation};

const URN: &str = "urn:ietf:params:acme:error:";

/// A problem document as it is made up, and what is in it.
#[derive(Clone, Debug)]
struct Made {
    status: u16,
    kind: Kind,
    detail: Option<String>,
    title: Option<String>,
    instance: Option<String>,
    subproblems: Vec<Sub>,
    /// Members that are not text where text belongs (RFC 9457 §3.1: they are as if they were not there), or that nobody knows.
    strange: Vec<(&'static str, Value)>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Of ACME's namespace, known or not.
    Acme(String),
    /// Any other URI.
    Foreign(&'static str),
    /// It means `about:blank` (RFC 9457 §4.2.1).
    Missing,
}

#[derive(Clone, Debug)]
struct Sub {
    kind: String,
    detail: String,
    /// The type and the value.
    identifier: Option<(&'static str, String)>,
}

fn kind() -> impl Strategy<Value = Kind> {
    let known = select(vec!["badNonce", "rateLimited", "malformed", "userActionRequired", "unauthorized", "caa"]);
    let foreign = ["about:blank", "https://ca.test/problems/slow", "urn:acme:error:badNonce", "badNonce", "", "URN:x"];
    prop_oneof![
        4 => known.prop_map(|kind| Kind::Acme(kind.to_owned())),
        1 => "[a-zA-Z0-9:]{1,12}".prop_map(Kind::Acme),
        2 => select(foreign.to_vec()).prop_map(Kind::Foreign),
        1 => Just(Kind::Missing),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let text = || prop_oneof!["[ -~]{0,30}", "\\PC{0,9}", "[a\n\t\u{1b}\u{202e}ü]{0,9}", Just("x".repeat(600))];
    let identifier = option::of((select(vec!["dns", "ip", "onion"]), "[a-z0-9.:]{1,12}"));
    let sub =
        ("[a-zA-Z]{1,9}", text(), identifier).prop_map(|(kind, detail, identifier)| Sub { kind, detail, identifier });
    let odd = select(vec![json!(7), json!(null), json!([]), json!({"a": {}}), json!(true)]);
    let strange = (select(vec!["detail", "title", "instance", "subproblems", "algorithms", "x-y", "ä", "Type"]), odd);
    let status = prop_oneof![400..500_u16, 500..600_u16];
    (status, kind(), option::of(text()), option::of(text()), option::of(text()), vec(sub, 0..4), vec(strange, 0..3))
        .prop_map(|(status, kind, detail, title, instance, subproblems, strange)| {
            let is_free = |member: &str| match member {
                "detail" => detail.is_none(),
                "title" => title.is_none(),
                "instance" => instance.is_none(),
                "subproblems" => subproblems.is_empty(),
                _ => true,
            };
            let strange = strange.into_iter().filter(|(member, _)| is_free(member)).collect();
            Made { status, kind, detail, title, instance, subproblems, strange }
        })
}

impl Made {
    /// The CA answers so, to whatever it is asked.
    fn rule(&self) -> FaultRule {
        let kind = if let Kind::Acme(kind) = &self.kind { kind } else { "" };
        let detail = self.detail.clone().unwrap_or_default();
        let instead = Instead::Problem { kind: format!("{URN}{kind}"), detail };
        let mut fields = Vec::new();
        let mut field = |member: &str, value| fields.push(FieldFault { pointer: format!("/{member}"), value });
        match &self.kind {
            Kind::Acme(_) => {}
            Kind::Foreign(uri) => field("type", Some(json!(uri))),
            Kind::Missing => field("type", None),
        }
        if self.detail.is_none() {
            field("detail", None);
        }
        for (member, text) in [("title", &self.title), ("instance", &self.instance)] {
            text.iter().for_each(|text| field(member, Some(json!(text))));
        }
        if !self.subproblems.is_empty() {
            field("subproblems", Some(self.subproblems.iter().map(Sub::object).collect()));
        }
        self.strange.iter().for_each(|(member, value)| field(member, Some(value.clone())));
        FaultRule::new("made", Fault { instead: Some(instead), status: Some(self.status), fields, ..Fault::default() })
    }
}

impl Sub {
    fn object(&self) -> Value {
        let mut object = json!({"type": format!("{URN}{}", self.kind), "detail": self.detail});
        if let Some((kind, value)) = &self.identifier {
            object["identifier"] = json!({"type": kind, "value": value});
        }
        object
    }

    /// As the client tells it.
    fn line(&self) -> String {
        let (name, detail) = (self.identifier.as_ref().map_or("?", |(_, value)| value), words(&self.detail));
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        format!("{name}: {}{detail}", self.kind)
    }
}

#[test]
fn a_problem_is_read_as_it_was_written() {
    let conversation = Conversation::begin();
    let url: Address = conversation.stage.directory.clone().into();
    let run = TestRunner::new(config(256)).run(&made(), |made| {
        conversation.stage.ca.add_fault(made.rule(), conversation.stage.env.utc_now()).unwrap();
        let error = conversation.runtime.block_on(conversation.client().get(&url)).expect_err("it refuses");
        let problem = error.problem().ok_or_else(|| TestCaseError::fail(error.to_string()))?;
        let step = conversation.heard();

        prop_assert_eq!((problem.status, step.status()), (Some(made.status), made.status));
        // Only ACME's types have ACME's short names.
        let (kind, seen) = match &made.kind {
            Kind::Acme(kind) => (Some(kind.as_str()), Some(kind.as_str())),
            Kind::Foreign(uri) => (None, uri.contains(':').then_some(*uri)),
            Kind::Missing => (None, None),
        };
        prop_assert_eq!((problem.kind.as_deref(), step.problem()), (kind, seen));
        let told = made.detail.as_ref().or(made.title.as_ref());
        prop_assert_eq!(&problem.detail, &words(told.map_or("", String::as_str)));
        prop_assert_eq!(step.body_text("detail"), made.detail.as_deref());
        prop_assert_eq!(&problem.instance, &made.instance.as_deref().map(words));
        let mut lines: Vec<String> = Vec::new();
        for line in made.subproblems.iter().map(Sub::line) {
            // What says the same is told once.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        prop_assert_eq!(&problem.subproblems, &lines);
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}

/// RFC 8555 §6.2.
#[test]
fn who_signs_otherwise_is_told_what_is_accepted_and_it_is() {
    let conversation = Conversation::begin();
    let (account, url) = (&conversation.account, conversation.client().directory().new_order.clone());
    let nonce = Nonce::of(&HeaderMap::from_iter([("replay-nonce".parse().unwrap(), "AA".parse().unwrap())])).unwrap();
    let signed = jws::sign(account.key(), KeyId::Account(account.url()), &nonce, &url, b"{}");
    let http = RefCell::new(conversation.stage.http.converse());
    let refusal_of = |algorithm: &str| {
        let mut signed: Value = serde_json::from_slice(&signed).unwrap();
        let protected = URL_SAFE_NO_PAD.decode(signed["protected"].as_str().unwrap()).unwrap();
        let mut header: Value = serde_json::from_slice(&protected).unwrap();
        header["alg"] = json!(algorithm);
        signed["protected"] = json!(URL_SAFE_NO_PAD.encode(header.to_string()));
        let request = Request::post(&url, signed.to_string().into_bytes(), None);
        let problem = Problem::of_response(&conversation.runtime.block_on(http.borrow_mut().send(&request)).unwrap());
        (problem, conversation.heard())
    };
    let run = TestRunner::new(config(16)).run(&"HS256|none|RSA1_5|es256|[A-Z]{2}[0-9]{3}x", |algorithm| {
        let (problem, step) = refusal_of(&algorithm);
        prop_assert!(problem.is("badSignatureAlgorithm"), "{problem}");
        prop_assert_eq!((step.problem(), step.status()), (problem.kind.as_deref(), problem.status.unwrap()));
        let accepted = step.body().unwrap()["algorithms"].as_array().cloned().unwrap_or_default();
        prop_assert!(accepted.contains(&json!("ES256")) && !accepted.contains(&json!(algorithm)), "{accepted:?}");
        for algorithm in accepted {
            let (problem, _) = refusal_of(algorithm.as_str().unwrap());
            prop_assert!(!problem.is("badSignatureAlgorithm"), "{algorithm}: {problem}");
        }
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}
