//! [`DnsProvider`]: whoever can put TXT records into the zones that the managed names are in.

use std::{fmt::Debug, future::Future, pin::Pin};

use serde::{Deserialize, Serialize};
use sim::Env;

use super::DnsError;

/// A TXT record with one value. Others may stand at the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TxtRecord {
    /// Where it stands: a domain name in lower case, without the final dot.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// A change under way.
pub type Changed<'a> = Pin<Box<dyn Future<Output = Result<(), DnsError>> + Send + 'a>>;

/// Changes zones. Both changes may be made again without harm.
pub trait DnsProvider: Debug + Send + Sync {
    /// Adds `record` beside those that are there: an order for a domain and its wildcard needs two at one name.
    fn present<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a>;

    /// Removes `record`, and no other; one that is not there counts as removed.
    fn clean_up<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a>;
}
