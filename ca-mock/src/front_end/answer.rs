//! [`Answer`]: what a handler answers, before the headers that every answer has are added.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, LINK, LOCATION, RETRY_AFTER},
};
use serde_json::Value;
use sim::UtcDateTime;

use crate::{
    faults::{CutOff, Fault, HeaderFault},
    problem::Problem,
    renewal_info_policy::RetryAfter,
    timestamp::{after, http_date},
};

#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    cut_off: Option<CutOff>,
}

impl Answer {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), cut_off: None }
    }

    pub(super) fn json(status: StatusCode, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    pub(super) fn text(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let mut answer = Self::empty(status);
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer.body = body.into();
        answer
    }

    /// With this body in place of any other.
    pub(super) fn with_page(mut self, content_type: HeaderValue, body: String) -> Self {
        self.headers.insert(CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// Not as it was meant, but as a fault rule has it.
    pub(super) fn spoiled_by(mut self, fault: &Fault) -> Self {
        if let Some(status) = fault.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            self.status = status;
        }
        if !fault.fields.is_empty()
            && let Ok(mut object) = serde_json::from_slice::<Value>(&self.body)
        {
            fault.fields.iter().for_each(|field| field.spoil(&mut object));
            self.body = object.to_string().into();
        }
        for header in &fault.headers {
            match header {
                HeaderFault::Removed(name) => drop(self.headers.remove(name)),
                HeaderFault::Replaced(name, value) => drop(self.headers.insert(name, value.clone())),
                HeaderFault::Added(name, value) => drop(self.headers.append(name, value.clone())),
            }
        }
        self.cut_off = fault.cut_off_after_bytes.map(|after_bytes| CutOff { after_bytes });
        self
    }

    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers
            .append(name, HeaderValue::from_str(value).expect("header values are URLs, dates, numbers and names"));
        self
    }

    /// What the trace tells of a refusal.
    pub(super) fn status_and_why(&self) -> [(&'static str, String); 2] {
        let why = String::from_utf8_lossy(&self.body).into_owned();
        [("status", self.status.as_u16().to_string()), ("why", why)]
    }

    pub(super) fn with_location(self, url: &str) -> Self {
        self.with(LOCATION, url)
    }

    pub(super) fn with_link(self, url: &str, relation: &str) -> Self {
        self.with(LINK, &format!("<{url}>;rel=\"{relation}\""))
    }

    /// Counted from `now`, and never earlier than meant: neither form has fractions (RFC 9110 §10.2.3).
    pub(super) fn with_retry_after(self, said: &RetryAfter, now: UtcDateTime) -> Self {
        match *said {
            RetryAfter::Absent => self,
            RetryAfter::Seconds(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                self.with(RETRY_AFTER, &seconds.to_string())
            }
            RetryAfter::Date(wait) => {
                let almost_a_second = Duration::from_nanos(999_999_999);
                self.with(RETRY_AFTER, &http_date(after(after(now, wait), almost_a_second)))
            }
        }
    }
}

impl From<&Problem> for Answer {
    fn from(problem: &Problem) -> Self {
        let body = serde_json::to_string(problem).expect("a problem has text keys and values that JSON knows");
        Self::text(problem.status(), "application/problem+json", body)
    }
}

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        if let Some(cut_off) = answer.cut_off {
            response.extensions_mut().insert(cut_off);
        }
        response
    }
}

/// A request is refused; headers that go with the problem come along.
#[derive(Debug)]
pub(super) struct Refusal(Box<Answer>);

impl Refusal {
    pub(super) fn into_answer(self) -> Answer {
        *self.0
    }
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Self {
        Self(Box::new(answer))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Answer::from(&problem).into()
    }
}
