//! The report as HTML: one file with its style and its plots, readable by day and by night, printed too.

use std::fmt::{self, Display, Write as _};

use super::{Change, Row, Section, better_in_words, facts, number, origin, ratio, sections};
use crate::results::Release;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #57606a; --line: #d0d7de;
  --now: #0969da; --kept: #8c959f; --peer: #bf6a02; --better: #1a7f37; --worse: #cf222e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #9198a1; --line: #3d444d;
  --now: #4493f8; --kept: #7d8590; --peer: #db8f35; --better: #3fb950; --worse: #f85149 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font-size: 13px } .faint { color: var(--faint) } .caution { font-weight: 600 }
.better { color: var(--better) } .worse { color: var(--worse) }
svg { max-width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: var(--ink) }
svg .faint { fill: var(--faint) } .bar-now { fill: var(--now) } .bar-kept { fill: var(--kept) } .bar-peer { fill: var(--peer) }
";

/// The page for `now`, beside the `kept` ones, the oldest first.
#[must_use]
pub fn html(now: &Release, kept: &[Release]) -> String {
    let mut out = String::new();
    write(&mut out, now, kept).expect("a String takes all");
    out
}

/// Text between tags or in an attribute.
struct Text<T>(T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        f.write_str(&text.replace('"', "&quot;").replace('\'', "&#39;"))
    }
}

fn write(out: &mut String, now: &Release, kept: &[Release]) -> fmt::Result {
    let title = format!("Gauntlet {}: figures", now.version);
    let title = Text(title);
    writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>")?;
    let origin = origin(now);
    if let Some(origin) = origin {
        writeln!(out, "<table>")?;
        for (name, value) in facts(origin) {
            writeln!(out, "<tr><th>{name}</th><td>{}</td></tr>", Text(value))?;
        }
        writeln!(out, "</table>")?;
    }
    for section in sections(now, kept) {
        let bench = section.bench;
        writeln!(out, "<section id=\"{0}\">\n<h2>{0}</h2>", Text(bench.name))?;
        writeln!(out, "<p>{} <code>{}</code></p>", Text(bench.method), Text(bench.command))?;
        for caution in section.cautions(origin) {
            writeln!(out, "<p class=\"caution\">{}</p>", Text(caution))?;
        }
        if !section.rows.is_empty() {
            plot(out, &section)?;
            table(out, &section)?;
        }
        writeln!(out, "</section>")?;
    }
    writeln!(out, "</body>\n</html>")
}

fn table(out: &mut String, section: &Section<'_>) -> fmt::Result {
    write!(out, "<div class=\"scroll\"><table>\n<tr><th>figure</th><th>unit</th><th>now</th>")?;
    for (version, _) in &section.kept {
        write!(out, "<th>{}</th>", Text(version))?;
    }
    writeln!(out, "<th>change</th><th>peers in the same run, and ours over theirs</th></tr>")?;
    for row in &section.rows {
        let figure = row.figure;
        let unit = format!("{}, {}", figure.unit, better_in_words(figure.better));
        write!(out, "<tr><td>{}</td><td class=\"faint\">{}</td>", Text(&figure.name), Text(unit))?;
        let now = if row.is_measured { number(figure.value) } else { "not measured".to_owned() };
        write!(out, "<td class=\"number\"><b>{now}</b></td>")?;
        for (version, _) in &section.kept {
            let kept = row.kept.iter().find(|(kept, _)| kept == version);
            let shown = kept.map_or_else(|| "–".to_owned(), |(_, figure)| number(figure.value));
            write!(out, "<td class=\"number\">{shown}</td>")?;
        }
        let class = match row.change() {
            None | Some((_, Change::Same)) => "faint",
            Some((_, Change::Better)) => "better",
            Some((_, Change::Worse)) => "worse",
        };
        write!(out, "<td class=\"{class}\">{}</td><td>", Text(row.change_in_words()))?;
        for (peer, value) in figure.peers.iter().filter(|_| row.is_measured) {
            write!(out, "{}: {} ({})<br>", Text(peer), number(*value), ratio(figure.value, *value))?;
        }
        writeln!(out, "</td></tr>")?;
    }
    writeln!(out, "</table></div>")
}

const WIDTH: f64 = 900.0;
const BARS_AT: f64 = 300.0;
const BAR_WIDTH_MAX: f64 = 480.0;
const LINE: f64 = 18.0;

/// Bars for each figure, the longest of which is the greatest value of that figure.
fn plot(out: &mut String, section: &Section<'_>) -> fmt::Result {
    let all: Vec<_> = section.rows.iter().map(|row| (row, bars(row))).collect();
    let lines: usize = all.iter().map(|(_, bars)| bars.len() + 1).sum();
    let height = lines as f64 * LINE + all.len() as f64 * LINE / 2.0;
    let name = Text(section.bench.name);
    writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{name}: bars for the table below\">"
    )?;
    let mut y = 0.0;
    for (row, bars) in all {
        let figure = row.figure;
        let unit = format!("{}, {}", figure.unit, better_in_words(figure.better));
        y += LINE;
        writeln!(
            out,
            "<text x=\"0\" y=\"{y}\">{} <tspan class=\"faint\">({})</tspan></text>",
            Text(&figure.name),
            Text(unit)
        )?;
        let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
        for Bar { class, label, value } in bars {
            y += LINE;
            let width = if most > 0.0 { (value / most * BAR_WIDTH_MAX).max(1.0) } else { 1.0 };
            let (label_at, top, value_at) = (BARS_AT - 8.0, y - LINE + 6.0, BARS_AT + width + 6.0);
            write!(out, "<text class=\"faint\" x=\"{label_at}\" y=\"{y}\" text-anchor=\"end\">{}</text>", Text(label))?;
            write!(
                out,
                "<rect class=\"{class}\" x=\"{BARS_AT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{}\"/>",
                LINE - 5.0
            )?;
            writeln!(out, "<text x=\"{value_at:.1}\" y=\"{y}\">{}</text>", number(value))?;
        }
        y += LINE / 2.0;
    }
    writeln!(out, "</svg>")
}

struct Bar {
    class: &'static str,
    label: String,
    value: f64,
}

/// This run's value, then the kept ones, then the peers'.
fn bars(row: &Row<'_>) -> Vec<Bar> {
    let figure = row.figure;
    let now = row.is_measured.then(|| Bar { class: "bar-now", label: "now".to_owned(), value: figure.value });
    let kept = row.kept.iter();
    let kept =
        kept.map(|(version, figure)| Bar { class: "bar-kept", label: (*version).to_owned(), value: figure.value });
    let peers = figure.peers.iter().filter(|_| row.is_measured);
    let peers = peers.map(|(peer, value)| Bar { class: "bar-peer", label: peer.clone(), value: *value });
    now.into_iter().chain(kept).chain(peers).collect()
}
