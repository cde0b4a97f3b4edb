//! TXT records that clients publish for dns-01 (RFC 8555 §8.4), over plain HTTP: what lego calls
//! [httpreq](https://go-acme.github.io/lego/dns/httpreq/), so that any client has a hook for it.

use std::{convert::Infallible, io, net::SocketAddr};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use sim::Env;

use super::{Published, REQUEST_BYTES_MAX, REQUEST_LIMIT, Responder};

/// How many names may have records.
const NAMES_MAX: usize = 1_000;
/// How many records a name may have.
const RECORDS_MAX: usize = 100;

/// A TXT record.
#[derive(Debug, Deserialize, Serialize)]
struct TextRecord {
    /// Its name, with a dot at its end or without.
    fqdn: String,
    /// What it says.
    value: String,
}

impl Responder {
    /// Publishes what is POSTed to `/present` on this address, and takes away what is POSTed to `/cleanup`, each
    /// `{"fqdn": …, "value": …}`, until it is dropped; where that is, which for port 0 is anywhere.
    ///
    /// # Errors
    /// If the address is taken or not this machine's.
    pub async fn serve_records(&self, env: &Env, local: SocketAddr) -> io::Result<(SocketAddr, sim::Task<()>)> {
        let listener = env.listen(local).await?;
        let address = listener.local_address()?;
        let (responder, env_of_task) = (self.clone(), env.clone());
        let task = env.spawn("conformance records", async move {
            while let Ok(stream) = listener.accept().await {
                let (responder, env) = (responder.clone(), env_of_task.clone());
                let service = service_fn(move |request| {
                    let responder = responder.clone();
                    async move { Ok::<_, Infallible>(responder.change_records(request).await) }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let answer = async move { drop(env.timeout(REQUEST_LIMIT, connection).await) };
                env_of_task.spawn("conformance records answer", answer).detach();
            }
        });
        Ok((address, task))
    }

    /// Takes all records away.
    pub fn forget_records(&self) {
        self.board().records.clear();
    }

    /// The names that have records.
    #[must_use]
    pub fn names_with_records(&self) -> Vec<String> {
        self.board().records.keys().cloned().collect()
    }

    async fn change_records(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await;
        let record = body.ok().and_then(|body| serde_json::from_slice::<TextRecord>(&body.to_bytes()).ok());
        // Some hooks look for what they have sent.
        let same = |record| serde_json::to_string(record).unwrap_or_default();
        let (status, said) = match (path.as_str(), &record) {
            ("/present", Some(record)) if !self.present(record) => {
                (StatusCode::INSUFFICIENT_STORAGE, "too many records".to_owned())
            }
            ("/present", Some(record)) => (StatusCode::OK, same(record)),
            ("/cleanup", Some(record)) => {
                self.clean_up(record);
                (StatusCode::OK, same(record))
            }
            ("/present" | "/cleanup", None) => {
                let expected = r#"expected {"fqdn": "_acme-challenge.www.example.test.", "value": "…"}"#;
                (StatusCode::BAD_REQUEST, expected.to_owned())
            }
            _ => (StatusCode::NOT_FOUND, "expected a POST to /present or /cleanup".to_owned()),
        };
        let mut response = Response::new(Full::from(format!("{said}\n")));
        *response.status_mut() = status;
        response
    }

    /// Publishes it; whether there was room.
    fn present(&self, record: &TextRecord) -> bool {
        let records = &mut self.board().records;
        if records.len() >= NAMES_MAX && !records.contains_key(&record.key()) {
            return false;
        }
        let at_name = records.entry(record.key()).or_default();
        let is_room = at_name.len() < RECORDS_MAX;
        if is_room {
            at_name.push(record.published());
        }
        is_room
    }

    /// Takes it away; what is not there is gone.
    fn clean_up(&self, record: &TextRecord) {
        let (key, published) = (record.key(), record.published());
        let records = &mut self.board().records;
        if let Some(at_name) = records.get_mut(&key) {
            at_name.retain(|one| *one != published);
            if at_name.is_empty() {
                records.remove(&key);
            }
        }
    }
}

impl TextRecord {
    fn key(&self) -> String {
        self.fqdn.trim_end_matches('.').to_ascii_lowercase()
    }

    fn published(&self) -> Published {
        Published::text(self.value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fqdn: &str, value: &str) -> TextRecord {
        TextRecord { fqdn: fqdn.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_record_goes_by_its_value_and_leaves_the_others_of_its_name() {
        let responder = Responder::default();
        assert!(responder.present(&record("_acme-challenge.Www.example.test.", "one")));
        assert!(responder.present(&record("_acme-challenge.www.example.test", "two")));
        responder.clean_up(&record("_acme-challenge.www.example.test.", "one"));
        responder.clean_up(&record("_acme-challenge.www.example.test.", "three"));
        assert_eq!(responder.names_with_records(), ["_acme-challenge.www.example.test"]);
        responder.clean_up(&record("_ACME-challenge.www.example.test.", "two"));
        assert_eq!(responder.names_with_records(), [""; 0]);
    }

    #[test]
    fn a_client_that_publishes_without_end_is_refused_in_the_end() {
        let responder = Responder::default();
        let taken = |names: &str| {
            (0..2_000)
                .filter(|n| responder.present(&record(&names.replace('N', &n.to_string()), &n.to_string())))
                .count()
        };
        assert_eq!(taken("all.test"), RECORDS_MAX);
        assert_eq!(taken("N.test"), NAMES_MAX - 1);
    }
}
