//! [`Document`]: a CA's JSON object, read field by field.
//!
//! A field that is missing, `null` or of another type than expected is simply not there; what a
//! resource can't do without is decided by its own module. Nothing here knows any resource.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use time::{OffsetDateTime, UtcDateTime, format_description::well_known::Rfc3339};

use super::address::Address;

/// The most characters of a CA's words that are handed on.
const WORDS_CHARACTERS_MAX: usize = 500;

/// A CA's words, fit to be shown to people: one line, not endless, and nothing that a terminal would obey.
#[must_use]
pub fn words(text: &str) -> String {
    // Marks that turn the direction of writing can make a line read as another one.
    let is_mark = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = text.chars().filter(|c| !is_mark(*c)).map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = shown.take(WORDS_CHARACTERS_MAX + 1).collect();
    if let Some((end, _)) = shown.char_indices().nth(WORDS_CHARACTERS_MAX) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// A JSON object, with the address it came from.
#[derive(Clone, Debug)]
pub struct Document {
    fields: Map<String, Value>,
    base: Address,
}

impl Document {
    /// Reads `body`, which was answered by `base`. `None` if it is not a JSON object.
    #[must_use]
    pub fn parse(body: &[u8], base: &Address) -> Option<Self> {
        // Some servers put a byte order mark before their JSON (RFC 8259 §8.1 lets a parser ignore it).
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Some(Self { fields, base: base.clone() }),
            Ok(_) | Err(_) => None,
        }
    }

    /// The text at `key`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str()
    }

    /// All fields that are texts.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, String> {
        self.fields.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// Whether `true` stands at `key`.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.fields.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The whole number at `key`.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.fields.get(key)?.as_u64()
    }

    /// The address at `key`; a relative one is taken from where the document was.
    #[must_use]
    pub fn url(&self, key: &str) -> Option<Address> {
        self.base.join(self.text(key)?)
    }

    /// The addresses in the list at `key`.
    #[must_use]
    pub fn urls(&self, key: &str) -> Vec<Address> {
        self.list(key).iter().filter_map(|value| self.base.join(value.as_str()?)).collect()
    }

    /// The texts in the list at `key`; `None` if it is no list, or anything else stands in it.
    #[must_use]
    pub fn text_list(&self, key: &str) -> Option<Vec<&str>> {
        self.fields.get(key)?.as_array()?.iter().map(Value::as_str).collect()
    }

    /// The time at `key`, RFC 3339.
    #[must_use]
    pub fn time(&self, key: &str) -> Option<UtcDateTime> {
        parse_time(self.text(key)?)
    }

    /// The object at `key`.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<Self> {
        self.nested(self.fields.get(key)?)
    }

    /// The objects in the list at `key`.
    #[must_use]
    pub fn objects(&self, key: &str) -> Vec<Self> {
        self.list(key).iter().filter_map(|value| self.nested(value)).collect()
    }

    fn list(&self, key: &str) -> &[Value] {
        self.fields.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn nested(&self, value: &Value) -> Option<Self> {
        Some(Self { fields: value.as_object()?.clone(), base: self.base.clone() })
    }
}

/// Reads a time of RFC 3339, in any offset; `None` also outside the years 0 to 9999 of UTC, which only an
/// offset can reach and nobody could write down again.
#[must_use]
pub fn parse_time(text: &str) -> Option<UtcDateTime> {
    OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?.checked_to_utc().filter(|time| time.year() >= 0)
}

/// Writes a time as RFC 3339; `None` for years that it can't express.
#[must_use]
pub fn format_time(time: UtcDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> Address {
        "https://ca.test/acme/order/1".parse().unwrap()
    }

    #[test]
    fn wrong_types_are_as_if_absent() {
        let body =
            br#"{"a": null, "b": 7, "c": ["x", 1, null, "https://o.test/"], "d": {"e": "f"}, "t": "2026-13-99"}"#;
        let document = Document::parse(body, &base()).unwrap();
        assert_eq!(document.text("a"), None);
        assert_eq!(document.text("b"), None);
        assert_eq!(document.number("b"), Some(7));
        assert_eq!(document.urls("c").len(), 2);
        assert!(document.urls("b").is_empty());
        assert_eq!((document.text_list("c"), document.text_list("b")), (None, None));
        assert!(document.time("t").is_none());
        assert_eq!(document.object("d").unwrap().text("e"), Some("f"));
        assert!(document.object("c").is_none());
    }

    #[test]
    fn words_are_one_line_and_nothing_that_a_terminal_obeys() {
        assert_eq!(words("a\r\nb\u{1b}[31mc\u{9b}\u{202e}d ü"), "a  b [31mc d ü");
        assert_eq!(words(&"ü".repeat(501)), "ü".repeat(500) + "…");
        assert_eq!(words(&"ü".repeat(500)), "ü".repeat(500));
    }

    #[test]
    fn relative_addresses_are_completed() {
        let document = Document::parse(br#"{"u": "../authz/2", "v": "/x"}"#, &base()).unwrap();
        assert_eq!(document.url("u").unwrap().as_str(), "https://ca.test/acme/authz/2");
        assert_eq!(document.url("v").unwrap().as_str(), "https://ca.test/x");
    }

    #[test]
    fn what_is_no_object_is_no_document() {
        for body in [&b""[..], b"null", b"[]", b"{", b"{\"a\":", b"<html>", b"\xff\xfe"] {
            assert!(Document::parse(body, &base()).is_none());
        }
        let deep = "[".repeat(100_000);
        assert!(Document::parse(deep.as_bytes(), &base()).is_none());
        assert!(Document::parse(b"\xef\xbb\xbf{}", &base()).is_some());
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        /// RFC 3339, in any offset.
        #[test]
        fn a_time_is_read_as_it_was_written(
            seconds in -62_167_219_200_i64..253_402_300_800,
            nanosecond in prop_oneof![Just(0), 0..1_000_000_000_u32],
            (hours, minutes) in (-23..24_i8, 0..60_i8),
        ) {
            let time = UtcDateTime::from_unix_timestamp(seconds).unwrap().replace_nanosecond(nanosecond).unwrap();
            prop_assert_eq!(parse_time(&format_time(time).unwrap()), Some(time));
            let offset = time::UtcOffset::from_hms(hours, hours.signum() * minutes, 0).unwrap();
            let there = time.checked_to_offset(offset).and_then(|there| there.format(&Rfc3339).ok());
            prop_assert_eq!(there.as_deref().map(parse_time), there.as_ref().map(|_| Some(time)));
        }
    }
}
