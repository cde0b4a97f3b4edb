//! The values that scenario files are made of, as [`Term`]s: hosts, texts, numbers, lists, written values.

use std::{net::IpAddr, num::NonZeroU32};

use super::{
    decode::{Judge, Term, read_written, written_shape},
    diagnostic::Diagnostic,
    document::{Node, Value, quoted},
    shape::Shape,
    source::Location,
    suggestion,
    values::{self, Names, Written, Wrong},
};

/// The name of a host that this scenario has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn find(name: &str, judge: &Judge) -> Option<Self> {
        judge.hosts.iter().any(|host| host == name).then(|| Self(name.to_owned()))
    }

    /// The report of a host that is not there.
    pub(crate) fn undefined(name: &str, at: &Location, judge: &Judge) -> Diagnostic {
        let hosts: Vec<&str> = judge.hosts.iter().map(String::as_str).collect();
        let help = suggestion::help(name, "hosts of this scenario", &hosts);
        let add = format!("a new host is defined by a table [hosts.{name}]");
        Diagnostic::new(
            "undefined-host",
            at,
            format!("no host is called {}", quoted(name)),
            "not a host of this scenario",
        )
        .help(help)
        .help(add)
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Term for HostName {
    fn shape() -> Shape {
        Shape::Host
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Value::Text(text) = &node.value else { return judge.wrong_type(name, node, &Self::shape()) };
        let found = Self::find(text, judge);
        if found.is_none() {
            let report = Self::undefined(text, &node.at, judge);
            judge.report(report);
        }
        found
    }
}

impl Term for String {
    fn shape() -> Shape {
        Shape::Text { what: "text", examples: &["some text"], pattern: None }
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Value::Text(text) = &node.value else { return judge.wrong_type(name, node, &Self::shape()) };
        Some(text.clone())
    }
}

impl Term for bool {
    fn shape() -> Shape {
        Shape::Boolean
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Value::Boolean(value) = &node.value else { return judge.wrong_type(name, node, &Self::shape()) };
        Some(*value)
    }
}

impl Written for IpAddr {
    const WHAT: &'static str = "an IP address";
    const EXAMPLES: &'static [&'static str] = &["10.0.0.20", "fd00::20"];
    const PATTERN: Option<&'static str> = Some("[0-9a-fA-F.:]+");

    fn parse(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| Wrong::new("can't be read as an address"))
    }
}

impl<T: Term> Term for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Value::Array(items) = &node.value else { return Some(vec![T::read(name, node, judge)?]) };
        // Every item is read before the first wrong one ends the list.
        let read: Vec<Option<T>> = items.iter().map(|item| T::read(name, item, judge)).collect();
        read.into_iter().collect()
    }
}

/// Several patterns make one list of names.
impl Term for Names {
    fn shape() -> Shape {
        Shape::List(Box::new(written_shape::<Self>()))
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Value::Array(items) = &node.value else { return read_written(name, node, judge) };
        let read: Vec<Option<Self>> = items.iter().map(|item| read_written(name, item, judge)).collect();
        let names: Vec<String> =
            read.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flat_map(|names| names.0).collect();
        if names.is_empty() {
            let message = format!("`{name}` is an empty list");
            judge.report(
                Diagnostic::new("bad-value", &node.at, message, "no names").help("for example [\"www.example.test\"]"),
            );
            return None;
        }
        Some(Self(names))
    }
}

fn read_integer<T: TryFrom<i64>>(name: &str, node: &Node, judge: &mut Judge, shape: &Shape) -> Option<T> {
    let number = if let Value::Integer(number) = &node.value { T::try_from(*number).ok() } else { None };
    number.or_else(|| judge.wrong_type(name, node, shape))
}

impl Term for u32 {
    fn shape() -> Shape {
        Shape::Integer { what: "a whole number from 0", least: 0, most: i64::from(u32::MAX) }
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        read_integer(name, node, judge, &Self::shape())
    }
}

impl Term for i32 {
    fn shape() -> Shape {
        Shape::Integer { what: "a whole number", least: i64::from(i32::MIN), most: i64::from(i32::MAX) }
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        read_integer(name, node, judge, &Self::shape())
    }
}

impl Term for values::HttpStatus {
    fn shape() -> Shape {
        Shape::Integer { what: "an HTTP status from 200 to 599", least: 200, most: 599 }
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let shape = Self::shape();
        let status = read_integer(name, node, judge, &shape)?;
        if (200..=599).contains(&status) { Some(Self(status)) } else { judge.wrong_type(name, node, &shape) }
    }
}

impl Term for NonZeroU32 {
    fn shape() -> Shape {
        Shape::Integer { what: "a whole number from 1", least: 1, most: i64::from(u32::MAX) }
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let shape = Self::shape();
        let number: u32 = read_integer(name, node, judge, &shape)?;
        Self::new(number).or_else(|| judge.wrong_type(name, node, &shape))
    }
}

/// Makes [`Term`]s of words that their reader looks up itself, with what they are and examples.
macro_rules! looked_up_words {
    ($($(#[doc = $doc:literal])* $name:ident($what:literal, $examples:expr);)*) => { $(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name;

        impl Term for $name {
            fn shape() -> Shape {
                Shape::Text { what: $what, examples: &$examples, pattern: None }
            }

            fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
                let Value::Text(_) = &node.value else { return judge.wrong_type(name, node, &Self::shape()) };
                Some(Self)
            }
        }
    )* };
}

looked_up_words! {
    /// A verb, read with its keys as [`Verb`](super::vocabulary::Verb).
    VerbWord("a verb", ["host.kill", "link.blackhole", "dns.replace"]);
    /// A kind of host, read with its keys as [`HostKind`](super::vocabulary::HostKind).
    KindWord("a kind of host", ["manager", "visitor"]);
    /// A law, read with its keys as [`Law`](super::vocabulary::Law).
    LawWord("a law", ["visitors.see-valid-certificate"]);
    /// A law that is an event, or a probe.
    EventWord("a law or a probe", ["manager.certificate-renewed", "probe:NAME"]);
}

/// Makes [`Term`]s of values that are written as text.
macro_rules! written_terms {
    ($($name:ty),* $(,)?) => { $(
        impl Term for $name {
            fn shape() -> Shape {
                written_shape::<Self>()
            }

            fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
                read_written(name, node, judge)
            }
        }
    )* };
}

written_terms!(
    IpAddr,
    std::time::Duration,
    values::AriWindow,
    values::Bandwidth,
    values::Deadline,
    values::DurationRange,
    values::Epoch,
    values::HeaderField,
    values::HeaderFieldName,
    values::JsonField,
    values::Latency,
    values::MacKey,
    values::MediaType,
    values::Moment,
    values::NamePattern,
    values::Percentage,
    values::Pointer,
    values::ProbeName,
    values::Rate,
    values::Record,
    values::RetryAfterHeader,
    values::ScenarioId,
    values::Seeds,
    values::Share,
    values::SignedDuration,
    values::Slug,
    values::TermsUrl,
);
