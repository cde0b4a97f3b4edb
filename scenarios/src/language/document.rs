//! A TOML document as a tree in which every key and value knows its place.
//!
//! `toml`'s spanned tables borrow from the text and sort their keys; this tree owns its text and keeps the
//! author's order, so that two files can be merged and placeholders replaced without losing a place.

use std::sync::Arc;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    diagnostic::Diagnostic,
    source::{Location, SourceFile},
    syntax,
};

/// One value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Location,
}

/// What TOML can say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
}

/// Keys and values in the author's order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
    /// The header, or the braces.
    pub(crate) at: Location,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Location,
    pub(crate) node: Node,
}

impl Entry {
    /// From the key to the end of the value.
    pub(crate) fn whole(&self) -> Location {
        self.key_at.through(&self.node.at)
    }
}

impl Table {
    pub(crate) fn empty(at: &Location) -> Self {
        Self { entries: Vec::new(), at: at.clone() }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn node(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }
}

impl Node {
    /// What it is and what it says, for messages: the integer `90`.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("the text {}", quoted(text)),
            Value::Integer(number) => format!("the number {number}"),
            Value::Float(number) => format!("the number {number}"),
            Value::Boolean(value) => value.to_string(),
            Value::Datetime(text) => format!("the date {text}"),
            Value::Array(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }

    /// A scalar as bare text: what a placeholder becomes inside a longer string.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) | Value::Datetime(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Boolean(value) => Some(value.to_string()),
            Value::Array(_) | Value::Table(_) => None,
        }
    }
}

/// A text in quotes, shortened when it would fill the screen.
pub(crate) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Reads a file. What can't be read as TOML is reported and left out of the tree.
pub(crate) fn parse(file: &Arc<SourceFile>, found: &mut Vec<Diagnostic>) -> Table {
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    found.extend(errors.iter().map(|error| syntax::explain(file, error)));
    let mut root = table(file, document.get_ref(), document.span(), found);
    root.at = Location::first_line(file);
    root
}

fn table(
    file: &Arc<SourceFile>,
    table: &DeTable<'_>,
    span: std::ops::Range<usize>,
    found: &mut Vec<Diagnostic>,
) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: Location::new(file, key.span()),
            node: node(file, value, found),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_at.start);
    Table { entries, at: Location::new(file, span) }
}

fn node(file: &Arc<SourceFile>, value: &Spanned<DeValue<'_>>, found: &mut Vec<Diagnostic>) -> Node {
    let at = Location::new(file, value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                let message = format!("{} is too large a number", digits.as_str());
                found.push(Diagnostic::new("bad-value", &at, message, "does not fit into 64 bits"));
                Value::Integer(0)
            }
        },
        DeValue::Float(digits) => Value::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(date) => Value::Datetime(date.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| node(file, item, found)).collect()),
        DeValue::Table(inner) => Value::Table(table(file, inner, value.span(), found)),
    };
    Node { value, at }
}
