//! JSON with places: objects whose names are matched as Go does it, values that are read into types, and a remark with
//! line and column for each that is not as it should be.

use std::fmt;

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{Object, Value},
    common::Ranged,
    parse_to_ast,
};

/// A value and where it stands; both are counted from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// What stands there.
    pub value: T,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Something to say about a place in the file.
pub type Remark = At<String>;

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.value)
    }
}

/// Strictly JSON (RFC 8259).
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads a text, and collects what is wrong with it.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    text: &'t str,
    pub(crate) mistakes: Vec<Remark>,
    pub(crate) warnings: Vec<Remark>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, mistakes: Vec::new(), warnings: Vec::new() }
    }

    /// The whole text as one value. A text that is no JSON has one mistake only: what follows it can't be read.
    pub(crate) fn parse(&mut self) -> Option<Value<'t>> {
        let start = self.text.len();
        match parse_to_ast(self.text, &CollectOptions::default(), &STRICT) {
            Ok(parsed) => {
                if parsed.value.is_none() {
                    self.mistake(start, "the file is empty");
                }
                parsed.value
            }
            Err(error) => {
                self.mistake(error.range().start, format!("not JSON: {}", error.kind()));
                None
            }
        }
    }

    pub(crate) fn at<T>(&self, start: usize, value: T) -> At<T> {
        let before = self.text.get(..start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        At { value, line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    pub(crate) fn mistake(&mut self, start: usize, what: impl Into<String>) {
        let remark = self.at(start, what.into());
        self.mistakes.push(remark);
    }

    pub(crate) fn warning(&mut self, start: usize, what: impl Into<String>) {
        let remark = self.at(start, what.into());
        self.warnings.push(remark);
    }

    /// The text between two places that values have told.
    pub(crate) fn part(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// What is wrong, in the order of the text.
    pub(crate) fn into_mistakes(mut self) -> Vec<Remark> {
        self.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        self.mistakes
    }

    fn wrong(&mut self, name: &str, value: &Value<'_>, expected: &str) {
        let found = match value {
            Value::StringLit(_) => "text",
            Value::NumberLit(number) => number.value,
            Value::BooleanLit(_) => "true or false",
            Value::Object(_) => "an object",
            Value::Array(_) => "a list",
            Value::NullKeyword(_) => "null",
        };
        self.mistake(value.start(), format!("{name} is {expected}, not {found}"));
    }

    pub(crate) fn object<'v>(&mut self, name: &str, value: &'v Value<'t>) -> Option<&'v Object<'t>> {
        let object = value.as_object();
        if object.is_none() {
            self.wrong(name, value, "an object");
        }
        object
    }

    pub(crate) fn text(&mut self, name: &str, value: &Value<'t>) -> Option<At<String>> {
        match value.as_string_lit() {
            Some(text) => Some(self.at(value.start(), text.value.to_string())),
            None => {
                self.wrong(name, value, "text");
                None
            }
        }
    }

    pub(crate) fn boolean(&mut self, name: &str, value: &Value<'t>) -> Option<bool> {
        let boolean = value.as_boolean_lit().map(|literal| literal.value);
        if boolean.is_none() {
            self.wrong(name, value, "true or false");
        }
        boolean
    }

    /// A whole number up to `max`.
    pub(crate) fn number(&mut self, name: &str, value: &Value<'t>, max: u64) -> Option<u64> {
        let number = value.as_number_lit().and_then(|literal| literal.value.parse().ok());
        let number = number.filter(|number| *number <= max);
        if number.is_none() {
            self.wrong(name, value, &format!("a whole number from 0 to {max}"));
        }
        number
    }

    pub(crate) fn texts(&mut self, name: &str, value: &Value<'t>) -> Option<Vec<At<String>>> {
        let Some(list) = value.as_array() else {
            self.wrong(name, value, "a list of texts");
            return None;
        };
        Some(list.elements.iter().filter_map(|element| self.text(&format!("each of {name}"), element)).collect())
    }
}

/// The value that Go's decoder would take for `name`: of the last member with this name in any case. `null` is as if
/// nothing stood there.
pub(super) fn member<'v, 't>(object: &'v Object<'t>, name: &str) -> Option<&'v Value<'t>> {
    let found = object.properties.iter().rfind(|property| property.name.as_str().eq_ignore_ascii_case(name));
    found.map(|property| &property.value).filter(|value| value.as_null_keyword().is_none())
}
