//! DNS UPDATE (RFC 2136) of TXT records, by whoever asks: these are servers for tests.
//!
//! All changes of a message are made in one step, or none. Prerequisites are not implemented, and are refused.

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};

use super::zone::RecordData;

/// A change of a zone's TXT records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A record is added beside those that are there (RFC 2136 §2.5.1).
    Add(Name, u32, RecordData),
    /// All of a name's are removed (RFC 2136 §2.5.2).
    RemoveAll(Name),
    /// One is removed (RFC 2136 §2.5.4).
    Remove(Name, RecordData),
}

/// The zone that a message is about, and what is to change there.
pub(crate) fn read(request: &Message) -> Result<(Name, Vec<Change>), ResponseCode> {
    let [zone] = &request.queries[..] else { return Err(ResponseCode::FormErr) };
    if zone.query_type() != RecordType::SOA || zone.query_class() != DNSClass::IN {
        return Err(ResponseCode::FormErr);
    }
    if !request.answers.is_empty() {
        return Err(ResponseCode::NotImp);
    }
    let zone = zone.name().to_lowercase();
    let changes: Result<Vec<Change>, ResponseCode> = request.authorities.iter().map(change).collect();
    let changes = changes?;
    let is_outside = |change: &Change| match change {
        Change::Add(name, ..) | Change::RemoveAll(name) | Change::Remove(name, _) => !zone.zone_of(name),
    };
    if changes.iter().any(is_outside) { Err(ResponseCode::NotZone) } else { Ok((zone, changes)) }
}

fn change(record: &Record) -> Result<Change, ResponseCode> {
    let name = record.name.to_lowercase();
    match (record.dns_class, &record.data) {
        (DNSClass::ANY, RData::Update0(RecordType::TXT)) => Ok(Change::RemoveAll(name)),
        (DNSClass::IN, RData::TXT(txt)) => Ok(Change::Add(name, record.ttl, texts(txt))),
        (DNSClass::NONE, RData::TXT(txt)) => Ok(Change::Remove(name, texts(txt))),
        _ => Err(ResponseCode::Refused),
    }
}

fn texts(txt: &hickory_proto::rr::rdata::TXT) -> RecordData {
    RecordData::Txt(txt.txt_data.iter().map(|text| text.to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::{MessageType, OpCode, Query},
        rr::rdata::{A, TXT},
    };

    use super::*;
    use crate::dns::{Zone, ZoneHandle, server::AnswerSource};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn txt(class: DNSClass, value: &str) -> Record {
        let mut record = Record::from_rdata(name("_x.a.example."), 60, RData::TXT(TXT::new(vec![value.to_owned()])));
        record.dns_class = class;
        record
    }

    fn request(zone: &str, updates: Vec<Record>) -> Message {
        let mut request = Message::new(7, MessageType::Query, OpCode::Update);
        request.add_query(Query::query(name(zone), RecordType::SOA));
        request.authorities = updates;
        // Over the wire and back.
        Message::from_vec(&request.to_vec().unwrap()).unwrap()
    }

    #[test]
    fn records_are_added_and_removed_one_by_one_or_all_at_once() {
        let zones = ZoneHandle::new(vec![Zone::parse("example", "a A 192.0.2.1").unwrap()]);
        let left = || zones.update(|zones| zones[0].data_at("_x.a.example").len());
        for (updates, count) in [
            (vec![txt(DNSClass::IN, "one"), txt(DNSClass::IN, "two")], 2),
            (vec![txt(DNSClass::IN, "one")], 2),
            (vec![txt(DNSClass::NONE, "one")], 1),
            (vec![txt(DNSClass::NONE, "three")], 1),
            (vec![txt(DNSClass::NONE, "two")], 0),
        ] {
            assert_eq!(zones.change(&request("example.", updates)), ResponseCode::NoError);
            assert_eq!(left(), count);
        }
        zones.change(&request("example.", vec![txt(DNSClass::IN, "one"), txt(DNSClass::IN, "two")]));
        let mut all = Record::update0(name("_X.A.example."), 0, RecordType::TXT);
        all.dns_class = DNSClass::ANY;
        assert_eq!(zones.change(&request("example.", vec![all])), ResponseCode::NoError);
        assert_eq!(left(), 0);
    }

    #[test]
    fn what_can_not_be_changed_so_is_refused_and_nothing_is_changed() {
        let zones = ZoneHandle::new(vec![Zone::parse("example", "a A 192.0.2.1").unwrap()]);
        let before = zones.update(|zones| zones.clone());
        let address = Record::from_rdata(name("b.example."), 60, RData::A(A::new(192, 0, 2, 1)));
        for (zone, updates, code) in [
            ("example.", vec![txt(DNSClass::IN, "one"), address], ResponseCode::Refused),
            ("test.", vec![txt(DNSClass::IN, "one")], ResponseCode::NotZone),
            ("a.example.", vec![txt(DNSClass::IN, "one")], ResponseCode::NotAuth),
        ] {
            assert_eq!(zones.change(&request(zone, updates)), code, "{zone}");
        }
        assert_eq!(zones.update(|zones| zones.clone()), before);
    }
}
