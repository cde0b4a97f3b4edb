//! Finalization: from an accepted CSR to the certificate, beside the front end (RFC 8555 §7.4).

use sim::Env;

use crate::{Ca, ids::OrderId, orders::OrderStatus};

/// Begins to issue for an order that is `processing`.
pub(crate) fn begin(ca: &Ca, env: &Env, id: OrderId) {
    let (ca, on) = (ca.clone(), env.clone());
    let work = async move {
        on.sleep(ca.config().issuance_delay).await;
        issue(&ca, &on, id);
    };
    env.spawn("ca issuance", work).detach();
}

/// Begins again what a process that was killed had begun.
pub(crate) fn resume(ca: &Ca, env: &Env) {
    let interrupted: Vec<OrderId> = ca.with_store(|store| {
        let processing = store.orders.iter().filter(|order| matches!(order.status, OrderStatus::Processing { .. }));
        processing.map(|order| order.id).collect()
    });
    for id in interrupted {
        begin(ca, env, id);
    }
}

/// One step under the lock, so that an order never gets two certificates.
fn issue(ca: &Ca, env: &Env, id: OrderId) {
    let issued = ca.with_store(|store| {
        let Some(order) = store.orders.find_mut(id) else { return false };
        let OrderStatus::Processing { csr } = &order.status else { return false };
        let certificate = ca.issuance().issue(env, ca.config(), order.account, csr);
        order.status = OrderStatus::Valid { certificate: certificate.id.serial.clone() };
        store.certificates.add(certificate);
        true
    });
    if issued {
        env.probe("ca/certificate-issued");
    }
}
