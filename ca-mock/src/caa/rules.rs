//! [`CaaRules`]: how the relevant records are found and what they mean.
//!
//! Three questions that a CA can get wrong one by one: where to go on above a name without records, what a lookup
//! without an answer means, and whether the records permit an issuance.

use hickory_proto::rr::Name;

use super::{
    evaluation::{self, Property, Refusal, Request},
    lookup::Relevant,
};
use crate::dns::resolver::LookupError;

/// By which rules CAA is looked up and judged.
#[derive(Clone, Copy, Debug)]
pub struct CaaRules {
    /// The name to ask after the first one, which has no records; the second is where its aliases end, or itself. It
    /// has fewer labels than the first, so that every climb ends.
    pub(crate) above: fn(&Name, &Name) -> Name,
    /// What is known if there was no answer.
    pub(crate) unanswered: fn(LookupError) -> Result<Relevant, LookupError>,
    /// Whether the relevant records permit the request.
    pub(crate) permits: fn(&[Property], &Request<'_>) -> Result<(), Refusal>,
}

impl CaaRules {
    /// The climb goes up from the name asked about (RFC 8659 §3), without an answer nothing is known (Baseline
    /// Requirements §3.2.2.8), and the records mean what RFC 8659 §4 and RFC 8657 say.
    pub const STANDARD: Self =
        Self { above: |name, _| name.base_name(), unanswered: Err, permits: evaluation::permits };
}
