//! [`Conduct`]: what a manager does where a CA refuses, lets it wait or fails it.
//!
//! Each is a decision that the code has to make anyway, and that managers have made wrongly before. There is nothing here
//! for an operator to choose.

use std::sync::Arc;

use super::{
    backoff::{Backoff, MakeRetryWaits},
    order_end::{DeactivatePending, OrderEnd},
    order_note::{OrderNote, SlotOfItsOwn},
    replacement::{DroppedOnceRefused, Replacement},
};
use crate::{
    acme::{
        nonce::{MakeNonces, NoncePool},
        pace::{AsSuggested, Polling},
    },
    storage::metadata::{MetadataOwner, ThisCertificate},
};

/// How a manager behaves towards a CA in trouble.
#[derive(Clone, Debug)]
pub struct Conduct {
    /// How long it waits after failed attempts.
    pub retry_waits: MakeRetryWaits,
    /// When it looks again at what is not ready.
    pub polling: Arc<dyn Polling>,
    /// Where it keeps nonces, and which one a request carries.
    pub nonces: MakeNonces,
    /// How it notes an order that has been begun.
    pub order_note: Arc<dyn OrderNote>,
    /// What becomes of an order that leads nowhere.
    pub order_end: Arc<dyn OrderEnd>,
    /// When it stops saying which certificate an order replaces.
    pub replacement: Arc<dyn Replacement>,
    /// What it takes for the CA's suggestion about a certificate.
    pub metadata_owner: Arc<dyn MetadataOwner>,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            retry_waits: Backoff::make,
            polling: Arc::new(AsSuggested),
            nonces: NoncePool::make,
            order_note: Arc::new(SlotOfItsOwn),
            order_end: Arc::new(DeactivatePending),
            replacement: Arc::new(DroppedOnceRefused),
            metadata_owner: Arc::new(ThisCertificate),
        }
    }
}
