//! `gauntlet explain`: the merged file as TOML, and the cases that it makes.

use super::{
    case::Case,
    document::{Node, Table, Value},
    scenario::Scenario,
    shape::literal,
    vocabulary::SECTIONS,
};

/// The merged file, with a note at what comes from the base file, and then the cases.
#[must_use]
pub fn explain(scenario: &Scenario) -> String {
    let mut printer = Printer { author: &scenario.file.name, text: String::new() };
    for row in SECTIONS.iter().filter(|row| row.name != "extends") {
        if let Some(node) = scenario.merged.node(row.name) {
            printer.entry(row.name, row.name, node);
        }
    }
    let cases = scenario.cases();
    let runs: u64 = cases.iter().map(|case| case.run.seeds.count()).sum();
    let mut text = printer.text;
    text.push_str(&format!("\n# {}, {}\n", count(cases.len() as u64, "case"), count(runs, "run")));
    for case in cases {
        text.push_str(&format!("# {}  seeds {}{}\n", case.id, case.run.seeds, violations(case)));
    }
    text
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn violations(case: &Case) -> String {
    let ids: Vec<&str> = case
        .expectations
        .iter()
        .filter(|expectation| expectation.violated_in().is_some())
        .map(|expectation| expectation.id.as_str())
        .collect();
    if ids.is_empty() { String::new() } else { format!("  must be violated: {}", ids.join(", ")) }
}

struct Printer<'a> {
    author: &'a str,
    text: String,
}

impl Printer<'_> {
    fn entry(&mut self, path: &str, key: &str, node: &Node) {
        match &node.value {
            Value::Table(table) => {
                if table.entries.iter().any(|entry| !is_nested(path, &entry.node)) {
                    self.text.push_str(&format!("\n[{path}]{}\n", self.origin(node)));
                }
                self.body(path, table);
            }
            Value::Array(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) && path == key => {
                for item in items {
                    self.text.push_str(&format!("\n[[{path}]]{}\n", self.origin(item)));
                    if let Value::Table(table) = &item.value {
                        self.body(path, table);
                    }
                }
            }
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => self.text.push_str(&format!("{} = {}\n", bare(key), inline(node))),
        }
    }

    /// Plain values first, for a table header ends its parent.
    fn body(&mut self, path: &str, table: &Table) {
        for entry in table.entries.iter().filter(|entry| !is_nested(path, &entry.node)) {
            self.text.push_str(&format!("{} = {}\n", bare(&entry.key), inline(&entry.node)));
        }
        for entry in table.entries.iter().filter(|entry| is_nested(path, &entry.node)) {
            self.entry(&format!("{path}.{}", bare(&entry.key)), &entry.key, &entry.node);
        }
    }

    fn origin(&self, node: &Node) -> String {
        if node.at.file.name == self.author { String::new() } else { format!("  # {}", node.at) }
    }
}

/// Tables that are written with a header of their own.
fn is_nested(path: &str, node: &Node) -> bool {
    matches!(&node.value, Value::Table(_)) && matches!(path, "hosts" | "net" | "explore")
}

fn bare(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { key.to_owned() } else { literal(key) }
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::Text(text) if text.contains('\n') && !text.contains("'''") => format!("'''\n{text}'''"),
        Value::Text(text) => literal(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Datetime(date) => date.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let entries = table.entries.iter().map(|entry| format!("{} = {}", bare(&entry.key), inline(&entry.node)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}
