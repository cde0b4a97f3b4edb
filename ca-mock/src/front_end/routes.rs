//! Which URL is what: the paths of all resources, written and read in one place.

use hyper::Method;

use crate::{
    certificates::Serial,
    challenges::ChallengeType,
    ids::{AccountId, AuthorizationId, OrderId},
};

/// A resource (RFC 8555 §7.1, RFC 9773 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Directory,
    NewNonce,
    NewAccount,
    NewOrder,
    RevokeCertificate,
    KeyChange,
    Account(AccountId),
    AccountOrders(AccountId),
    Order(OrderId),
    Finalize(OrderId),
    Authorization(AuthorizationId),
    Challenge(AuthorizationId, ChallengeType),
    Certificate(Serial),
    /// With a certificate's identifier, not yet read (RFC 9773 §4.1).
    RenewalInfo(String),
}

/// What an account's path begins with.
pub(super) const ACCOUNT_PATH: &str = "/acme/account/";

/// Where renewal information begins; the directory shows it without the slash (RFC 9773 §3).
pub(super) const RENEWAL_INFO_PATH: &str = "/acme/renewal-info";

impl Route {
    /// `None` if there is no such resource, whatever its id.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        Some(match segments[..] {
            ["directory"] => Self::Directory,
            ["acme", "new-nonce"] => Self::NewNonce,
            ["acme", "new-account"] => Self::NewAccount,
            ["acme", "new-order"] => Self::NewOrder,
            ["acme", "revoke-certificate"] => Self::RevokeCertificate,
            ["acme", "key-change"] => Self::KeyChange,
            ["acme", "account", id] => Self::Account(AccountId::parse(id)?),
            ["acme", "account", id, "orders"] => Self::AccountOrders(AccountId::parse(id)?),
            ["acme", "order", id] => Self::Order(OrderId::parse(id)?),
            ["acme", "order", id, "finalize"] => Self::Finalize(OrderId::parse(id)?),
            ["acme", "authorization", id] => Self::Authorization(AuthorizationId::parse(id)?),
            ["acme", "challenge", id, kind] => {
                Self::Challenge(AuthorizationId::parse(id)?, ChallengeType::parse(kind)?)
            }
            ["acme", "certificate", serial] => Self::Certificate(Serial::parse_hex(serial)?),
            ["acme", "renewal-info", id] => Self::RenewalInfo(id.to_owned()),
            _ => return None,
        })
    }

    pub(super) fn path(&self) -> String {
        match self {
            Self::Directory => "/directory".to_owned(),
            Self::NewNonce => "/acme/new-nonce".to_owned(),
            Self::NewAccount => "/acme/new-account".to_owned(),
            Self::NewOrder => "/acme/new-order".to_owned(),
            Self::RevokeCertificate => "/acme/revoke-certificate".to_owned(),
            Self::KeyChange => "/acme/key-change".to_owned(),
            Self::Account(id) => format!("{ACCOUNT_PATH}{id}"),
            Self::AccountOrders(id) => format!("/acme/account/{id}/orders"),
            Self::Order(id) => format!("/acme/order/{id}"),
            Self::Finalize(id) => format!("/acme/order/{id}/finalize"),
            Self::Authorization(id) => format!("/acme/authorization/{id}"),
            Self::Challenge(id, kind) => format!("/acme/challenge/{id}/{}", kind.name()),
            Self::Certificate(serial) => format!("/acme/certificate/{serial}"),
            Self::RenewalInfo(id) => format!("{RENEWAL_INFO_PATH}/{id}"),
        }
    }

    /// RFC 8555 §6.3: everything is read by POST-as-GET; only the directory, nonces and renewal information
    /// (RFC 9773 §4.1) by GET.
    pub(super) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Directory | Self::NewNonce => &[Method::GET, Method::HEAD, Method::POST],
            Self::RenewalInfo(_) => &[Method::GET, Method::HEAD],
            Self::NewAccount
            | Self::NewOrder
            | Self::RevokeCertificate
            | Self::KeyChange
            | Self::Account(_)
            | Self::AccountOrders(_)
            | Self::Order(_)
            | Self::Finalize(_)
            | Self::Authorization(_)
            | Self::Challenge(..)
            | Self::Certificate(_) => &[Method::POST],
        }
    }
}

/// Turns paths into the absolute URLs that clients see. They follow the configuration, never the `Host` header.
#[derive(Clone, Debug)]
pub(super) struct Urls {
    origin: String,
}

impl Urls {
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let origin = if port == 443 { format!("https://{host}") } else { format!("https://{host}:{port}") };
        Self { origin }
    }

    pub(super) fn of(&self, route: &Route) -> String {
        self.of_path(&route.path())
    }

    pub(super) fn of_path(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The resource behind a URL of this CA.
    pub(super) fn parse(&self, url: &str) -> Option<Route> {
        Route::parse(url.strip_prefix(&self.origin)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn every_path_is_read_as_it_was_written() {
        testing::with_env(|env| {
            let authorization = AuthorizationId::draw(&env);
            for route in [
                Route::Directory,
                Route::NewNonce,
                Route::NewAccount,
                Route::NewOrder,
                Route::RevokeCertificate,
                Route::KeyChange,
                Route::Account(AccountId::draw(&env)),
                Route::AccountOrders(AccountId::draw(&env)),
                Route::Order(OrderId::draw(&env)),
                Route::Finalize(OrderId::draw(&env)),
                Route::Authorization(authorization),
                Route::Challenge(authorization, ChallengeType::Http01),
                Route::Certificate(Serial::draw(&env)),
                Route::RenewalInfo("aYhb.AIdl".to_owned()),
            ] {
                let urls = Urls::new("::1", 8443);
                assert_eq!(urls.parse(&urls.of(&route)), Some(route));
            }
        });
        for path in ["", "/", "/directory/", "//directory", "/acme/account/x", "/acme/order/AAAAAAAAAAAAAAAAAAAAAB"] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
