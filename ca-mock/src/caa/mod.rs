//! Certification Authority Authorization: whether a domain's holder lets this CA issue for it (RFC 8659, RFC 8657).
//!
//! `lookup` asks the DNS and decides nothing; `evaluation` decides and asks nobody; `rules` has what can be got
//! wrong about both; `recheck` says which results are too old to issue upon. A lookup that fails is a refusal, of type
//! `dns`, as public CAs have it: what the records say is then not known.

mod evaluation;
pub(crate) mod issue_value;
mod lookup;
mod recheck;
mod rules;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use evaluation::{Property, Refusal, Request, permits};
pub(crate) use lookup::Relevant;
pub use recheck::{Authorized, CaaRecheck, Checked, EachDue};
pub use rules::CaaRules;

use crate::{
    addresses::AddressSource,
    challenges::ChallengeType,
    identifier::Identifier,
    ids::AccountId,
    perspective::Perspective,
    problem::{Problem, ProblemType},
};

/// Looks up and evaluates; what it says counts from the moment that it was asked.
pub(crate) async fn check(
    from: &Perspective,
    account: AccountId,
    identifier: &Identifier,
    method: ChallengeType,
) -> Result<Checked, Problem> {
    let at = from.env.utc_now();
    let config = from.config();
    if config.always_valid || config.addresses == AddressSource::OperatingSystem || identifier.ip().is_some() {
        // There is nobody to ask: operating systems look up addresses only, and addresses have no CAA (RFC 8738 §7).
        return Ok(Checked { at, ttl: Duration::ZERO });
    }
    let domain = identifier.domain();
    let processing = |problem: Problem| problem.prefixed(&format!("While processing CAA for {domain}: "));
    let rules = &config.caa_rules;
    let found = lookup::relevant_records(&from.resolver(), domain, rules.above).await;
    let relevant = found.or_else(rules.unanswered).map_err(|e| processing(e.into()))?;
    let account_uri = from.ca.with_store(|store| store.account_uri(account));
    let issuers = &config.caa_identities;
    let is_wildcard = identifier.is_wildcard();
    let request = Request { issuers, is_wildcard, account_uri: &account_uri, method: method.name() };
    match (rules.permits)(&relevant.properties, &request) {
        Ok(()) => {
            from.env.probe_about("ca/caa-permits", || [("identifier", identifier.to_string())]);
            Ok(Checked { at, ttl: relevant.ttl })
        }
        Err(refusal) => {
            let owner = relevant.owner.to_ascii();
            let detail = format!("CAA record for {} prevents issuance: {refusal}", owner.trim_end_matches('.'));
            let about = || [("identifier", identifier.to_string()), ("why", detail.clone())];
            from.env.probe_about("ca/caa-refused", about);
            Err(processing(Problem::new(ProblemType::Caa, detail)))
        }
    }
}
