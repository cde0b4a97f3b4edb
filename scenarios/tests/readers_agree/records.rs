//! A CAA record that a scenario sets, as a line of a zone file (RFC 1035 §5.1): the DNS server answers with what the oracles take
//! it for.

use ca_mock::dns::{Name, Zone, ZoneHandle};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::RecordType,
};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use scenarios::oracles::reader::{caa::CaaRecord, dns};

use super::config;

/// Flags, tag and value, in any of a zone file's forms.
fn written() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "ca.test",
        "; ",
        "policy=ev",
        "accounturi=https://ca.test/account/1",
        " ",
        "\\\"",
        "\\\\",
        "\\065",
        "\\059",
        "\\255",
        "\\x",
        "ü",
    ]);
    let quoted = vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    let value = prop_oneof![2 => quoted, 1 => select(vec!["ca.test", "a=b", "ca.test\""]).prop_map(str::to_owned)];
    let flags = select(vec!["0", "128", "255", "007"]);
    let end = prop_oneof![3 => Just(""), 1 => select(vec![" ", "; nobody", " ; \"else\""])];
    (flags, select(vec!["issue", "IssueWild", "tbs"]), select(vec![" ", "\t", "  "]), value, end)
        .prop_map(|(flags, tag, blank, value, end)| format!("{flags}{blank}{tag}{blank}{value}{end}"))
}

#[test]
fn a_record_that_is_set_is_seen_as_it_is_answered() {
    let run = TestRunner::new(config(256)).run(&written(), |text| {
        // What is no record is left out by whoever sets it.
        let Ok(zone) = Zone::parse("a.test", &format!("@ CAA {text}")) else { return Ok(()) };
        let mut question = Message::new(1, MessageType::Query, OpCode::Query);
        question.add_query(Query::query(Name::from_ascii("a.test.").unwrap(), RecordType::CAA));
        let answer = ZoneHandle::new(vec![zone]).respond(&question.to_vec().unwrap()).unwrap();
        let (client, server) = (([10, 0, 0, 1], 4_000).into(), ([10, 0, 0, 2], 53).into());
        let seen = dns::Message::read(server, client, &answer).unwrap();
        let answered = CaaRecord::read(&seen.answers[0].data);
        prop_assert!(answered.is_some());
        prop_assert_eq!(CaaRecord::read(&text), answered);
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
}
