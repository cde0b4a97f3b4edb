//! [`OrderEnd`]: what becomes, at the CA, of an order that leads nowhere.
//!
//! RFC 8555 knows no way to withdraw an order; what a client can end are the authorizations that it left pending, of which CAs
//! allow an account only so many.

use std::{fmt::Debug, future::Future, pin::Pin};

use crate::acme::{Error, account::Session, authorization::AuthorizationState, order::Order};

/// An order that is being given up.
pub type GivingUp<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Lets go of orders.
pub trait OrderEnd: Debug + Send + Sync {
    /// Gives `order` up. If that fails, it is tried again later.
    fn give_up<'a, 's: 'a>(&'a self, session: &'a mut Session<'s>, order: &'a Order) -> GivingUp<'a>;
}

/// Deactivates what is pending (RFC 8555 §7.5.2). What is valid stays: the next order may take it over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeactivatePending;

impl OrderEnd for DeactivatePending {
    fn give_up<'a, 's: 'a>(&'a self, session: &'a mut Session<'s>, order: &'a Order) -> GivingUp<'a> {
        Box::pin(async move {
            for url in &order.authorizations {
                match session.authorization(url).await {
                    Ok(authorization) if authorization.state == AuthorizationState::Pending => {
                        session.deactivate(url).await?;
                        session.env().probe("manager/authorization-deactivated");
                    }
                    Ok(_) => {}
                    Err(e) if e.is_transient() => return Err(e),
                    // What the CA does not show any more needs no end.
                    Err(_) => {}
                }
            }
            Ok(())
        })
    }
}
