//! The report as Markdown.

use std::fmt::Write as _;

use super::{Section, better_in_words, facts, number, origin, ratio, sections};
use crate::results::Release;

/// The page for `now`, beside the `kept` ones, the oldest first.
#[must_use]
pub fn markdown(now: &Release, kept: &[Release]) -> String {
    let mut out = format!("# Gauntlet {}: figures\n\n", now.version);
    let origin = origin(now);
    if let Some(origin) = origin {
        row(&mut out, &["measured with", ""]);
        row(&mut out, &["---"; 2]);
        for (name, value) in facts(origin) {
            row(&mut out, &[name, &value]);
        }
    }
    for section in sections(now, kept) {
        write!(out, "\n## {}\n\n{} `{}`\n", section.bench.name, section.bench.method, section.bench.command)
            .expect("a String");
        for caution in section.cautions(origin) {
            write!(out, "\n**{caution}**\n").expect("a String takes all");
        }
        if !section.rows.is_empty() {
            table(&mut out, &section);
        }
    }
    out
}

fn table(out: &mut String, section: &Section<'_>) {
    let versions: Vec<&str> = section.kept.iter().map(|(version, _)| *version).collect();
    out.push('\n');
    row(
        out,
        &[&["figure", "unit", "now"][..], &versions[..], &["change", "peers in the same run, and ours over theirs"]]
            .concat(),
    );
    row(out, &vec!["---"; 5 + versions.len()]);
    for one in &section.rows {
        let figure = one.figure;
        let now = if one.is_measured { format!("**{}**", number(figure.value)) } else { "not measured".to_owned() };
        let before = versions.iter().map(|version| {
            let found = one.kept.iter().find(|(kept, _)| kept == version);
            found.map_or_else(|| "–".to_owned(), |(_, figure)| number(figure.value))
        });
        let peers = figure.peers.iter().filter(|_| one.is_measured);
        let peers = peers.map(|(peer, value)| format!("{peer}: {} ({})", number(*value), ratio(figure.value, *value)));
        let mut cells = vec![figure.name.clone(), format!("{}, {}", figure.unit, better_in_words(figure.better)), now];
        cells.extend(before);
        cells.push(one.change_in_words());
        cells.push(peers.collect::<Vec<_>>().join("; "));
        row(out, &cells);
    }
}

fn row<T: AsRef<str>>(out: &mut String, cells: &[T]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.as_ref().replace('|', "\\|").replace('<', "&lt;")).collect();
    writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
}
