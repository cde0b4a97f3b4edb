//! `/faults`: the fault rules in force. GET shows them, POST adds one or a list of them, DELETE takes them all back, and
//! DELETE of `/faults/NAME` that one.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming};

use super::{Management, bare, json, refusal};
use crate::FaultRule;

impl Management {
    pub(super) async fn faults(&self, name: Option<&str>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), name) {
            (&Method::GET, None) => self.shown_faults(StatusCode::OK),
            (&Method::POST, None) => match self.body(request).await {
                Some(body) => self.add_faults(&body),
                None => bare(StatusCode::BAD_REQUEST),
            },
            (&Method::DELETE, None) => {
                self.ca.remove_faults(None);
                bare(StatusCode::NO_CONTENT)
            }
            (&Method::DELETE, Some(name)) => match self.ca.with_store(|store| store.faults.remove(name)) {
                true => bare(StatusCode::NO_CONTENT),
                false => bare(StatusCode::NOT_FOUND),
            },
            _ => bare(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn add_faults(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let Ok(text) = std::str::from_utf8(body) else { return refusal("the body is not UTF-8\n") };
        let rules = match FaultRule::read(text) {
            Ok(rules) => rules,
            Err(mistakes) => {
                return refusal(mistakes.iter().map(|mistake| format!("{mistake}\n")).collect::<String>());
            }
        };
        for rule in rules {
            if let Err(too_many) = self.ca.add_fault(rule, self.env.utc_now()) {
                return refusal(format!("{too_many}\n"));
            }
        }
        self.shown_faults(StatusCode::CREATED)
    }

    fn shown_faults(&self, status: StatusCode) -> Response<Full<Bytes>> {
        json(status, &self.ca.with_store(|store| store.faults.to_json()))
    }
}
