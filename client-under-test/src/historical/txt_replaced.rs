//! A TXT record that takes the place of those at the same name (lego, 2024).
//!
//! <https://github.com/go-acme/lego/issues/2211>
//!
//! An order for a domain and its wildcard has two authorizations, and both are proved by a TXT record at the same name.
//! The interfaces of some providers replace what is at a name, and the code that used them set one value after the
//! other: of the two records only the later one was there when the CA looked, and one validation failed, each time.
//!
//! Seam: [`DnsProvider`]. To be caught by **M9**, `manager.cleans-up-challenges`: a record goes before its authorization
//! is over; and by **L2**: there never is a certificate.

use hickory_proto::rr::{DNSClass, Record, RecordType};
use sim::Env;

use crate::manager::dns01::{
    provider::{Changed, DnsProvider, TxtRecord},
    update::{DnsUpdate, addition},
};

/// Removes all TXT records of a name before it adds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxtReplaced(pub DnsUpdate);

impl DnsProvider for TxtReplaced {
    fn present<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a> {
        Box::pin(self.0.send(env, record, |name| {
            let mut all = Record::update0(name.clone(), 0, RecordType::TXT);
            all.dns_class = DNSClass::ANY;
            vec![all, addition(name, &record.value)]
        }))
    }

    fn clean_up<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a> {
        self.0.clean_up(env, record)
    }
}
