//! DNS for every name: the same address, and what a case has published.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, NULL, TXT},
    },
};
use sim::{Env, net::TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{REQUEST_LIMIT, Responder, Service};

const TTL_S: u32 = 1;
const ALIASES_MAX: usize = 10;

/// What may stand at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A TXT record of these character-strings.
    Text(Vec<String>),
    /// A CAA record (RFC 8659 §4.1): flags, tag and value.
    Caa(u8, String, String),
    /// The name is an alias of this one.
    Alias(String),
    /// Whoever asks for this type is told that the server has failed.
    Failure(RecordType),
    /// The name has no address.
    Unaddressed,
    /// An address, instead of the one that every name has.
    Address(IpAddr),
    /// Over UDP there is only a word that the answer is too long (RFC 1035 §4.2.1).
    Truncated,
}

impl Published {
    /// A TXT record of one character-string.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(vec![text.into()])
    }

    /// A CAA record without flags.
    #[must_use]
    pub fn caa(tag: &str, value: impl Into<String>) -> Self {
        Self::Caa(0, tag.to_owned(), value.into())
    }

    fn data(&self, wanted: RecordType) -> Option<RData> {
        match (self, wanted) {
            (Self::Text(strings), RecordType::TXT) => Some(RData::TXT(TXT::new(strings.clone()))),
            (Self::Caa(flags, tag, value), RecordType::CAA) => {
                let tag_length = u8::try_from(tag.len()).ok()?;
                let octets = [&[*flags, tag_length], tag.as_bytes(), value.as_bytes()].concat();
                Some(RData::Unknown { code: RecordType::CAA, rdata: NULL::with(octets) })
            }
            (Self::Address(address), RecordType::A | RecordType::AAAA) => address_data(*address, wanted),
            _ => None,
        }
    }
}

fn address_data(address: IpAddr, wanted: RecordType) -> Option<RData> {
    match address {
        IpAddr::V4(ip) if wanted == RecordType::A => Some(RData::A(A(ip))),
        IpAddr::V6(ip) if wanted == RecordType::AAAA => Some(RData::AAAA(AAAA(ip))),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// A question that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// For which name, in lower case and without the dot at its end.
    pub name: String,
    /// For which type.
    pub record_type: RecordType,
    /// Whether it came over TCP.
    pub is_tcp: bool,
}

impl Responder {
    /// Answers DNS on this address until both are dropped: every name has the address `answer`, and what is published.
    ///
    /// # Errors
    /// If it is taken or not this machine's.
    pub async fn serve_dns(&self, env: &Env, local: SocketAddr, answer: IpAddr) -> io::Result<[sim::Task<()>; 2]> {
        let socket = env.bind_udp(local).await?;
        let listener = env.listen(local).await?;
        self.board().address = Some(answer);
        self.begins(Service::Dns);
        let responder = self.clone();
        let over_udp = env.spawn("conformance dns", async move {
            let mut buffer = vec![0; 4096];
            while let Ok((length, peer)) = socket.receive_from(&mut buffer).await {
                if let Some(reply) = responder.reply(&buffer[..length], false) {
                    // Who does not get it asks again.
                    drop(socket.send_to(&reply, peer).await);
                }
            }
        });
        let (responder, env_of_task) = (self.clone(), env.clone());
        let over_tcp = env.spawn("conformance dns over tcp", async move {
            while let Ok(stream) = listener.accept().await {
                let (responder, env) = (responder.clone(), env_of_task.clone());
                let answer = async move { drop(env.timeout(REQUEST_LIMIT, responder.answer_tcp(stream)).await) };
                env_of_task.spawn("conformance dns over tcp answer", answer).detach();
            }
        });
        Ok([over_udp, over_tcp])
    }

    async fn answer_tcp(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let mut query = vec![0; stream.read_u16().await?.into()];
            stream.read_exact(&mut query).await?;
            let Some(reply) = self.reply(&query, true) else { return Ok(()) };
            let length = u16::try_from(reply.len()).unwrap_or(u16::MAX);
            stream.write_all(&[&length.to_be_bytes(), &reply[..length.into()]].concat()).await?;
        }
    }

    /// The answer to a DNS query (RFC 1035 §4); none to what is no query.
    fn reply(&self, datagram: &[u8], is_tcp: bool) -> Option<Vec<u8>> {
        let query = Message::from_vec(datagram).ok()?;
        let question = query.queries.first()?;
        let record_type = question.query_type();
        let mut message = Message::response(query.metadata.id, query.metadata.op_code);
        message.metadata.recursion_desired = query.metadata.recursion_desired;
        message.metadata.recursion_available = true;
        message.metadata.authoritative = true;
        message.metadata.response_code = ResponseCode::NoError;
        message.add_query(question.clone());
        let mut board = self.board();
        let mut owner = question.name().clone();
        board.asked.push(Asked { name: key(&owner), record_type, is_tcp });
        for _ in 0..ALIASES_MAX {
            let published = board.records.get(&key(&owner)).cloned().unwrap_or_default();
            if published.contains(&Published::Failure(record_type)) {
                message.metadata.response_code = ResponseCode::ServFail;
            }
            if published.contains(&Published::Truncated) && !is_tcp {
                message.metadata.truncation = true;
                break;
            }
            for data in published.iter().filter_map(|one| one.data(record_type)) {
                message.add_answer(Record::from_rdata(owner.clone(), TTL_S, data));
            }
            let alias = published.iter().find_map(|one| match one {
                Published::Alias(target) => Name::from_ascii(format!("{target}.")).ok(),
                Published::Text(_)
                | Published::Caa(..)
                | Published::Failure(_)
                | Published::Unaddressed
                | Published::Address(_)
                | Published::Truncated => None,
            });
            let Some(alias) = alias else {
                let is_addressed = |one: &Published| matches!(one, Published::Unaddressed | Published::Address(_));
                let common = board.address.filter(|_| !published.iter().any(is_addressed));
                if let Some(data) = common.and_then(|address| address_data(address, record_type)) {
                    message.add_answer(Record::from_rdata(owner.clone(), TTL_S, data));
                }
                break;
            };
            message.add_answer(Record::from_rdata(owner, TTL_S, RData::CNAME(CNAME(alias.clone()))));
            owner = alias;
        }
        message.to_vec().ok()
    }
}

fn key(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
