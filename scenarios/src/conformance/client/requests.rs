//! RFC 8555 §6.1 to §6.4, §7.3 and §7.4: what the requests of a client look like that gets a certificate by http-01 from a
//! CA that does nothing odd.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    Case, Examination, NAME,
    session::{Asked, Session, ordered},
    task::Task::Obtain,
};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::{
        csr::Csr,
        identifier::{Identifier, Identifiers, show},
        jws::{Jws, point},
        step::Resource,
    },
};

/// Nothing odd.
const PLAIN: &str = "";
const STRANGER: &str = "§6.1 wants HTTPS, and who does not look at the certificate speaks with whoever answers.";
const SENT: &str = "Nothing odd: a certificate is to be had by http-01.";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7/client-issuance",
        level: Robustness,
        requirements: &["rfc8555-7-inv-happy-matrix", "rfc8555-7.4-cl-finalize-only-ready"],
        sent: SENT,
        expected: "A certificate, from an order that was ready when it was finalized.",
        why: "It is what a client is for.",
        run: Examination { task: Obtain, ca: PLAIN, judge: issuance },
    },
    Case {
        id: "rfc8555/6.1/client-unknown-root",
        level: Must,
        requirements: &["rfc8555-6.1-cl-https"],
        sent: "The CA's HTTPS certificate is signed by another root than the one that is trusted.",
        expected: "The client breaks the connection off without a request, and does not end with success.",
        why: STRANGER,
        run: Examination { task: Obtain, ca: "[ca]\napi-certificate = \"other-root\"", judge: Session::asked_nothing },
    },
    Case {
        id: "rfc8555/6.1/client-other-host",
        level: Must,
        requirements: &["rfc8555-6.1-cl-https"],
        sent: "The CA's HTTPS certificate is for another host.",
        expected: "The client breaks the connection off without a request, and does not end with success.",
        why: STRANGER,
        run: Examination { task: Obtain, ca: "[ca]\napi-certificate = \"other-name\"", judge: Session::asked_nothing },
    },
    Case {
        id: "rfc8555/6.1/client-expired",
        level: Must,
        requirements: &["rfc8555-6.1-cl-https"],
        sent: "The CA's HTTPS certificate expired a day ago.",
        expected: "The client breaks the connection off without a request, and does not end with success.",
        why: STRANGER,
        run: Examination { task: Obtain, ca: "[ca]\napi-certificate = \"expired\"", judge: Session::asked_nothing },
    },
    Case {
        id: "rfc8555/6.1/client-user-agent",
        level: Must,
        requirements: &["rfc8555-6.1-cl-user-agent"],
        sent: SENT,
        expected: "User-Agent in every request, those for the directory and for nonces included.",
        why: "A CA that sees a client go wrong must be able to tell whose it is.",
        run: Examination { task: Obtain, ca: PLAIN, judge: user_agent },
    },
    Case {
        id: "rfc8555/6.1/client-user-agent-names-both",
        level: Should,
        requirements: &["rfc8555-6.1-cl-user-agent-detail"],
        sent: SENT,
        expected: "User-Agent names the client and the HTTP library, each with its version.",
        why: "A defect may be the library's.",
        run: Examination { task: Obtain, ca: PLAIN, judge: user_agent_names_both },
    },
    Case {
        id: "rfc8555/6.1/client-accept-language",
        level: Should,
        requirements: &["rfc8555-6.1-cl-accept-language"],
        sent: SENT,
        expected: "Accept-Language in every request.",
        why: "Problem documents are for people, who may not read English.",
        run: Examination { task: Obtain, ca: PLAIN, judge: accept_language },
    },
    Case {
        id: "rfc8555/6.1/client-base64url",
        level: Must,
        requirements: &["rfc8555-6.1-cl-b64-nopad"],
        sent: SENT,
        expected: "base64url without padding in every signed request.",
        why: "A strict CA refuses anything else.",
        run: Examination { task: Obtain, ca: PLAIN, judge: base64url },
    },
    Case {
        id: "rfc8555/6.2/client-content-type",
        level: Must,
        requirements: &["rfc8555-6.2-cl-content-type"],
        sent: SENT,
        expected: "Content-Type: application/jose+json with every POST.",
        why: "CAs answer 415 to anything else.",
        run: Examination { task: Obtain, ca: PLAIN, judge: content_type },
    },
    Case {
        id: "rfc8555/6.2/client-flattened",
        level: Must,
        requirements: &["rfc8555-6.2-cl-flattened"],
        sent: SENT,
        expected: "Every POST is a JSON object of protected, payload and signature, and nothing else.",
        why: "It is the one serialization that ACME has.",
        run: Examination { task: Obtain, ca: PLAIN, judge: flattened },
    },
    Case {
        id: "rfc8555/6.2/client-header-fields",
        level: Must,
        requirements: &["rfc8555-6.2-cl-header-fields"],
        sent: SENT,
        expected: "alg, nonce, url, and of jwk and kid exactly one: jwk for newAccount, kid otherwise.",
        why: "The header says who speaks, to whom and for the first time.",
        run: Examination { task: Obtain, ca: PLAIN, judge: header_fields },
    },
    Case {
        id: "rfc8555/6.2/client-account-url",
        level: Must,
        requirements: &["rfc8555-6.2-cl-kid-exact"],
        sent: SENT,
        expected: "kid is what Location said when the account was made, byte for byte.",
        why: "CAs compare it as text.",
        run: Examination { task: Obtain, ca: PLAIN, judge: account_url },
    },
    Case {
        id: "rfc8555/6.2/client-canonical-key",
        level: Must,
        requirements: &["rfc7518-6.2.1-cl-jwk-canonical"],
        sent: SENT,
        expected: "A public key whose coordinates are as long as the curve wants, or whose integers have no leading zero, and nothing private.",
        why: "One key in 128 has a leading zero, and another spelling is another thumbprint.",
        run: Examination { task: Obtain, ca: PLAIN, judge: canonical_key },
    },
    Case {
        id: "rfc8555/6.2/client-signature",
        level: Robustness,
        requirements: &["rfc8555-6.2-cl-alg"],
        sent: SENT,
        expected: "alg is one for the account's key, and a signature by ECDSA is two numbers of the curve's length.",
        why: "RFC 7518 §3.4: as a sequence in DER it is one that CAs refuse.",
        run: Examination { task: Obtain, ca: PLAIN, judge: signature },
    },
    Case {
        id: "rfc8555/6.3/client-post-as-get",
        level: Must,
        requirements: &["rfc8555-6.3-cl-post-as-get"],
        sent: SENT,
        expected: "Orders, authorizations and certificates are read by POST with an empty payload, never by GET.",
        why: "§6.3: a CA answers 405 to a GET, and what is not signed says nothing of who asks.",
        run: Examination { task: Obtain, ca: PLAIN, judge: post_as_get },
    },
    Case {
        id: "rfc8555/6.4/client-exact-url",
        level: Must,
        requirements: &["rfc8555-6.4-cl-url-exact"],
        sent: SENT,
        expected: "url in the header is the URL that the CA gave, and the one that is asked.",
        why: "It keeps a request from being used elsewhere.",
        run: Examination { task: Obtain, ca: PLAIN, judge: exact_url },
    },
    Case {
        id: "rfc8555/6.5.1/client-no-replay-nonce",
        level: Should,
        requirements: &["rfc8555-6.5.1-cl-no-replay-header"],
        sent: SENT,
        expected: "No request has a Replay-Nonce header.",
        why: "The header is the CA's; a client's nonce stands in what it signs.",
        run: Examination { task: Obtain, ca: PLAIN, judge: no_replay_nonce },
    },
    Case {
        id: "rfc8555/7.3/client-contact",
        level: Must,
        requirements: &["rfc8555-7.3-cl-contact-single"],
        sent: SENT,
        expected: "Each mailto contact is one address without header fields.",
        why: "§7.3: a CA refuses the account otherwise.",
        run: Examination { task: Obtain, ca: PLAIN, judge: contact },
    },
    Case {
        id: "rfc8555/7.3.1/client-only-return-existing",
        level: Robustness,
        requirements: &["rfc8555-7.3.1-cl-only-existing-false"],
        sent: SENT,
        expected: "A new account's payload has no onlyReturnExisting of false, and no member that is null.",
        why: "CAs have been seen that refuse what only says nothing.",
        run: Examination { task: Obtain, ca: PLAIN, judge: only_return_existing },
    },
    Case {
        id: "rfc8555/7.4/client-order-shape",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-order-shape", "profiles-4-cl-prof-omit", "rfc9773-5-cl-ari-replaces-null"],
        sent: SENT,
        expected: "A new order names the identifiers that are wanted, and has no member that is null or empty.",
        why: "A replaces or a profile of null is a value of the wrong type to a strict CA.",
        run: Examination { task: Obtain, ca: PLAIN, judge: order_shape },
    },
    Case {
        id: "rfc8555/7.4/client-exact-csr",
        level: Must,
        requirements: &["rfc8555-7.4-cl-csr-exact"],
        sent: SENT,
        expected: "A CSR for exactly the identifiers of the order.",
        why: "A CA refuses any other.",
        run: Examination { task: Obtain, ca: PLAIN, judge: exact_csr },
    },
    Case {
        id: "rfc8555/7.4/client-common-name",
        level: Robustness,
        requirements: &["rfc8555-7.4-cl-csr-cn"],
        sent: SENT,
        expected: "A common name in the CSR is one of the order's identifiers, or there is none.",
        why: "A CA that certifies what stands there certifies it unseen.",
        run: Examination { task: Obtain, ca: PLAIN, judge: exact_csr },
    },
    Case {
        id: "rfc8555/7.5.1/client-answer-of-a-challenge",
        level: Must,
        requirements: &["rfc8555-7.5.1-cl-chall-empty-obj"],
        sent: SENT,
        expected: "A challenge is answered with {}, and not again once the CA has taken it.",
        why: "§7.5.1: a CA begins at the first; a second answer may begin a second validation.",
        run: Examination { task: Obtain, ca: PLAIN, judge: answer_of_a_challenge },
    },
    Case {
        id: "rfc8555/8.3/client-key-authorization",
        level: Must,
        requirements: &["rfc8555-8.3-cl-h1-exact", "rfc8555-8.1-cl-keyauth"],
        sent: SENT,
        expected: "The key authorization, where the CA looks for it.",
        why: "It is the proof.",
        run: Examination { task: Obtain, ca: PLAIN, judge: Session::obtained },
    },
    Case {
        id: "rfc8555/11.1/client-csr-key",
        level: Must,
        requirements: &["rfc8555-11.1-cl-csr-key-not-account"],
        sent: SENT,
        expected: "The key of the CSR is not the account's.",
        why: "Whoever runs the web server would speak for the account.",
        run: Examination { task: Obtain, ca: PLAIN, judge: csr_key },
    },
];

fn issuance(session: &Session) -> Result<(), Stop> {
    session.obtained()?;
    for (index, asked) in session.of(|resource| matches!(resource, Resource::Finalize { .. })) {
        if !asked.step.is_success() {
            let found = format!("{} {}", asked.step.status(), asked.step.problem().unwrap_or_default());
            return Err(session.fail(Some(index), "an order that is ready when it is finalized", found));
        }
    }
    Ok(())
}

/// What each exchange has to have; `found` tells what it has instead.
fn each(session: &Session, expected: &str, found: impl Fn(&Asked) -> Option<String>) -> Result<(), Stop> {
    let wrong = session.asked().iter().enumerate().find_map(|(index, asked)| Some((index, found(asked)?)));
    match wrong {
        Some((index, found)) => Err(session.fail(Some(index), expected, found)),
        // What it did not send can't be judged.
        None => session.has_asked(&Resource::NewOrder),
    }
}

/// What each signed exchange has to have.
fn each_signed(session: &Session, expected: &str, found: impl Fn(&Asked, &Jws) -> Option<String>) -> Result<(), Stop> {
    each(session, expected, |asked| found(asked, asked.step.jws()?))
}

fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    asked.step.request.headers.first(name).filter(|value| !value.is_empty())
}

fn user_agent(session: &Session) -> Result<(), Stop> {
    each(session, "a User-Agent", |asked| header(asked, "user-agent").is_none().then(|| "none".to_owned()))
}

fn user_agent_names_both(session: &Session) -> Result<(), Stop> {
    each(session, "two products with their versions in User-Agent", |asked| {
        let told = header(asked, "user-agent").unwrap_or_default();
        let products = told.split([' ', '(', ')', ';']).filter(|word| {
            word.split_once('/').is_some_and(|(_, version)| version.contains(|c: char| c.is_ascii_digit()))
        });
        (products.count() < 2).then(|| format!("{told:?}"))
    })
}

fn accept_language(session: &Session) -> Result<(), Stop> {
    each(session, "Accept-Language", |asked| header(asked, "accept-language").is_none().then(|| "none".to_owned()))
}

fn base64url(session: &Session) -> Result<(), Stop> {
    each(session, "base64url without padding", |asked| {
        let json: Value = serde_json::from_slice(&asked.step.request.body).ok()?;
        let members =
            ["protected", "payload", "signature"].iter().filter_map(|name| Some((name, json.get(name)?.as_str()?)));
        let (name, text) = members.clone().find(|(_, text)| URL_SAFE_NO_PAD.decode(text).is_err())?;
        Some(format!("{name} {text:?}"))
    })
}

fn content_type(session: &Session) -> Result<(), Stop> {
    each(session, "Content-Type: application/jose+json", |asked| {
        let told = header(asked, "content-type").unwrap_or("none");
        (asked.step.request.method == "POST" && told != "application/jose+json").then(|| told.to_owned())
    })
}

fn flattened(session: &Session) -> Result<(), Stop> {
    each(session, "protected, payload and signature", |asked| {
        if asked.step.request.method != "POST" {
            return None;
        }
        let json = serde_json::from_slice::<Value>(&asked.step.request.body).unwrap_or_default();
        let names: BTreeSet<&str> =
            json.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str)).collect();
        let is_right = names == BTreeSet::from(["payload", "protected", "signature"]);
        (!is_right).then(|| format!("{names:?}"))
    })
}

fn header_fields(session: &Session) -> Result<(), Stop> {
    each_signed(session, "alg, nonce, url, and jwk for newAccount or else kid", |asked, jws| {
        let has = |name: &str| jws.protected.get(name).is_some();
        let is_new_account = asked.step.resource == Resource::NewAccount;
        // A certificate's own key may revoke it (RFC 8555 §7.6).
        let may_be_either = asked.step.resource == Resource::RevokeCertificate;
        let is_right = has("jwk") != has("kid") && (may_be_either || has("jwk") == is_new_account);
        (!(has("alg") && has("nonce") && has("url") && is_right)).then(|| jws.protected.to_string())
    })
}

fn account_url(session: &Session) -> Result<(), Stop> {
    let locations: Vec<&str> = session
        .of(|resource| *resource == Resource::NewAccount)
        .filter_map(|(_, asked)| asked.step.header("location"))
        .collect();
    each_signed(session, &format!("kid of {locations:?}"), |_, jws| {
        let kid = jws.kid()?;
        (!locations.contains(&kid)).then(|| kid.to_owned())
    })
}

fn canonical_key(session: &Session) -> Result<(), Stop> {
    each_signed(session, "a public key in its one form", |_, jws| {
        let key = jws.protected.get("jwk")?;
        let octets = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let length = match key.get("crv").and_then(Value::as_str) {
            Some("P-256" | "Ed25519") => Some(32),
            Some("P-384") => Some(48),
            Some("P-521") => Some(66),
            _ => None,
        };
        let is_right = ["x", "y"].iter().filter_map(|name| octets(name)).all(|octets| Some(octets.len()) == length)
            && ["n", "e"].iter().filter_map(|name| octets(name)).all(|octets| octets.first() != Some(&0))
            && key.get("d").is_none();
        (!is_right).then(|| key.to_string())
    })
}

fn signature(session: &Session) -> Result<(), Stop> {
    let key = session.signed().find_map(|(_, _, jws)| jws.protected.get("jwk")).cloned().unwrap_or_default();
    each_signed(session, "a signature as long as its alg wants, by the account's key", |_, jws| {
        let alg = jws.protected.get("alg").and_then(Value::as_str).unwrap_or_default();
        let kind = ["kty", "crv"].map(|member| key.get(member).and_then(Value::as_str).unwrap_or_default());
        let is_right = match (alg, kind) {
            ("ES256", ["EC", "P-256"]) | ("EdDSA", ["OKP", "Ed25519"]) => jws.signature().len() == 64,
            ("ES384", ["EC", "P-384"]) => jws.signature().len() == 96,
            ("ES512", ["EC", "P-521"]) => jws.signature().len() == 132,
            ("RS256", ["RSA", _]) => jws.signature().len() >= 256,
            _ => false,
        };
        (!is_right).then(|| format!("{alg} by {kind:?}, a signature of {} octets", jws.signature().len()))
    })
}

fn post_as_get(session: &Session) -> Result<(), Stop> {
    each(session, "a POST with an empty payload", |asked| {
        let is_read = matches!(
            asked.step.resource,
            Resource::Order | Resource::Authorization | Resource::Certificate { .. } | Resource::Account
        );
        let is_get = asked.step.request.method != "POST";
        (is_read && is_get).then(|| format!("{} {}", asked.step.request.method, asked.step.request.target))
    })?;
    each_signed(session, "an empty payload where something is read", |asked, jws| {
        let is_read = matches!(asked.step.resource, Resource::Order | Resource::Certificate { .. });
        (is_read && !jws.is_post_as_get()).then(|| jws.payload.to_string())
    })
}

fn exact_url(session: &Session) -> Result<(), Stop> {
    each_signed(session, "the URL that is asked in the header", |asked, jws| {
        let url = jws.url().unwrap_or_default();
        let asked_for = format!("{}{}", asked.step.place.authority(), asked.step.request.target);
        (url.split_once("://").map(|(_, rest)| rest) != Some(asked_for.as_str()))
            .then(|| format!("{url:?} at {asked_for}"))
    })
}

fn no_replay_nonce(session: &Session) -> Result<(), Stop> {
    each(session, "no Replay-Nonce", |asked| header(asked, "replay-nonce").map(ToOwned::to_owned))
}

/// What each payload for this resource has to be.
fn payloads(
    session: &Session,
    resource: &Resource,
    expected: &str,
    found: impl Fn(&Value) -> Option<String>,
) -> Result<(), Stop> {
    let mut of_this = session.signed().filter(|(_, asked, _)| asked.step.resource == *resource);
    match of_this.find_map(|(index, _, jws)| Some((index, found(&jws.payload)?))) {
        Some((index, found)) => Err(session.fail(Some(index), expected, found)),
        None => session.has_asked(resource),
    }
}

fn contact(session: &Session) -> Result<(), Stop> {
    payloads(session, &Resource::NewAccount, "one address in each mailto contact", |payload| {
        let contacts = payload.get("contact").and_then(Value::as_array);
        let mut contacts = contacts.into_iter().flatten().filter_map(Value::as_str);
        let wrong = contacts.find(|contact| contact.strip_prefix("mailto:").is_some_and(|to| !is_one_address(to)));
        wrong.map(|contact| format!("{contact:?}"))
    })
}

/// Whether this can be the one address of a mailto URI that has no header fields (RFC 6068 §2).
fn is_one_address(to: &str) -> bool {
    let parts: Vec<&str> = to.split('@').collect();
    matches!(parts[..], [local, domain] if !local.is_empty() && !domain.is_empty())
        && !to.contains(|c: char| matches!(c, ',' | '?' | '<' | '>') || c.is_whitespace() || c.is_control())
}

fn nulls(payload: &Value) -> Option<String> {
    let mut members = payload.as_object().into_iter().flatten();
    members.find(|(_, value)| value.is_null()).map(|(name, _)| format!("{name} is null"))
}

fn only_return_existing(session: &Session) -> Result<(), Stop> {
    payloads(session, &Resource::NewAccount, "no onlyReturnExisting of false, and nothing that is null", |payload| {
        let is_false = payload.get("onlyReturnExisting") == Some(&Value::Bool(false));
        if is_false { Some("onlyReturnExisting is false".to_owned()) } else { nulls(payload) }
    })
}

fn order_shape(session: &Session) -> Result<(), Stop> {
    payloads(session, &Resource::NewOrder, &format!("an order for {NAME}, and nothing null or empty"), |payload| {
        let mut members = payload.as_object().into_iter().flatten();
        let empty = members.find(|(_, value)| *value == "").map(|(name, _)| format!("{name} is empty"));
        let names = ordered(payload);
        let others = (names != NAME).then(|| format!("an order for {names}"));
        nulls(payload).or(empty).or(others)
    })
}

/// The CSRs that were sent, with their exchange.
fn csrs(session: &Session) -> impl Iterator<Item = (usize, Option<Csr>)> {
    session.of(|resource| matches!(resource, Resource::Finalize { .. })).map(|(index, asked)| {
        let text = asked.step.payload().and_then(|payload| payload.get("csr")?.as_str());
        (index, text.and_then(|text| Csr::read(&URL_SAFE_NO_PAD.decode(text).ok()?)))
    })
}

fn exact_csr(session: &Session) -> Result<(), Stop> {
    let expected = Identifiers::from([Identifier::dns(NAME)]);
    let mut is_any = false;
    for (index, csr) in csrs(session) {
        let found = csr.map_or_else(|| "no CSR".to_owned(), |csr| show(&csr.names));
        if found != show(&expected) {
            return Err(session.fail(Some(index), &format!("a CSR for {NAME}"), found));
        }
        is_any = true;
    }
    if is_any { Ok(()) } else { Err(session.missing("a CSR")) }
}

fn answer_of_a_challenge(session: &Session) -> Result<(), Stop> {
    session.obtained()?;
    each_signed(session, "{}", |asked, jws| {
        let is_answer = matches!(asked.step.resource, Resource::Challenge { .. }) && !jws.is_post_as_get();
        (is_answer && jws.payload_bytes != b"{}").then(|| jws.payload.to_string())
    })?;
    session.keeps("manager.challenge-posted-once")
}

fn csr_key(session: &Session) -> Result<(), Stop> {
    let account = session.signed().find_map(|(_, _, jws)| point(jws.protected.get("jwk")?));
    for (index, csr) in csrs(session) {
        if account.is_some() && csr.map(|csr| csr.public_key) == account {
            return Err(session.fail(Some(index), "a key of its own in the CSR", "the account's"));
        }
    }
    if csrs(session).next().is_some() { Ok(()) } else { Err(session.missing("a CSR")) }
}
