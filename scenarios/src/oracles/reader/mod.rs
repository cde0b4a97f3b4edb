//! The third reader of the wire: HTTP, JWS, certificates, CSRs, DNS and ACME, from the trace alone.
//!
//! The CA under test reads strictly and the client tolerantly; this reader shares no line with
//! either, so that a mistake made once can't be right on both sides. It takes in whatever bytes
//! there are without ever failing: what it can't read is simply not seen.
//!
//! It judges nothing. Laws do, from the [`Sight`]s that it yields.

mod acme;
pub mod caa;
pub mod certificate;
pub mod csr;
pub mod dns;
pub mod files;
pub mod http;
pub(super) mod http_date;
pub mod identifier;
pub mod jws;
pub mod link;
pub mod ocsp;
pub mod place;
pub mod retry_after;
pub mod step;
mod stream;
pub mod timestamp;
pub mod visit;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use sim::trace::{Event, Record};

use self::{acme::Acme, step::Step, visit::Visit};

/// Something that the reader made out of the trace.
#[derive(Debug)]
pub enum Sight<'a> {
    /// The event itself. Every event is shown as such first, before what was read out of it.
    Event(&'a Event),
    /// A moment of an HTTP exchange, with its meaning for ACME.
    Step(&'a Step),
    /// A TLS handshake by somebody who came for a certificate's sake, not for ACME's.
    Visit(&'a Visit),
    /// A DNS message leaves a host.
    Dns(&'a dns::Message),
}

/// What one event was read as, besides itself.
#[derive(Debug, Default)]
pub struct Reading {
    /// Moments of HTTP exchanges, in order.
    pub steps: Vec<Step>,
    /// A visitor's handshake.
    pub visit: Option<Visit>,
    /// A DNS message.
    pub dns: Option<dns::Message>,
}

/// Reads a trace, event by event, in bounded memory.
#[derive(Debug, Default)]
pub struct Reader {
    connections: http::Connections,
    acme: Acme,
    addresses: Addresses,
}

impl Reader {
    /// Reads one event.
    pub fn read(&mut self, record: &Record) -> Reading {
        let mut reading = Reading::default();
        let host = record.host.as_ref();
        if let Event::Segment { from, to, flags, .. } = &record.event {
            if flags.contains('S') {
                self.addresses.learn(from.ip(), host);
                if !flags.contains('A') {
                    self.connections.forget(&format!("{from}-{to}"));
                }
            }
        } else if let Event::Datagram { from, to, payload } = &record.event {
            self.addresses.learn(from.ip(), host);
            reading.dns = dns::Message::read(*from, *to, payload);
        } else if let Event::Data { connection, side, direction, bytes } = &record.event {
            for exchange in self.connections.feed(connection, *side, *direction, bytes, host, &self.addresses) {
                reading.steps.push(self.acme.classify(exchange));
            }
        } else if let Event::Handshake { connection, server_name, alpn, outcome } = &record.event {
            let server = self.addresses.server_of(connection);
            let is_acme = server.as_ref().is_some_and(|server| self.acme.is_served_by(server));
            if !is_acme {
                let mut visit = Visit::read(host.cloned(), server, server_name, alpn.as_deref(), outcome);
                visit.is_validation |= host.is_some_and(|host| self.acme.is_served_by(host));
                reading.visit = Some(visit);
            }
        } else if let (Event::HostEnded { .. }, Some(host)) = (&record.event, host) {
            self.connections.end_host(host);
        }
        reading
    }
}

/// Which host an address belongs to, as learned from what each host sends.
#[derive(Debug, Default)]
pub(crate) struct Addresses(BTreeMap<IpAddr, Arc<str>>);

impl Addresses {
    fn learn(&mut self, address: IpAddr, host: Option<&Arc<str>>) {
        let Some(host) = host else { return };
        if self.0.get(&address) != Some(host) {
            self.0.insert(address, host.clone());
        }
    }

    /// The host at the server end of a connection named `client address-server address`.
    pub(crate) fn server_of(&self, connection: &str) -> Option<Arc<str>> {
        let address: std::net::SocketAddr = connection.split_once('-')?.1.parse().ok()?;
        self.0.get(&address.ip()).cloned()
    }

    /// The host at the client end.
    pub(crate) fn client_of(&self, connection: &str) -> Option<Arc<str>> {
        let address: std::net::SocketAddr = connection.split_once('-')?.0.parse().ok()?;
        self.0.get(&address.ip()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sim::trace::{Direction, HandshakeOutcome, Side};

    use super::*;

    fn record(event: Event) -> Record {
        Record { number: 1, at_ns: 0, host: Some("h".into()), event }
    }

    /// Bytes that look enough like HTTP, JSON and PEM to reach the deeper parsers.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            Just(b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec()),
            Just(b"3\r\nabc\r\n0\r\n\r\n".to_vec()),
            Just(b"ffffffffffffffff\r\n".to_vec()),
            Just(b"{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"\"}".to_vec()),
            Just(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_vec()),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(all in proptest::collection::vec((bytes(), any::<bool>(), any::<bool>()), 0..12)) {
            let mut reader = Reader::default();
            for (bytes, is_client, is_read) in all {
                let side = if is_client { Side::Client } else { Side::Server };
                let direction = if is_read { Direction::Read } else { Direction::Wrote };
                let connection = "10.0.0.1:1-10.0.0.2:2".into();
                reader.read(&record(Event::Data { connection, side, direction, bytes: bytes.clone() }));
                let address = "10.0.0.1:53".parse().unwrap();
                reader.read(&record(Event::Datagram { from: address, to: address, payload: bytes.clone() }));
                reader.read(&record(Event::Handshake {
                    connection: "?".into(),
                    server_name: String::from_utf8_lossy(&bytes).into_owned(),
                    alpn: None,
                    outcome: HandshakeOutcome::Completed { chain: vec![bytes.clone()], staple: Vec::new() },
                }));
                let _ = (csr::Csr::read(&bytes), certificate::read_pem(&bytes), jws::Jws::read(&bytes));
            }
        }
    }
}
