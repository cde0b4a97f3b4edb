//! An order that failed and whose authorizations stay pending (lego, until 2017).
//!
//! <https://github.com/go-acme/lego/issues/383>,
//! <https://github.com/go-acme/lego/issues/353>,
//! <https://github.com/win-acme/win-acme/issues/2131>
//!
//! CAs allow an account so many pending authorizations; Let's Encrypt 300. Where one name of several failed, or an error came
//! in between, lego walked away from the others. They stayed pending for a week, and with some hundreds of them no order
//! was possible for any name.
//!
//! Seam: [`OrderEnd`]. To be caught with an order of two names of which one fails by **M8**.

use crate::{
    acme::{account::Session, order::Order},
    manager::order_end::{GivingUp, OrderEnd},
};

/// Leaves everything as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationLeftPending;

impl OrderEnd for AuthorizationLeftPending {
    fn give_up<'a, 's: 'a>(&'a self, _session: &'a mut Session<'s>, _order: &'a Order) -> GivingUp<'a> {
        Box::pin(async { Ok(()) })
    }
}
