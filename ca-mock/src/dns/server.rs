//! [`DnsServer`]: an authoritative name server for the zones of a test, or for another source of answers.
//!
//! What cannot be read is answered with FORMERR or not at all; nothing that arrives stops it. An answer that does
//! not fit is truncated (RFC 2181 §9), and is to be had whole over TCP at the same port, which is [`tcp`](super::tcp)'s.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, ResponseCode},
    rr::{DNSClass, Name, RecordType},
};
use sim::{Env, net::UdpSocket};

use super::{DATAGRAM_BYTES_MAX, ZoneHandle, lag::Lagging, tcp::TcpDnsServer, zone_handle::Answer};

/// Knows what to answer.
pub(crate) trait AnswerSource: fmt::Debug + Send + Sync {
    fn answer(&self, name: &Name, kind: RecordType) -> Answer;

    /// Takes an update (RFC 2136), or says why not.
    fn change(&self, _request: &Message) -> ResponseCode {
        ResponseCode::NotImp
    }
}

/// What carries the messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carrier {
    Datagram,
    /// TCP or HTTPS: messages of any size.
    Stream,
}

/// A bound name server.
#[derive(Debug)]
pub struct DnsServer {
    env: Env,
    socket: UdpSocket,
    tcp: TcpDnsServer,
    source: Arc<dyn AnswerSource>,
}

impl DnsServer {
    /// Binds `local` for UDP and TCP; port 0 picks a free one.
    ///
    /// # Errors
    /// As the operating system.
    pub async fn bind(env: &Env, local: SocketAddr, zones: ZoneHandle) -> io::Result<Self> {
        Self::bind_answering_from(env, local, Arc::new(zones)).await
    }

    /// The same, but for updates (RFC 2136), which it shows `lag` later.
    ///
    /// # Errors
    /// As the operating system.
    pub async fn bind_lagging(env: &Env, local: SocketAddr, zones: ZoneHandle, lag: Duration) -> io::Result<Self> {
        Self::bind_answering_from(env, local, Arc::new(Lagging { env: env.clone(), zones, lag })).await
    }

    pub(crate) async fn bind_answering_from(
        env: &Env,
        local: SocketAddr,
        source: Arc<dyn AnswerSource>,
    ) -> io::Result<Self> {
        const ATTEMPTS: u32 = 16;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let socket = env.bind_udp(local).await?;
            let both = SocketAddr::new(local.ip(), socket.local_address()?.port());
            match TcpDnsServer::bind(env, both, source.clone()).await {
                Ok(tcp) => return Ok(Self { env: env.clone(), socket, tcp, source }),
                // A port that was picked for UDP may be taken for TCP; then another is picked.
                Err(_) if local.port() == 0 && attempt < ATTEMPTS => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// The address that is bound, with the port that was picked.
    ///
    /// # Errors
    /// As the operating system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_address()
    }

    /// Answers questions for ever.
    pub async fn serve(self) {
        // Dropped, and thereby stopped, with this function.
        let _tcp = self.env.spawn("dns over tcp", self.tcp.serve());
        let mut buffer = vec![0; 65_535];
        loop {
            match self.socket.receive_from(&mut buffer).await {
                Ok((len, peer)) => {
                    if let Some(response) = respond(&buffer[..len], &*self.source, Carrier::Datagram)
                        && self.socket.send_to(&response, peer).await.is_ok()
                    {
                        self.env.probe("ca/dns-answered");
                    }
                }
                // Some systems report an earlier datagram that could not be delivered here; go on, but do not spin.
                Err(_) => self.env.sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

/// The response to a message; `None` if it deserves none.
pub(crate) fn respond(message: &[u8], source: &dyn AnswerSource, carrier: Carrier) -> Option<Vec<u8>> {
    let Ok(request) = Message::from_vec(message) else {
        // RFC 1035 §4.1.1: id and flags come first. What is itself a response is never answered.
        let [id_high, id_low, flags, ..] = *message else { return None };
        let is_response = flags & 0x80 != 0;
        let is_message = message.len() >= 12;
        let id = u16::from_be_bytes([id_high, id_low]);
        let refusal = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
        return (is_message && !is_response).then(|| refusal.to_vec().ok())?;
    };
    if request.metadata.message_type == MessageType::Response {
        return None;
    }
    let mut response = Message::response(request.metadata.id, request.metadata.op_code);
    response.metadata.recursion_desired = request.metadata.recursion_desired;
    response.queries.clone_from(&request.queries);
    let mut bytes_max = 512;
    if let Some(edns) = &request.edns {
        bytes_max = edns.max_payload().clamp(512, DATAGRAM_BYTES_MAX);
        response.edns = Some(extension());
    }

    response.metadata.response_code = match &request.queries[..] {
        _ if request.metadata.op_code == OpCode::Update => source.change(&request),
        _ if request.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
        [question] if question.query_class() == DNSClass::IN => {
            let answer = source.answer(question.name(), question.query_type());
            response.metadata.authoritative = answer.code != ResponseCode::Refused;
            response.answers = answer.answers;
            response.authorities = answer.authorities;
            answer.code
        }
        [_] => ResponseCode::Refused,
        [] | [_, _, ..] => ResponseCode::FormErr,
    };
    let bytes_max = match carrier {
        Carrier::Datagram => bytes_max,
        Carrier::Stream => u16::MAX,
    };
    let encoded = response.to_vec().ok()?;
    if encoded.len() <= usize::from(bytes_max) {
        return Some(encoded);
    }
    response.metadata.truncation = true;
    response.answers.clear();
    response.authorities.clear();
    response.to_vec().ok()
}

/// RFC 6891: the size of datagrams that this side takes.
pub(super) fn extension() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM_BYTES_MAX);
    edns
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Query;

    use super::*;
    use crate::dns::Zone;

    fn ask(change: impl FnOnce(&mut Message)) -> Option<Message> {
        let long = "x".repeat(200);
        let text =
            format!("a A 192.0.2.1\nlong TXT {long} {long} {long}\nalias CNAME a\nloop CNAME loop\nout CNAME a.test.");
        let zones = ZoneHandle::new(vec![Zone::parse("example", &text).unwrap()]);
        let mut request = Message::new(7, MessageType::Query, OpCode::Query);
        request.add_query(Query::query(Name::from_ascii("a.example.").unwrap(), RecordType::A));
        change(&mut request);
        let response = Message::from_vec(&respond(&request.to_vec().unwrap(), &zones, Carrier::Datagram)?).unwrap();
        assert_eq!((response.metadata.id, response.metadata.message_type), (7, MessageType::Response));
        Some(response)
    }

    fn ask_for(name: &str, kind: RecordType) -> Message {
        ask(|request| request.queries = vec![Query::query(Name::from_ascii(name).unwrap(), kind)]).unwrap()
    }

    #[test]
    fn names_are_answered_whatever_their_case() {
        let response = ask_for("A.eXample.", RecordType::A);
        assert!(response.metadata.authoritative);
        assert_eq!(response.answers.len(), 1);
        assert_eq!(ask_for("alias.example.", RecordType::A).answers.len(), 2);
        assert_eq!(ask_for("out.example.", RecordType::A).answers.len(), 1);
        assert!(!ask_for("loop.example.", RecordType::A).answers.is_empty());
    }

    #[test]
    fn negative_answers_carry_the_soa_record() {
        for (name, code) in [("b.example.", ResponseCode::NXDomain), ("example.", ResponseCode::NoError)] {
            let response = ask_for(name, RecordType::A);
            assert_eq!((response.metadata.response_code, response.authorities.len()), (code, 1), "{name}");
        }
        assert_eq!(ask_for("a.test.", RecordType::A).metadata.response_code, ResponseCode::Refused);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_truncated() {
        assert!(ask_for("long.example.", RecordType::TXT).metadata.truncation);
        let response = ask(|request| {
            request.queries = vec![Query::query(Name::from_ascii("long.example.").unwrap(), RecordType::TXT)];
            request.set_edns(extension());
        });
        assert_eq!(response.unwrap().answers.len(), 1);
    }

    #[test]
    fn odd_messages_are_refused_or_ignored() {
        let code = |change: fn(&mut Message)| ask(change).map(|response| response.metadata.response_code);
        assert_eq!(code(|request| request.metadata.message_type = MessageType::Response), None);
        assert_eq!(code(|request| request.metadata.op_code = OpCode::Notify), Some(ResponseCode::NotImp));
        assert_eq!(code(|request| request.queries.clear()), Some(ResponseCode::FormErr));
        assert_eq!(code(|request| request.queries[0].query_class = DNSClass::CH), Some(ResponseCode::Refused));

        let zones = ZoneHandle::default();
        for len in 0..40 {
            for fill in [0, 1, 0x3f, 0xc0, 0xff] {
                // Whatever happens, it is not a panic.
                drop(respond(&vec![fill; len], &zones, Carrier::Datagram));
            }
        }
        assert_eq!(respond(&[0; 11], &zones, Carrier::Datagram), None);
    }
}
