//! HTTP exchanges, put together from what both ends of a connection wrote and read.
//!
//! An exchange has three moments: the client has *sent* the whole request, the server has *answered*
//! it in full, the client has *received* the answer. Client laws look at the first and the last,
//! CA laws at the middle one. Where only one end's bytes are in the trace, as with a stranger over
//! real sockets, that end's moments stand for the other's.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use serde_json::Value;
use sim::trace::{Direction, Side};

use super::{
    Addresses,
    jws::Jws,
    stream::{Kind, Message, Start, Stream},
};
use crate::oracles::recent::Recent;

const CONNECTIONS_MAX: usize = 4_096;
const PIPELINE_MAX: usize = 64;

/// Header fields, names in lower case, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Fields from names and values.
    #[must_use]
    pub fn of(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())).collect())
    }

    pub(super) fn read(fields: &[httparse::Header<'_>]) -> Self {
        let read = |field: &httparse::Header<'_>| {
            (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).trim().to_owned())
        };
        Self(fields.iter().map(read).collect())
    }

    /// The first field called `name` (in lower case).
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All fields called `name` (in lower case).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// A whole request.
#[derive(Debug)]
pub struct Request {
    /// In upper case, as RFC 9110 §9 wants.
    pub method: String,
    /// The request target.
    pub target: String,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    jws: OnceLock<Option<Jws>>,
}

impl Request {
    /// A request.
    #[must_use]
    pub fn new(method: String, target: String, headers: Headers, body: Vec<u8>) -> Self {
        Self { method, target, headers, body, jws: OnceLock::new() }
    }

    /// The body as a signed ACME request, if it is one.
    pub fn jws(&self) -> Option<&Jws> {
        self.jws.get_or_init(|| if self.method == "POST" { Jws::read(&self.body) } else { None }).as_ref()
    }
}

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    json: OnceLock<Option<Value>>,
}

impl Response {
    /// A response.
    #[must_use]
    pub fn new(status: u16, headers: Headers, body: Vec<u8>) -> Self {
        Self { status, headers, body, json: OnceLock::new() }
    }

    /// The body as JSON, if it is.
    pub fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(&self.body).ok()).as_ref()
    }
}

/// A moment of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The client has written the whole request. There is no response yet.
    Sent,
    /// The server has written the whole response. The request is as the server read it.
    Answered,
    /// The client has read the whole response. The request is as the client wrote it.
    Received,
}

/// An exchange at one of its moments.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which moment.
    pub moment: Moment,
    /// The client's host, if known.
    pub client: Option<Arc<str>>,
    /// The server's host, if known.
    pub server: Option<Arc<str>>,
    /// The request.
    pub request: Arc<Request>,
    /// The response, from [`Moment::Answered`] on.
    pub response: Option<Arc<Response>>,
}

/// All connections that carry bytes at present, the least busy forgotten first.
#[derive(Debug)]
pub(super) struct Connections(Recent<Arc<str>, Connection>);

impl Default for Connections {
    fn default() -> Self {
        Self(Recent::new(CONNECTIONS_MAX))
    }
}

impl Connections {
    /// Takes in what one end of a connection wrote or read, and gives the moments that this completes.
    pub(super) fn feed(
        &mut self,
        name: &Arc<str>,
        side: Side,
        direction: Direction,
        bytes: &[u8],
        host: Option<&Arc<str>>,
        addresses: &Addresses,
    ) -> Vec<Exchange> {
        let connection = self.0.get_or_insert_with(name.clone(), || Connection {
            client: End::new(addresses.client_of(name)),
            server: End::new(addresses.server_of(name)),
        });
        let exchanges = connection.feed(side, direction, bytes, host);
        let Connection { client, server } = connection;
        if client.is_over(server) && server.is_over(client) {
            self.0.remove(name);
        }
        exchanges
    }

    /// Forgets a connection: its name is about to be used again.
    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Ends a host's side of its connections. The other side may still read what was under way.
    pub(super) fn end_host(&mut self, host: &Arc<str>) {
        self.0.retain(|_, connection| {
            for end in [&mut connection.client, &mut connection.server] {
                end.is_done |= end.host.as_ref() == Some(host);
            }
            !(connection.client.is_done && connection.server.is_done)
        });
    }
}

#[derive(Debug)]
struct Connection {
    client: End,
    server: End,
}

/// One end's view: requests and responses as they passed through it.
#[derive(Debug)]
struct End {
    host: Option<Arc<str>>,
    requests: Stream,
    responses: Stream,
    unanswered: VecDeque<Arc<Request>>,
    is_tapped: bool,
    is_done: bool,
}

impl End {
    fn new(host: Option<Arc<str>>) -> Self {
        Self {
            host,
            requests: Stream::new(Kind::Requests),
            responses: Stream::new(Kind::Responses),
            unanswered: VecDeque::new(),
            is_tapped: false,
            is_done: false,
        }
    }
}

impl Connection {
    fn feed(&mut self, side: Side, direction: Direction, bytes: &[u8], host: Option<&Arc<str>>) -> Vec<Exchange> {
        let (end, other) = match side {
            Side::Client => (&mut self.client, &self.server),
            Side::Server => (&mut self.server, &self.client),
        };
        end.is_tapped = true;
        if host.is_some() {
            end.host = host.cloned();
        }
        let (client, server) = match side {
            Side::Client => (end.host.clone(), other.host.clone()),
            Side::Server => (other.host.clone(), end.host.clone()),
        };
        let at = |moment, request: &Arc<Request>, response: Option<&Arc<Response>>| Exchange {
            moment,
            client: client.clone(),
            server: server.clone(),
            request: request.clone(),
            response: response.cloned(),
        };
        let mut exchanges = Vec::new();
        let carries_requests = (side == Side::Client) == (direction == Direction::Wrote);
        if carries_requests {
            for request in end.take_requests(bytes) {
                if side == Side::Client || !other.is_tapped {
                    exchanges.push(at(Moment::Sent, &request, None));
                }
            }
        } else {
            for (request, response) in end.take_responses(bytes, direction) {
                if side == Side::Server || !other.is_tapped {
                    exchanges.push(at(Moment::Answered, &request, Some(&response)));
                }
                if side == Side::Client || !other.is_tapped {
                    exchanges.push(at(Moment::Received, &request, Some(&response)));
                }
            }
        }
        end.is_done |= bytes.is_empty() && direction == Direction::Read;
        exchanges
    }
}

impl End {
    /// Whether nothing more will come of it. An end that the trace never shows is over with the other one, once that has
    /// answered everything.
    fn is_over(&self, other: &Self) -> bool {
        self.is_done || !self.is_tapped && other.is_done && other.unanswered.is_empty()
    }

    fn take_requests(&mut self, bytes: &[u8]) -> Vec<Arc<Request>> {
        self.requests.push(bytes);
        let mut requests = Vec::new();
        while let Some(Message { start, headers, body }) = self.requests.next(false) {
            let Start::Request { method, target } = start else { continue };
            let request = Arc::new(Request::new(method, target, headers, body));
            if self.unanswered.len() < PIPELINE_MAX {
                self.unanswered.push_back(request.clone());
            }
            requests.push(request);
        }
        requests
    }

    fn take_responses(&mut self, bytes: &[u8], direction: Direction) -> Vec<(Arc<Request>, Arc<Response>)> {
        self.responses.push(bytes);
        let mut answered = Vec::new();
        let is_end = bytes.is_empty() && direction == Direction::Read;
        loop {
            let answers_head = self.unanswered.front().is_some_and(|request| request.method == "HEAD");
            let whole = self.responses.next(answers_head).or_else(|| is_end.then(|| self.responses.close()).flatten());
            let Some(Message { start, headers, body }) = whole else { return answered };
            let Start::Response { status } = start else { continue };
            // A response to a request that never was whole is part of no exchange.
            if let Some(request) = self.unanswered.pop_front() {
                answered.push((request, Arc::new(Response::new(status, headers, body))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "10.0.0.1:49152-10.0.0.2:443";
    const REQUEST: &[u8] = b"HEAD /nonce HTTP/1.1\r\nHost: ca.test\r\n\r\n";
    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nReplay-Nonce: n1\r\nContent-Length: 5\r\n\r\n";

    fn moments(fed: &[(Side, Direction, &[u8])]) -> Vec<(Moment, Option<u16>)> {
        let mut connections = Connections::default();
        let mut moments = Vec::new();
        for (side, direction, bytes) in fed {
            let host: Arc<str> = format!("{side:?}").into();
            let exchanges =
                connections.feed(&NAME.into(), *side, *direction, bytes, Some(&host), &Addresses::default());
            moments.extend(exchanges.iter().map(|e| (e.moment, e.response.as_ref().map(|r| r.status))));
        }
        moments
    }

    #[test]
    fn fields_are_found_by_name_in_any_case_and_all_are_told_in_order() {
        let headers = Headers::of(&[("Link", "one"), ("Host", "a.test"), ("LINK", "two")]);
        assert_eq!((headers.first("link"), headers.first("date")), (Some("one"), None));
        assert_eq!(headers.all("link").collect::<Vec<_>>(), ["one", "two"]);
        let fields: Vec<_> = headers.fields().collect();
        assert_eq!(fields, [("link", "one"), ("host", "a.test"), ("link", "two")]);
    }

    #[test]
    fn an_exchange_has_three_moments() {
        let fed = [
            (Side::Client, Direction::Wrote, REQUEST),
            (Side::Server, Direction::Read, REQUEST),
            (Side::Server, Direction::Wrote, RESPONSE),
            (Side::Client, Direction::Read, RESPONSE),
        ];
        let expected = [(Moment::Sent, None), (Moment::Answered, Some(200)), (Moment::Received, Some(200))];
        assert_eq!(moments(&fed), expected);
        assert_eq!(moments(&fed[..3]), expected[..2], "the answer is lost on its way");
    }

    #[test]
    fn one_end_stands_for_both_when_it_is_all_there_is() {
        let expected = [(Moment::Sent, None), (Moment::Answered, Some(200)), (Moment::Received, Some(200))];
        let client = [(Side::Client, Direction::Wrote, REQUEST), (Side::Client, Direction::Read, RESPONSE)];
        let server = [(Side::Server, Direction::Read, REQUEST), (Side::Server, Direction::Wrote, RESPONSE)];
        assert_eq!(moments(&client), expected);
        assert_eq!(moments(&server), expected);
    }

    #[test]
    fn what_a_host_sent_before_its_end_is_not_sent_once_more_when_it_arrives() {
        let mut connections = Connections::default();
        let hosts = [Some(Arc::from("client")), Some(Arc::from("server"))];
        let addresses = Addresses::default();
        let name = NAME.into();
        connections.feed(&name, Side::Client, Direction::Wrote, REQUEST, hosts[0].as_ref(), &addresses);
        connections.end_host(hosts[0].as_ref().unwrap());
        let read = connections.feed(&name, Side::Server, Direction::Read, REQUEST, hosts[1].as_ref(), &addresses);
        assert!(read.is_empty());
    }

    #[test]
    fn a_connection_that_both_ends_closed_is_forgotten() {
        let mut connections = Connections::default();
        for side in [Side::Client, Side::Server] {
            connections.feed(&NAME.into(), side, Direction::Read, b"", None, &Addresses::default());
        }
        assert_eq!(connections.0.iter().count(), 0);
    }
}
