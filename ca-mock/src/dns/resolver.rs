//! The validation authority's resolver: real queries over UDP to one configured server, and over TCP where an answer
//! does not fit (RFC 7766 §5).
//!
//! Nothing is cached, so that each validation sees the present. Every query has a fresh id and a fresh port,
//! both drawn from the host's entropy; a response counts only if it comes from the server asked and repeats id
//! and question (RFC 5452 §9.1). Failures are worded as Boulder words them, since people search for these words.

use std::{fmt, io, net::SocketAddr, time::Duration};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};
use sim::{Env, net::UdpSocket};

use super::{ALIASES_MAX, DATAGRAM_BYTES_MAX, server::extension, tcp};
use crate::problem::{Problem, ProblemType};

/// Whom to ask, and how patiently.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) env: Env,
    pub(crate) server: SocketAddr,
    /// For each attempt.
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
}

/// What was asked for, as a problem's detail says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    name: Name,
    kind: RecordType,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_ascii();
        write!(f, "{} for {}", self.kind, name.strip_suffix('.').unwrap_or(&name))
    }
}

/// A question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("NXDOMAIN looking up {0} - check that a DNS record exists for this domain")]
    NoSuchName(Question),
    #[error("no {0}")]
    NoData(Question),
    #[error("{} looking up {question}{}", mnemonic(*.code), advice(*.code))]
    Failed { code: ResponseCode, question: Question },
    #[error("query timed out looking up {0}")]
    TimedOut(Question),
    #[error("more than {ALIASES_MAX} CNAMEs looking up {0}")]
    TooManyAliases(Question),
    #[error("networking error looking up {question}: {source}")]
    Io { source: io::Error, question: Question },
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        Self::new(ProblemType::Dns, format!("DNS problem: {error}"))
    }
}

/// As RFC 6895 §2.3 writes the code.
fn mnemonic(code: ResponseCode) -> String {
    const KNOWN: [(ResponseCode, &str); 4] = [
        (ResponseCode::FormErr, "FORMERR"),
        (ResponseCode::ServFail, "SERVFAIL"),
        (ResponseCode::NotImp, "NOTIMP"),
        (ResponseCode::Refused, "REFUSED"),
    ];
    let known = KNOWN.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| format!("RCODE {}", u16::from(code)), |(_, name)| (*name).to_owned())
}

fn advice(code: ResponseCode) -> &'static str {
    if code == ResponseCode::ServFail { " - the domain's nameservers may be malfunctioning" } else { "" }
}

impl Resolver {
    /// All records of a type, at the end of the chain of CNAMEs; never none.
    pub(crate) async fn lookup(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, LookupError> {
        let mut owner = name.clone();
        let mut aliases = 0;
        loop {
            let asked = owner.clone();
            let response = self.exchange(&asked, kind).await?;
            loop {
                let records: Vec<Record> = of_type(&response, &owner, kind).cloned().collect();
                if !records.is_empty() {
                    return Ok(records);
                }
                let alias = of_type(&response, &owner, RecordType::CNAME).next();
                let Some(RData::CNAME(target)) = alias.map(|record| &record.data) else { break };
                owner = target.0.to_lowercase();
                aliases += 1;
                if aliases > ALIASES_MAX {
                    return Err(LookupError::TooManyAliases(Question { name: name.clone(), kind }));
                }
            }
            // The answer to an alias is about its end (RFC 2308 §2.1).
            if response.metadata.response_code == ResponseCode::NXDomain {
                return Err(LookupError::NoSuchName(Question { name: owner, kind }));
            }
            if owner == asked || !response.authorities.is_empty() {
                return Err(LookupError::NoData(Question { name: owner, kind }));
            }
        }
    }

    /// Asks until there is an answer that says something.
    async fn exchange(&self, name: &Name, kind: RecordType) -> Result<Message, LookupError> {
        let question = Question { name: name.clone(), kind };
        let mut failure = LookupError::TimedOut(question.clone());
        for _ in 0..self.attempts.max(1) {
            let question = question.clone();
            failure = match self.env.timeout(self.timeout, self.ask(name, kind)).await {
                Ok(Ok(response)) => {
                    let code = response.metadata.response_code;
                    if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
                        return Ok(response);
                    }
                    LookupError::Failed { code, question }
                }
                Ok(Err(source)) => LookupError::Io { source, question },
                Err(_) => LookupError::TimedOut(question),
            };
        }
        Err(failure)
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> io::Result<Message> {
        let mut request =
            Message::new(u16::from_le_bytes(self.env.entropy("ca/dns id")), MessageType::Query, OpCode::Query);
        request.metadata.recursion_desired = true;
        request.add_query(Query::query(name.clone(), kind));
        request.set_edns(extension());
        let bytes = request.to_vec().map_err(io::Error::other)?;
        let response = self.ask_over_udp(&request, &bytes).await?;
        if response.metadata.truncation { self.ask_over_tcp(&request, &bytes).await } else { Ok(response) }
    }

    async fn ask_over_udp(&self, request: &Message, bytes: &[u8]) -> io::Result<Message> {
        let socket = self.socket().await?;
        socket.send_to(bytes, self.server).await?;
        // More than was asked for is cut off, and then it is no message.
        let mut buffer = vec![0; usize::from(DATAGRAM_BYTES_MAX)];
        loop {
            let (len, peer) = socket.receive_from(&mut buffer).await?;
            if peer == self.server
                && let Ok(response) = Message::from_vec(&buffer[..len])
                && answers(&response, request)
            {
                return Ok(response);
            }
        }
    }

    async fn ask_over_tcp(&self, request: &Message, bytes: &[u8]) -> io::Result<Message> {
        let mut stream = self.env.connect(self.server).await?;
        tcp::write(&mut stream, bytes).await?;
        let response = Message::from_vec(&tcp::read(&mut stream).await?).map_err(io::Error::other)?;
        if answers(&response, request) { Ok(response) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// A socket on a port that nobody can guess.
    async fn socket(&self) -> io::Result<UdpSocket> {
        const ATTEMPTS: u32 = 16;
        const FIRST_PORT: u16 = 1024;
        let mut failure = io::ErrorKind::AddrInUse.into();
        for _ in 0..ATTEMPTS {
            let offset = self.env.random_below("ca/dns port", u64::from(u16::MAX - FIRST_PORT) + 1);
            let port = FIRST_PORT + u16::try_from(offset).expect("the bound is within 16 bits");
            let local = match self.server {
                SocketAddr::V4(_) => SocketAddr::from(([0; 4], port)),
                SocketAddr::V6(_) => SocketAddr::from(([0; 8], port)),
            };
            match self.env.bind_udp(local).await {
                Ok(socket) => return Ok(socket),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }
}

fn answers(response: &Message, request: &Message) -> bool {
    response.metadata.message_type == MessageType::Response
        && response.metadata.id == request.metadata.id
        && response.metadata.op_code == OpCode::Query
        && response.queries == request.queries
}

fn of_type<'a>(response: &'a Message, owner: &'a Name, kind: RecordType) -> impl Iterator<Item = &'a Record> {
    let matches = move |record: &&Record| {
        record.name == *owner && record.dns_class == DNSClass::IN && record.record_type() == kind
    };
    response.answers.iter().filter(matches)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{
        dns::{DnsServer, Zone, ZoneHandle},
        testing,
    };

    const TEXT: &str = "a A 192.0.2.1\n A 192.0.2.2\none CNAME two\ntwo CNAME a\nloop CNAME pool\npool CNAME loop\n\
                        away CNAME a.other.\nlost CNAME nowhere\n_acme TXT x\n";

    fn lookups(names: &[&str]) -> Vec<Result<usize, String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let env = testing::env();
            let zones = [("example", TEXT), ("other", "a A 192.0.2.9\n")];
            let zones = ZoneHandle::new(zones.map(|(origin, text)| Zone::parse(origin, text).unwrap()).into());
            let server = DnsServer::bind(&env, (Ipv4Addr::LOCALHOST, 0).into(), zones).await.unwrap();
            let address = server.local_address().unwrap();
            let _running = env.spawn("dns", server.serve());
            let resolver = Resolver { env, server: address, timeout: Duration::from_secs(60), attempts: 1 };
            let mut results = Vec::new();
            for name in names {
                let found = resolver.lookup(&Name::from_ascii(name).unwrap(), RecordType::A).await;
                results.push(found.map(|records| records.len()).map_err(|e| e.to_string()));
            }
            results
        })
    }

    #[test]
    fn aliases_are_followed_to_their_end() {
        assert_eq!(lookups(&["a.example.", "one.example.", "away.example."]), [Ok(2), Ok(2), Ok(1)]);
    }

    #[test]
    fn what_has_no_address_says_why() {
        let results = lookups(&["loop.example.", "lost.example.", "_acme.example.", "x.test."]);
        let errors: Vec<String> = results.into_iter().map(Result::unwrap_err).collect();
        assert!(errors[0].contains("more than 8 CNAMEs"), "{errors:?}");
        let advice = "check that a DNS record exists for this domain";
        assert_eq!(errors[1], format!("NXDOMAIN looking up A for nowhere.example - {advice}"));
        assert_eq!(errors[2], "no A for _acme.example");
        assert_eq!(errors[3], "REFUSED looking up A for x.test");
    }

    #[test]
    fn a_response_to_another_question_does_not_count() {
        let name = Name::from_ascii("a.example.").unwrap();
        let mut request = Message::new(7, MessageType::Query, OpCode::Query);
        request.add_query(Query::query(name.clone(), RecordType::A));
        let mut response = Message::response(7, OpCode::Query);
        assert!(!answers(&response, &request));
        response.add_query(Query::query(name, RecordType::A));
        assert!(answers(&response, &request));
        response.metadata.id = 8;
        assert!(!answers(&response, &request));
    }
}
