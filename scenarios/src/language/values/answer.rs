//! Parts of an HTTP answer that a fault rule spoils: header fields and members of a JSON object.

use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::{Written, Wrong};

/// The name of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderFieldName(pub HeaderName);

impl Written for HeaderFieldName {
    const WHAT: &'static str = "the name of a header field";
    const EXAMPLES: &'static [&'static str] = &["Retry-After"];
    const PATTERN: Option<&'static str> = Some("[!#$%&'*+.^_`|~0-9A-Za-z-]+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        HeaderName::from_bytes(text.as_bytes()).map(Self).map_err(|_| Wrong::new("no name of a header field"))
    }
}

/// A header field, `Name: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// The name.
    pub name: HeaderName,
    /// The value.
    pub value: HeaderValue,
}

impl Written for HeaderField {
    const WHAT: &'static str = "a header field: its name, a colon, its value";
    const EXAMPLES: &'static [&'static str] = &["Retry-After: 120"];
    const PATTERN: Option<&'static str> = Some("[^:]+:.*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let (name, value) = text.split_once(':').ok_or_else(|| Wrong::new("the colon is missing"))?;
        let HeaderFieldName(name) = HeaderFieldName::parse(name.trim())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| Wrong::new("a control character is in it"))?;
        Ok(Self { name, value })
    }
}

/// A media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(pub HeaderValue);

impl Written for MediaType {
    const WHAT: &'static str = "a media type";
    const EXAMPLES: &'static [&'static str] = &["text/html", "application/json"];
    const PATTERN: Option<&'static str> = None;

    fn parse(text: &str) -> Result<Self, Wrong> {
        HeaderValue::from_str(text).map(Self).map_err(|_| Wrong::new("a control character is in it"))
    }
}

/// Where a member of a JSON object stands (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(pub String);

impl Written for Pointer {
    const WHAT: &'static str = "a JSON pointer (RFC 6901)";
    const EXAMPLES: &'static [&'static str] = &["/status", "/challenges/0/token"];
    const PATTERN: Option<&'static str> = Some("/.*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        match text.starts_with('/') {
            true => Ok(Self(text.to_owned())),
            false => Err(Wrong::new("does not begin with `/`").help(format!("write \"/{text}\""))),
        }
    }
}

/// A member of a JSON object and its value, `/pointer = JSON`.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonField {
    /// Where it stands.
    pub pointer: Pointer,
    /// The value.
    pub value: Value,
}

impl Written for JsonField {
    const WHAT: &'static str = "a JSON pointer, an equals sign and a JSON value";
    const EXAMPLES: &'static [&'static str] = &["/status = \"valid\"", "/expires = null"];
    const PATTERN: Option<&'static str> = Some("/[^=]*=.*");

    fn parse(text: &str) -> Result<Self, Wrong> {
        let (pointer, value) = text.split_once('=').ok_or_else(|| Wrong::new("the equals sign is missing"))?;
        let value = serde_json::from_str(value.trim())
            .map_err(|error| Wrong::new(format!("what follows `=` is not JSON: {error}")))?;
        Ok(Self { pointer: Pointer::parse(pointer.trim())?, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_fields_are_read_with_what_is_wrong() {
        assert_eq!(HeaderField::parse("Retry-After: 120").unwrap().value, "120");
        assert_eq!(JsonField::parse("/a/b = [1]").unwrap().value, serde_json::json!([1]));
        for text in ["Retry-After", "Retry After: 1", ": 1"] {
            assert!(HeaderField::parse(text).is_err(), "{text}");
        }
        for text in ["/a", "a = 1", "/a = x"] {
            assert!(JsonField::parse(text).is_err(), "{text}");
        }
    }
}
