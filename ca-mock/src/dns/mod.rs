//! DNS, both sides: the resolver of the validation authority, and an authoritative server for test zones.
//!
//! The wire format is hickory-proto's; who asks what, when and how often is ours, so that ids and ports can
//! come from seeded entropy.

mod lag;
pub(crate) mod resolver;
pub(crate) mod server;
mod tcp;
mod update;
pub(crate) mod zone;
pub(crate) mod zone_handle;
mod zone_text;

pub use hickory_proto::rr::Name;
pub use server::DnsServer;
pub use zone::{RecordData, Zone, ZoneError};
pub use zone_handle::ZoneHandle;
pub use zone_text::ZoneTextError;

/// The most CNAMEs that are followed for one question.
pub(crate) const ALIASES_MAX: usize = 8;

/// The largest datagram that is sent or asked for, in bytes: what passes everywhere unfragmented (DNS flag day 2020).
const DATAGRAM_BYTES_MAX: u16 = 1232;
