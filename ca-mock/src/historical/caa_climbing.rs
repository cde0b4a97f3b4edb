//! CAA that is not looked for where it stands: on the way up, after an alias, or where nobody answers.
//!
//! <https://github.com/letsencrypt/boulder/issues/3093>, <https://github.com/letsencrypt/boulder/issues/3097>,
//! ballot SC-085v2 of the CA/Browser Forum
//!
//! RFC 6844 as it was first published has a CA that meets an alias go up from the alias's target, so that whoever
//! holds the target's parent decided for a domain that is not theirs, and loops were possible. Erratum 5065, and then
//! RFC 8659 §3, go up from the name asked about alone. And a SERVFAIL, which is what a resolver says when DNSSEC's
//! signatures do not fit, was taken as permission: Baseline Requirements §3.2.2.8.1 forbids it since 2026-03-15.
//!
//! Seam: [`CaaRules`]. To be caught by **C1**, `ca.rechecks-caa`, since the climb has not been made to its end.

use std::time::Duration;

use hickory_proto::{op::ResponseCode, rr::Name};

use crate::{
    caa::{CaaRules, Relevant},
    dns::resolver::LookupError,
};

/// Goes up from where an alias leads.
pub const CAA_CLIMBS_ALIAS: CaaRules = CaaRules { above: above_target, ..CaaRules::STANDARD };

/// Takes SERVFAIL for a domain without records.
pub const CAA_SERVFAIL_PERMITS: CaaRules = CaaRules { unanswered: nothing_said, ..CaaRules::STANDARD };

/// Boulder bounded the loops that this makes possible; here, what leads no further up leads up from the name.
fn above_target(name: &Name, target: &Name) -> Name {
    let above = target.base_name();
    if above.num_labels() < name.num_labels() { above } else { name.base_name() }
}

fn nothing_said(failure: LookupError) -> Result<Relevant, LookupError> {
    match failure {
        LookupError::Failed { code: ResponseCode::ServFail, question } => {
            Ok(Relevant { owner: question.name, properties: Vec::new(), ttl: Duration::ZERO })
        }
        other @ (LookupError::NoSuchName(_)
        | LookupError::NoData(_)
        | LookupError::Failed { .. }
        | LookupError::TimedOut(_)
        | LookupError::TooManyAliases(_)
        | LookupError::Io { .. }) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_s_parent_is_next_and_every_climb_ends() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        for (asked, end, next) in [
            ("www.a.test.", "web.b.test.", "b.test."),
            ("www.a.test.", "www.a.test.", "a.test."),
            ("a.test.", "x.y.a.test.", "test."),
            ("test.", "b.test.", "."),
        ] {
            assert_eq!((CAA_CLIMBS_ALIAS.above)(&name(asked), &name(end)), name(next), "{asked}");
        }
    }
}
