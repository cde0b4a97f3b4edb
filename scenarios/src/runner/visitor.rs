//! Visitors: they come again and again, shake hands as a browser does, and ask for a page.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes};
use hyper_util::rt::TokioIo;
use rustls::{RootCertStore, pki_types::ServerName};
use sim::{Env, tls};

/// What a visitor does not wait longer for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom a visitor visits, and how often.
#[derive(Clone, Debug)]
pub(super) struct Visits {
    pub(super) names: Vec<String>,
    pub(super) port: u16,
    /// Application protocols (RFC 7301); it speaks HTTP/1.1 under any.
    pub(super) offers: Vec<String>,
    pub(super) first: Duration,
    pub(super) every: Duration,
    /// How many come at once, each for itself.
    pub(super) at_once: u32,
    pub(super) roots: RootCertStore,
}

/// Visits for ever. What comes of it is in the trace.
pub(super) async fn visit(env: Env, visits: Visits) {
    let offers: Vec<&str> = visits.offers.iter().map(String::as_str).collect();
    let client = tls::Client::new(&env, visits.roots.clone(), &offers);
    let mut next = env.monotonic_now() + visits.first;
    loop {
        env.sleep_until(next).await;
        for name in &visits.names {
            for address in env.lookup(name).await.unwrap_or_default() {
                let address = SocketAddr::new(address, visits.port);
                if visits.at_once > 1 {
                    (0..visits.at_once).for_each(|_| come(&env, &client, name, address));
                } else if env.timeout(PATIENCE, once(&env, &client, name, address)).await == Ok(Some(())) {
                    env.probe("visitor/served");
                }
            }
        }
        next = next + visits.every;
    }
}

/// Lets a visitor come whom nobody waits for.
fn come(env: &Env, client: &tls::Client, name: &str, address: SocketAddr) {
    let (visitor, client, name) = (env.clone(), client.clone(), name.to_owned());
    let coming = async move {
        if visitor.timeout(PATIENCE, once(&visitor, &client, &name, address)).await == Ok(Some(())) {
            visitor.probe("visitor/served");
        }
    };
    env.spawn("one of a crowd", coming).detach();
}

async fn once(env: &Env, client: &tls::Client, name: &str, address: SocketAddr) -> Option<()> {
    let stream = env.connect(address).await.ok()?;
    let stream = client.connect(stream, ServerName::try_from(name.to_owned()).ok()?).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let driver = env.spawn("visit", connection);
    let request = Request::get("/").header("host", name).body(Empty::<Bytes>::new()).ok()?;
    let response = sender.send_request(request).await.ok()?;
    response.into_body().collect().await.ok()?;
    drop(sender);
    driver.await?.ok()
}
