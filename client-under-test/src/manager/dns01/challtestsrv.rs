//! [`Challtestsrv`]: changes the records of a challenge test server by its management API, as pebble-challtestsrv's
//! (<https://github.com/letsencrypt/pebble/blob/main/cmd/pebble-challtestsrv/README.md>) and `gauntlet challtestsrv`'s.
//!
//! That API can only clear all TXT records of a name. Those of its own that stay are then set again, and what others have
//! set there is lost: it is a server for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, header::HOST};
use serde_json::{Value, json};
use sim::Env;

use super::{
    DnsError,
    provider::{Changed, DnsProvider, TxtRecord},
};
use crate::plain_http;

const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const BODY_BYTES_MAX: usize = 1 << 16;

/// Speaks to one management API.
#[derive(Debug)]
pub struct Challtestsrv {
    /// Where it is: plain HTTP, usually port 8055.
    server: SocketAddr,
    /// What was set and not cleared, by name.
    values: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Challtestsrv {
    /// Speaks to the management API at `server`.
    #[must_use]
    pub fn new(server: SocketAddr) -> Self {
        Self { server, values: Mutex::default() }
    }

    async fn set(&self, env: &Env, name: &str, value: &str) -> Result<(), DnsError> {
        self.call(env, "/set-txt", name, json!({ "host": format!("{name}."), "value": value })).await
    }

    async fn call(&self, env: &Env, call: &'static str, name: &str, body: Value) -> Result<(), DnsError> {
        let server = self.server;
        let failed = |source| DnsError::NoAnswer { server, name: name.to_owned(), source };
        let status = match env.timeout(ANSWER_LIMIT, post(env, server, call, body)).await {
            Ok(status) => status.map_err(failed)?,
            Err(elapsed) => return Err(failed(io::Error::new(io::ErrorKind::TimedOut, elapsed))),
        };
        if (200..300).contains(&status) { Ok(()) } else { Err(DnsError::Management { server, call, status }) }
    }

    fn with_values<T>(&self, name: &str, change: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        change(self.values.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default())
    }
}

async fn post(env: &Env, server: SocketAddr, path: &str, body: Value) -> io::Result<u16> {
    let request = Request::builder().method(Method::POST).uri(path).header(HOST, server.to_string());
    let request = request.body(Full::new(Bytes::from(body.to_string()))).map_err(io::Error::other)?;
    Ok(plain_http::exchange(env, server, request, BODY_BYTES_MAX).await?.status().as_u16())
}

impl DnsProvider for Challtestsrv {
    fn present<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a> {
        Box::pin(async move {
            self.set(env, &record.name, &record.value).await?;
            self.with_values(&record.name, |values| values.insert(record.value.clone()));
            Ok(())
        })
    }

    fn clean_up<'a>(&'a self, env: &'a Env, record: &'a TxtRecord) -> Changed<'a> {
        Box::pin(async move {
            let host = format!("{}.", record.name);
            self.call(env, "/clear-txt", &record.name, json!({ "host": host })).await?;
            let stay = self.with_values(&record.name, |values| {
                values.remove(&record.value);
                values.clone()
            });
            for value in stay {
                self.set(env, &record.name, &value).await?;
            }
            Ok(())
        })
    }
}
