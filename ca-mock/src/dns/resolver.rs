//! The validation authority's resolver: real queries over UDP to one configured server.
//!
//! Nothing is cached, so that each validation sees the present. Every query has a fresh id and a fresh port,
//! both drawn from the host's entropy; a response counts only if it comes from the server asked and repeats id
//! and question (RFC 5452 §9.1).

use std::{io, net::SocketAddr, time::Duration};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};
use sim::{Env, net::UdpSocket};

use super::{ALIASES_MAX, server::extension};
use crate::config::Config;

/// Whom to ask, and how patiently.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) env: Env,
    pub(crate) server: SocketAddr,
    /// For each attempt.
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
}

/// A question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("NXDOMAIN looking up {kind} for {name}")]
    NoSuchName { name: Name, kind: RecordType },
    #[error("no {kind} record for {name}")]
    NoData { name: Name, kind: RecordType },
    #[error("{code} looking up {kind} for {name}")]
    Failed { code: ResponseCode, name: Name, kind: RecordType },
    #[error("no answer within {timeout:?} looking up {kind} for {name}")]
    TimedOut { timeout: Duration, name: Name, kind: RecordType },
    #[error("the answer to {kind} for {name} is truncated")]
    Truncated { name: Name, kind: RecordType },
    #[error("more than {ALIASES_MAX} CNAMEs looking up {kind} for {name}")]
    TooManyAliases { name: Name, kind: RecordType },
    #[error("looking up {kind} for {name}: {source}")]
    Io { source: io::Error, name: Name, kind: RecordType },
}

impl Resolver {
    /// The resolver that the CA is configured with.
    pub(crate) fn new(env: &Env, config: &Config) -> Self {
        Self { env: env.clone(), server: config.dns_server, timeout: config.dns_timeout, attempts: config.dns_attempts }
    }

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
                    return Err(LookupError::TooManyAliases { name: name.clone(), kind });
                }
            }
            // The answer to an alias is about its end (RFC 2308 §2.1).
            if response.metadata.response_code == ResponseCode::NXDomain {
                return Err(LookupError::NoSuchName { name: owner, kind });
            }
            if owner == asked || !response.authorities.is_empty() {
                return Err(LookupError::NoData { name: owner, kind });
            }
        }
    }

    /// Asks until there is an answer that says something.
    async fn exchange(&self, name: &Name, kind: RecordType) -> Result<Message, LookupError> {
        let mut failure = LookupError::TimedOut { timeout: self.timeout, name: name.clone(), kind };
        for _ in 0..self.attempts.max(1) {
            failure = match self.env.timeout(self.timeout, self.ask(name, kind)).await {
                Ok(Ok(response)) => {
                    if response.metadata.truncation {
                        return Err(LookupError::Truncated { name: name.clone(), kind });
                    }
                    let code = response.metadata.response_code;
                    if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
                        return Ok(response);
                    }
                    LookupError::Failed { code, name: name.clone(), kind }
                }
                Ok(Err(source)) => LookupError::Io { source, name: name.clone(), kind },
                Err(elapsed) => LookupError::TimedOut { timeout: elapsed.0, name: name.clone(), kind },
            };
        }
        Err(failure)
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> io::Result<Message> {
        let socket = self.socket().await?;
        let mut request =
            Message::new(u16::from_le_bytes(self.env.entropy("ca/dns id")), MessageType::Query, OpCode::Query);
        request.metadata.recursion_desired = true;
        request.add_query(Query::query(name.clone(), kind));
        request.set_edns(extension());
        socket.send_to(&request.to_vec().map_err(io::Error::other)?, self.server).await?;
        let mut buffer = vec![0; 65_535];
        loop {
            let (len, peer) = socket.receive_from(&mut buffer).await?;
            if peer == self.server
                && let Ok(response) = Message::from_vec(&buffer[..len])
                && answers(&response, &request)
            {
                return Ok(response);
            }
        }
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
        assert_eq!(errors[1], "NXDOMAIN looking up A for nowhere.example.");
        assert_eq!(errors[2], "no A record for _acme.example.");
        assert!(errors[3].contains("Refused") || errors[3].contains("refused"), "{errors:?}");
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
