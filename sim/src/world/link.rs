//! Links: how one host's packets reach another.
//!
//! Every pair of hosts has two, one for each direction. TCP is never reordered on a link and nothing is
//! lost for good by chance: a lost segment arrives later, after the time that a retransmission takes.

use std::{fmt, time::Duration};

use crate::entropy::Stream;

/// How long a packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Evenly between the two.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Evenly between `min` and `usual`, but one packet in a hundred takes longer, up to ten times `usual`.
    LongTail {
        /// The shortest.
        min: Duration,
        /// What 99 % of the packets keep within.
        usual: Duration,
    },
}

impl Latency {
    fn draw(&self, stream: &mut Stream) -> Duration {
        match *self {
            Self::Fixed(latency) => latency,
            Self::Uniform { min, max } => between(stream, min, max),
            Self::LongTail { min, usual } => {
                let is_late = stream.below(100) == 0;
                if is_late { between(stream, usual, usual * 10) } else { between(stream, min, usual) }
            }
        }
    }
}

fn between(stream: &mut Stream, min: Duration, max: Duration) -> Duration {
    let width_ns = u64::try_from(max.saturating_sub(min).as_nanos()).unwrap_or(u64::MAX);
    min + Duration::from_nanos(stream.below(width_ns.saturating_add(1)))
}

/// What a link does to packets beyond delaying them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Condition {
    /// It delivers them.
    #[default]
    Open,
    /// It swallows them: TCP retransmits until it gives up after about 15 minutes, UDP is lost.
    Blackhole,
    /// It answers TCP with a reset, as a firewall may; UDP is lost.
    Reset,
    /// It holds them until it is opened again; nothing times out below the application.
    Stalled,
}

/// One direction between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// How long a packet travels.
    pub latency: Latency,
    /// How many of a million packets are lost. TCP's come again after a retransmission time-out.
    pub loss_per_million: u32,
    /// How many of a million UDP datagrams arrive twice.
    pub duplicate_per_million: u32,
    /// Bytes a second; unlimited if none.
    pub bandwidth_bytes_per_second: Option<u64>,
    /// What it does beyond that.
    pub condition: Condition,
    /// Each TCP connection opened from now on is cut off after this many bytes of payload in this
    /// direction: the receiver sees the end of the stream, the sender a reset.
    pub truncate_after_bytes: Option<u64>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Latency::Fixed(Duration::from_millis(10)),
            loss_per_million: 0,
            duplicate_per_million: 0,
            bandwidth_bytes_per_second: None,
            condition: Condition::Open,
            truncate_after_bytes: None,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The first wait for an acknowledgement; it doubles with each further loss (RFC 6298 §5.5).
const RETRANSMISSION_TIMEOUT: Duration = Duration::from_millis(200);
const RETRANSMISSION_TIMEOUT_MAX: Duration = Duration::from_secs(120);

/// How often a segment is sent again before the connection is given up, about 15 minutes (Linux's `tcp_retries2`).
pub(super) const RETRANSMISSIONS_MAX: u32 = 15;
/// The same for the segment that opens a connection, about two minutes (Linux's `tcp_syn_retries`).
pub(super) const SYN_RETRANSMISSIONS_MAX: u32 = 6;

/// The wait before a segment is sent for the `attempt`-th time again, counted from 0.
pub(super) fn retransmission_timeout(syn: bool, attempt: u32) -> Duration {
    let first = if syn { Duration::from_secs(1) } else { RETRANSMISSION_TIMEOUT };
    (first * 2_u32.saturating_pow(attempt.min(12))).min(RETRANSMISSION_TIMEOUT_MAX)
}

impl Link {
    /// How long a TCP segment is under way, its retransmissions included.
    pub(super) fn draw_segment_delay(&self, syn: bool, stream: &mut Stream) -> Duration {
        let mut delay = self.latency.draw(stream);
        let mut attempt = 0;
        while attempt < SYN_RETRANSMISSIONS_MAX && self.loss_per_million > 0 && stream.chance(self.loss_per_million) {
            delay += retransmission_timeout(syn, attempt);
            attempt += 1;
        }
        delay
    }

    /// How long each copy of a UDP datagram is under way; none if it is lost.
    pub(super) fn draw_datagram_delays(&self, stream: &mut Stream) -> Vec<Duration> {
        if self.loss_per_million > 0 && stream.chance(self.loss_per_million) {
            return Vec::new();
        }
        let copies = if self.duplicate_per_million > 0 && stream.chance(self.duplicate_per_million) { 2 } else { 1 };
        (0..copies).map(|_| self.latency.draw(stream)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_segment_comes_later_and_a_lost_datagram_never() {
        let link = Link { loss_per_million: 1_000_000, ..Link::default() };
        let mut stream = Stream::new(1, "net", "a->b");
        assert_eq!(link.draw_segment_delay(false, &mut stream), Duration::from_millis(10 + 200 * 63));
        assert!(link.draw_datagram_delays(&mut stream).is_empty());
    }

    #[test]
    fn latencies_stay_within_their_bounds() {
        let mut stream = Stream::new(1, "net", "a->b");
        let (min, max) = (Duration::from_millis(5), Duration::from_millis(40));
        for _ in 0..1_000 {
            let drawn = Latency::Uniform { min, max }.draw(&mut stream);
            assert!((min..=max).contains(&drawn));
            let drawn = Latency::LongTail { min, usual: max }.draw(&mut stream);
            assert!((min..=max * 10).contains(&drawn));
        }
    }

    #[test]
    fn retransmission_gives_up_after_about_fifteen_minutes() {
        let total: Duration = (0..RETRANSMISSIONS_MAX).map(|attempt| retransmission_timeout(false, attempt)).sum();
        assert!((Duration::from_secs(600)..Duration::from_secs(1_200)).contains(&total), "{total:?}");
    }
}
