//! An order that ends with the visitor who set it off (Caddy's certmagic, to this day).
//!
//! <https://github.com/caddyserver/certmagic/issues/246>,
//! <https://github.com/caddyserver/certmagic/issues/313>,
//! <https://github.com/caddyserver/caddy/issues/3202>
//!
//! certmagic obtains a certificate on demand in the handshake of the visitor who asks first, under the context of that handshake;
//! whoever asks meanwhile waits for the outcome. If the first one's context ends, so does the order: those who wait get
//! nothing, and what was begun at the CA is not even cleaned up. A job that a former configuration had begun took
//! the new one's along in the same way.
//!
//! Seam: [`Lead`]. To be caught with a first visitor whose time is up while others wait by **V8**. Here nobody looks after the name
//! between two visits either.

use futures_util::future::select;
use tokio::sync::oneshot;

use crate::manager::visitors::{Keeping, Lead, Tie};

/// The work is the first visitor's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstVisitorsOrder;

impl Lead for FirstVisitorsOrder {
    fn tie(&self, work: Keeping) -> (Keeping, Tie) {
        let (tie, gone) = oneshot::channel::<()>();
        (Box::pin(async move { drop(select(work, gone).await) }), Box::new(tie))
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::FutureExt;

    use super::*;
    use crate::manager::visitors::NobodysOwn;

    #[test]
    fn the_work_ends_when_the_visitor_goes_and_not_with_the_good_lead() {
        let leads: [(&dyn Lead, bool); 2] = [(&FirstVisitorsOrder, false), (&NobodysOwn, true)];
        for (lead, is_good) in leads {
            let (mut work, tie) = lead.tie(Box::pin(pending()));
            assert!((&mut work).now_or_never().is_none());
            drop(tie);
            assert_eq!((&mut work).now_or_never().is_none(), is_good);
        }
    }
}
