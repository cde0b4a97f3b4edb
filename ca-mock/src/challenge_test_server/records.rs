//! [`Records`]: the DNS records that tests set, and addresses for every name that has none.
//!
//! Names are not in zones here: any may have any record, and none is unknown. TTLs are 0, so that the next question
//! sees the next test's records.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::{
    op::ResponseCode,
    rr::{Name, Record, RecordType},
};

use super::shelf::{Full, Shelf};
use crate::dns::{ALIASES_MAX, RecordData, zone::parse_name, zone_handle::Answer};

#[derive(Debug)]
pub(super) struct Records {
    pub(super) default_ipv4: Option<Ipv4Addr>,
    pub(super) default_ipv6: Option<Ipv6Addr>,
    of: Shelf<(Name, RecordType), RecordData>,
    /// Names of which every question is answered with SERVFAIL.
    failing: Shelf<Name, ()>,
}

impl Records {
    pub(super) fn new(default_ipv4: Option<Ipv4Addr>, default_ipv6: Option<Ipv6Addr>) -> Self {
        Self { default_ipv4, default_ipv6, of: Shelf::default(), failing: Shelf::default() }
    }

    /// Puts a record beside others of its type; an alias in place of another. `name` is in lower case.
    pub(super) fn add(&mut self, name: Name, data: RecordData) -> Result<(), Full> {
        let bytes = name.len() + bytes(&data);
        let kind = data.record_type();
        match kind == RecordType::CNAME {
            true => self.of.set((name, kind), data, bytes),
            false => self.of.add((name, kind), data, bytes),
        }
    }

    pub(super) fn clear(&mut self, name: Name, kind: RecordType) {
        self.of.remove(&(name, kind));
    }

    pub(super) fn fail(&mut self, name: Name) -> Result<(), Full> {
        let bytes = name.len();
        self.failing.add(name, (), bytes)
    }

    pub(super) fn recover(&mut self, name: &Name) {
        self.failing.remove(name);
    }

    pub(super) fn answer(&self, name: &Name, kind: RecordType) -> Answer {
        let mut answer = Answer { code: ResponseCode::NoError, answers: Vec::new(), authorities: Vec::new() };
        let mut owner = name.clone();
        for _ in 0..=ALIASES_MAX {
            let name = owner.to_lowercase();
            if self.failing.first(&name).is_some() {
                answer.code = ResponseCode::ServFail;
                return answer;
            }
            let alias = self.of.first(&(name.clone(), RecordType::CNAME)).filter(|_| kind != RecordType::CNAME);
            let Some(RecordData::Cname(target)) = alias else {
                answer.answers.extend(self.at(name, kind).iter().map(|data| record(&owner, data)));
                break;
            };
            answer.answers.push(record(&owner, &RecordData::Cname(target.clone())));
            owner = target.clone();
        }
        if answer.answers.is_empty() {
            answer.authorities = vec![start_of_authority()];
            if !is_known(kind) {
                answer.code = ResponseCode::NotImp;
            }
        }
        answer
    }

    fn at(&self, name: Name, kind: RecordType) -> Vec<RecordData> {
        let found = self.of.all(&(name, kind)).to_vec();
        if !found.is_empty() {
            return found;
        }
        let ipv4 = self.default_ipv4.filter(|_| kind == RecordType::A).map(RecordData::A);
        let ipv6 = self.default_ipv6.filter(|_| kind == RecordType::AAAA).map(RecordData::Aaaa);
        ipv4.or(ipv6).into_iter().collect()
    }
}

fn is_known(kind: RecordType) -> bool {
    [RecordType::A, RecordType::AAAA, RecordType::CAA, RecordType::CNAME, RecordType::TXT].contains(&kind)
}

fn record(owner: &Name, data: &RecordData) -> Record {
    Record::from_rdata(owner.clone(), 0, data.to_wire())
}

/// What goes with an empty answer (RFC 2308 §2.2).
fn start_of_authority() -> Record {
    let name = |text| parse_name(text).expect("the name is written here");
    let data = RecordData::Soa {
        mname: name("ns.challtestsrv.invalid"),
        rname: name("master.challtestsrv.invalid"),
        serial: 1,
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
    };
    record(&name("challtestsrv.invalid"), &data)
}

fn bytes(data: &RecordData) -> usize {
    match data {
        RecordData::A(_) | RecordData::Aaaa(_) => 16,
        RecordData::Cname(target) | RecordData::Ns(target) => target.len(),
        RecordData::Txt(texts) => texts.iter().map(|text| text.len() + size_of::<Vec<u8>>()).sum(),
        RecordData::Caa { tag, value, .. } => tag.len() + value.len(),
        RecordData::Soa { mname, rname, .. } => mname.len() + rname.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        parse_name(text).unwrap()
    }

    fn records() -> Records {
        let mut records = Records::new(Some(Ipv4Addr::LOCALHOST), Some(Ipv6Addr::LOCALHOST));
        records.add(name("a.example"), RecordData::A(Ipv4Addr::new(192, 0, 2, 1))).unwrap();
        records.add(name("a.example"), RecordData::A(Ipv4Addr::new(192, 0, 2, 2))).unwrap();
        records.add(name("alias.example"), RecordData::Cname(name("A.example"))).unwrap();
        records.add(name("loop.example"), RecordData::Cname(name("loop.example"))).unwrap();
        records
    }

    #[test]
    fn names_without_records_have_the_default_addresses() {
        let mut records = records();
        let count = |records: &Records, text, kind| records.answer(&name(text), kind).answers.len();
        assert_eq!(count(&records, "other.example", RecordType::A), 1);
        assert_eq!(count(&records, "a.example", RecordType::A), 2);
        assert_eq!(count(&records, "a.example", RecordType::AAAA), 1);
        records.default_ipv4 = None;
        let answer = records.answer(&name("other.example"), RecordType::A);
        assert_eq!((answer.code, answer.answers.len(), answer.authorities.len()), (ResponseCode::NoError, 0, 1));
        assert_eq!(records.answer(&name("a.example"), RecordType::MX).code, ResponseCode::NotImp);
    }

    #[test]
    fn aliases_are_followed_but_not_for_ever() {
        let answer = records().answer(&Name::from_ascii("Alias.example.").unwrap(), RecordType::A);
        assert_eq!(answer.answers.len(), 3);
        assert_eq!(answer.answers[0].name.to_string(), "Alias.example.");
        assert!(answer.answers.iter().all(|record| record.ttl == 0));
        assert_eq!(records().answer(&name("alias.example"), RecordType::CNAME).answers.len(), 1);
        assert_eq!(records().answer(&name("loop.example"), RecordType::A).answers.len(), ALIASES_MAX + 1);
    }

    #[test]
    fn a_failing_name_fails_until_it_recovers() {
        let mut records = records();
        records.fail(name("a.example")).unwrap();
        for text in ["a.example", "alias.example"] {
            assert_eq!(records.answer(&name(text), RecordType::TXT).code, ResponseCode::ServFail);
        }
        records.recover(&name("a.example"));
        assert_eq!(records.answer(&name("a.example"), RecordType::TXT).code, ResponseCode::NoError);
    }
}
