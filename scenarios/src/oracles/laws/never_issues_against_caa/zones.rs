//! `ca.never-issues-against-caa` over random small zones, against a second evaluation that follows RFC 8659's algorithm.
//!
//! A value is drawn as what it means and then written down: the second evaluation reads no text, and climbs in a map of
//! names. A CA is told of one zone, or of nothing; then the zone is another one, and after some time the CA issues.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ca_mock::dns::{Name, RecordData, Zone, ZoneHandle};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{RData, RecordType},
};
use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::select,
    test_runner::{RngSeed, TestRunner},
};
use sim::trace::Event;

use crate::oracles::{
    reader::identifier::{Identifier, Identifiers, show},
    testing::Story,
};

const LAW: &str = "ca.never-issues-against-caa";
/// Baseline Requirements §3.2.2.8, and beyond.
const WAITS_S: [u32; 5] = [0, 28_800, 28_801, 100_000, 100_001];
const TTLS_S: [u32; 3] = [60, 28_801, 100_000];

/// What stands at each name that has anything.
type Nodes = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
enum Node {
    Caa {
        ttl_s: u32,
        records: Vec<Caa>,
    },
    Alias(String),
    /// An address, and nothing about CAA.
    Address,
}

/// A CAA record (RFC 8659 §4.1).
#[derive(Clone, Debug)]
struct Caa {
    flags: u8,
    tag: String,
    value: String,
    /// Whether the value, as `issue` and `issuewild` have it, means Story's CA, account and method.
    grants: bool,
}

/// What happens.
#[derive(Clone, Debug)]
struct Issuance {
    /// Domains, and whether it is for the wildcard below.
    names: BTreeSet<(String, bool)>,
    /// What the CA is told; and whether name servers tell an alias without what stands there.
    told: Option<(Nodes, bool)>,
    /// How the zone stands from then on, one CAA record at a name.
    stands: Nodes,
    wait_s: u32,
}

// The second evaluation.

/// RFC 8659 §3: `RelevantCAASet`.
fn relevant<'a>(nodes: &'a Nodes, domain: &str) -> (u32, &'a [Caa]) {
    let labels: Vec<&str> = domain.split('.').collect();
    let tree = (0..labels.len()).map(|from| labels[from..].join("."));
    tree.map(|owner| caa(nodes, &owner)).find(|(_, records)| !records.is_empty()).unwrap_or_default()
}

/// RFC 8659 §3: `CAA(X)`, aliases followed.
fn caa<'a>(nodes: &'a Nodes, owner: &str) -> (u32, &'a [Caa]) {
    match nodes.get(owner) {
        Some(Node::Alias(target)) => caa(nodes, target),
        Some(Node::Caa { ttl_s, records }) => (*ttl_s, records),
        Some(Node::Address) | None => (0, &[]),
    }
}

/// RFC 8659 §4.2 to §4.5.
fn permits(relevant: &[Caa], is_wildcard: bool) -> bool {
    let of = |tag: &str| -> Vec<&Caa> { relevant.iter().filter(|record| record.tag.to_lowercase() == tag).collect() };
    let known = ["issue", "issuewild", "iodef"];
    if relevant.iter().any(|record| record.flags >= 128 && !known.contains(&&*record.tag.to_lowercase())) {
        return false;
    }
    let deciding = if is_wildcard && !of("issuewild").is_empty() { of("issuewild") } else { of("issue") };
    deciding.is_empty() || deciding.iter().any(|record| record.grants)
}

impl Issuance {
    /// What CAA forbids: as the CA was told, as long as it may rely on it, and then as the zone stands.
    fn forbidden(&self) -> BTreeSet<(String, bool)> {
        let is_forbidden = |(domain, is_wildcard): &&(String, bool)| {
            let told = self.told.as_ref().map(|(nodes, _)| relevant(nodes, domain));
            let decides = match told {
                Some((ttl_s, told)) if self.wait_s <= ttl_s.max(28_800) => told,
                Some(_) | None => relevant(&self.stands, domain).1,
            };
            !permits(decides, *is_wildcard)
        };
        self.names.iter().filter(is_forbidden).cloned().collect()
    }
}

// What is asked, and where.

fn cased(text: impl Strategy<Value = &'static str>) -> impl Strategy<Value = String> {
    let capitals = prop_oneof![2 => Just(0), 1 => any::<u32>()];
    (text, capitals).prop_map(|(text, capitals)| {
        let cased = |(at, c): (usize, char)| if capitals >> (at % 32) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        text.chars().enumerate().map(cased).collect()
    })
}

/// The value of `issue` and `issuewild` (RFC 8659 §4.2), and whether it grants.
fn value() -> impl Strategy<Value = (String, bool)> {
    let blank = || prop_oneof![3 => Just(""), 1 => select(vec![" ", "\t", "  "])];
    let issuer = prop_oneof![
        3 => (cased(Just("ca.test")), Just(true)),
        2 => (select(vec!["", "other.test", "ca.test.", "test", "ca test"]).prop_map(str::to_owned), Just(false)),
    ];
    // RFC 8657 §3 and §4.
    let account = select(vec![("https://ca.test/account/1", true), ("https://ca.test/account/12", false), ("", false)]);
    let methods = select(vec![
        ("http-01", true),
        ("dns-01,http-01,-x-", true),
        ("dns-01", false),
        ("HTTP-01", false),
        ("http-01,", false),
        ("http-01,a_b", false),
        ("", false),
    ]);
    let parameter = prop_oneof![
        3 => (cased(Just("accounturi")), prop_oneof![1 => Just(("https://ca.test/account/1", true)), 1 => account]),
        3 => (cased(Just("validationmethods")), prop_oneof![1 => Just(("http-01", true)), 1 => methods]),
        2 => (select(vec!["policy", "a-b"]).prop_map(str::to_owned), select(vec![("ev", true), ("=", true), ("", true)])),
        1 => (select(vec!["", "-a", "a_b"]).prop_map(str::to_owned), Just(("ev", false))),
        1 => (Just("policy".to_owned()), select(vec![("e v", false), ("\u{e4}", false)])),
    ];
    let parameter = (blank(), parameter, blank(), blank());
    let end = prop_oneof![8 => Just(""), 1 => Just(";")];
    (blank(), issuer, blank(), vec(parameter, 0..3), end).prop_map(|(a, (issuer, is_ours), b, parameters, end)| {
        let tags: BTreeSet<String> = parameters.iter().map(|(_, (tag, _), ..)| tag.to_lowercase()).collect();
        let may_repeat = |tag: &str| !["accounturi", "validationmethods"].contains(&tag);
        let is_once = tags.len() == parameters.len() || tags.iter().all(|tag| may_repeat(tag));
        let hold = parameters.iter().all(|(_, (_, (_, holds)), ..)| *holds);
        // The grammar has a semicolon without parameters, but not behind them.
        let grants = is_ours && is_once && hold && (end.is_empty() || parameters.is_empty());
        let written =
            |(a, (tag, (text, _)), b, c): &(_, (String, (&str, bool)), _, _)| format!(";{a}{tag}{b}={c}{text}");
        let parameters: String = parameters.iter().map(written).collect();
        (format!("{a}{issuer}{b}{parameters}{end}"), grants)
    })
}

fn record() -> impl Strategy<Value = Caa> {
    let flags = prop_oneof![4 => Just(0), 1 => select(vec![1, 127, 128, 255])];
    let tag = prop_oneof![5 => Just("issue"), 3 => Just("issuewild"), 1 => select(vec!["iodef", "tbs", "issuemail"])];
    (flags, cased(tag), value()).prop_map(|(flags, tag, (value, grants))| Caa { flags, tag, value, grants })
}

fn node(records_max: usize, targets: Vec<&'static str>) -> impl Strategy<Value = Node> {
    let records = (select(TTLS_S.to_vec()), vec(record(), 1..=records_max));
    prop_oneof![
        5 => records.prop_map(|(ttl_s, records)| Node::Caa { ttl_s, records }),
        3 => select(targets).prop_map(|target| Node::Alias(target.to_owned())),
        1 => Just(Node::Address),
    ]
}

/// Of one to three labels.
fn domain() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b"]), 1..=3).prop_map(|labels| labels.join("."))
}

/// Aliases go from here to names that are never ordered, and from there on in no circle.
fn nodes(records_max: usize) -> impl Strategy<Value = Nodes> {
    let ordered = btree_map(domain(), node(records_max, vec!["c", "a.c", "d"]), 0..12);
    let aliased = btree_map(select(vec!["c", "a.c"]).prop_map(str::to_owned), node(records_max, vec!["d"]), 0..3);
    let last = btree_map(Just("d".to_owned()), node(records_max, vec!["nowhere"]), 0..2);
    (ordered, aliased, last)
        .prop_map(|(ordered, aliased, last)| ordered.into_iter().chain(aliased).chain(last).collect())
}

fn issuance() -> impl Strategy<Value = Issuance> {
    let told = option::weighted(0.6, (nodes(3), any::<bool>()));
    let names = btree_set((domain(), any::<bool>()), 1..4);
    (names, told, nodes(1), select(WAITS_S.to_vec())).prop_map(|(names, told, stands, wait_s)| Issuance {
        names,
        told,
        stands,
        wait_s,
    })
}

// The trace of it.

fn zone(nodes: &Nodes) -> ZoneHandle {
    let mut zone = Zone::new(".").unwrap();
    for (name, node) in nodes {
        let (ttl_s, data) = match node {
            Node::Caa { ttl_s, records } => (*ttl_s, records.iter().map(Caa::data).collect()),
            Node::Alias(target) => (60, vec![RecordData::Cname(Name::from_ascii(format!("{target}.")).unwrap())]),
            Node::Address => (60, vec![RecordData::A(Ipv4Addr::LOCALHOST)]),
        };
        zone.set(name, ttl_s, data).unwrap();
    }
    ZoneHandle::new(vec![zone])
}

impl Caa {
    fn data(&self) -> RecordData {
        RecordData::Caa { flags: self.flags, tag: self.tag.clone(), value: self.value.clone().into() }
    }
}

/// The CA asks for the name and, if it has to, for what is above.
fn look_up(story: &mut Story, zone: &ZoneHandle, domain: &str, tells_alias_alone: bool) {
    let labels: Vec<&str> = domain.split('.').collect();
    for from in 0..labels.len() {
        let mut owner = Name::from_ascii(format!("{}.", labels[from..].join("."))).unwrap();
        loop {
            let mut question = Message::new(1, MessageType::Query, OpCode::Query);
            question.add_query(Query::query(owner.clone(), RecordType::CAA));
            let question = question.to_vec().unwrap();
            let mut answer = Message::from_vec(&zone.respond(&question).unwrap()).unwrap();
            let alias = match answer.answers.first().map(|record| &record.data) {
                Some(RData::CNAME(target)) if tells_alias_alone => Some(target.0.clone()),
                _ => None,
            };
            if alias.is_some() {
                answer.answers.truncate(1);
            }
            let (ca, server) = ("10.0.0.2:50000".parse().unwrap(), "10.0.0.9:53".parse().unwrap());
            story.event(Some("ca"), Event::Datagram { from: ca, to: server, payload: question });
            story.event(Some("dns"), Event::Datagram { from: server, to: ca, payload: answer.to_vec().unwrap() });
            if answer.answers.iter().any(|record| record.record_type() == RecordType::CAA) {
                return;
            }
            let Some(target) = alias else { break };
            owner = target;
        }
    }
}

/// The zone stands otherwise, at every name that there can be.
fn change(story: &mut Story, nodes: &Nodes, told: Option<&Nodes>) {
    let names: BTreeSet<&String> = nodes.keys().chain(told.into_iter().flat_map(BTreeMap::keys)).collect();
    for name in names {
        let record = match nodes.get(name) {
            Some(Node::Caa { records, .. }) => {
                records.first().map(|Caa { flags, tag, value, .. }| format!("CAA {flags} {tag} \"{value}\""))
            }
            Some(Node::Alias(target)) => Some(format!("CNAME {target}.")),
            Some(Node::Address) | None => None,
        };
        story.event(None, Event::ZoneChanged { name: name.clone(), record });
    }
}

#[test]
fn the_law_finds_what_the_rfcs_algorithm_forbids_and_nothing_else() {
    let counts = [const { Cell::new(0) }; 4];
    let config = ProptestConfig {
        cases: 384,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    };
    let run = TestRunner::new(config).run(&issuance(), |issuance| {
        let mut story = Story::new();
        story.introduce();
        for (domain, _) in &issuance.names {
            if let Some((nodes, tells_alias_alone)) = &issuance.told {
                look_up(&mut story, &zone(nodes), domain, *tells_alias_alone);
            }
        }
        change(&mut story, &issuance.stands, issuance.told.as_ref().map(|(nodes, _)| nodes));
        story.wait(issuance.wait_s.into());
        let name = |(domain, is_wildcard): &(String, bool)| format!("{}{domain}", if *is_wildcard { "*." } else { "" });
        let names: Vec<String> = issuance.names.iter().map(name).collect();
        story.issuance(&names.iter().map(String::as_str).collect::<Vec<_>>(), 90);

        let forbidden: Identifiers = issuance.forbidden().iter().map(|one| Identifier::dns(&name(one))).collect();
        let verdict = story.verdict(LAW);
        prop_assert_eq!(verdict.exercised().total(), 1);
        let found: Vec<&str> = verdict.findings().iter().map(|finding| finding.message.as_str()).collect();
        let message = format!("CAA forbids this CA to issue for {}, but", show(&forbidden));
        match found[..] {
            [] => prop_assert!(forbidden.is_empty(), "{message} it is not found"),
            [found] => prop_assert!(!forbidden.is_empty() && found.starts_with(&message), "{found}, not {message}"),
            _ => prop_assert!(false, "one certificate, {found:?}"),
        }
        let kind = usize::from(forbidden.is_empty()) + 2 * usize::from(issuance.told.is_none());
        counts[kind].update(|count| count + 1);
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
    let counts = counts.map(Cell::into_inner);
    assert!(counts.iter().all(|count| *count >= 20), "each end has to be come to: {counts:?}");
}
