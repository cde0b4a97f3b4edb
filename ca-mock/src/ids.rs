//! Identifiers of accounts, orders and authorizations: 128 random bits, which nobody can guess (RFC 8555 §10.5).
//!
//! Each kind is a type of its own, so that an order's id never opens an account.

use std::fmt;

use sim::Env;

use crate::base64url;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident drawn for $purpose:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name([u8; 16]);

        impl $name {
            pub(crate) fn draw(env: &Env) -> Self {
                Self(env.entropy($purpose))
            }

            /// `None` if `text` is not the id of anything.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                base64url::decode(text)?.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64url::encode(self.0))
            }
        }
    )*};
}

ids! {
    /// Names an account in its URL, which is also its key id.
    AccountId drawn for "ca/account id";
    /// Names an order in its URL.
    OrderId drawn for "ca/order id";
    /// Names an authorization in its URL.
    AuthorizationId drawn for "ca/authorization id";
    /// A nonce (RFC 8555 §6.5.1).
    Nonce drawn for "ca/nonce";
}
