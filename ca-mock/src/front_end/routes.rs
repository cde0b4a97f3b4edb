//! Which URL is what: the paths of all resources, written and read in one place.

use hyper::{
    Method, Request,
    header::{HOST, HeaderName},
    http::uri::Authority,
};

use crate::{
    certificates::Serial,
    challenges::ChallengeType,
    faults::Endpoint,
    ids::{AccountId, AuthorizationId, OrderId},
};

/// A DNS name, a colon and a port are at most 259.
const AUTHORITY_BYTES_MAX: usize = 300;
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A resource (RFC 8555 §7.1, RFC 9773 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Directory,
    NewNonce,
    NewAccount,
    NewOrder,
    NewAuthorization,
    RevokeCertificate,
    KeyChange,
    Account(AccountId),
    /// From the one with this number on. An order keeps its number, so that none is left out when others end meanwhile.
    AccountOrders(AccountId, usize),
    Order(OrderId),
    Finalize(OrderId),
    Authorization(AuthorizationId),
    Challenge(AuthorizationId, ChallengeType),
    /// Under the default chain.
    Certificate(Serial),
    /// Under the chain of this number (RFC 8555 §7.4.2).
    AlternateCertificate(Serial, usize),
    /// With a certificate's identifier, not yet read (RFC 9773 §4.1).
    RenewalInfo(String),
}

/// Which paths the resources have. Clients learn them from the directory, whose own path they are configured with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paths {
    /// `/directory`, and everything else below `/acme`, named as RFC 8555 names it.
    #[default]
    Gauntlet,
    /// Pebble's, which are odd on purpose: nobody can guess them.
    Pebble,
    /// Boulder's.
    Boulder,
    /// The first ones, below this folder, such as `one/ca`: for several CAs of which each has a place of its own.
    Below(&'static str),
}

impl Paths {
    /// The directory's: what a client is configured with.
    #[must_use]
    pub fn directory(self) -> String {
        Route::Directory.path(self)
    }

    /// `path` without the folder that all of them are in.
    fn within(self, path: &str) -> Option<&str> {
        match self {
            Self::Gauntlet | Self::Pebble | Self::Boulder => Some(path),
            Self::Below(folder) => path.strip_prefix('/')?.strip_prefix(folder),
        }
    }

    fn folder(self) -> String {
        match self {
            Self::Gauntlet | Self::Pebble | Self::Boulder => String::new(),
            Self::Below(folder) => format!("/{folder}"),
        }
    }
}

/// One resource's paths, with `{}` where an id stands, and how its ids are read.
struct Row {
    gauntlet: &'static str,
    pebble: &'static str,
    boulder: &'static str,
    read: fn(&[&str]) -> Option<Route>,
}

impl Row {
    fn template(&self, paths: Paths) -> &'static str {
        match paths {
            Paths::Gauntlet | Paths::Below(_) => self.gauntlet,
            Paths::Pebble => self.pebble,
            Paths::Boulder => self.boulder,
        }
    }
}

macro_rules! rows {
    ($($name:ident: $gauntlet:literal, $pebble:literal, $boulder:literal, $ids:pat => $route:expr;)*) => {
        $(const $name: Row = Row {
            gauntlet: $gauntlet,
            pebble: $pebble,
            boulder: $boulder,
            read: |ids| match ids { $ids => Some($route), _ => None },
        };)*
        const TABLE: &[Row] = &[$($name),*];
    };
}

// The one table of paths. Pebble has flat ids, and Boulder's ids have the account's in a segment before them; that is
// nothing to a client.
rows! {
    DIRECTORY: "/directory", "/dir", "/directory", [] => Route::Directory;
    NEW_NONCE: "/acme/new-nonce", "/nonce-plz", "/acme/new-nonce", [] => Route::NewNonce;
    NEW_ACCOUNT: "/acme/new-account", "/sign-me-up", "/acme/new-acct", [] => Route::NewAccount;
    NEW_ORDER: "/acme/new-order", "/order-plz", "/acme/new-order", [] => Route::NewOrder;
    NEW_AUTHORIZATION: "/acme/new-authorization", "/authz-plz", "/acme/new-authz", [] => Route::NewAuthorization;
    REVOKE_CERTIFICATE: "/acme/revoke-certificate", "/revoke-cert", "/acme/revoke-cert",
        [] => Route::RevokeCertificate;
    KEY_CHANGE: "/acme/key-change", "/rollover-account-key", "/acme/key-change", [] => Route::KeyChange;
    ACCOUNT: "/acme/account/{}", "/my-account/{}", "/acme/acct/{}", [id] => Route::Account(AccountId::parse(id)?);
    ACCOUNT_ORDERS: "/acme/account/{}/orders", "/list-orderz/{}", "/acme/acct/{}/orders",
        [id] => Route::AccountOrders(AccountId::parse(id)?, 0);
    MORE_ACCOUNT_ORDERS: "/acme/account/{}/orders/{}", "/list-orderz/{}/from/{}", "/acme/acct/{}/orders/{}",
        [id, from] => Route::AccountOrders(AccountId::parse(id)?, from.parse().ok().filter(|from| *from > 0)?);
    ORDER: "/acme/order/{}", "/my-order/{}", "/acme/order/{}", [id] => Route::Order(OrderId::parse(id)?);
    FINALIZE: "/acme/order/{}/finalize", "/finalize-order/{}", "/acme/finalize/{}",
        [id] => Route::Finalize(OrderId::parse(id)?);
    AUTHORIZATION: "/acme/authorization/{}", "/authZ/{}", "/acme/authz/{}",
        [id] => Route::Authorization(AuthorizationId::parse(id)?);
    CHALLENGE: "/acme/challenge/{}/{}", "/chalZ/{}/{}", "/acme/chall/{}/{}",
        [id, kind] => Route::Challenge(AuthorizationId::parse(id)?, ChallengeType::parse(kind)?);
    CERTIFICATE: "/acme/certificate/{}", "/certZ/{}", "/acme/cert/{}",
        [serial] => Route::Certificate(Serial::parse_hex(serial)?);
    ALTERNATE_CERTIFICATE: "/acme/certificate/{}/alternate/{}", "/certZ/{}/alternate/{}", "/acme/cert/{}/{}",
        [serial, number] => Route::AlternateCertificate(Serial::parse_hex(serial)?, chain_number(number)?);
    RENEWAL_INFO: "/acme/renewal-info/{}", "/draft-ietf-acme-ari-03/renewalInfo/{}", "/acme/renewal-info/{}",
        [id] => Route::RenewalInfo((*id).to_owned());
}

/// A number as it is written here, and in no other way.
fn chain_number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}

/// The ids in `path`, if the rest of it is as `template` has it.
fn ids<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    if template.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut ids = Vec::new();
    for (expected, found) in template.split('/').zip(path.split('/')) {
        match expected {
            "{}" => ids.push(found),
            literal if literal == found => {}
            _ => return None,
        }
    }
    Some(ids)
}

impl Route {
    /// `None` if there is no such resource, whatever its id.
    pub(super) fn parse(paths: Paths, path: &str) -> Option<Self> {
        let path = paths.within(path)?;
        TABLE.iter().find_map(|row| (row.read)(&ids(row.template(paths), path)?))
    }

    pub(super) fn path(&self, paths: Paths) -> String {
        let (row, ids) = self.row();
        let mut ids = ids.into_iter();
        let segments = row.template(paths).split('/').map(|segment| match segment {
            "{}" => ids.next().expect("a row has as many ids as its route"),
            literal => literal.to_owned(),
        });
        paths.folder() + &segments.collect::<Vec<_>>().join("/")
    }

    fn row(&self) -> (Row, Vec<String>) {
        match self {
            Self::Directory => (DIRECTORY, vec![]),
            Self::NewNonce => (NEW_NONCE, vec![]),
            Self::NewAccount => (NEW_ACCOUNT, vec![]),
            Self::NewOrder => (NEW_ORDER, vec![]),
            Self::NewAuthorization => (NEW_AUTHORIZATION, vec![]),
            Self::RevokeCertificate => (REVOKE_CERTIFICATE, vec![]),
            Self::KeyChange => (KEY_CHANGE, vec![]),
            Self::Account(id) => (ACCOUNT, vec![id.to_string()]),
            Self::AccountOrders(id, 0) => (ACCOUNT_ORDERS, vec![id.to_string()]),
            Self::AccountOrders(id, from) => (MORE_ACCOUNT_ORDERS, vec![id.to_string(), from.to_string()]),
            Self::Order(id) => (ORDER, vec![id.to_string()]),
            Self::Finalize(id) => (FINALIZE, vec![id.to_string()]),
            Self::Authorization(id) => (AUTHORIZATION, vec![id.to_string()]),
            Self::Challenge(id, kind) => (CHALLENGE, vec![id.to_string(), kind.name().to_owned()]),
            Self::Certificate(serial) => (CERTIFICATE, vec![serial.to_string()]),
            Self::AlternateCertificate(serial, number) => {
                (ALTERNATE_CERTIFICATE, vec![serial.to_string(), number.to_string()])
            }
            Self::RenewalInfo(id) => (RENEWAL_INFO, vec![id.clone()]),
        }
    }

    /// What fault rules call it.
    pub(super) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Directory => Endpoint::Directory,
            Self::NewNonce => Endpoint::NewNonce,
            Self::NewAccount => Endpoint::NewAccount,
            Self::NewOrder => Endpoint::NewOrder,
            Self::NewAuthorization => Endpoint::NewAuthorization,
            Self::RevokeCertificate => Endpoint::RevokeCert,
            Self::KeyChange => Endpoint::KeyChange,
            Self::Account(_) => Endpoint::Account,
            Self::AccountOrders(..) => Endpoint::Orders,
            Self::Order(_) => Endpoint::Order,
            Self::Finalize(_) => Endpoint::Finalize,
            Self::Authorization(_) => Endpoint::Authorization,
            Self::Challenge(..) => Endpoint::Challenge,
            Self::Certificate(_) | Self::AlternateCertificate(..) => Endpoint::Certificate,
            Self::RenewalInfo(_) => Endpoint::RenewalInfo,
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
            | Self::NewAuthorization
            | Self::RevokeCertificate
            | Self::KeyChange
            | Self::Account(_)
            | Self::AccountOrders(..)
            | Self::Order(_)
            | Self::Finalize(_)
            | Self::Authorization(_)
            | Self::Challenge(..)
            | Self::Certificate(_)
            | Self::AlternateCertificate(..) => &[Method::POST],
        }
    }
}

/// What URLs begin with: scheme and authority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The configured host and the port that is listened on, whatever a client calls the CA.
    #[default]
    Configured,
    /// What the client calls the CA in `Host` and, where a proxy speaks TLS for it, `X-Forwarded-Proto`, as Pebble has
    /// it: for servers that are reached under several names.
    AsAddressed,
}

/// Turns routes into the absolute URLs that clients see, and back.
#[derive(Clone, Debug)]
pub(super) struct Urls {
    origin: String,
    paths: Paths,
}

impl Urls {
    pub(super) fn new(scheme: &str, host: &str, port: u16, paths: Paths) -> Self {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let is_usual = matches!((scheme, port), ("https", 443) | ("http", 80));
        let origin = if is_usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") };
        Self { origin, paths }
    }

    /// The URLs as one request addresses the CA; what it does not say stays as it was.
    pub(super) fn as_addressed<T>(&self, request: &Request<T>) -> Self {
        let said = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        // HTTP/2 has the authority in the request's target (RFC 9113 §8.3.1).
        let authority = request.uri().authority().map(Authority::as_str).or_else(|| said(HOST));
        // Nothing but a host and a port: it goes into headers and documents, and into what the CA remembers.
        let is_plain =
            |text: &&str| text.len() <= AUTHORITY_BYTES_MAX && text.parse::<Authority>().is_ok() && !text.contains('@');
        let Some(authority) = authority.filter(is_plain) else { return self.clone() };
        let scheme = match said(X_FORWARDED_PROTO) {
            Some("https") => "https",
            Some("http") => "http",
            Some(_) | None => self.origin.split_once(':').map_or("https", |(scheme, _)| scheme),
        };
        Self { origin: format!("{scheme}://{authority}"), paths: self.paths }
    }

    pub(super) fn of(&self, route: &Route) -> String {
        self.of_path(&route.path(self.paths))
    }

    pub(super) fn of_path(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Where renewal information begins; the directory shows it without a slash at its end (RFC 9773 §3).
    pub(super) fn of_renewal_info(&self) -> String {
        self.of(&Route::RenewalInfo(String::new())).trim_end_matches('/').to_owned()
    }

    pub(super) fn route(&self, path: &str) -> Option<Route> {
        Route::parse(self.paths, path)
    }

    /// The resource behind a URL of this CA.
    pub(super) fn parse(&self, url: &str) -> Option<Route> {
        self.route(url.strip_prefix(&self.origin)?)
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
                Route::NewAuthorization,
                Route::RevokeCertificate,
                Route::KeyChange,
                Route::Account(AccountId::draw(&env)),
                Route::AccountOrders(AccountId::draw(&env), 0),
                Route::AccountOrders(AccountId::draw(&env), 7),
                Route::Order(OrderId::draw(&env)),
                Route::Finalize(OrderId::draw(&env)),
                Route::Authorization(authorization),
                Route::Challenge(authorization, ChallengeType::Http01),
                Route::Certificate(Serial::draw(&env)),
                Route::RenewalInfo("aYhb.AIdl".to_owned()),
            ] {
                for paths in [Paths::Gauntlet, Paths::Pebble, Paths::Boulder, Paths::Below("one/ca")] {
                    let urls = Urls::new("https", "::1", 8443, paths);
                    assert_eq!(urls.parse(&urls.of(&route)), Some(route.clone()));
                }
            }
        });
        for path in ["", "/", "/directory/", "//directory", "/acme/account/x", "/acme/order/AAAAAAAAAAAAAAAAAAAAAB"] {
            assert_eq!(Route::parse(Paths::Gauntlet, path), None, "{path}");
        }
    }

    #[test]
    fn a_client_is_answered_under_the_name_it_asks_for_unless_that_is_no_name() {
        let urls = Urls::new("https", "localhost", 14_000, Paths::Pebble);
        let directory = |target: &str, headers: &[(HeaderName, &str)]| {
            let mut request = Request::get(target);
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            urls.as_addressed(&request.body(()).unwrap()).of(&Route::Directory)
        };
        assert_eq!(directory("/dir", &[]), "https://localhost:14000/dir");
        assert_eq!(directory("/dir", &[(HOST, "pebble:14000")]), "https://pebble:14000/dir");
        assert_eq!(directory("https://[::1]:14000/dir", &[]), "https://[::1]:14000/dir");
        assert_eq!(directory("/dir", &[(HOST, "ca.test"), (X_FORWARDED_PROTO, "http")]), "http://ca.test/dir");
        for bad in ["", "a@b", "a b", "a/b", "<a>", "\u{e9}", &"a".repeat(301)] {
            assert_eq!(directory("/dir", &[(HOST, bad)]), "https://localhost:14000/dir", "{bad}");
        }
    }
}
