//! CAA that is looked up once for as long as an authorization is reused (Boulder, until 2017).
//!
//! <https://github.com/letsencrypt/boulder/issues/2889>
//!
//! Authorizations were good for thirty days and CAA for eight hours, and an order that took over an authorization was
//! issued upon what the records had said when control was proved.
//!
//! Seam: [`CaaRecheck`]. To be caught by **C1**, `ca.rechecks-caa`, whenever proof is reused after eight hours; if a
//! record forbids issuance by then, also by `ca.never-issues-against-caa`.

use sim::Env;

use crate::{
    caa::{Authorized, CaaRecheck},
    identifier::Identifier,
};

/// Nothing is looked up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaaNotRechecked;

impl CaaRecheck for CaaNotRechecked {
    fn identifiers(&self, _env: &Env, _authorizations: &[Authorized]) -> Vec<Identifier> {
        Vec::new()
    }
}
