//! What the client takes for a name, the CA takes for an identifier, and the oracles see the same one in it (RFC 8555 §7.1.4,
//! RFC 8738 §3).

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
};

use client_under_test::{
    acme::{client::Payload, jws::KeyId},
    name::Name,
};
use proptest::{
    collection::{btree_set, vec},
    prelude::*,
    sample::select,
    test_runner::TestRunner,
};
use scenarios::oracles::reader::identifier::{Identifier, Identifiers};
use serde_json::{Value, json};

use super::{config, overheard::Conversation};

/// What people write, and the one form in which it is ordered.
#[derive(Clone, Debug)]
struct Written {
    text: String,
    form: String,
    identifier: Identifier,
}

/// RFC 1034 §3.5, RFC 5890 §2.3.2.1: of at most 253 octets, in labels of at most 63.
fn domain() -> impl Strategy<Value = Written> {
    let plain = prop_oneof!["[a-z]([a-z0-9]{0,8}(-[a-z0-9]{1,3})?)?", "[0-9]{1,3}", "[a-z]{61,63}"];
    let international = select(vec![
        ("Bücher", "xn--bcher-kva"),
        ("faß", "xn--fa-hia"),
        ("例え", "xn--r8jz45g"),
        ("XN--BCHER-KVA", "xn--bcher-kva"),
    ]);
    let label = prop_oneof![
        3 => plain.prop_map(|label| (label.to_ascii_uppercase(), label.clone())),
        3 => "[a-z0-9]{1,9}".prop_map(|label| (label.clone(), label)),
        1 => international.prop_map(|(text, form)| (text.to_owned(), form.to_owned())),
    ];
    let top = select(vec![("test", "test"), ("Example", "example"), ("テスト", "xn--zckzah")]);
    let switches = any::<(bool, bool, bool)>();
    (vec(label, 0..6), top, switches).prop_map(|(labels, top, (is_wildcard, is_absolute, is_longest))| {
        let (star, dot) = (if is_wildcard { "*." } else { "" }, if is_absolute { "." } else { "" });
        let (mut text, mut form) = (top.0.to_owned(), top.1.to_owned());
        let room = |form: &str| 252_usize.saturating_sub(star.len() + form.len());
        for (written, label) in labels {
            if label.len() <= room(&form) {
                (text, form) = (format!("{written}.{text}"), format!("{label}.{form}"));
            }
        }
        while is_longest && room(&form) > 0 {
            let label = "l".repeat(room(&form).min(63));
            (text, form) = (format!("{label}.{text}"), format!("{label}.{form}"));
        }
        let form = format!("{star}{form}");
        Written { text: format!("{star}{text}{dot}"), identifier: Identifier::Dns(form.clone()), form }
    })
}

fn address() -> impl Strategy<Value = Written> {
    let v4 = any::<[u8; 4]>().prop_map(|octets| {
        let [a, b, c, d] = octets;
        let form = format!("{a}.{b}.{c}.{d}");
        // RFC 4291 §2.5.5.2: it is the same node's.
        let text = if a % 2 == 0 { form.clone() } else { format!("::FFFF:{form}") };
        Written { text, form, identifier: Identifier::Ip(IpAddr::from(octets)) }
    });
    let group = prop_oneof![2 => Just(0), 1 => 1..16_u16, 1 => any::<u16>()];
    let v6 = vec(group, 7).prop_map(|rest| {
        let groups: [u16; 8] = [&[0x2001], &rest[..]].concat().try_into().unwrap();
        let text = groups.map(|group| format!("{group:04X}")).join(":");
        Written { text, form: shortest(groups), identifier: Identifier::Ip(Ipv6Addr::from(groups).into()) }
    });
    prop_oneof![v4, v6]
}

/// RFC 5952 §4.
fn shortest(groups: [u16; 8]) -> String {
    let hex = |groups: &[u16]| groups.iter().map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":");
    let runs = (0..8).flat_map(|from| (from + 2..=8).map(move |to| from..to));
    let zeros = runs.filter(|run| groups[run.clone()].iter().all(|group| *group == 0));
    match zeros.min_by_key(|run| (8 - run.len(), run.start)) {
        Some(run) => format!("{}::{}", hex(&groups[..run.start]), hex(&groups[run.end..])),
        None => hex(&groups),
    }
}

#[test]
fn what_is_a_name_is_one_to_all_and_in_one_form() {
    let conversation = Conversation::begin();
    let written = vec(prop_oneof![3 => domain(), 1 => address()], 1..6);
    let run = TestRunner::new(config(128)).run(&written, |written| {
        let mut names = Vec::new();
        for Written { text, form, .. } in &written {
            let name: Name = text.parse().map_err(|e| TestCaseError::fail(format!("{e}")))?;
            prop_assert_eq!(name.as_str(), form, "{}", text);
            names.push(name);
        }
        let mut client = conversation.client();
        let mut session = conversation.account.session(&mut client);
        let order = conversation.runtime.block_on(session.new_order(&names, None, None));
        order.map_err(|e| TestCaseError::fail(e.to_string()))?;
        let step = conversation.heard();
        let expected: Identifiers = written.iter().map(|one| one.identifier.clone()).collect();
        prop_assert_eq!(step.payload().and_then(Identifier::set_of_json), Some(expected.clone()));
        prop_assert_eq!(step.identifiers(), Some(expected));
        let forms: BTreeSet<&str> = written.iter().map(|one| one.form.as_str()).collect();
        prop_assert_eq!(values(step.body().unwrap(), "identifiers", "/value"), forms);
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}

/// What stands at `pointer` in each of the list at `member`.
fn values<'a>(object: &'a Value, member: &str, pointer: &str) -> BTreeSet<&'a str> {
    let list = object.get(member).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|one| one.pointer(pointer)?.as_str()).collect()
}

/// What is written like a name, and is one or is not.
fn scribble() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        "b9",
        "-",
        ".",
        ".",
        ".",
        "*.",
        "TEST",
        "xn--bcher-kva",
        "xn--999999999",
        "ab--c",
        "bücher",
        "ß",
        "。",
        "1",
        "0x4",
        "127.0.0.1",
        "::1",
        "2001:DB8::",
        "_",
        "%2e",
        "/",
        " ",
        "\u{ad}",
        "\u{200d}",
        "ＡＢ",
    ]);
    let long = prop_oneof![Just("l".repeat(63)), Just("l".repeat(64)), Just("l.".repeat(100))];
    vec(prop_oneof![9 => piece.prop_map(str::to_owned), 1 => long], 0..7).prop_map(|pieces| pieces.concat())
}

/// Names that the client lets the operator order, and the CA has a reason to refuse.
fn is_for_the_ca_to_judge(name: &str) -> bool {
    // Labels like these are reserved for what IDNA makes of them (RFC 5890 §2.3.1). The client has no business with whether one
    // is made well; it also reads names of certificates that somebody else has ordered.
    let is_reserved = |label: &str| label.get(2..4) == Some("--");
    // In a URL, as http-01 has it (RFC 8555 §8.3), it would be an IPv4 address (WHATWG URL §3.5). To the DNS it is a label.
    let is_number =
        |label: &str| label.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    name.split('.').any(is_reserved) || name.rsplit('.').next().is_some_and(is_number)
}

#[test]
fn what_is_no_name_to_one_is_none_to_the_other() {
    let conversation = Conversation::begin();
    let run = TestRunner::new(config(256)).run(&btree_set(scribble(), 1..12), |texts| {
        let (mut client, account) = (conversation.client(), &conversation.account);
        let read: Vec<Option<Name>> = texts.iter().map(|text| text.parse().ok()).collect();
        // Neither of these is one: so there is always a list of what is refused (RFC 8555 §6.7.1).
        let sent: BTreeSet<&str> = texts
            .iter()
            .zip(&read)
            .map(|(text, name)| name.as_ref().map_or(&**text, Name::as_str))
            .chain(["?", "_"])
            .collect();
        let kind = |text: &str| if text.parse::<IpAddr>().is_ok() { "ip" } else { "dns" };
        let identifiers: Vec<Value> = sent.iter().map(|text| json!({"type": kind(text), "value": text})).collect();
        let (url, payload) = (client.directory().new_order.clone(), Payload::Json(json!({"identifiers": identifiers})));
        let posted = client.post(account.key(), KeyId::Account(account.url()), &url, &payload);
        let posted = conversation.runtime.block_on(posted);
        let error = posted.expect_err("some are refused");
        let problem = error.problem().ok_or_else(|| TestCaseError::fail(error.to_string()))?;

        let step = conversation.heard();
        let body = step.body().unwrap();
        let refused = values(body, "subproblems", "/identifier/value");
        prop_assert_eq!((step.problem(), step.status()), (problem.kind.as_deref(), problem.status.unwrap()));
        prop_assert_eq!(problem.subproblems.len(), refused.len());
        for one in body["subproblems"].as_array().unwrap() {
            let (value, detail) = (one["identifier"]["value"].as_str().unwrap(), one["detail"].as_str().unwrap());
            let line = format!("{value}: rejectedIdentifier (400): {detail}");
            prop_assert!(problem.subproblems.contains(&line), "{line} is not in {:?}", problem.subproblems);
        }
        for (text, name) in texts.iter().zip(&read) {
            match name {
                Some(name) => {
                    prop_assert!(
                        !refused.contains(name.as_str()) || is_for_the_ca_to_judge(name.as_str()),
                        "the CA refuses {name}"
                    );
                    let seen = Identifier::of_json(&json!({"type": kind(name.as_str()), "value": name.as_str()}));
                    prop_assert_eq!(seen.map(|seen| seen.to_string()), Some(name.to_string()));
                }
                None => prop_assert!(refused.contains(&**text), "the client refuses {text:?}, and the CA does not"),
            }
        }
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}
