//! Orders that promise more time than what they stand on has (Boulder, until 2018).
//!
//! <https://github.com/letsencrypt/boulder/issues/3498>, <https://github.com/letsencrypt/boulder/issues/3499>,
//! <https://github.com/letsencrypt/boulder/pull/3503>
//!
//! A new order took over valid authorizations that were about to end, and got its seven days all the same. A client
//! that took the order's word found it invalid. Now the order ends with the first of its authorizations.
//!
//! Seam: [`OrderExpiry`]. To be caught by `ca.order-within-authorizations`, when an authorization is taken over that ends
//! before an order of full length would.

use crate::orders::OrderExpiry;

/// It lasts as long as any order.
pub const ORDER_OUTLIVES_AUTHORIZATION: OrderExpiry = OrderExpiry(|latest, _| latest);
