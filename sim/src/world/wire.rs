//! The wire: takes packets from hosts' network stacks and brings them to others.
//!
//! The stacks (`turmoil-net`) count calls, not time, when they retransmit, and drop what arrives out of
//! order. So their retransmission is off, each direction of a TCP connection is a queue whose head
//! alone is under way, and what a fault holds back is sent again here, by time.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use turmoil_net::{EnterGuard, Packet, TcpFlags, TcpSegment, Transport};

use super::{
    HostId,
    clock::VirtualTime,
    link::{Condition, Link, RETRANSMISSIONS_MAX, SYN_RETRANSMISSIONS_MAX, retransmission_timeout},
    shared::{Due, Shared},
};
use crate::{entropy::Stream, trace::Event};

/// One direction of a TCP connection: sender, receiver.
pub(super) type FlowKey = (SocketAddr, SocketAddr);

#[derive(Debug)]
struct Flow {
    /// When each segment would arrive if it were alone, and the segment.
    queue: VecDeque<(VirtualTime, Packet)>,
    /// How often the head has been held back.
    attempts: u32,
    /// The head waits for its link to change and is not scheduled.
    parked: bool,
}

#[derive(Debug)]
struct Direction {
    link: Link,
    stream: Stream,
    /// When the last packet will have been put on the wire, for links of limited bandwidth.
    busy_until: VirtualTime,
}

#[derive(Debug, Default)]
pub(super) struct Wire {
    default_link: Link,
    directions: BTreeMap<(HostId, HostId), Direction>,
    flows: BTreeMap<FlowKey, Flow>,
    /// Bytes that cut-off flows may still carry.
    truncated: BTreeMap<FlowKey, u64>,
    hosts: BTreeMap<IpAddr, HostId>,
    powered: Vec<bool>,
    outgoing: Vec<Packet>,
    /// Of connections that a server has agreed to and its client has not answered since: what the answer would acknowledge.
    half_open: BTreeMap<FlowKey, u32>,
    seed: u64,
}

impl Wire {
    pub(super) fn new(seed: u64, addresses: &[Vec<IpAddr>]) -> Self {
        let hosts = addresses
            .iter()
            .enumerate()
            .flat_map(|(index, all)| all.iter().map(move |address| (*address, HostId(index))))
            .collect();
        Self { seed, hosts, powered: vec![true; addresses.len()], ..Self::default() }
    }

    pub(super) fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
    }

    pub(super) fn link(&self, from: HostId, to: HostId) -> Link {
        self.directions.get(&(from, to)).map_or(self.default_link, |direction| direction.link)
    }

    /// Changes a link and sends on its way what it had held.
    pub(super) fn set_link(&mut self, shared: &Shared, from: HostId, to: HostId, link: Link) {
        self.direction(from, to).link = link;
        let parked: Vec<FlowKey> = self
            .flows
            .iter()
            .filter(|(key, flow)| flow.parked && self.ends(key) == Some((from, to)))
            .map(|(key, _)| *key)
            .collect();
        for key in parked {
            let flow = self.flows.get_mut(&key).expect("just listed");
            flow.parked = false;
            let now = shared.now();
            shared.schedule(now, Due::Flow(key));
        }
    }

    /// A host without power neither sends nor receives.
    pub(super) fn set_powered(&mut self, host: HostId, powered: bool) {
        self.powered[host.0] = powered;
    }

    /// Takes whatever the hosts' stacks want to send.
    pub(super) fn collect(&mut self, shared: &Shared, guard: &EnterGuard) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        guard.egress_all(&mut outgoing);
        for packet in outgoing.drain(..) {
            self.send(shared, packet);
        }
        self.outgoing = outgoing;
    }

    /// Throws away whatever the hosts' stacks want to send.
    pub(super) fn discard(&mut self, guard: &EnterGuard) {
        guard.egress_all(&mut self.outgoing);
        self.outgoing.clear();
    }

    fn send(&mut self, shared: &Shared, packet: Packet) {
        let Some(&from) = self.hosts.get(&packet.src) else { return };
        if !self.powered[from.0] {
            return;
        }
        shared.record(Some(from), sent(&packet));
        self.note_handshake(&packet);
        let Some(&to) = self.hosts.get(&packet.dst) else {
            shared.record(Some(from), lost(&packet, "no host has this address"));
            return;
        };
        let now = shared.now();
        let size = u64::from(packet.size());
        let direction = self.direction(from, to);
        let link = direction.link;
        let mut leaves = now;
        if let Some(rate) = link.bandwidth_bytes_per_second {
            let transmission = Duration::from_nanos(size.saturating_mul(1_000_000_000) / rate.max(1));
            leaves = leaves.max(direction.busy_until).after(transmission);
            direction.busy_until = leaves;
        }
        match &packet.payload {
            Transport::Udp(_) => {
                let delays = link.draw_datagram_delays(&mut direction.stream);
                if delays.is_empty() {
                    shared.record(Some(from), lost(&packet, "lost on the way"));
                }
                for delay in delays {
                    shared.schedule(leaves.after(delay), Due::Datagram(packet.clone()));
                }
            }
            Transport::Tcp(segment) => {
                let delay = link.draw_segment_delay(segment.flags.syn, &mut direction.stream);
                let key = flow_key(&packet, segment);
                if segment.flags.syn {
                    // A new connection on the same ports is not bound by the fate of an older one.
                    self.truncated.remove(&key);
                    if let Some(bytes) = link.truncate_after_bytes {
                        self.truncated.insert(key, bytes);
                    }
                }
                let arrives = leaves.after(delay);
                let flow = self.flows.entry(key).or_insert_with(|| {
                    shared.schedule(arrives, Due::Flow(key));
                    Flow { queue: VecDeque::new(), attempts: 0, parked: false }
                });
                flow.queue.push_back((arrives, packet));
            }
        }
    }

    pub(super) fn datagram_due(&mut self, shared: &Shared, guard: &EnterGuard, packet: Packet) {
        let (Some(&from), Some(&to)) = (self.hosts.get(&packet.src), self.hosts.get(&packet.dst)) else { return };
        let reason = match self.link(from, to).condition {
            Condition::Open if self.powered[to.0] => return guard.deliver(packet),
            Condition::Open => "the receiver is off",
            Condition::Blackhole => "blackhole",
            Condition::Reset => "refused by the link",
            Condition::Stalled => "stalled",
        };
        shared.record(Some(from), lost(&packet, reason));
    }

    pub(super) fn flow_due(&mut self, shared: &Shared, guard: &EnterGuard, key: FlowKey) {
        let (Some((from, to)), Some(flow)) = (self.ends(&key), self.flows.get(&key)) else { return };
        let syn = is_syn(&flow.queue.front().expect("a flow without packets is removed").1);
        match self.link(from, to).condition {
            Condition::Open if self.powered[to.0] => self.deliver_head(shared, guard, key),
            Condition::Open | Condition::Blackhole => {
                let now = shared.now();
                let flow = self.flows.get_mut(&key).expect("looked up above");
                let attempt = flow.attempts;
                flow.attempts += 1;
                if attempt < if syn { SYN_RETRANSMISSIONS_MAX } else { RETRANSMISSIONS_MAX } {
                    shared.schedule(now.after(retransmission_timeout(syn, attempt)), Due::Flow(key));
                } else {
                    self.give_up(shared, guard, key, true);
                }
            }
            Condition::Reset => self.give_up(shared, guard, key, false),
            Condition::Stalled => self.flows.get_mut(&key).expect("looked up above").parked = true,
        }
    }

    fn deliver_head(&mut self, shared: &Shared, guard: &EnterGuard, key: FlowKey) {
        let flow = self.flows.get_mut(&key).expect("a due flow exists");
        let (_, mut packet) = flow.queue.pop_front().expect("a flow without packets is removed");
        flow.attempts = 0;
        match flow.queue.front() {
            Some((arrives, _)) => shared.schedule((*arrives).max(shared.now()), Due::Flow(key)),
            None => {
                self.flows.remove(&key);
            }
        }
        let Some(left) = self.truncated.get_mut(&key) else { return self.deliver(guard, packet) };
        let Transport::Tcp(segment) = &mut packet.payload else { return };
        let len = segment.payload.len() as u64;
        if *left >= len {
            *left -= len;
            return self.deliver(guard, packet);
        }
        segment.payload.truncate(usize::try_from(*left).expect("shorter than the payload"));
        segment.flags.fin = true;
        *left = 0;
        let sender_reset = reset(&packet);
        self.deliver(guard, packet);
        if let Some(sender_reset) = sender_reset {
            self.deliver(guard, sender_reset);
        }
        self.flows.remove(&key);
    }

    /// Ends a connection for its sender, as the sender's own stack does when nothing gets through.
    fn give_up(&mut self, shared: &Shared, guard: &EnterGuard, key: FlowKey, unanswered: bool) {
        let reason = if unanswered { "retransmitted without an answer" } else { "reset by the link" };
        let flow = self.flows.remove(&key).expect("a due flow exists");
        let (from, _) = self.ends(&key).expect("a flow runs between hosts");
        let head = &flow.queue.front().expect("a flow without packets is removed").1;
        shared.record(Some(from), lost(head, reason));
        // An unanswered attempt to open a connection ends by the opener's own time limit.
        if self.powered[from.0]
            && !(unanswered && is_opening(head))
            && let Some(reset) = reset(head)
        {
            self.deliver(guard, reset);
        }
    }

    /// Notes that a server has agreed to a connection, or thinks better of it.
    fn note_handshake(&mut self, packet: &Packet) {
        let Transport::Tcp(segment) = &packet.payload else { return };
        let key = flow_key(packet, segment);
        if segment.flags.syn && segment.flags.ack {
            self.half_open.insert(key, segment.seq.wrapping_add(1));
        } else if segment.flags.rst {
            self.half_open.remove(&key);
        }
    }

    /// Gives a packet to its receiver's stack. That never frees the port of a connection that is reset before it was open:
    /// so such a one is opened first, and its server sees it end at once.
    fn deliver(&mut self, guard: &EnterGuard, packet: Packet) {
        if let Transport::Tcp(segment) = &packet.payload {
            let (client, server) = flow_key(&packet, segment);
            let expected = self.half_open.remove(&(server, client));
            if let Some(ack) = expected.filter(|_| segment.flags.rst) {
                let flags = TcpFlags { ack: true, ..TcpFlags::default() };
                guard.deliver(bare_segment(client, server, flags, segment.seq, ack));
            }
        }
        guard.deliver(packet);
    }

    /// Makes a host's stack forget its connections, as a reboot does. Its peers will learn by a reset
    /// when they send the next time.
    pub(super) fn forget_connections(&mut self, guard: &EnterGuard, host: HostId) {
        let addresses: Vec<IpAddr> =
            self.hosts.iter().filter(|(_, owner)| **owner == host).map(|(address, _)| *address).collect();
        for entry in turmoil_net::netstat(addresses[0]).entries {
            if entry.state.is_none() {
                continue;
            }
            if let Some(peer) = entry.peer {
                guard.deliver(reset_segment(peer, entry.local, 0));
            }
        }
        self.discard(guard);
        self.flows.retain(|(sender, _), _| !addresses.contains(&sender.ip()));
        self.half_open.retain(|(server, _), _| !addresses.contains(&server.ip()));
    }

    fn direction(&mut self, from: HostId, to: HostId) -> &mut Direction {
        let (seed, link) = (self.seed, self.default_link);
        self.directions.entry((from, to)).or_insert_with(|| Direction {
            link,
            stream: Stream::new(seed, "net", &format!("{}->{}", from.0, to.0)),
            busy_until: VirtualTime::default(),
        })
    }

    fn ends(&self, (sender, receiver): &FlowKey) -> Option<(HostId, HostId)> {
        Some((*self.hosts.get(&sender.ip())?, *self.hosts.get(&receiver.ip())?))
    }
}

fn flow_key(packet: &Packet, segment: &TcpSegment) -> FlowKey {
    (SocketAddr::new(packet.src, segment.src_port), SocketAddr::new(packet.dst, segment.dst_port))
}

fn is_syn(packet: &Packet) -> bool {
    matches!(&packet.payload, Transport::Tcp(segment) if segment.flags.syn)
}

fn is_opening(packet: &Packet) -> bool {
    matches!(&packet.payload, Transport::Tcp(segment) if segment.flags.syn && !segment.flags.ack)
}

/// The reset that ends `packet`'s connection for its sender.
fn reset(packet: &Packet) -> Option<Packet> {
    let Transport::Tcp(segment) = &packet.payload else { return None };
    let (sender, receiver) = flow_key(packet, segment);
    // A reset is never answered by a reset.
    (!segment.flags.rst).then(|| reset_segment(receiver, sender, segment.ack))
}

fn reset_segment(from: SocketAddr, to: SocketAddr, seq: u32) -> Packet {
    bare_segment(from, to, TcpFlags { rst: true, ..TcpFlags::default() }, seq, 0)
}

fn bare_segment(from: SocketAddr, to: SocketAddr, flags: TcpFlags, seq: u32, ack: u32) -> Packet {
    let (src_port, dst_port) = (from.port(), to.port());
    let segment = TcpSegment { src_port, dst_port, seq, ack, flags, window: 0, payload: Bytes::new() };
    Packet { src: from.ip(), dst: to.ip(), ttl: 64, payload: Transport::Tcp(segment) }
}

fn addresses(packet: &Packet) -> (SocketAddr, SocketAddr) {
    match &packet.payload {
        Transport::Tcp(segment) => flow_key(packet, segment),
        Transport::Udp(datagram) => {
            (SocketAddr::new(packet.src, datagram.src_port), SocketAddr::new(packet.dst, datagram.dst_port))
        }
    }
}

fn lost(packet: &Packet, reason: &str) -> Event {
    let (from, to) = addresses(packet);
    Event::PacketLost { from, to, reason: reason.to_owned() }
}

fn sent(packet: &Packet) -> Event {
    let (from, to) = addresses(packet);
    match &packet.payload {
        Transport::Udp(datagram) => Event::Datagram { from, to, payload: datagram.payload.to_vec() },
        Transport::Tcp(segment) => Event::Segment {
            from,
            to,
            flags: letters(segment.flags),
            len: u32::try_from(segment.payload.len()).expect("a segment is smaller than the MTU"),
            digest: digest(&segment.payload),
        },
    }
}

fn letters(flags: TcpFlags) -> String {
    let all = [(flags.syn, 'S'), (flags.ack, 'A'), (flags.fin, 'F'), (flags.rst, 'R'), (flags.psh, 'P')];
    all.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect()
}

fn digest(payload: &[u8]) -> String {
    if payload.is_empty() {
        return String::new();
    }
    Sha256::digest(payload)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
