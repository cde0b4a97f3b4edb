//! Flags as Go's `flag` package has them, because Pebble's users write them so: one dash or two, `=` or a blank before
//! the value, `=` only after a switch; the first argument that is no flag ends them.

use std::collections::BTreeMap;

/// A flag that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    /// What the value is called in the usage; a switch has none.
    pub(crate) value: Option<&'static str>,
    pub(crate) about: &'static str,
}

/// What was given.
#[derive(Debug, Default)]
pub(crate) struct Given {
    values: BTreeMap<&'static str, Vec<String>>,
    /// The arguments after the flags.
    pub(crate) rest: Vec<String>,
}

/// The flags cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongFlags {
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    #[error("flag needs an argument: -{0}")]
    NoValue(&'static str),
    #[error("-{name}: {value:?} is not {expected}")]
    Value { name: &'static str, value: String, expected: String },
    #[error("-{name}: {value:?} is not known\n{help}")]
    Word { name: &'static str, value: String, help: String },
}

impl Given {
    pub(crate) fn parse(known: &[Flag], arguments: &[String]) -> Result<Self, WrongFlags> {
        let mut given = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
                given.rest.push(argument.clone());
                break;
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            if flag.is_empty() {
                break;
            }
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            let name = if name == "h" { "help" } else { name };
            let found = known.iter().find(|known| known.name == name);
            let Flag { name, value: kind, .. } = found.ok_or_else(|| WrongFlags::Unknown(name.to_owned()))?;
            let value = match (value, kind) {
                (Some(value), _) => value,
                (None, None) => "true".to_owned(),
                (None, Some(_)) => arguments.next().cloned().ok_or(WrongFlags::NoValue(name))?,
            };
            given.values.entry(*name).or_default().push(value);
        }
        given.rest.extend(arguments.cloned());
        Ok(given)
    }

    /// The flag's value; of several the last.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// All of the flag's values, also those that commas divide.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values.get(name).into_iter().flatten().flat_map(|value| value.split(','))
    }

    /// The flag's value as a `T`, which `expected` describes.
    pub(crate) fn value<T: std::str::FromStr>(
        &self,
        name: &'static str,
        expected: &str,
    ) -> Result<Option<T>, WrongFlags> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let wrong = |_| WrongFlags::Value { name, value: value.to_owned(), expected: expected.to_owned() };
        value.parse().map(Some).map_err(wrong)
    }

    pub(crate) fn switch(&self, name: &'static str) -> Result<bool, WrongFlags> {
        match self.text(name) {
            None | Some("0" | "f" | "F" | "false" | "False" | "FALSE") => Ok(false),
            Some("1" | "t" | "T" | "true" | "True" | "TRUE") => Ok(true),
            Some(other) => {
                Err(WrongFlags::Value { name, value: other.to_owned(), expected: "true or false".to_owned() })
            }
        }
    }
}

/// The flags, one below the other.
pub(crate) fn usage(known: &[Flag]) -> String {
    let line = |flag: &Flag| match flag.value {
        Some(value) => format!("  -{} {value}\n        {}\n", flag.name, flag.about),
        None => format!("  -{}\n        {}\n", flag.name, flag.about),
    };
    known.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Flag] =
        &[Flag { name: "config", value: Some("FILE"), about: "" }, Flag { name: "strict", value: None, about: "" }];

    fn given(line: &str) -> Result<Given, WrongFlags> {
        Given::parse(KNOWN, &line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn one_dash_or_two_and_equals_or_blank_say_the_same() {
        for line in ["-config f -strict", "--config=f --strict=true", "-config=f -strict=1", "-strict --config f"] {
            let given = given(line).unwrap();
            assert_eq!((given.text("config"), given.switch("strict")), (Some("f"), Ok(true)), "{line}");
            assert!(given.rest.is_empty());
        }
        assert_eq!(given("-strict=false").unwrap().switch("strict"), Ok(false));
    }

    #[test]
    fn what_follows_the_flags_is_left_over() {
        assert_eq!(given("-strict false -config f").unwrap().rest, ["false", "-config", "f"]);
        assert_eq!(given("-strict -- -config").unwrap().rest, ["-config"]);
        assert_eq!(given("-").unwrap().rest, ["-"]);
    }

    #[test]
    fn a_flag_that_is_there_twice_has_all_values_and_the_last_counts() {
        let given = given("-config a,b -config c").unwrap();
        assert_eq!(given.texts("config").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(given.text("config"), Some("c"));
        assert_eq!(given.texts("strict").count(), 0);
    }

    #[test]
    fn wrong_flags_are_named() {
        assert_eq!(given("-nope").unwrap_err(), WrongFlags::Unknown("nope".to_owned()));
        assert_eq!(given("-config").unwrap_err(), WrongFlags::NoValue("config"));
        assert!(given("-strict=maybe").unwrap().switch("strict").is_err());
    }
}
