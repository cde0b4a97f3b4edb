//! `/snapshots`: GET lists them. POST to `/snapshots/NAME` takes one, POST to `/snapshots/NAME/restore` goes back to it, and
//! DELETE of `/snapshots/NAME` forgets it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{Management, bare, json, refusal};
use crate::timestamp::rfc3339;

const NAME_LEN_MAX: usize = 64;

impl Management {
    pub(super) fn snapshots(&self, method: &Method) -> Response<Full<Bytes>> {
        if method != Method::GET {
            return bare(StatusCode::METHOD_NOT_ALLOWED);
        }
        let shown = |(name, taken)| json!({ "name": name, "taken": rfc3339(taken) });
        json(StatusCode::OK, &Value::Array(self.ca.snapshots().list().into_iter().map(shown).collect()))
    }

    pub(super) fn snapshot(&self, method: &Method, name: &str) -> Response<Full<Bytes>> {
        match *method {
            Method::POST if !is_name(name) => {
                refusal(format!("a snapshot's name has 1 to {NAME_LEN_MAX} letters, digits, '-', '_' and '.'\n"))
            }
            Method::POST => match self.ca.take_snapshot(&self.env, name) {
                Ok(()) => bare(StatusCode::CREATED),
                Err(too_many) => refusal(format!("{too_many}\n")),
            },
            Method::DELETE if self.ca.snapshots().remove(name) => bare(StatusCode::NO_CONTENT),
            Method::DELETE => bare(StatusCode::NOT_FOUND),
            _ => bare(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    pub(super) fn restore(&self, method: &Method, name: &str) -> Response<Full<Bytes>> {
        match *method {
            Method::POST if self.ca.restore_snapshot(&self.env, name) => bare(StatusCode::NO_CONTENT),
            Method::POST => bare(StatusCode::NOT_FOUND),
            _ => bare(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
