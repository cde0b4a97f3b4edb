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
use hyper::{Method, Request, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sim::Env;

use super::{
    DnsError,
    provider::{Changed, DnsProvider, TxtRecord},
};

const ANSWER_LIMIT: Duration = Duration::from_secs(15);

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
    let stream = env.connect(server).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // How the connection ends is seen by the request that needed it.
    let _driver = env.spawn(format!("connection to {server}"), async { drop(connection.await) });
    let request = Request::builder().method(Method::POST).uri(path).header(HOST, server.to_string());
    let request = request.body(Full::new(Bytes::from(body.to_string()))).map_err(io::Error::other)?;
    Ok(sender.send_request(request).await.map_err(io::Error::other)?.status().as_u16())
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
