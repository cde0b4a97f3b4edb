//! The trace: everything that happened, one JSON line an event, under a rolling hash.
//!
//! Nothing is kept: each event is hashed, shown to the observers (oracles, a file) and forgotten, so
//! that a world's memory does not grow with its age. Checkpoints of the hash, thinned as they become
//! many, narrow down where two runs part. A line reads back as the [`Record`] that it was.

use std::{collections::BTreeMap, fmt, net::SocketAddr, ops::Range, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};

use crate::disk::{Access, OpenMode};

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The end that connected.
    Client,
    /// The end that accepted.
    Server,
}

/// Whether an application wrote bytes or read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Handed to the connection; they may never arrive.
    Wrote,
    /// Received by the application.
    Read,
}

/// How a TLS handshake ended for the client that began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandshakeOutcome {
    /// Completed; the chain is as the server sent it, leaf first, DER.
    Completed {
        /// The server's certificates.
        #[serde(with = "base64_each")]
        chain: Vec<Vec<u8>>,
        /// The OCSP response that came with the leaf (RFC 6066 §8); empty if none did.
        #[serde(default, with = "base64_text", skip_serializing_if = "Vec::is_empty")]
        staple: Vec<u8>,
    },
    /// Failed, with the client's reason. A chain that was refused is still shown.
    Failed {
        /// The reason in words.
        error: String,
        /// The server's certificates, if it sent any.
        #[serde(with = "base64_each")]
        chain: Vec<Vec<u8>>,
    },
}

/// How a host's life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Its program returned.
    Finished,
    /// Its process was killed: the kernel closes its sockets, the page cache survives.
    Killed,
    /// Its power was cut: nothing more is sent, unsynced writes are at risk.
    PowerLost,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// The world begins.
    World {
        /// The seed that everything is drawn from.
        seed: u64,
        /// Wall-clock time at virtual time 0, RFC 3339.
        epoch: String,
    },
    /// A host's program starts (again).
    HostStarted {
        /// Counts from 1.
        incarnation: u32,
    },
    /// A host's program has ended.
    HostEnded {
        /// How.
        ending: Ending,
    },
    /// A host is suspended: its tasks and its monotonic clock stand still.
    HostSuspended,
    /// A suspended host goes on.
    HostResumed,
    /// A host's wall clock is set or drifts differently.
    ClockChanged {
        /// Offset from true time after the change, nanoseconds.
        offset_ns: i64,
        /// Drift from now on, parts per million.
        drift_ppm: i32,
    },
    /// A TCP segment leaves a host.
    Segment {
        /// From.
        from: SocketAddr,
        /// To.
        to: SocketAddr,
        /// The letters of the flags set: S A F R P.
        flags: String,
        /// Payload length in bytes.
        len: u32,
        /// The first 8 bytes of the payload's SHA-256 in hex; empty without payload.
        digest: String,
    },
    /// A UDP datagram leaves a host.
    Datagram {
        /// From.
        from: SocketAddr,
        /// To.
        to: SocketAddr,
        /// The datagram.
        #[serde(with = "base64_text")]
        payload: Vec<u8>,
    },
    /// A packet is lost for good.
    PacketLost {
        /// From.
        from: SocketAddr,
        /// To.
        to: SocketAddr,
        /// Why.
        reason: String,
    },
    /// An application wrote or read bytes; for TLS, the bytes inside.
    Data {
        /// `client address-server address`, equal at both ends.
        connection: Arc<str>,
        /// Which end.
        side: Side,
        /// Wrote or read; an empty read is the end of the stream.
        direction: Direction,
        /// The bytes.
        #[serde(with = "base64_text")]
        bytes: Vec<u8>,
    },
    /// A TLS handshake, as the client sees it.
    Handshake {
        /// `client address-server address`.
        connection: Arc<str>,
        /// The server's name that the client asked for.
        server_name: String,
        /// The application protocol agreed on, if any.
        alpn: Option<String>,
        /// How it ended.
        outcome: HandshakeOutcome,
    },
    /// A disk operation has been carried out.
    Disk {
        /// Counts this disk's operations from 1.
        #[serde(rename = "operation-number")]
        number: u64,
        /// The system call.
        operation: DiskOperation,
        /// Its path; for a rename, the old one.
        path: String,
        /// For a rename, the new path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// For an opening, how.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<OpenMode>,
        /// For an opening, who may read the file if it is created.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<Access>,
        /// For a write, where it begins, bytes from the file's start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
        /// For a write, what was written.
        #[serde(default, with = "base64_text", skip_serializing_if = "Vec::is_empty")]
        bytes: Vec<u8>,
        /// The error, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The host's disk is one that other hosts mount too.
    DiskMounted {
        /// Which.
        disk: String,
    },
    /// A file was changed behind the host's back.
    DiskDamaged {
        /// Its path.
        path: String,
        /// What it holds now; none if it is gone.
        #[serde(with = "base64_option")]
        content: Option<Vec<u8>>,
    },
    /// Unsynced changes met a power loss.
    DiskCrashed {
        /// How many changes were not yet durable.
        unsynced: usize,
        /// How many of them survived all the same.
        survived: usize,
    },
    /// A link between two hosts changes its behaviour.
    LinkChanged {
        /// From host.
        from: String,
        /// To host.
        to: String,
        /// The new behaviour in words.
        behaviour: String,
    },
    /// A host has more tasks than ever since it started, and by some dozens: how many are alive, is told now and then.
    TasksAlive {
        /// How many.
        tasks: usize,
    },
    /// A task panicked.
    Panic {
        /// The task.
        task: String,
        /// The panic's message and place.
        message: String,
    },
    /// The world can't go on: tasks wait for each other, or an operation can't end.
    Deadlock {
        /// Who waits for what.
        report: String,
    },
    /// A task has to wait for a lock.
    LockWait {
        /// The lock.
        lock: String,
        /// The task that waits.
        task: String,
        /// The tasks that hold it.
        held_by: Vec<String>,
    },
    /// Something worth proving has happened.
    Probe {
        /// Its name.
        name: String,
        /// What it was about, a word for each circumstance.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        about: BTreeMap<String, String>,
    },
    /// A host's clock or its memory is set back on purpose. What followed from what is undone is nobody's fault.
    SetBack {
        /// What, and to where, in words.
        what: String,
    },
    /// The DNS says something else from now on.
    ZoneChanged {
        /// The name, without the trailing dot.
        name: String,
        /// The one record of its type, as in a zone file: `A 10.0.0.20`. If none, there is no record of any type.
        record: Option<String>,
    },
    /// A fault that the scenario injects.
    Fault {
        /// What is done, in the scenario's words.
        what: String,
    },
}

impl Event {
    /// A probe about nothing in particular.
    #[must_use]
    pub fn probe(name: impl Into<String>) -> Self {
        Self::Probe { name: name.into(), about: BTreeMap::new() }
    }
}

/// A system call on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is named after its system call")]
pub enum DiskOperation {
    Open,
    Read,
    Write,
    Sync,
    Rename,
    RemoveFile,
    RemoveDirectory,
    CreateDirectory,
    List,
    SyncDirectory,
    Restrict,
    Metadata,
}

/// An event with its place in the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Counts from 1.
    pub number: u64,
    /// Virtual time since the world began, nanoseconds.
    pub at_ns: u64,
    /// The host concerned; none for the world itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Sees every event as it happens. It must not keep them all.
pub trait Observer: Send {
    /// One event; `line` is its JSON, without the line feed.
    fn observe(&mut self, record: &Record, line: &str);
}

/// The rolling hash after some event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The event's number.
    pub number: u64,
    /// The hash over all lines up to and with it.
    pub hash: TraceHash,
}

/// SHA-256 over all lines of a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceHash(pub [u8; 32]);

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The events between which two runs part, given both runs' checkpoints; `None` if nothing differs as
/// far as both reach.
#[must_use]
pub fn first_divergence(one: &[Checkpoint], other: &[Checkpoint]) -> Option<Range<u64>> {
    let mut agreed = 0;
    for checkpoint in one {
        let Some(same) = other.iter().find(|c| c.number == checkpoint.number) else { continue };
        if same.hash != checkpoint.hash {
            return Some(agreed + 1..checkpoint.number + 1);
        }
        agreed = checkpoint.number;
    }
    None
}

const CHECKPOINTS_MAX: usize = 2_048;

/// Writes a trace: numbers events, hashes them and shows them to the observers.
pub struct Trace {
    number: u64,
    at_ns: u64,
    hash: Sha256,
    line: Vec<u8>,
    checkpoints: Vec<Checkpoint>,
    checkpoint_interval: u64,
    observers: Vec<Box<dyn Observer>>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({} events)", self.number)
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            number: 0,
            at_ns: 0,
            hash: Sha256::new(),
            line: Vec::new(),
            checkpoints: Vec::new(),
            checkpoint_interval: 64,
            observers: Vec::new(),
        }
    }
}

impl Trace {
    /// Shows every later event to `observer` too.
    pub fn add_observer(&mut self, observer: Box<dyn Observer>) {
        self.observers.push(observer);
    }

    /// Adds an event. Time never goes back here: an event that is told late, as threads do it, or by a clock that was
    /// set back, counts as of the latest time.
    pub fn record(&mut self, at_ns: u64, host: Option<Arc<str>>, event: Event) {
        self.number += 1;
        self.at_ns = self.at_ns.max(at_ns);
        let record = Record { number: self.number, at_ns: self.at_ns, host, event };
        self.line.clear();
        serde_json::to_writer(&mut self.line, &record).expect("events have string keys and no failing serializer");
        self.hash.update(&self.line);
        self.hash.update(b"\n");
        if self.number.is_multiple_of(self.checkpoint_interval) {
            self.checkpoint();
        }
        let line = std::str::from_utf8(&self.line).expect("JSON is UTF-8");
        for observer in &mut self.observers {
            observer.observe(&record, line);
        }
    }

    /// How many events there have been.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.number
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.number == 0
    }

    /// The hash over everything so far.
    #[must_use]
    pub fn hash(&self) -> TraceHash {
        TraceHash(self.hash.clone().finalize().into())
    }

    /// The hash along the way; the last entry is the present one.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        let mut all = self.checkpoints.clone();
        all.push(Checkpoint { number: self.number, hash: self.hash() });
        all
    }

    fn checkpoint(&mut self) {
        if self.checkpoints.len() == CHECKPOINTS_MAX {
            self.checkpoint_interval *= 2;
            let interval = self.checkpoint_interval;
            self.checkpoints.retain(|c| c.number.is_multiple_of(interval));
            if !self.number.is_multiple_of(interval) {
                return;
            }
        }
        self.checkpoints.push(Checkpoint { number: self.number, hash: self.hash() });
    }
}

fn base64<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    STANDARD.decode(text).map_err(|e| E::custom(format!("not base64: {e}")))
}

mod base64_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        base64(&String::deserialize(deserializer)?)
    }
}

mod base64_option {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_some(&bytes.as_ref().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| base64(&text)).transpose()
    }
}

mod base64_each {
    use super::*;

    pub(super) fn serialize<S: Serializer>(all: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Vec::<String>::deserialize(deserializer)?.iter().map(|text| base64(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(names: impl IntoIterator<Item = String>) -> Trace {
        let mut trace = Trace::default();
        for name in names {
            trace.record(0, None, Event::probe(name));
        }
        trace
    }

    #[test]
    fn equal_events_hash_equal_and_a_difference_is_narrowed_down() {
        let one = probes((0..1_000).map(|n| n.to_string()));
        let same = probes((0..1_000).map(|n| n.to_string()));
        let other = probes((0..1_000).map(|n| if n == 699 { "x".into() } else { n.to_string() }));
        assert_eq!(one.hash(), same.hash());
        assert_eq!(first_divergence(&one.checkpoints(), &same.checkpoints()), None);
        let window = first_divergence(&one.checkpoints(), &other.checkpoints()).unwrap();
        assert!(window.contains(&700), "{window:?}");
        assert!(window.end - window.start <= 64, "{window:?}");
    }

    /// Keeps each record with its line.
    struct Kept(std::sync::mpsc::Sender<(Record, String)>);

    impl Observer for Kept {
        fn observe(&mut self, record: &Record, line: &str) {
            self.0.send((record.clone(), line.to_owned())).unwrap();
        }
    }

    #[test]
    fn a_line_reads_back_as_what_it_was_and_time_never_goes_back() {
        let (sender, kept) = std::sync::mpsc::channel();
        let mut trace = Trace::default();
        trace.add_observer(Box::new(Kept(sender)));
        let connection: Arc<str> = "10.0.0.1:1-10.0.0.2:2".into();
        let disk = |bytes: &[u8], mode| Event::Disk {
            number: u64::MAX,
            operation: DiskOperation::Open,
            path: "/a".to_owned(),
            to: None,
            mode,
            access: mode.map(|_| Access::Private),
            offset: Some(3),
            bytes: bytes.to_vec(),
            error: None,
        };
        let events = [
            Event::World { seed: u64::MAX, epoch: "2026-01-01T00:00:00Z".to_owned() },
            Event::ClockChanged { offset_ns: i64::MIN, drift_ppm: -1 },
            Event::Datagram {
                from: "[::1]:53".parse().unwrap(),
                to: "10.0.0.1:1".parse().unwrap(),
                payload: vec![0, 255],
            },
            Event::Data {
                connection: connection.clone(),
                side: Side::Client,
                direction: Direction::Read,
                bytes: vec![],
            },
            Event::Handshake {
                connection,
                server_name: "a.test".to_owned(),
                alpn: None,
                outcome: HandshakeOutcome::Failed { error: "no".to_owned(), chain: vec![vec![1], vec![]] },
            },
            disk(b"x", Some(OpenMode::CreateNew)),
            disk(b"", None),
            Event::DiskDamaged { path: "/a".to_owned(), content: None },
            Event::HostResumed,
            Event::HostEnded { ending: Ending::PowerLost },
            Event::Probe { name: "a".to_owned(), about: BTreeMap::from([("order".to_owned(), "1".to_owned())]) },
        ];
        for (at_ns, event) in (0..).zip(events) {
            trace.record(at_ns, Some("ca".into()), event);
        }
        trace.record(3, None, Event::SetBack { what: "the clock".to_owned() });
        drop(trace);
        let kept: Vec<(Record, String)> = kept.iter().collect();
        assert_eq!(kept.last().unwrap().0.at_ns, 10);
        for (record, line) in kept {
            assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record, "{line}");
        }
    }

    #[test]
    fn checkpoints_stay_bounded() {
        let trace = probes((0..300_000).map(|_| String::new()));
        assert!(trace.checkpoints().len() <= CHECKPOINTS_MAX + 1);
    }
}
