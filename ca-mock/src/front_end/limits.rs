//! Rate limits at the front end: where they are looked at, and what a client is told that has reached one.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use hyper::{StatusCode, header::DATE};
use sim::UtcDateTime;

use super::{
    FrontEnd,
    answer::{Answer, Refusal},
    routes::Route,
};
use crate::{
    ari,
    certificates::CertificateId,
    identifier::Identifier,
    ids::AccountId,
    jwk::PublicKey,
    problem::{Problem, ProblemType},
    rate_limits::{self, Bucket, Exhausted, Limit},
    renewal_info_policy::RetryAfter,
    store::Store,
    timestamp::{http_date, rfc3339},
};

impl FrontEnd {
    /// A balancer's answer to one who asks too often.
    pub(super) fn too_busy(&self, peer: Option<IpAddr>, route: Option<&Route>) -> Option<Answer> {
        let peer = peer?;
        let (bucket, limit) = self.ca.config().rate_limits.requests(peer, route.map(Route::endpoint))?;
        let now = self.env.utc_now();
        let until = self.ca.with_store(|store| {
            let until = store.limits.exhausted_until(&bucket, limit, now);
            if until.is_none() {
                store.limits.spend(bucket, limit, now);
            }
            until
        })?;
        self.env.probe_about("ca/too-busy", || [("address", peer.to_string()), ("until", rfc3339(until))]);
        let answer =
            Answer::text(StatusCode::SERVICE_UNAVAILABLE, "text/html", "<h1>503 Service Unavailable</h1>".into());
        Some(self.with_retry_at(answer, until).with(DATE, &http_date(now)))
    }

    /// Counts an account that is about to be created.
    pub(super) fn limit_new_account(&self, key: &PublicKey, peer: Option<IpAddr>) -> Result<(), Refusal> {
        let limits = &self.ca.config().rate_limits;
        let Some(peer) = peer else { return Ok(()) };
        let network = rate_limits::network(peer).map(Bucket::NewAccountsOfNetwork);
        let counted = [
            (Some(Bucket::NewAccounts(peer)), limits.new_accounts_per_address, "new accounts from this address"),
            (network, limits.new_accounts_per_network, "new accounts from this network"),
        ];
        let counted: Vec<_> =
            counted.into_iter().filter_map(|(bucket, limit, what)| Some((bucket?, limit?, what))).collect();
        let now = self.env.utc_now();
        let exhausted = self.ca.with_store(|store| {
            if counted.is_empty() || store.accounts.with_key(key.thumbprint()).is_some() {
                return Ok(());
            }
            for (bucket, limit, what) in &counted {
                check(store, bucket, Some(*limit), now, || (*what).to_owned())?;
            }
            for (bucket, limit, _) in counted {
                store.limits.spend(bucket, limit, now);
            }
            Ok(())
        });
        exhausted.map_err(|exhausted| self.rate_limited(exhausted))
    }

    /// Counts an order that nothing else stands against; certificates and failures are counted when they come.
    pub(super) fn limit_new_order(
        &self,
        store: &mut Store,
        account: AccountId,
        identifiers: &BTreeSet<Identifier>,
        replaces: Option<&CertificateId>,
    ) -> Result<(), Refusal> {
        let now = self.env.utc_now();
        let is_exempt = replaces.is_some_and(|replaced| is_due(store, replaced, account, now));
        let counted = if is_exempt { Ok(()) } else { self.count_new_order(store, account, identifiers, now) };
        counted.map_err(|exhausted| self.rate_limited(exhausted))
    }

    fn count_new_order(
        &self,
        store: &mut Store,
        account: AccountId,
        identifiers: &BTreeSet<Identifier>,
        now: UtcDateTime,
    ) -> Result<(), Exhausted> {
        let limits = &self.ca.config().rate_limits;
        let exact_set = rate_limits::exact_set(identifiers);
        check(store, &exact_set, limits.certificates_per_exact_set, now, || {
            "certificates for exactly these identifiers".to_owned()
        })?;
        for identifier in identifiers {
            let bucket = Bucket::FailedValidations(account, identifier.to_string());
            check(store, &bucket, limits.failed_validations_per_identifier, now, || {
                format!("failed validations for {identifier}")
            })?;
        }
        let is_limited = limits.new_orders_per_account.is_some() || limits.certificates_per_domain.is_some();
        if !is_limited || store.certificates.were_issued_for(identifiers) {
            return Ok(());
        }
        for domain in rate_limits::domains(identifiers) {
            check(store, &domain, limits.certificates_per_domain, now, || "certificates for this domain".into())?;
        }
        let orders = Bucket::NewOrders(account);
        check(store, &orders, limits.new_orders_per_account, now, || "new orders of this account".into())?;
        if let Some(limit) = limits.new_orders_per_account {
            store.limits.spend(orders, limit, now);
        }
        Ok(())
    }

    /// RFC 8555 §6.6.
    fn rate_limited(&self, Exhausted { what, until }: Exhausted) -> Refusal {
        self.env.probe_about("ca/rate-limited", || [("limit", what.clone()), ("until", rfc3339(until))]);
        let detail = format!("too many {what}; retry after {}", http_date(until));
        let answer = Answer::from(&Problem::new(ProblemType::RateLimited, detail));
        self.with_retry_at(answer, until).with_link(rate_limits::HELP_URL, "help").into()
    }

    fn with_retry_at(&self, answer: Answer, until: UtcDateTime) -> Answer {
        let now = self.env.utc_now();
        let wait = Duration::try_from(until - now).unwrap_or_default();
        let said = match self.ca.config().rate_limits.retry_after_is_date {
            true => RetryAfter::Date(wait),
            false => RetryAfter::Seconds(wait),
        };
        answer.with_retry_after(&said, now)
    }
}

fn check(
    store: &Store,
    bucket: &Bucket,
    limit: Option<Limit>,
    now: UtcDateTime,
    what: impl FnOnce() -> String,
) -> Result<(), Exhausted> {
    let until = limit.and_then(|limit| store.limits.exhausted_until(bucket, limit, now));
    until.map_or(Ok(()), |until| Err(Exhausted { what: what(), until }))
}

/// Whether an order replaces a certificate whose renewal the CA itself has suggested for now: it is exempt from limits.
fn is_due(store: &Store, replaced: &CertificateId, account: AccountId, now: UtcDateTime) -> bool {
    store.certificates.find(replaced).is_some_and(|certificate| {
        certificate.account == account && ari::suggested_window(certificate, &store.renewal_info.window).start <= now
    })
}
