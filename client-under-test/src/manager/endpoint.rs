//! The TLS endpoint: visitors are answered with the certificate that [`Cache`] holds for the name they ask.
//!
//! A handshake reads one snapshot and waits for nobody: no CA, no disk, no lock. A valid certificate is
//! always preferred; an expired one is shown only where there is no other, so that the visitor learns why.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sim::{
    Env,
    net::{TcpListener, TcpStream},
    tls,
};
use time::UtcDateTime;

use crate::{acme::certificate::Leaf, name::Name, storage::certificate::CertificateSet};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The certificates that visitors are shown, by managed name.
#[derive(Debug)]
pub struct Cache {
    env: Env,
    /// Answers visitors who name nobody.
    default: Option<Name>,
    snapshot: ArcSwap<BTreeMap<Name, Vec<Entry>>>,
}

#[derive(Clone, Debug)]
struct Entry {
    leaf: Leaf,
    certified: Arc<CertifiedKey>,
}

impl Cache {
    /// An empty cache; visitors who name nobody are shown the certificate of `default`.
    #[must_use]
    pub fn new(env: &Env, default: Option<Name>) -> Self {
        Self { env: env.clone(), default, snapshot: ArcSwap::default() }
    }

    /// Shows `set` to the visitors of `names` from now on. A former set is kept only for as long as the
    /// new one is not valid yet, which happens when this host's clock is behind the CA's.
    pub fn insert(&self, names: &[Name], set: &CertificateSet) {
        let now = self.env.utc_now();
        let entry = Entry { leaf: set.leaf().clone(), certified: Arc::new(set.certified_key()) };
        self.snapshot.rcu(|snapshot| {
            let mut snapshot = BTreeMap::clone(snapshot);
            let is_needed = |former: &Entry| former.leaf.is_valid_at(now) && !entry.leaf.is_valid_at(now);
            for name in names {
                let entries = snapshot.entry(name.clone()).or_default();
                entries.retain(is_needed);
                entries.push(entry.clone());
            }
            snapshot
        });
    }

    fn find(&self, name: Option<&str>, now: UtcDateTime) -> Option<Arc<CertifiedKey>> {
        let snapshot = self.snapshot.load();
        let name = name.or(self.default.as_ref().map(Name::as_str))?;
        let wildcard = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let exact = snapshot.get(name);
        let wildcard = wildcard.and_then(|wildcard| snapshot.get(wildcard.as_str()));
        let mut candidates = exact.into_iter().chain(wildcard).flat_map(|entries| entries.iter().rev());
        // The newest of the exact name comes first; it is also what is left if none is valid.
        let first = candidates.clone().next();
        let valid = candidates.find(|entry| entry.leaf.is_valid_at(now));
        valid.or(first).map(|entry| entry.certified.clone())
    }
}

impl ResolvesServerCert for Cache {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name(), self.env.utc_now())
    }
}

/// Answers visitors on `listener` for ever.
pub async fn serve(env: Env, listener: TcpListener, server: tls::Server) -> Infallible {
    loop {
        let stream = accept(&env, &listener).await;
        let (server, env_of_task) = (server.clone(), env.clone());
        let visit = async move {
            let env = env_of_task;
            // A visitor who breaks off or dawdles harms only itself.
            let Ok(Ok(stream)) = env.timeout(HANDSHAKE_LIMIT, server.accept(stream)).await else { return };
            let service = service_fn(|_request| {
                let hello = response(&env, StatusCode::OK, "text/plain", "hello\n".to_owned());
                std::future::ready(Ok::<_, Infallible>(hello))
            });
            let serving = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
            drop(env.timeout(CONNECTION_LIMIT, serving).await);
        };
        env.spawn("visit", visit).detach();
    }
}

/// The next connection. A listener that fails, for example for want of file descriptors, is asked again.
pub(super) async fn accept(env: &Env, listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok(stream) => return stream,
            Err(_) => env.sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// An answer with this host's date, as RFC 9110 §6.6.1 asks of a server that has a clock.
pub(super) fn response(env: &Env, status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let now = env.utc_now();
    // HTTP dates reach from 1970 to 9999; a clock outside of that is none.
    if (1970..=9999).contains(&now.year())
        && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now.into()))
    {
        response.headers_mut().insert(DATE, date);
    }
    response
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;
    use time::Duration as Span;

    use super::*;
    use crate::acme::certificate::tests::{BEGIN, chain, env};

    fn set(name: &str, days: i64) -> CertificateSet {
        let key = P256Key::generate(&env(), name);
        CertificateSet::new(chain(name, &key, days), key).unwrap()
    }

    fn expiry(cache: &Cache, name: Option<&str>, now: UtcDateTime) -> Option<(Name, Span)> {
        let found = cache.find(name, now)?;
        let pem = pem::encode(&pem::Pem::new("CERTIFICATE", found.cert[0].to_vec()));
        let chain = crate::acme::certificate::Chain::parse(pem.as_bytes()).unwrap();
        Some((chain.leaf().names[0].clone(), chain.leaf().lifetime()))
    }

    #[tokio::test]
    async fn a_valid_wildcard_beats_an_expired_exact_name_and_not_otherwise() {
        let cache = Cache::new(&env(), Some("a.test".parse().unwrap()));
        let exact: Name = "a.test".parse().unwrap();
        let wildcard: Name = "*.test".parse().unwrap();
        cache.insert(std::slice::from_ref(&exact), &set("a.test", 10));
        cache.insert(std::slice::from_ref(&wildcard), &set("*.test", 20));
        let shown = |name, day| expiry(&cache, name, BEGIN + Span::days(day)).map(|(name, _)| name);
        assert_eq!(shown(Some("a.test"), 1), Some(exact.clone()));
        assert_eq!(shown(Some("a.test"), 15), Some(wildcard.clone()));
        assert_eq!(shown(Some("a.test"), 25), Some(exact.clone()));
        assert_eq!(shown(Some("b.test"), 1), Some(wildcard));
        assert_eq!(shown(None, 1), Some(exact));
        for stranger in ["test", "b.a.test", "", "a.test.other"] {
            assert_eq!(shown(Some(stranger), 1), None, "{stranger}");
        }
    }
}
