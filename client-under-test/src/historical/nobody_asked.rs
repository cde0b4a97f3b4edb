//! On-demand certificates for whatever name a visitor says (Caddy, until version 2.7.3 of 2023 unless told otherwise).
//!
//! <https://github.com/caddyserver/caddy/issues/4014>,
//! <https://github.com/caddyserver/caddy/issues/5986>
//!
//! On-demand TLS without an `ask` endpoint ordered a certificate for each name that a ClientHello named: a scanner that
//! said `www.google.com` made the server order it, from its own account, until the CA's limits were used up and the
//! operator's own names got nothing. Since Caddy 2.7.3 the configuration is refused unless somebody is asked.
//!
//! Seam: [`Decision`]. To be caught by **M10**, `manager.orders-only-allowed`, at the first name that a scanner says.

use sim::Env;

use crate::manager::decision::{Asked, Decided, Decision};

/// Allows every name, and asks nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NobodyAsked;

impl Decision for NobodyAsked {
    fn allows<'a>(&'a self, _env: &'a Env, _asked: &'a Asked) -> Decided<'a> {
        Box::pin(std::future::ready(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acme::certificate::tests::env, manager::decision::AskEndpoint};

    #[tokio::test]
    async fn where_nobody_can_be_asked_it_allows_and_the_good_decision_denies() {
        let asked = Asked { name: "www.google.com".parse().unwrap(), visitor: None };
        let nobody = AskEndpoint::new("http://127.0.0.1:1/").unwrap();
        assert!(NobodyAsked.allows(&env(), &asked).await);
        assert!(!nobody.allows(&env(), &asked).await);
    }
}
