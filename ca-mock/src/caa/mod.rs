//! Certification Authority Authorization: whether a domain's holder lets this CA issue for it (RFC 8659, RFC 8657).
//!
//! [`lookup`] asks the DNS and decides nothing; [`evaluation`] decides and asks nobody; [`recheck`] says which
//! results are too old to issue upon. A lookup that fails is a refusal, of type `dns`, as public CAs have it:
//! what the records say is then not known.

mod evaluation;
pub(crate) mod issue_value;
mod lookup;
mod recheck;

use std::time::Duration;

use sim::Env;

pub use recheck::{Authorized, CaaRecheck, Checked, EachDue};

use crate::{
    Ca,
    addresses::AddressSource,
    challenges::ChallengeType,
    dns::resolver::Resolver,
    identifier::Identifier,
    ids::AccountId,
    problem::{Problem, ProblemType},
};
use evaluation::Request;

/// Looks up and evaluates; what it says counts from the moment that it was asked.
pub(crate) async fn check(
    ca: &Ca,
    env: &Env,
    account: AccountId,
    identifier: &Identifier,
    method: ChallengeType,
) -> Result<Checked, Problem> {
    let at = env.utc_now();
    let config = ca.config();
    if config.always_valid || config.addresses == AddressSource::OperatingSystem {
        // There is nobody to ask: operating systems look up addresses only.
        return Ok(Checked { at, ttl: Duration::ZERO });
    }
    let relevant = lookup::relevant_records(&Resolver::new(env, config), identifier.domain())
        .await
        .map_err(|e| Problem::new(ProblemType::Dns, format!("CAA of {identifier} is not known: {e}")))?;
    let account_uri = ca.with_store(|store| store.account_uri(account));
    let issuers = &config.caa_identities;
    let is_wildcard = identifier.is_wildcard();
    let request = Request { issuers, is_wildcard, account_uri: &account_uri, method: method.name() };
    match evaluation::permits(&relevant.properties, &request) {
        Ok(()) => Ok(Checked { at, ttl: relevant.ttl }),
        Err(refusal) => {
            env.probe("ca/caa-refused");
            let owner = relevant.owner;
            Err(Problem::new(ProblemType::Caa, format!("the CAA records at {owner} forbid {identifier}: {refusal}")))
        }
    }
}
