//! The keys of `[net]` and of its overrides for one direction.

use crate::language::values::{Bandwidth, Latency, Percentage};

section! {
    /// How packets travel between any two hosts.
    pub struct Link {
        /// How long a packet is under way.
        "latency" => latency: Latency = ["10ms"],
        /// The share of packets lost; TCP sends them again after a while, UDP does not.
        "loss" => loss: Percentage = ["0%"],
        /// The share of UDP datagrams that arrive twice.
        "duplicate" => duplicate: Percentage = ["0%"],
        /// How fast bits are carried; left out: without limit.
        "bandwidth" => bandwidth: Bandwidth = optional,
    }

    /// What differs from `[net]` in one direction of one link.
    pub struct LinkChange {
        /// How long a packet is under way.
        "latency" => latency: Latency = optional,
        /// The share of packets lost.
        "loss" => loss: Percentage = optional,
        /// The share of UDP datagrams that arrive twice.
        "duplicate" => duplicate: Percentage = optional,
        /// How fast bits are carried.
        "bandwidth" => bandwidth: Bandwidth = optional,
    }
}

impl Link {
    /// This link with a change applied.
    #[must_use]
    pub fn changed_by(&self, change: &LinkChange) -> Self {
        Self {
            latency: change.latency.clone().unwrap_or_else(|| self.latency.clone()),
            loss: change.loss.unwrap_or(self.loss),
            duplicate: change.duplicate.unwrap_or(self.duplicate),
            bandwidth: change.bandwidth.or(self.bandwidth),
        }
    }
}
