//! [`Fault`]: what becomes of a request that a rule strikes.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::ForcedState;

/// What becomes of a request. Everything that is named happens, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    /// The resource that is asked for changes first.
    pub state: Option<ForcedState>,
    /// The CA does not carry the request out: it never arrives, whatever the client is told. Then, without
    /// [`Self::instead`], the answer is empty.
    pub is_kept_from_ca: bool,
    /// Something else is answered.
    pub instead: Option<Instead>,
    /// The status is another one.
    pub status: Option<u16>,
    /// Members of the JSON object that is answered are not as they should be.
    pub fields: Vec<FieldFault>,
    /// Header fields are not as they should be, in this order.
    pub headers: Vec<HeaderFault>,
    /// The answer comes so much later.
    pub delay: Duration,
    /// The connection is closed after so many bytes of the body; with 0 there is not even a header.
    pub cut_off_after_bytes: Option<u64>,
}

/// What is answered in place of the CA's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// A problem document, as the CA itself would send it: with a nonce and links (RFC 8555 §6.5, §6.7).
    Problem {
        /// What follows `urn:ietf:params:acme:error:`, or a URI.
        kind: String,
        /// For people.
        detail: String,
    },
    /// What something before the CA answers, such as a balancer: no nonce, no links, unless the CA has carried the
    /// request out and they were in its answer.
    Page {
        /// The content type.
        content_type: HeaderValue,
        /// The body.
        body: String,
    },
}

impl Instead {
    /// HTML.
    #[must_use]
    pub fn html(body: impl Into<String>) -> Self {
        Self::Page { content_type: HeaderValue::from_static("text/html"), body: body.into() }
    }
}

/// A member of the JSON object that is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldFault {
    /// Where it stands (RFC 6901).
    pub pointer: String,
    /// What stands there instead; `None` if it is left out.
    pub value: Option<Value>,
}

impl FieldFault {
    /// What has no object around it is left alone.
    pub(crate) fn spoil(&self, object: &mut Value) {
        let Some((parent, key)) = self.pointer.rsplit_once('/') else { return };
        let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
        let key = key.replace("~1", "/").replace("~0", "~");
        match &self.value {
            Some(value) => drop(parent.insert(key, value.clone())),
            None => drop(parent.remove(&key)),
        }
    }
}

/// What is wrong with a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// There is none of this name.
    Removed(HeaderName),
    /// There is one of this name, and this is its value.
    Replaced(HeaderName, HeaderValue),
    /// There is one more of this name.
    Added(HeaderName, HeaderValue),
}

/// An extension of responses: the connection ends after so many bytes of the body, and with 0 before the header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CutOff {
    pub(crate) after_bytes: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_field_can_be_left_out_or_replaced() {
        let right = json!({"window": {"start": 1, "end": 2}});
        for (pointer, value, expected) in [
            ("/window", None, json!({})),
            ("/window", Some(Value::Null), json!({"window": null})),
            ("/window/end", None, json!({"window": {"start": 1}})),
            ("/a~1b", Some(json!(1)), json!({"window": {"start": 1, "end": 2}, "a/b": 1})),
            ("/window/start/x", Some(Value::Null), right.clone()),
            ("", None, right.clone()),
        ] {
            let mut object = right.clone();
            FieldFault { pointer: pointer.to_owned(), value }.spoil(&mut object);
            assert_eq!(object, expected, "{pointer}");
        }
    }
}
