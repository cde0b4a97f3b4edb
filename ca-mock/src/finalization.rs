//! Finalization: from an accepted CSR to the certificate, beside the front end (RFC 8555 §7.4).
//!
//! Before anything is signed, CAA is checked again for the names whose last check is too old.

use sim::{Env, UtcDateTime};
use tokio::sync::oneshot;

use crate::{
    Ca,
    caa::{self, Authorized},
    identifier::{Identifier, SentIdentifier},
    ids::OrderId,
    orders::OrderStatus,
    perspective::{self, Perspective},
    problem::{Problem, ProblemType},
    rate_limits::{self, Buckets, RateLimits},
};

/// Issuance that runs on whether anyone waits for it or not.
#[must_use = "await done(), or drop it"]
pub(crate) struct Issuing(oneshot::Receiver<()>);

impl Issuing {
    /// Returns when the order is no longer `processing`.
    pub(crate) async fn done(self) {
        // An error means that the process is about to end.
        let _ = self.0.await;
    }
}

/// Begins to issue for an order that is `processing`.
pub(crate) fn begin(ca: &Ca, env: &Env, id: OrderId) -> Issuing {
    let (ca, on) = (ca.clone(), env.clone());
    let (done, issuing) = oneshot::channel();
    let work = async move {
        on.sleep(ca.config().issuance_delay).await;
        match recheck_caa(&ca, &on, id).await {
            Ok(()) => issue(&ca, &on, id),
            Err(problem) => refuse(&ca, &on, id, problem),
        }
        // Whoever waited may have gone.
        let _ = done.send(());
    };
    env.spawn("ca issuance", work).detach();
    Issuing(issuing)
}

/// Begins again what a process that was killed had begun.
pub(crate) fn resume(ca: &Ca, env: &Env) {
    let interrupted: Vec<OrderId> = ca.with_store(|store| {
        let processing = store.orders.iter().filter(|order| matches!(order.status, OrderStatus::Processing { .. }));
        processing.map(|order| order.id).collect()
    });
    for id in interrupted {
        drop(begin(ca, env, id));
    }
}

/// Looks at every name that is due before refusing any, so that the problem names them all.
async fn recheck_caa(ca: &Ca, env: &Env, id: OrderId) -> Result<(), Problem> {
    let order = ca.with_store(|store| {
        let order = store.orders.find(id)?;
        let authorizations: Vec<_> =
            order.authorizations.iter().filter_map(|id| store.authorizations.find(*id)).collect();
        let authorized = order.identifiers.iter().filter_map(|identifier| {
            let found = authorizations.iter().find(|one| one.is_for(identifier))?;
            Some((found.id, found.authorized(identifier)?))
        });
        Some((order.account, authorized.collect::<Vec<_>>()))
    });
    let Some((account, authorizations)) = order else { return Ok(()) };
    let known: Vec<Authorized> = authorizations.iter().map(|(_, authorized)| authorized.clone()).collect();
    let mut refused = Vec::new();
    for identifier in ca.config().caa_recheck.identifiers(env, &known) {
        let of_identifier = authorizations.iter().find(|(_, authorized)| authorized.identifier == identifier);
        let Some((authorization, Authorized { method, .. })) = of_identifier else { continue };
        env.probe_about("ca/caa-rechecked", || [("order", id.to_string()), ("identifier", identifier.to_string())]);
        let (looked_up, method) = (identifier.clone(), *method);
        let mut verdict = caa::check(&Perspective::primary(ca, env), account, &identifier, method).await;
        if verdict.is_ok() {
            let corroborated = perspective::corroborate(ca, env, |from| {
                let identifier = looked_up.clone();
                async move { caa::check(&from, account, &identifier, method).await.map(drop) }
            });
            if let Err(problem) = corroborated.await {
                verdict = Err(problem);
            }
        }
        match verdict {
            Ok(checked) => ca.with_store(|store| {
                if let Some(authorization) = store.authorizations.find_mut(*authorization) {
                    authorization.caa_rechecked(&identifier, checked);
                }
            }),
            Err(problem) => refused.push((SentIdentifier::from(&identifier), problem)),
        }
    }
    Problem::about_identifiers(refused).map_or(Ok(()), Err)
}

/// One step under the lock, so that an order never gets two certificates, nor one that its client has given up the right to
/// meanwhile (RFC 8555 §7.1.6).
fn issue(ca: &Ca, env: &Env, id: OrderId) {
    ca.with_store(|store| {
        let Some(order) = store.orders.find_mut(id) else { return };
        let OrderStatus::Processing { csr } = &order.status else { return };
        if !order.is_authorized(&store.authorizations, env.utc_now()) {
            let problem = Problem::new(ProblemType::Unauthorized, "an authorization of the order is valid no more");
            env.probe_about("ca/issuance-refused", || [("order", id.to_string()), ("why", problem.to_string())]);
            return order.refuse(problem);
        }
        let wishes = (order.profile.as_deref(), order.validity);
        let serial = (ca.config().serial_numbers.0)(env, &store.certificates);
        let certificate = ca.issuance().issue(env, ca.config(), order.account, wishes, serial, csr);
        order.status = OrderStatus::Valid { certificate: certificate.id.serial.clone() };
        if order.replaces.is_none() {
            count(&mut store.limits, &ca.config().rate_limits, &certificate.identifiers, env.utc_now());
        }
        env.probe_about("ca/certificate-issued", || {
            let names: Vec<String> = certificate.identifiers.iter().map(ToString::to_string).collect();
            let serial = certificate.id.serial.to_string();
            [("order", id.to_string()), ("serial", serial), ("identifiers", names.join(" "))]
        });
        store.certificates.add(certificate);
    });
}

/// Counts a certificate. One that replaces another as renewal information has it is exempt.
fn count(buckets: &mut Buckets, limits: &RateLimits, identifiers: &[Identifier], now: UtcDateTime) {
    if let Some(limit) = limits.certificates_per_exact_set {
        buckets.spend(rate_limits::exact_set(identifiers), limit, now);
    }
    if let Some(limit) = limits.certificates_per_domain {
        rate_limits::domains(identifiers).into_iter().for_each(|domain| buckets.spend(domain, limit, now));
    }
}

fn refuse(ca: &Ca, env: &Env, id: OrderId, problem: Problem) {
    env.probe_about("ca/issuance-refused", || [("order", id.to_string()), ("why", problem.to_string())]);
    ca.with_store(|store| {
        if let Some(order) = store.orders.find_mut(id) {
            order.refuse(problem);
        }
    });
}
