//! TOML's own errors in words that help a person who is not fluent in TOML.
//!
//! Most syntax errors in scenario files are a forgotten pair of quotes; the line itself tells.

use std::sync::Arc;

use super::{
    diagnostic::Diagnostic,
    source::{Location, SourceFile},
};

pub(crate) fn explain(file: &Arc<SourceFile>, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let at = Location::new(file, span);
    let line = line_around(&file.text, at.start);
    if let Some((key, value)) = unquoted(line) {
        let start = at.start.min(file.text.len());
        let line_start = file.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let offset = line.rfind(value).unwrap_or(0);
        let at = Location::new(file, line_start + offset..line_start + offset + value.len());
        return Diagnostic::new(SYNTAX, &at, format!("the value of `{key}` has no quotes"), "needs quotes")
            .help(format!("write {key} = \"{value}\""));
    }
    let diagnostic = Diagnostic::new(SYNTAX, &at, format!("this is not TOML: {}", error.message()), "here");
    if error.message().contains("duplicate key") {
        return diagnostic
            .help("a key or a [table] may stand only once in a file; [[timeline]] and [[expect]] may repeat");
    }
    if error.message().contains("invalid basic string") || error.message().contains("invalid literal string") {
        return diagnostic.help("are the quotes closed on the same line?");
    }
    if let Some((key, _)) = line.split_once(':').filter(|(key, _)| !key.contains(['=', '"', '\'', '#', '['])) {
        let key = key.trim_start_matches([' ', '-']);
        return diagnostic.help(format!("TOML writes {key} = \"value\" where YAML writes {key}: value"));
    }
    let opening = line.trim_start();
    if opening.starts_with("[timeline") || opening.starts_with("[expect") {
        return diagnostic.help("steps and expectations are lists: write [[timeline]] or [[expect]] with two brackets");
    }
    diagnostic.help("a line of a scenario file is a [table], a [[list entry]], or key = \"value\"")
}

/// The code of mistakes that TOML itself finds.
pub(crate) const SYNTAX: &str = "syntax";

fn line_around(text: &str, position: usize) -> &str {
    let mut position = position.min(text.len());
    while !text.is_char_boundary(position) {
        position -= 1;
    }
    let start = text[..position].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[position..].find('\n').map_or(text.len(), |length| position + length);
    text[start..end].trim_end_matches('\r')
}

/// `until = 90d`: a bare word or number with a unit where a quoted text is meant.
fn unquoted(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.split('#').next()?.trim());
    let is_bare = |text: &str| !text.is_empty() && !text.contains(['"', '\'', '[', ']', '{', '}', '=', ',']);
    let is_key = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.');
    let is_plain = matches!(value, "true" | "false") || value.parse::<f64>().is_ok();
    (is_key && is_bare(key) && is_bare(value) && !is_plain).then_some((key, value))
}
