//! CAA as this CA looks it up and judges it, against a second evaluator that is written from the RFCs alone, over random
//! small zones that a DNS server serves.
//!
//! The second one reads values from left to right as the grammar has them, and climbs in a map of names.

use std::{cell::Cell, collections::BTreeMap, net::Ipv4Addr};

use hickory_proto::rr::Name;
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
    test_runner::TestRunner,
};

use super::check;
use crate::{
    Ca, Config,
    challenges::ChallengeType,
    dns::{DnsServer, RecordData, Zone, ZoneHandle},
    identifier::Identifier,
    jwk::PublicKey,
    perspective::Perspective,
    problem::ProblemType,
    testing,
};

const ISSUERS: [&str; 2] = ["ca.test", "ca.example"];
const ACCOUNT: &str = "https://ca.test/account/1";

/// What stands at a name.
#[derive(Clone, Debug)]
enum Node {
    Records {
        ttl_seconds: u32,
        records: Vec<Property>,
    },
    Alias(String),
    /// An address, and nothing about CAA.
    Address,
    /// Every question is answered with SERVFAIL.
    Failing,
}

/// A CAA record (RFC 8659 §4.1).
#[derive(Clone, Debug)]
struct Property {
    flags: u8,
    tag: String,
    value: String,
}

/// Who wants to know.
#[derive(Clone, Debug)]
struct Request {
    domain: String,
    is_wildcard: bool,
    method: ChallengeType,
}

/// The TTL of what permits, zero if that is nothing at all; or what kind of problem the client is told.
type Verdict = Result<u32, ProblemType>;

// The second evaluator.

/// RFC 8659 §3, `RelevantCAASet`.
fn relevant<'a>(zone: &'a BTreeMap<String, Node>, domain: &str) -> Result<(u32, &'a [Property]), ProblemType> {
    let mut domain = Some(domain);
    while let Some(name) = domain {
        let found = caa(zone, name)?;
        if !found.1.is_empty() {
            return Ok(found);
        }
        domain = name.split_once('.').map(|(_, parent)| parent);
    }
    Ok((0, &[]))
}

/// RFC 8659 §3, `CAA(X)`: what a query for X gives, aliases followed.
fn caa<'a>(zone: &'a BTreeMap<String, Node>, name: &str) -> Result<(u32, &'a [Property]), ProblemType> {
    let mut name = name;
    for _ in 0..=8 {
        match zone.get(name) {
            Some(Node::Alias(target)) => name = target,
            Some(Node::Records { ttl_seconds, records }) => return Ok((*ttl_seconds, records)),
            Some(Node::Address) | None => return Ok((0, &[])),
            Some(Node::Failing) => return Err(ProblemType::Dns),
        }
    }
    Err(ProblemType::Dns)
}

/// RFC 8659 §4.
fn verdict(zone: &BTreeMap<String, Node>, request: &Request) -> Verdict {
    let (ttl_seconds, relevant) = relevant(zone, &request.domain)?;
    let tagged = |tag: &str| -> Vec<&Property> {
        relevant.iter().filter(|property| property.tag.to_lowercase() == tag).collect()
    };
    let is_known = |property: &Property| ["issue", "issuewild", "iodef"].contains(&&*property.tag.to_lowercase());
    if relevant.iter().any(|property| property.flags >= 128 && !is_known(property)) {
        return Err(ProblemType::Caa);
    }
    let mut asked = tagged("issue");
    if request.is_wildcard && !tagged("issuewild").is_empty() {
        asked = tagged("issuewild");
    }
    match asked.is_empty() || asked.iter().any(|property| grants(&property.value, request.method.name())) {
        true => Ok(ttl_seconds),
        false => Err(ProblemType::Caa),
    }
}

/// RFC 8659 §4.2, RFC 8657 §3 and §4.
fn grants(value: &str, method: &str) -> bool {
    let Some((issuer, parameters)) = issue_value(value) else { return false };
    let all = |tag: &str| -> Vec<&str> {
        parameters.iter().filter(|(known, _)| known.to_lowercase() == tag).map(|(_, value)| *value).collect()
    };
    let is_label = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_met = |list: &str| {
        list.split(',').filter(is_label).count() == list.split(',').count()
            && list.split(',').any(|label| label == method)
    };
    ISSUERS.contains(&&*issuer.to_lowercase())
        && matches!(all("accounturi")[..], [] | [ACCOUNT])
        && match all("validationmethods")[..] {
            [] => true,
            [list] => is_met(list),
            _ => false,
        }
}

/// `issue-value = *WSP [issuer-domain-name *WSP] [";" *WSP [parameters *WSP]]`
fn issue_value(value: &str) -> Option<(&str, Vec<(&str, &str)>)> {
    let is_ldh = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_label = |text: &str| !text.is_empty() && !text.starts_with('-') && !text.ends_with('-');
    let mut rest = unblanked(value);
    let issuer = take(&mut rest, |c| is_ldh(c) || c == '.');
    if !issuer.is_empty() && !issuer.split('.').all(is_label) {
        return None;
    }
    let mut parameters = Vec::new();
    if rest.is_empty() || rest == ";" || unblanked(rest.strip_prefix(';')?).is_empty() {
        return Some((issuer, parameters));
    }
    while !rest.is_empty() {
        rest = unblanked(rest.strip_prefix(';')?);
        let tag = take(&mut rest, is_ldh);
        rest = unblanked(rest.strip_prefix('=').filter(|_| is_label(tag))?);
        parameters.push((tag, take(&mut rest, |c| c.is_ascii_graphic() && c != ';')));
    }
    Some((issuer, parameters))
}

/// The characters that come next, and the blanks behind them away.
fn take<'a>(rest: &mut &'a str, is_meant: impl Fn(char) -> bool) -> &'a str {
    let (found, behind) = rest.split_at(rest.find(|c| !is_meant(c)).unwrap_or(rest.len()));
    *rest = unblanked(behind);
    found
}

fn unblanked(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

// What is asked, and where.

/// Of one to four labels.
fn name() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b"]), 1..=4).prop_map(|labels| labels.join("."))
}

/// In any mixture of capital and small letters.
fn cased(text: impl Strategy<Value = &'static str>) -> impl Strategy<Value = String> {
    (text, any::<u32>()).prop_map(|(text, capitals)| {
        let cased = |(at, c): (usize, char)| if capitals >> (at % 32) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        text.chars().enumerate().map(cased).collect()
    })
}

/// The value of `issue` and `issuewild`, well-formed more often than not.
fn value() -> impl Strategy<Value = String> {
    let blank = || prop_oneof![3 => Just(""), 1 => select(vec![" ", "\t", "  "])];
    let issuer = prop_oneof![
        6 => select(ISSUERS.to_vec()),
        3 => select(vec!["", "other.test", "ca.test.", "-ca.test", "ca..test", "ca test", "ca_.test", "ca.test=x"]),
    ];
    let uri = select(vec![ACCOUNT, "https://ca.test/account/12", "https://CA.test/account/1", "", "=", "a b"]);
    let methods = select(vec![
        "http-01",
        "dns-01,http-01",
        "dns-01",
        "HTTP-01",
        "",
        ",",
        "http-01,",
        "http-01,-",
        "dns-01,tls_alpn",
        "http-01, dns-01",
    ]);
    let parameter = prop_oneof![
        4 => (cased(Just("accounturi")), prop_oneof![2 => Just(ACCOUNT), 1 => uri]),
        4 => (cased(Just("validationmethods")), prop_oneof![2 => Just("http-01,dns-01"), 1 => methods]),
        2 => (select(vec!["account", "a-b", "", "a_b", "-a", "\u{e4}"]).prop_map(str::to_owned), select(vec!["1", "", "\u{e4}", "a;b"])),
    ];
    let parameter = (blank(), parameter, blank(), prop_oneof![9 => Just("="), 1 => Just("")], blank(), blank());
    let parameter = parameter.prop_map(|(a, (tag, text), b, equals, c, d)| format!("{a}{tag}{b}{equals}{c}{text}{d}"));
    let end = prop_oneof![6 => Just(""), 1 => select(vec![";", "; ", "x", "\u{e4}"])];
    (blank(), cased(issuer), blank(), vec(parameter, 0..3), end).prop_map(|(a, issuer, b, parameters, end)| {
        let begin = format!("{a}{issuer}{b}");
        parameters.iter().fold(begin, |value, parameter| format!("{value};{parameter}")) + end
    })
}

fn property() -> impl Strategy<Value = Property> {
    let flags = prop_oneof![4 => Just(0), 1 => select(vec![1, 127, 128, 129, 255])];
    let tag = prop_oneof![5 => Just("issue"), 3 => Just("issuewild"), 1 => select(vec!["iodef", "tbs", "issuemail"])];
    (flags, cased(tag), value()).prop_map(|(flags, tag, value)| Property { flags, tag, value })
}

fn zone() -> impl Strategy<Value = BTreeMap<String, Node>> {
    let records = (1..1_000_000_u32, vec(property(), 1..4));
    let node = prop_oneof![
        5 => records.prop_map(|(ttl_seconds, records)| Node::Records { ttl_seconds, records }),
        4 => name().prop_map(Node::Alias),
        1 => Just(Node::Address),
        1 => Just(Node::Failing),
    ];
    btree_map(name(), node, 0..10)
}

fn request() -> impl Strategy<Value = Request> {
    let method = select(vec![ChallengeType::Http01, ChallengeType::Dns01]);
    (name(), any::<bool>(), method).prop_map(|(domain, is_wildcard, method)| Request { domain, is_wildcard, method })
}

fn served(nodes: &BTreeMap<String, Node>) -> Zone {
    let mut zone = Zone::new(".").unwrap();
    for (name, node) in nodes {
        let mut set = |(ttl_seconds, data)| zone.set(name, ttl_seconds, data);
        match node {
            Node::Records { ttl_seconds, records } => {
                let caa = |Property { flags, tag, value }: &Property| RecordData::Caa {
                    flags: *flags,
                    tag: tag.clone(),
                    value: value.clone().into_bytes(),
                };
                set((*ttl_seconds, records.iter().map(caa).collect()))
            }
            Node::Alias(target) => set((60, vec![RecordData::Cname(Name::from_ascii(format!("{target}.")).unwrap())])),
            Node::Address => set((60, vec![RecordData::A(Ipv4Addr::LOCALHOST)])),
            Node::Failing => zone.fail(name),
        }
        .unwrap();
    }
    zone
}

#[test]
fn what_this_ca_concludes_from_a_zone_is_what_the_rfcs_algorithm_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let zones = ZoneHandle::new(Vec::new());
    let env = runtime.block_on(async { testing::env() });
    let (from, account, _running) = runtime.block_on(async {
        let server = DnsServer::bind(&env, (Ipv4Addr::LOCALHOST, 0).into(), zones.clone()).await.unwrap();
        let dns_server = server.local_address().unwrap();
        let caa_identities = ISSUERS.map(str::to_owned).into();
        let ca = Ca::new(&env, Config { dns_server, caa_identities, ..Config::default() });
        let key = PublicKey::Ed25519([1; 32]);
        let account = ca.with_store(|store| store.accounts.create(&env, key, Vec::new(), |_| ACCOUNT.to_owned()).id);
        (Perspective::primary(&ca, &env), account, env.spawn("dns", server.serve()))
    });
    let counts = [const { Cell::new(0) }; 4];
    let config = crate::testing::same_each_time(256);
    let run = TestRunner::new(config).run(&(zone(), vec(request(), 1..5)), |(nodes, requests)| {
        zones.update(|zones| *zones = vec![served(&nodes)]);
        for request in requests {
            let name = if request.is_wildcard { format!("*.{}", request.domain) } else { request.domain.clone() };
            let identifier = Identifier::parse(&name).unwrap();
            let concluded = runtime.block_on(check(&from, account, &identifier, request.method));
            let concluded = concluded.map(|checked| checked.ttl.as_secs()).map_err(|problem| problem.kind());
            let expected = verdict(&nodes, &request);
            prop_assert_eq!(concluded, expected.map(u64::from), "{:?}", request);
            let kind = match expected {
                Ok(0) => 0,
                Ok(_) => 1,
                Err(ProblemType::Dns) => 2,
                Err(_) => 3,
            };
            counts[kind].update(|count| count + 1);
        }
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
    let counts = counts.map(Cell::into_inner);
    assert!(counts.iter().all(|count| *count >= 30), "each end has to be come to: {counts:?}");
}
