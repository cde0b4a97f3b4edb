//! One DNS message and its answer, over UDP, and over TCP where the answer does not fit (RFC 7766 §5).
//!
//! An answer counts if it comes from the server asked and repeats id, operation and question (RFC 5452 §9.1).

use std::{io, net::SocketAddr, time::Duration};

use hickory_proto::op::{Edns, Message, MessageType, OpCode};
use sim::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// For each attempt.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 3;
/// What passes everywhere unfragmented (DNS flag day 2020), bytes.
const DATAGRAM_BYTES_MAX: u16 = 1232;

/// A message to be filled, with an id that nobody can guess.
pub(super) fn request(env: &Env, op_code: OpCode) -> Message {
    let id = u16::from_le_bytes(env.entropy("manager/dns id"));
    let mut request = Message::new(id, MessageType::Query, op_code);
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM_BYTES_MAX);
    request.edns = Some(edns);
    request
}

/// Asks until there is an answer.
pub(super) async fn exchange(env: &Env, server: SocketAddr, request: &Message) -> io::Result<Message> {
    let bytes = request.to_vec().map_err(io::Error::other)?;
    let mut failure = io::ErrorKind::TimedOut.into();
    for _ in 0..ATTEMPTS {
        let asked = async {
            match over_udp(env, server, request, &bytes).await {
                Ok(response) if response.metadata.truncation => over_tcp(env, server, request, &bytes).await,
                other => other,
            }
        };
        match env.timeout(ANSWER_LIMIT, asked).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(e)) => failure = e,
            Err(elapsed) => failure = io::Error::new(io::ErrorKind::TimedOut, elapsed),
        }
    }
    Err(failure)
}

async fn over_udp(env: &Env, server: SocketAddr, request: &Message, bytes: &[u8]) -> io::Result<Message> {
    let any = if server.is_ipv4() { SocketAddr::from(([0; 4], 0)) } else { SocketAddr::from(([0; 16], 0)) };
    let socket = env.bind_udp(any).await?;
    socket.send_to(bytes, server).await?;
    let mut buffer = vec![0; usize::from(DATAGRAM_BYTES_MAX)];
    loop {
        let (len, peer) = socket.receive_from(&mut buffer).await?;
        if peer == server
            && let Some(response) = buffer.get(..len).and_then(|bytes| answer(bytes, request))
        {
            return Ok(response);
        }
    }
}

async fn over_tcp(env: &Env, server: SocketAddr, request: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = env.connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], bytes].concat()).await?;
    let mut response = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut response).await?;
    answer(&response, request).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The message in `bytes`, if it is an answer to this request.
#[must_use]
pub fn answer(bytes: &[u8], request: &Message) -> Option<Message> {
    let response = Message::from_vec(bytes).ok()?;
    let (asked, answered) = (&request.metadata, &response.metadata);
    let is_answer = answered.message_type == MessageType::Response
        && answered.id == asked.id
        && answered.op_code == asked.op_code
        && response.queries == request.queries;
    is_answer.then_some(response)
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::Query,
        rr::{Name, RecordType},
    };

    use super::*;
    use crate::acme::certificate::tests::env;

    #[tokio::test]
    async fn only_what_repeats_id_operation_and_question_is_an_answer() {
        let mut request = request(&env(), OpCode::Query);
        request.add_query(Query::query(Name::from_ascii("a.test.").unwrap(), RecordType::TXT));
        let response = |change: fn(&mut Message)| {
            let mut response = Message::response(request.metadata.id, OpCode::Query);
            response.queries.clone_from(&request.queries);
            change(&mut response);
            answer(&response.to_vec().unwrap(), &request).is_some()
        };
        assert!(response(|_| {}));
        assert!(!response(|response| response.metadata.id ^= 1));
        assert!(!response(|response| response.metadata.op_code = OpCode::Update));
        assert!(!response(|response| response.queries.clear()));
        assert!(!response(|response| response.metadata.message_type = MessageType::Query));
        for len in 0..40 {
            for fill in [0, 1, 0x3f, 0xc0, 0xff] {
                assert!(answer(&vec![fill; len], &request).is_none());
            }
        }
    }
}
