//! DNS messages, from datagrams that a name server sends or gets (RFC 1035 §4).
//!
//! The codec is hickory's; the resolvers and servers under test have their own logic on top of it, and
//! none of that is asked here.

use std::net::SocketAddr;

use hickory_proto::{
    op::{MessageType, OpCode},
    rr::{DNSClass, RData, RecordType},
};

/// A DNS message, as far as oracles care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// From.
    pub from: SocketAddr,
    /// To.
    pub to: SocketAddr,
    /// Connects an answer with its question.
    pub id: u16,
    /// Whether it is an answer.
    pub is_response: bool,
    /// The answer's code, for example `NoError` or `NXDomain`.
    pub code: String,
    /// What is asked.
    pub question: Option<Question>,
    /// What is answered.
    pub answers: Vec<Answer>,
    /// What is to be changed, by an update (RFC 2136); such a message has no question.
    pub changes: Vec<Change>,
}

/// A change of TXT records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a record's owner in lower case, without the trailing dot, and its strings, joined")]
pub enum Change {
    /// One is added.
    Add { name: String, value: String },
    /// One is removed.
    Remove { name: String, value: String },
    /// All of a name's are removed.
    RemoveAll { name: String },
}

/// A name and a type of record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// In lower case, without the trailing dot.
    pub name: String,
    /// As in a zone file: `A`, `TXT`, `CAA`.
    pub kind: String,
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose record, in lower case, without the trailing dot.
    pub name: String,
    /// As in a zone file.
    pub kind: String,
    /// Time to live, seconds.
    pub ttl_s: u32,
    /// The data as in a zone file; a TXT record's strings joined without quotes.
    pub data: String,
}

impl Message {
    /// Reads a datagram between `from` and `to`, on whatever ports, since test servers listen on any; `None` if it isn't a
    /// DNS message with a question, an update, or an answer to one.
    #[must_use]
    pub fn read(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Self> {
        let message = hickory_proto::op::Message::from_vec(payload).ok()?;
        let is_update = message.metadata.op_code == OpCode::Update;
        if message.queries.len() != 1 || !is_update && message.metadata.op_code != OpCode::Query {
            return None;
        }
        Some(Self {
            from,
            to,
            id: message.metadata.id,
            is_response: message.metadata.message_type == MessageType::Response,
            code: format!("{:?}", message.metadata.response_code),
            question: message
                .queries
                .first()
                .filter(|_| !is_update)
                .map(|query| Question { name: plain(query.name()), kind: query.query_type().to_string() }),
            answers: message.answers.iter().filter(|_| !is_update).map(answer).collect(),
            changes: message.authorities.iter().filter(|_| is_update).filter_map(change).collect(),
        })
    }

    /// The TXT answers at `name`.
    pub fn txt_at<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let txt = RecordType::TXT.to_string();
        self.answers.iter().filter(move |a| a.kind == txt && a.name == name).map(|a| a.data.as_str())
    }
}

fn answer(record: &hickory_proto::rr::Record) -> Answer {
    let data = if let RData::TXT(txt) = &record.data {
        txt.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect()
    } else if let RData::CAA(caa) = &record.data {
        // The codec would leave quotes in the value as they are.
        let value = String::from_utf8_lossy(&caa.value).replace('\\', "\\\\").replace('"', "\\\"");
        format!("{} {} \"{value}\"", caa.flags(), caa.tag)
    } else {
        record.data.to_string()
    };
    Answer { name: plain(&record.name), kind: record.record_type().to_string(), ttl_s: record.ttl, data }
}

fn change(record: &hickory_proto::rr::Record) -> Option<Change> {
    let name = plain(&record.name);
    match (record.dns_class, &record.data) {
        (DNSClass::IN, RData::TXT(_)) => Some(Change::Add { name, value: answer(record).data }),
        (DNSClass::NONE, RData::TXT(_)) => Some(Change::Remove { name, value: answer(record).data }),
        (DNSClass::ANY, RData::Update0(RecordType::TXT | RecordType::ANY)) => Some(Change::RemoveAll { name }),
        _ => None,
    }
}

fn plain(name: &hickory_proto::rr::Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::Query,
        rr::{Name, Record, rdata::TXT},
    };

    use super::*;

    #[test]
    fn an_answer_is_read_with_its_question() {
        let name = Name::from_ascii("_ACME-challenge.a.test.").unwrap();
        let mut message = hickory_proto::op::Message::new(7, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name.clone(), RecordType::TXT));
        let txt = RData::TXT(TXT::new(vec!["digest".to_owned()]));
        message.add_answer(Record::from_rdata(name, 60, txt));
        let payload = message.to_vec().unwrap();
        let (server, client) = ("10.0.0.53:8600".parse().unwrap(), "10.0.0.1:5000".parse().unwrap());
        let read = Message::read(server, client, &payload).unwrap();
        assert_eq!((read.id, read.is_response, read.code.as_str()), (7, true, "NoError"));
        assert_eq!(read.question.as_ref().map(|q| q.name.as_str()), Some("_acme-challenge.a.test"));
        assert_eq!(read.txt_at("_acme-challenge.a.test").collect::<Vec<_>>(), ["digest"]);
        assert_eq!(Message::read(server, client, &payload[1..]), None);
    }

    #[test]
    fn the_txt_answers_at_a_name_are_of_that_kind_and_at_that_name() {
        let [name, other] = ["a.test.", "b.test."].map(|name| Name::from_ascii(name).unwrap());
        let mut message = hickory_proto::op::Message::new(7, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name.clone(), RecordType::TXT));
        for (owner, text) in [(&name, "one"), (&other, "elsewhere"), (&name, "two")] {
            message.add_answer(Record::from_rdata(owner.clone(), 60, RData::TXT(TXT::new(vec![text.to_owned()]))));
        }
        message.add_answer(Record::from_rdata(name, 60, RData::A("10.0.0.1".parse().unwrap())));
        let (server, client) = ("10.0.0.53:53".parse().unwrap(), "10.0.0.1:5000".parse().unwrap());
        let read = Message::read(server, client, &message.to_vec().unwrap()).unwrap();
        assert_eq!(read.txt_at("a.test").collect::<Vec<_>>(), ["one", "two"]);
    }
}
