//! A CA as a scenario has it: the settings of `[ca]`, its defects, and the verbs that change how it answers.
//!
//! The same for a CA in a world and for one that `gauntlet serve` serves.

mod faults;
mod renewal_info;
mod settings;

use std::sync::Arc;

use ca_mock::{Ca, Config};
use time::UtcDateTime;

use crate::language::{Bug, Case, Verb};

/// Lets the CA be as the case's `[ca]` and `[bugs]` say.
pub fn configure(case: &Case, config: &mut Config) {
    settings::apply(&case.ca, config);
    if case.bugs.contains(&Bug::StaleAccountCache) {
        config.account_lookup = ca_mock::historical::STALE_ACCOUNT_CACHE;
    }
    if case.bugs.contains(&Bug::CaaLoopVariable) {
        config.caa_recheck = Arc::new(ca_mock::historical::CaaLoopVariable);
    }
}

/// Does what a verb does to a CA whose clock shows `now`. Whether the verb is one about CAs.
pub fn carry_out(verb: &Verb, ca: &Ca, now: UtcDateTime) -> bool {
    match verb {
        Verb::CaAriSet { .. } => renewal_info::set(verb, ca),
        Verb::CaFault { .. } => faults::set(verb, ca, now),
        Verb::CaFaultClear { name } => ca.remove_faults(name.as_ref().map(|name| name.as_str())),
        Verb::CaTermsSet { url } => ca.set_terms_of_service(url.0.clone()),
        Verb::CaTermsAgree {} => ca.agree_to_terms_of_service(),
        Verb::HostKill { .. }
        | Verb::HostPowerLoss { .. }
        | Verb::HostStart { .. }
        | Verb::HostSuspend { .. }
        | Verb::HostResume { .. }
        | Verb::DiskFail { .. }
        | Verb::DiskDamage { .. }
        | Verb::ClockStep { .. }
        | Verb::ClockSetDrift { .. }
        | Verb::LinkSet { .. }
        | Verb::LinkBlackhole { .. }
        | Verb::LinkReset { .. }
        | Verb::LinkStall { .. }
        | Verb::LinkTruncate { .. }
        | Verb::LinkHeal { .. }
        | Verb::DiskSlow { .. }
        | Verb::DnsReplace { .. }
        | Verb::DnsRemove { .. }
        | Verb::DnsServfail { .. }
        | Verb::Probe { .. } => return false,
    }
    true
}
