//! `extends`: a scenario file laid over its base file.
//!
//! Tables are merged key by key, lists are appended, anything else is replaced. One level only: a reader
//! should have to open one other file, not a chain of them. Places survive, so that a mistake in the base
//! file is shown in the base file.

use std::{
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    diagnostic::Diagnostic,
    document::{self, Node, Table, Value},
    source::SourceFile,
};

/// The code of mistakes with base files.
pub(crate) const CODE: &str = "extends";

/// Lays `over` upon `base`.
pub(crate) fn merge(base: Table, over: Table) -> Table {
    let mut merged = Table { entries: base.entries, at: over.at };
    for entry in over.entries {
        match merged.entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                known.key_at = entry.key_at;
                known.node = merge_node(known.node.clone(), entry.node);
            }
            None => merged.entries.push(entry),
        }
    }
    merged
}

fn merge_node(base: Node, over: Node) -> Node {
    let at = over.at;
    let value = match (base.value, over.value) {
        (Value::Table(base), Value::Table(over)) => Value::Table(merge(base, over)),
        (Value::Array(mut base), Value::Array(over)) => {
            base.extend(over);
            Value::Array(base)
        }
        (_, value) => value,
    };
    Node { value, at }
}

/// Reads the base file that `root` names, if it names one.
///
/// It is looked for beside the scenario file and then in each folder above it.
pub(crate) fn base_of(
    root: &Table,
    path: &Path,
    read: impl Fn(&Path) -> io::Result<String>,
    found: &mut Vec<Diagnostic>,
) -> Option<Table> {
    let extends = root.entry("extends")?;
    let at = &extends.node.at;
    let Value::Text(name) = &extends.node.value else {
        let message = format!("`extends` must be the path of one file, found {}", extends.node.describe());
        found.push(Diagnostic::new("wrong-type", at, message, "not a path").help(
            "for example extends = \"_base/one-manager-one-ca.toml\"; a file extends one other, and only one level deep",
        ));
        return None;
    };
    let (base_path, text) = match find(path, name, read) {
        Ok(read) => read,
        Err(problem) => {
            let message = format!("the file {name:?} that this one extends can't be read");
            found.push(Diagnostic::new(CODE, at, message, problem).help(
                "the path is looked for beside this file and then in each folder above it, up to the catalogue's",
            ));
            return None;
        }
    };
    let file = Arc::new(SourceFile { name: base_path.display().to_string(), text });
    let mut base = document::parse(&file, found);
    if let Some(deeper) = base.entry("extends") {
        found.push(
            Diagnostic::new(CODE, &deeper.whole(), "a base file can't extend another file", "one level too deep")
                .help("put what is needed into one base file; `extends` goes one level deep"),
        );
        base.entries.retain(|entry| entry.key != "extends");
    }
    Some(base)
}

/// The same path without `.` and `name/..`, as a person would write it.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}

fn find(path: &Path, name: &str, read: impl Fn(&Path) -> io::Result<String>) -> Result<(PathBuf, String), String> {
    for folder in path.ancestors().skip(1) {
        let candidate = without_dots(&folder.join(name));
        if candidate == path {
            return Err("this is the file itself".to_owned());
        }
        match read(&candidate) {
            Ok(text) => return Ok((candidate, text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("no such file".to_owned())
}
