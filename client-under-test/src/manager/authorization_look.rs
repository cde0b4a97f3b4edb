//! [`AuthorizationLook`]: how it is found out whether an authorization has become valid, once its challenge was answered.

use std::{fmt::Debug, future::Future, pin::Pin};

use crate::acme::{Error, account::Session, address::Address, authorization::Authorization, challenge::Challenge};

/// A look under way.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<Authorization, Error>> + Send + 'a>>;

/// Looks at authorizations.
pub trait AuthorizationLook: Debug + Send + Sync {
    /// Looks at the authorization at `url`, of which `challenge` is the one that was answered, if one was.
    fn look<'a, 's: 'a>(
        &'a self,
        session: &'a mut Session<'s>,
        url: &'a Address,
        challenge: Option<&'a Challenge>,
    ) -> Looking<'a>;
}

/// Reads it (RFC 8555 §7.5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadsIt;

impl AuthorizationLook for ReadsIt {
    fn look<'a, 's: 'a>(
        &'a self,
        session: &'a mut Session<'s>,
        url: &'a Address,
        _challenge: Option<&'a Challenge>,
    ) -> Looking<'a> {
        Box::pin(session.authorization(url))
    }
}
