//! [`OrderNote`]: how an order that has been begun is noted on disk, with the key that its certificate will be for.

use std::{fmt::Debug, future::Future, io, pin::Pin};

use crate::{
    name::Name,
    storage::{Storage, pending::PendingOrder},
};

/// A note being taken.
pub type Noted<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;

/// Notes orders.
pub trait OrderNote: Debug + Send + Sync {
    /// Notes that an order for `name`'s certificate has been begun.
    fn note<'a>(&'a self, storage: &'a Storage, name: &'a Name, pending: &'a PendingOrder) -> Noted<'a>;
}

/// In a file of its own: what is served meanwhile has its own key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotOfItsOwn;

impl OrderNote for SlotOfItsOwn {
    fn note<'a>(&'a self, storage: &'a Storage, name: &'a Name, pending: &'a PendingOrder) -> Noted<'a> {
        Box::pin(storage.store_pending(name, pending))
    }
}
