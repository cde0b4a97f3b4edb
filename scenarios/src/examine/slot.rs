//! [`Slot`]: where one case is tried. Cases that are tried side by side have each its own.

use std::{collections::BTreeMap, net::SocketAddr};

/// How far the ports of neighbors are apart: room for the four of each in any order.
const STRIDE: u16 = 10;

/// The ports of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Where its CA is served; any port for 0.
    pub(crate) listen: SocketAddr,
    /// Where its CA asks for names; any port for 0.
    pub(crate) dns: SocketAddr,
    /// Where its CA looks for http-01.
    pub(crate) http_port: u16,
    /// Where its CA looks for tls-alpn-01.
    pub(crate) tls_port: u16,
}

/// There are not as many slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMany {
    #[error("--jobs {jobs}: there is no port {STRIDE} times {index} above {port}; fewer jobs or a lower port would do")]
    NoPort { jobs: u16, index: u16, port: u16 },
    #[error(
        "--jobs {jobs}: two cases would have port {port}; choose --listen, --dns, --http-port and --tls-port so that no \
         two of them are a multiple of {STRIDE} apart"
    )]
    Shared { jobs: u16, port: u16 },
}

impl Slot {
    /// As many of them as there are `jobs`, this one being the first.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn side_by_side(self, jobs: u16) -> Result<Vec<Self>, TooMany> {
        let mut owners = BTreeMap::new();
        let mut slots = Vec::new();
        for index in 0..jobs {
            let above = |port: u16| {
                let offset = if port == 0 { Some(0) } else { index.checked_mul(STRIDE) };
                offset.and_then(|offset| port.checked_add(offset)).ok_or(TooMany::NoPort { jobs, index, port })
            };
            let listen = SocketAddr::new(self.listen.ip(), above(self.listen.port())?);
            let dns = SocketAddr::new(self.dns.ip(), above(self.dns.port())?);
            let slot = Self { listen, dns, http_port: above(self.http_port)?, tls_port: above(self.tls_port)? };
            for port in [listen.port(), dns.port(), slot.http_port, slot.tls_port].into_iter().filter(|port| *port != 0)
            {
                if *owners.entry(port).or_insert(index) != index {
                    return Err(TooMany::Shared { jobs, port });
                }
            }
            slots.push(slot);
        }
        Ok(slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(listen: u16, http_port: u16, tls_port: u16) -> Slot {
        slot_with_dns(listen, 0, http_port, tls_port)
    }

    fn slot_with_dns(listen: u16, dns: u16, http_port: u16, tls_port: u16) -> Slot {
        let [listen, dns] = [listen, dns].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Slot { listen, dns, http_port, tls_port }
    }

    #[test]
    fn each_has_its_own_ports() {
        let slots = slot(14_000, 5_002, 5_001).side_by_side(3);
        assert_eq!(
            slots.unwrap(),
            [slot(14_000, 5_002, 5_001), slot(14_010, 5_012, 5_011), slot(14_020, 5_022, 5_021)]
        );
        assert_eq!(slot(0, 2, 1).side_by_side(2).unwrap(), [slot(0, 2, 1), slot(0, 12, 11)]);
        assert_eq!(slot_with_dns(4, 3, 2, 1).side_by_side(2).unwrap()[1], slot_with_dns(14, 13, 12, 11));
    }

    #[test]
    fn ports_that_two_would_have_or_that_there_are_not_are_told() {
        assert_eq!(slot(1, 5_002, 5_012).side_by_side(2), Err(TooMany::Shared { jobs: 2, port: 5_012 }));
        assert_eq!(slot_with_dns(4, 12, 2, 1).side_by_side(2), Err(TooMany::Shared { jobs: 2, port: 12 }));
        assert_eq!(slot(1, 5_002, 5_012).side_by_side(1), Ok(vec![slot(1, 5_002, 5_012)]));
        assert_eq!(slot(1, 65_520, 2).side_by_side(3), Err(TooMany::NoPort { jobs: 3, index: 2, port: 65_520 }));
        assert_eq!(slot(1, 3, 2).side_by_side(9_999), Err(TooMany::NoPort { jobs: 9_999, index: 6_554, port: 1 }));
    }
}
