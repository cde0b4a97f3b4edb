//! `[matrix]`: axes of variation, and the cases that they make.

use super::{
    condition::Condition,
    decode::{Judge, Term},
    diagnostic::Diagnostic,
    document::{Node, Table, Value},
    shape::literal,
    source::Location,
    values::{Slug, Written},
};

/// More cases than this from one file are a slip of the keyboard.
const MOST_CASES: usize = 10_000;

/// One axis with its values.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) name: String,
    pub(crate) at: Location,
    pub(crate) values: Vec<Node>,
}

/// All axes, in the author's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matrix {
    pub(crate) axes: Vec<Axis>,
    exclude: Vec<Condition>,
}

/// One value for each axis.
pub(crate) type Combination = Vec<(String, Node)>;

impl Matrix {
    /// Reads `[matrix]` and tells the judge its axes.
    pub(crate) fn read(root: &Table, judge: &mut Judge) -> Self {
        let Some(node) = root.node("matrix") else { return Self::default() };
        let Value::Table(table) = &node.value else { return Self::default() };
        let mut matrix = Self::default();
        for entry in table.entries.iter().filter(|entry| entry.key != "exclude") {
            let is_name = Slug::parse(&entry.key).is_ok() && entry.key != "random";
            if !is_name {
                let message = format!("`{}` can't be the name of an axis", entry.key);
                judge.report(
                    Diagnostic::new(CODE, &entry.key_at, message, "not a name for an axis")
                        .help("axes are lower-case words with `-`; `random` is taken: it stands for a drawn number"),
                );
            }
            if let (Some(values), true) = (axis_values(&entry.key, &entry.node, judge), is_name) {
                matrix.axes.push(Axis { name: entry.key.clone(), at: entry.key_at.clone(), values });
            }
        }
        judge.axes = matrix
            .axes
            .iter()
            .map(|axis| (axis.name.clone(), axis.values.iter().filter_map(Node::scalar).collect()))
            .collect();
        if let Some(exclude) = table.node("exclude") {
            matrix.exclude = Vec::<Condition>::read("exclude", exclude, judge).unwrap_or_default();
        }
        let count = matrix.axes.iter().fold(1_usize, |count, axis| count.saturating_mul(axis.values.len()));
        if count > MOST_CASES {
            let message = format!("this matrix makes {count} cases, and {MOST_CASES} are the most");
            judge.report(
                Diagnostic::new(CODE, &table.at, message, "too many cases").help("take values away, or split the file"),
            );
            matrix.axes.clear();
        } else if !matrix.axes.is_empty() && matrix.combinations().is_empty() {
            judge.report(
                Diagnostic::new(CODE, &table.at, "`exclude` leaves no case of the matrix", "nothing to run")
                    .help("take a table away from `exclude`"),
            );
        }
        matrix
    }

    /// Every combination that is not excluded; the last axis varies fastest. One empty one without axes.
    pub(crate) fn combinations(&self) -> Vec<Combination> {
        let mut all: Vec<Combination> = vec![Vec::new()];
        for axis in &self.axes {
            all = all
                .iter()
                .flat_map(|before| {
                    axis.values.iter().map(move |value| {
                        let mut combination = before.clone();
                        combination.push((axis.name.clone(), value.clone()));
                        combination
                    })
                })
                .collect();
        }
        all.retain(|combination| !self.exclude.iter().any(|condition| condition.holds(&as_text(combination))));
        all
    }
}

const CODE: &str = "matrix";

/// The axis values as they are compared and shown.
pub(crate) fn as_text(combination: &Combination) -> Vec<(String, String)> {
    combination.iter().map(|(axis, value)| (axis.clone(), value.scalar().unwrap_or_default())).collect()
}

fn axis_values(axis: &str, node: &Node, judge: &mut Judge) -> Option<Vec<Node>> {
    let Value::Array(values) = &node.value else {
        let message = format!("the axis `{axis}` must be a list of values, found {}", node.describe());
        let values = node.scalar().map_or_else(|| "\"on\", \"off\"".to_owned(), |value| literal(&value));
        let report = Diagnostic::new("wrong-type", &node.at, message, "not a list");
        judge.report(report.help(format!("write {axis} = [{values}]")));
        return node.scalar().map(|_| vec![node.clone()]);
    };
    if values.is_empty() {
        let message = format!("the axis `{axis}` has no values");
        judge.report(
            Diagnostic::new(CODE, &node.at, message, "nothing would run")
                .help("give it a value, or take the axis away"),
        );
        return None;
    }
    let mut seen: Vec<(String, &Node)> = Vec::new();
    for value in values {
        let Some(text) = value.scalar() else {
            let message = format!(
                "a value of the axis `{axis}` must be a text, a number, true or false, found {}",
                value.describe()
            );
            judge.report(Diagnostic::new("wrong-type", &value.at, message, "can't be a value of an axis").help(
                "to vary several settings together, name the combination in the axis and write one file for each",
            ));
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(known, _)| slug(known) == slug(&text)) {
            let message = format!("two values of the axis `{axis}` have the same name in case ids: {}", slug(&text));
            judge.report(
                Diagnostic::new(CODE, &value.at, message, "again here")
                    .and(&first.at, "first here")
                    .help("case ids keep only a-z, 0-9, `.`, `_` and `-` of a value"),
            );
            continue;
        }
        seen.push((text, value));
    }
    // What is right goes on, so that the rest of the file is read with it.
    (!seen.is_empty()).then(|| seen.into_iter().map(|(_, value)| value.clone()).collect())
}

/// A value as part of a case id: nothing that a shell or a test runner would take for its own.
pub(crate) fn slug(value: &str) -> String {
    let mut slug = String::new();
    for c in value.chars() {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => slug.push(c),
            'A'..='Z' => slug.push(c.to_ascii_lowercase()),
            ':' => slug.push('.'),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "empty".to_owned() } else { slug.to_owned() }
}

/// `incidents/missing-fields::omit=header.retry-after`
pub(crate) fn case_id(scenario: &str, axes: &[(String, String)]) -> String {
    axes.iter().fold(scenario.to_owned(), |id, (axis, value)| format!("{id}::{axis}={}", slug(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_ids_are_safe_for_test_runners() {
        let axes = [("omit".to_owned(), "header:Retry-After".to_owned()), ("n".to_owned(), "a: b".to_owned())];
        assert_eq!(case_id("ari/x", &axes), "ari/x::omit=header.retry-after::n=a.-b");
        assert_eq!(slug("ä"), "empty");
    }
}
