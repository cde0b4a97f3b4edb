//! The management API: what is POSTed to a path is a JSON object with the parameters of one of the [`calls`](super::calls).
//!
//! As pebble-challtestsrv, it reads names of parameters in any case, takes any content type and any method, and answers
//! with an empty 200. What is wrong with a request stands in the answer, as text.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Map, Value};

use super::{CLIENT_TIMEOUT, ChallengeTestServer, calls, shelf};
use crate::{
    dns::{Name, zone::parse_name},
    wire::Respond,
};

const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Management {
    pub(super) server: ChallengeTestServer,
}

/// Why a call is not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is no such call")]
    UnknownCall,
    #[error("{0}")]
    Wrong(String),
    #[error("there is no more room; clear something first")]
    NoRoom,
}

impl From<shelf::Full> for Refusal {
    fn from(_: shelf::Full) -> Self {
        Self::NoRoom
    }
}

impl Respond for Management {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let done = match calls::named(request.uri().path()) {
            Some(call) => self.parameters(request).await.and_then(|parameters| call(&self.server, &parameters)),
            None => Err(Refusal::UnknownCall),
        };
        match done {
            Ok(None) => Response::default(),
            Ok(Some(json)) => answer(StatusCode::OK, "application/json; charset=utf-8", json),
            Err(refusal) => {
                let status = match refusal {
                    Refusal::UnknownCall => StatusCode::NOT_FOUND,
                    Refusal::Wrong(_) => StatusCode::BAD_REQUEST,
                    Refusal::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
                };
                answer(status, "text/plain; charset=utf-8", format!("{refusal}\n"))
            }
        }
    }
}

impl Management {
    async fn parameters(&self, request: Request<Incoming>) -> Result<Parameters, Refusal> {
        let whole = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
        let whole = self.server.0.env.timeout(CLIENT_TIMEOUT, whole).await.ok().and_then(Result::ok);
        let too_long = || Refusal::Wrong(format!("the body is cut off or longer than {BODY_BYTES_MAX} bytes"));
        Parameters::read(&whole.ok_or_else(too_long)?.to_bytes())
    }
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The parameters of a call.
#[derive(Debug)]
pub(super) struct Parameters(BTreeMap<String, Value>);

impl Parameters {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let members: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|e| Refusal::Wrong(format!("the body is not a JSON object with the call's parameters: {e}")))?;
        Ok(Self(members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()))
    }

    /// A text that may be absent, which is as good as empty.
    pub(super) fn text_or_empty(&self, name: &str) -> Result<&str, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Refusal::Wrong(format!("{name} is not a text"))),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        match self.text_or_empty(name)? {
            "" => Err(Refusal::Wrong(format!("{name} is missing or empty"))),
            text => Ok(text),
        }
    }

    /// A domain name, in lower case.
    pub(super) fn name(&self, parameter: &str) -> Result<Name, Refusal> {
        parse_name(self.text(parameter)?).map_err(|e| Refusal::Wrong(format!("{parameter}: {e}")))
    }

    /// The elements of an array that has some, each read by `read`; `expected` says what they are.
    pub(super) fn list<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let elements = self.0.get(name).and_then(Value::as_array).filter(|elements| !elements.is_empty());
        let read = elements.and_then(|elements| elements.iter().map(read).collect());
        read.ok_or_else(|| Refusal::Wrong(format!("{name} is not a list of {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_read_in_any_case() {
        let parameters = Parameters::read(br#"{"Host": "A.example", "targetURL": "/x", "ip": null}"#).unwrap();
        assert_eq!(parameters.name("host").unwrap(), parse_name("a.example.").unwrap());
        assert_eq!(parameters.text("targeturl").unwrap(), "/x");
        assert_eq!(parameters.text_or_empty("ip").unwrap(), "");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for bad in
            ["", "[]", "null", "{", "\u{1}", r#"{"host": 1}"#, r#"{"host": ""}"#, r#"{"host": "ä.example"}"#, "{}"]
        {
            let refusal = Parameters::read(bad.as_bytes()).and_then(|parameters| parameters.name("host"));
            assert!(matches!(refusal, Err(Refusal::Wrong(_))), "{bad}");
        }
    }
}
