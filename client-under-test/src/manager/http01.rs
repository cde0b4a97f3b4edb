//! Answers http-01 challenges (RFC 8555 §8.3) on port 80.
//!
//! A token is answered from the moment it is published until its guard is dropped, in whatever way the
//! attempt ends. Nothing else is served here.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sim::{Env, net::TcpListener};

use super::{
    challenges::Solver,
    endpoint::{self, Places},
    sightings::Sightings,
};
use crate::{acme::challenge::Token, storage::Storage};

const PATH: &str = "/.well-known/acme-challenge/";
const CONNECTION_LIMIT: Duration = Duration::from_secs(30);

/// The challenges that are answered at present.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Arc<Mutex<BTreeMap<Token, String>>>);

impl Tokens {
    /// Answers `token` with `key_authorization` until the guard is dropped.
    #[must_use]
    pub fn publish(&self, token: Token, key_authorization: String) -> Published {
        self.map().insert(token.clone(), key_authorization);
        Published { tokens: self.clone(), token }
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Token, String>> {
        // Each change is a single insertion or removal, so a panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, token: &Token) -> Option<String> {
        self.map().get(token).cloned()
    }
}

/// Keeps a token answered while it lives.
#[derive(Debug)]
pub struct Published {
    tokens: Tokens,
    token: Token,
}

impl Drop for Published {
    fn drop(&mut self) {
        self.tokens.map().remove(&self.token);
    }
}

/// Answers on `listener` for ever, also for the hosts that share a storage, with `connections_max` connections open at a
/// time; who comes beyond that waits. `sightings` is told which challenges somebody has come for.
pub(super) async fn serve(
    env: Env,
    listener: TcpListener,
    tokens: Tokens,
    shared: Option<Storage>,
    sightings: Sightings,
    connections_max: NonZeroUsize,
) -> Infallible {
    let places = Places::new(connections_max);
    loop {
        let (stream, place) = places.accept(&env, &listener).await;
        let (tokens, shared, sightings) = (tokens.clone(), shared.clone(), sightings.clone());
        let env_of_task = env.clone();
        let connection = async move {
            let env = env_of_task;
            let service = service_fn(async |request| {
                Ok::<_, Infallible>(respond(&env, &tokens, shared.as_ref(), &sightings, &request).await)
            });
            let serving = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
            // A visitor who breaks off or dawdles harms only itself.
            drop(env.timeout(CONNECTION_LIMIT, serving).await);
            drop(place);
        };
        env.spawn("http-01 connection", connection).detach();
    }
}

async fn respond(
    env: &Env,
    tokens: &Tokens,
    shared: Option<&Storage>,
    sightings: &Sightings,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    let answer = match token(request.uri().path()).filter(|_| is_read) {
        Some(token) => {
            sightings.saw(Solver::Http01, token.as_str());
            match (tokens.answer(&token), shared) {
                (None, Some(shared)) => shared.published_challenge(Solver::Http01.name(), token.as_str()).await,
                (own, _) => own,
            }
        }
        None => None,
    };
    match answer {
        Some(key_authorization) => {
            env.probe("manager/challenge-answered");
            endpoint::response(env, StatusCode::OK, "application/octet-stream", key_authorization)
        }
        None => endpoint::response(env, StatusCode::NOT_FOUND, "text/plain", "there is nothing here\n".to_owned()),
    }
}

fn token(path: &str) -> Option<Token> {
    Token::parse(path.strip_prefix(PATH)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_exactly_while_its_guard_lives() {
        let tokens = Tokens::default();
        let path = format!("{PATH}abc");
        let guard = tokens.publish(Token::parse("abc").unwrap(), "abc.xyz".into());
        let answer = |path: &str| tokens.answer(&token(path)?);
        assert_eq!(answer(&path).as_deref(), Some("abc.xyz"));
        for other in ["", "/", "/abc", PATH, &format!("{PATH}abcd"), &format!("{PATH}../abc"), &format!("{path}/")] {
            assert_eq!(answer(other), None, "{other}");
        }
        drop(guard);
        assert_eq!(answer(&path), None);
    }
}
