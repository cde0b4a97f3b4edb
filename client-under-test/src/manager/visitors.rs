//! What visitors on demand mean to each other, and to the work that one of them has set off: [`Patience`] and [`Lead`].

use std::{fmt::Debug, future::Future, pin::Pin};

/// Looking after a name, from its first certificate on.
pub type Keeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the visitor who came first holds while it waits.
pub type Tie = Box<dyn Send>;

/// How long visitors wait whose name can't be had.
pub trait Patience: Debug + Send + Sync {
    /// Whether a visitor goes on waiting after the attempt that it has waited for has failed.
    fn outlasts_failure(&self) -> bool;
}

/// Until the attempt has ended that is under way. The next one is the keeper's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OneAttempt;

impl Patience for OneAttempt {
    fn outlasts_failure(&self) -> bool {
        false
    }
}

/// What becomes of a name when the visitor goes who was the first to ask for it.
pub trait Lead: Debug + Send + Sync {
    /// Gives the work as it is to be done, and what that visitor holds meanwhile.
    fn tie(&self, work: Keeping) -> (Keeping, Tie);
}

/// Nothing: others wait for it too, and storage has it for the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NobodysOwn;

impl Lead for NobodysOwn {
    fn tie(&self, work: Keeping) -> (Keeping, Tie) {
        (work, Box::new(()))
    }
}
