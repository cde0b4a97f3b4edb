//! JSON as peers send it, read strictly: one value, nothing after it, no member twice.
//!
//! serde_json keeps the last of two equal members, other readers the first; a signature over such a text
//! says nothing (RFC 7515 §4, §10.12). Unknown members are the callers' business, and mostly ignored.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::problem::{Problem, ProblemType};

/// Reads one JSON object, however its members are then used.
pub(crate) fn object(what: &str, bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    let strict: Strict = serde_json::from_slice(bytes)
        .map_err(|e| Problem::new(ProblemType::Malformed, format!("{what} is not strict JSON: {e}")))?;
    let Value::Object(members) = strict.0 else {
        return Err(Problem::new(ProblemType::Malformed, format!("{what} is not a JSON object")));
    };
    Ok(members)
}

/// Reads one JSON object as a `T`.
pub(crate) fn read<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, Problem> {
    let members = object(what, bytes)?;
    serde_json::from_value(Value::Object(members))
        .map_err(|e| Problem::new(ProblemType::Malformed, format!("{what} is not as RFC 8555 describes it: {e}")))
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("member {name:?} appears twice")));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        assert!(object("it", br#"{"a":1,"b":[{"c":null}]}"#).is_ok());
        for bad in [
            &br#"{"a":1,"a":2}"#[..],
            br#"{"b":[{"a":1,"a":1}]}"#,
            br#"{"a":1} x"#,
            b"[]",
            b"null",
            b"\"\"",
            b"",
            b"{\"a\":\"\xff\"}",
        ] {
            assert!(object("it", bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(object("it", "[".repeat(100_000).as_bytes()).is_err());
    }
}
