//! Conditions on the matrix: `{ bug = "on" }`, `{ omit = ["a", "b"] }`.
//!
//! There is no expression language: all axes named must have one of the values named.

use super::{
    decode::{Judge, Term},
    diagnostic::Diagnostic,
    document::{Node, Value},
    shape::Shape,
    suggestion,
};

/// Which cases of a matrix are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Vec<(String, Vec<String>)>);

impl Condition {
    /// Whether a case with these axis values is meant.
    #[must_use]
    pub fn holds(&self, axes: &[(String, String)]) -> bool {
        let has =
            |axis: &String, values: &[String]| axes.iter().any(|(name, value)| name == axis && values.contains(value));
        self.0.iter().all(|(axis, values)| has(axis, values))
    }
}

impl Term for Condition {
    fn shape() -> Shape {
        Shape::Condition
    }

    fn read(name: &str, node: &Node, judge: &mut Judge) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            let message = format!("`{name}` must be {}, found {}", Self::shape().what(), node.describe());
            judge.report(
                Diagnostic::new("wrong-type", &node.at, message, "not a table")
                    .help(format!("for example {name} = {{ bug = \"on\" }}")),
            );
            return None;
        };
        if table.entries.is_empty() {
            let message = format!("`{name}` names no matrix axis");
            judge.report(
                Diagnostic::new("bad-value", &node.at, message, "empty")
                    .help("for example { bug = \"on\" }, or leave it out"),
            );
            return None;
        }
        let mut condition = Vec::new();
        for entry in &table.entries {
            let Some((_, known)) = judge.axes.iter().find(|(axis, _)| *axis == entry.key) else {
                let axes: Vec<&str> = judge.axes.iter().map(|(axis, _)| axis.as_str()).collect();
                let message = format!("`{}` is not an axis of [matrix]", entry.key);
                let help = suggestion::help(&entry.key, "axes", &axes);
                judge.report(Diagnostic::new("unknown-axis", &entry.key_at, message, "no such axis").help(help));
                continue;
            };
            let nodes = if let Value::Array(items) = &entry.node.value {
                items.as_slice()
            } else {
                std::slice::from_ref(&entry.node)
            };
            let mut values = Vec::new();
            let known = known.clone();
            for node in nodes {
                match node.scalar().filter(|value| known.contains(value)) {
                    Some(value) => values.push(value),
                    None => judge.report(not_a_value(&entry.key, node, &known)),
                }
            }
            condition.push((entry.key.clone(), values));
        }
        Some(Self(condition))
    }
}

/// The report of a value that an axis doesn't have.
pub(crate) fn not_a_value(axis: &str, node: &Node, known: &[String]) -> Diagnostic {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let message = format!("axis `{axis}` never has the value {}", node.scalar().unwrap_or_else(|| node.describe()));
    let help = suggestion::help(&node.scalar().unwrap_or_default(), &format!("values of `{axis}`"), &known);
    Diagnostic::new("unknown-axis", &node.at, message, "not a value of this axis").help(help)
}
