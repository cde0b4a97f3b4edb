//! `{axis}` in any text, `{1..axis}`, and `{random}`.
//!
//! Placeholders are replaced before values are typed, so that `times = "{times}"` is a number when the
//! axis has numbers. Counting (`{1..10}`) and drawing (`{random 1..10}`) are left to the values that allow it.

use std::collections::BTreeSet;

use super::{
    decode::Judge,
    diagnostic::Diagnostic,
    document::{Entry, Node, Table, Value},
    matrix::Combination,
    source::Location,
    suggestion,
};

/// The code of mistakes with placeholders.
pub(crate) const PLACEHOLDER: &str = "placeholder";

/// What stays as it is written: these say what the file is, not what a case is like.
const UNTOUCHED: [&str; 3] = ["scenario", "extends", "matrix"];

/// Here keys may vary as well, so that one file can be about several defects.
const NAMED: &str = "bugs";

/// One case's tree, and the axes that changed something in it.
pub(crate) fn substitute(root: &Table, axes: &Combination, judge: &mut Judge) -> (Table, BTreeSet<String>) {
    let mut substitution = Substitution { axes, used: BTreeSet::new(), judge };
    let mut tree = substitution.table(root, true);
    let used = substitution.used;
    let mut counted = BTreeSet::new();
    visit(&mut tree, &mut |text, _| counted.extend(counts(text)));
    visit(&mut tree, &mut |text, at| {
        if text.contains("{random}") {
            match counted.iter().next() {
                Some(range) if counted.len() == 1 => *text = text.replace("{random}", &format!("{{random {range}}}")),
                Some(_) | None => judge.report(unclear_random(&counted, at)),
            }
        }
    });
    (tree, used)
}

fn unclear_random(counted: &BTreeSet<String>, at: &Location) -> Diagnostic {
    let why = if counted.is_empty() { "nothing in this file is counted" } else { "the file counts in several ways" };
    Diagnostic::new(PLACEHOLDER, at, format!("`{{random}}` has no range: {why}"), "from which numbers?")
        .help("write the range: {random 1..10}")
}

struct Substitution<'a> {
    axes: &'a Combination,
    used: BTreeSet<String>,
    judge: &'a mut Judge,
}

impl Substitution<'_> {
    fn table(&mut self, table: &Table, is_root: bool) -> Table {
        let entries = table
            .entries
            .iter()
            .map(|entry| {
                let node = match entry.key.as_str() {
                    key if is_root && UNTOUCHED.contains(&key) => entry.node.clone(),
                    key if is_root && key == NAMED => self.named(&entry.node),
                    _ => self.node(&entry.node),
                };
                Entry { key: entry.key.clone(), key_at: entry.key_at.clone(), node }
            })
            .collect();
        Table { entries, at: table.at.clone() }
    }

    fn node(&mut self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Text(text) => match self.whole(text) {
                Some(value) => value,
                None => Value::Text(self.text(text, &node.at)),
            },
            Value::Array(items) => Value::Array(items.iter().map(|item| self.node(item)).collect()),
            Value::Table(table) => Value::Table(self.table(table, false)),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => node.value.clone(),
        };
        Node { value, at: node.at.clone() }
    }

    /// A table in whose keys placeholders are replaced too.
    fn named(&mut self, node: &Node) -> Node {
        let mut node = self.node(node);
        if let Value::Table(table) = &mut node.value {
            for entry in &mut table.entries {
                entry.key = self.text(&entry.key, &entry.key_at);
            }
        }
        node
    }

    /// A text that is one placeholder and nothing else takes the value with its type.
    fn whole(&mut self, text: &str) -> Option<Value> {
        let name = text.strip_prefix('{')?.strip_suffix('}')?;
        let (_, value) = self.axes.iter().find(|(axis, _)| axis == name)?;
        self.used.insert(name.to_owned());
        Some(value.value.clone())
    }

    fn text(&mut self, text: &str, at: &Location) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            result.push_str(before);
            let Some((inside, behind)) = after.split_once('}') else {
                result.push('{');
                rest = after;
                continue;
            };
            match self.placeholder(inside, at) {
                Some(value) => {
                    result.push_str(&value);
                    rest = behind;
                }
                None => {
                    result.push('{');
                    rest = after;
                }
            }
        }
        result + rest
    }

    /// What `{inside}` becomes; none if it is no placeholder but just braces.
    fn placeholder(&mut self, inside: &str, at: &Location) -> Option<String> {
        if let Some(value) = self.axis(inside) {
            return Some(value);
        }
        let (draw, range) = match inside.strip_prefix("random ") {
            Some(range) => ("random ", range),
            None => ("", inside),
        };
        if let Some((from, to)) = range.split_once("..") {
            let (from, to) = (self.end_of_range(from, at)?, self.end_of_range(to, at)?);
            return Some(format!("{{{draw}{from}..{to}}}"));
        }
        if is_axis_name(inside) && inside != "random" {
            self.unknown(inside, at);
        }
        None
    }

    fn end_of_range(&mut self, end: &str, at: &Location) -> Option<String> {
        let end = end.trim();
        if end.parse::<u32>().is_ok() {
            return Some(end.to_owned());
        }
        let value = self.axis(end);
        if value.is_none() && is_axis_name(end) {
            self.unknown(end, at);
        }
        value
    }

    fn axis(&mut self, name: &str) -> Option<String> {
        let (_, value) = self.axes.iter().find(|(axis, _)| axis == name)?;
        self.used.insert(name.to_owned());
        value.scalar()
    }

    fn unknown(&mut self, name: &str, at: &Location) {
        let axes: Vec<&str> = self.axes.iter().map(|(axis, _)| axis.as_str()).collect();
        let help = suggestion::help(name, "axes of [matrix]", &axes);
        self.judge.report(
            Diagnostic::new(PLACEHOLDER, at, format!("`{{{name}}}` is not an axis of [matrix]"), "no such axis")
                .help(help)
                .help("other placeholders: {1..10} counts, {random 1..10} draws from the seed"),
        );
    }
}

fn is_axis_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

/// The ranges `1..10` of all `{1..10}` in a text.
fn counts(text: &str) -> Vec<String> {
    let ranges = text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(inside, _)| inside);
    ranges.filter(|inside| inside.starts_with(|c: char| c.is_ascii_digit())).map(ToOwned::to_owned).collect()
}

fn visit(table: &mut Table, f: &mut impl FnMut(&mut String, &Location)) {
    for entry in table.entries.iter_mut().filter(|entry| entry.key != "matrix") {
        visit_node(&mut entry.node, f);
    }
}

fn visit_node(node: &mut Node, f: &mut impl FnMut(&mut String, &Location)) {
    match &mut node.value {
        Value::Text(text) => f(text, &node.at),
        Value::Array(items) => items.iter_mut().for_each(|item| visit_node(item, f)),
        Value::Table(table) => visit(table, f),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}
