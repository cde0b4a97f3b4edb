//! Expectations, read: what must hold, in which way, and whether this case proves that it can fail.

use super::{
    condition::Condition,
    decode::{Judge, MISSING, Reader, Section, Words, unknown_word},
    diagnostic::Diagnostic,
    document::{Entry, Node, Table, Value},
    shape::Word,
    source::Location,
    steps::End,
    values::{Deadline, ProbeName, Share, Slug, format_duration},
    vocabulary::{ExpectationHead, Kind, Law},
};

/// One expectation of one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// What reports call it.
    pub id: Slug,
    /// In which way it must hold.
    pub mode: Mode,
    /// What must hold.
    pub claim: Claim,
    /// With `always` and `never`: judged only from then on.
    pub after: Option<Deadline>,
    /// Whether it must hold in this case, or must fail.
    pub outcome: Outcome,
    /// Where the mode and the law stand.
    pub location: Location,
}

impl Expectation {
    /// In which share of seeds it must fail, if it must.
    #[must_use]
    pub fn violated_in(&self) -> Option<Share> {
        match self.outcome {
            Outcome::Violated(share) => Some(share),
            Outcome::Holds => None,
        }
    }
}

/// In which way something must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At every moment.
    Always,
    /// It must not happen.
    Never,
    /// It has to happen, at the latest then.
    Eventually {
        /// The deadline.
        by: Deadline,
    },
    /// It has to happen in at least one seed, or the scenario is vacuous.
    Sometimes,
    /// The last time that there was something to judge.
    Finally,
}

/// What an expectation is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// A law of the law book.
    Law(Law),
    /// That a probe fires.
    Probe(ProbeName),
}

impl Claim {
    /// As a file names it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Law(law) => law.name().to_owned(),
            Self::Probe(probe) => format!("{PROBE}{}", probe.as_str()),
        }
    }
}

/// What the runner has to see for the case to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The expectation holds.
    Holds,
    /// The expectation fails in this share of seeds: the case has a defect switched on, and this is what must catch it.
    Violated(Share),
}

const MODES: [&str; 5] = ["always", "never", "eventually", "sometimes", "finally"];
const PROBE_MODES: [&str; 3] = ["never", "eventually", "sometimes"];
const PROBE: &str = "probe:";

/// What the rest of the case says that expectations depend on.
pub(crate) struct Around<'a> {
    pub(crate) end: End<'a>,
    pub(crate) axes: &'a [(String, String)],
    pub(crate) root_at: &'a Location,
    /// `kind` of `[meta]` and its place.
    pub(crate) kind: Option<(Kind, Location)>,
}

/// Reads `[[expect]]`; what `unless` leaves out of this case is checked and dropped.
pub(crate) fn read(items: &[Node], around: &Around<'_>, judge: &mut Judge) -> Vec<Expectation> {
    refuse_duplicate_ids(items, judge);
    let mut expectations = Vec::new();
    for item in items {
        let Value::Table(table) = &item.value else { continue };
        if let Some((expectation, true)) = read_one(table, around, judge) {
            expectations.push(expectation);
        }
    }
    demand_a_sometimes(items, &expectations, around, judge);
    demand_a_violation(items, around, judge);
    expectations
}

/// One expectation, and whether it belongs to this case.
fn read_one(table: &Table, around: &Around<'_>, judge: &mut Judge) -> Option<(Expectation, bool)> {
    let modes: Vec<&Entry> = MODES.iter().filter_map(|mode| table.entry(mode)).collect();
    let Some(entry) = modes.first() else {
        judge.report(
            Diagnostic::new(
                MISSING,
                &table.at,
                "this expectation does not say what it expects",
                format!("none of {}", MODES.join(", ")),
            )
            .help("for example always = \"visitors.see-valid-certificate\""),
        );
        let reader = Reader::new(table, "this expectation", &Law::keys_with(ExpectationHead::KEYS));
        reader.refuse_unknown_keys(judge);
        ExpectationHead::read_section(&reader, judge);
        return None;
    };
    if let Some(second) = modes.get(1) {
        let message = format!("an expectation can't be both `{}` and `{}`", entry.key, second.key);
        judge.report(
            Diagnostic::new("conflict", &second.whole(), message, "and again here")
                .and(&entry.whole(), "says what it expects here")
                .help("write two expectations, each with its own id"),
        );
    }
    check_companions(table, entry, around, judge);
    let word = if let Value::Text(name) = &entry.node.value { Law::find(name) } else { None };
    let is_probe = matches!(&entry.node.value, Value::Text(name) if name.starts_with(PROBE));
    let reader = match word {
        Some(word) => Reader::new(table, format!("`{}`", word.name), &[word.keys, ExpectationHead::KEYS]),
        None if is_probe => Reader::new(table, "a probe's expectation", &[ExpectationHead::KEYS]),
        None => Reader::new(table, "this expectation", &Law::keys_with(ExpectationHead::KEYS)),
    };
    reader.refuse_unknown_keys(judge);
    let head = ExpectationHead::read_section(&reader, judge);
    let claim = read_claim(entry, word, &reader, judge);
    let (head, claim) = (head?, claim?);
    let mode = match entry.key.as_str() {
        "always" => Mode::Always,
        "never" => Mode::Never,
        "eventually" => Mode::Eventually { by: head.by? },
        "sometimes" => Mode::Sometimes,
        _ => Mode::Finally,
    };
    let is_meant =
        |condition: &Option<Condition>| condition.as_ref().is_some_and(|condition| condition.holds(around.axes));
    let outcome =
        if is_meant(&head.violated) { Outcome::Violated(head.share.unwrap_or(Share::ALL)) } else { Outcome::Holds };
    let belongs = !is_meant(&head.unless);
    Some((Expectation { id: head.id, mode, claim, after: head.after, outcome, location: entry.whole() }, belongs))
}

fn read_claim(entry: &Entry, word: Option<&'static Word>, reader: &Reader<'_>, judge: &mut Judge) -> Option<Claim> {
    let Value::Text(name) = &entry.node.value else { return None };
    let at = &entry.node.at;
    if let Some(probe) = name.strip_prefix(PROBE) {
        refuse_mode(entry, name, &PROBE_MODES, judge)?;
        return match ProbeName::parse(probe) {
            Ok(probe) => Some(Claim::Probe(probe)),
            Err(wrong) => {
                let message = format!("`{name}` is not the name of a probe");
                judge.report(
                    Diagnostic::new("bad-value", at, message, wrong.label).help(wrong.help.unwrap_or_default()),
                );
                None
            }
        };
    }
    let Some(word) = word else {
        let mut names = Law::names();
        names.push("probe:NAME");
        judge.report(unknown_word("a law", name, at, &names));
        return None;
    };
    let law = Law::read_word(word, reader, judge);
    refuse_mode(entry, name, word.modes, judge)?;
    law.map(Claim::Law)
}

/// A claim can't be `eventually`, an event can't be `always`.
fn refuse_mode(entry: &Entry, name: &str, allowed: &[&str], judge: &mut Judge) -> Option<()> {
    let mode = entry.key.as_str();
    if allowed.contains(&mode) {
        return Some(());
    }
    let fitting: Vec<&str> =
        Law::WORDS.iter().filter(|word| word.modes.contains(&mode)).map(|word| word.name).collect();
    let message = format!("`{name}` can't be expected `{mode}`");
    let right: Vec<String> = allowed.iter().map(|mode| format!("{mode} = \"{name}\"")).collect();
    judge.report(
        Diagnostic::new("wrong-mode", &entry.key_at, message, "does not go with this law")
            .help(format!("write {}", right.join(" or ")))
            .help(format!("laws for `{mode}`: {}", fitting.join(", "))),
    );
    None
}

fn check_companions(table: &Table, mode: &Entry, around: &Around<'_>, judge: &mut Judge) {
    let is_eventual = mode.key == "eventually";
    if let (Some(by), false) = (table.entry("by"), is_eventual) {
        let message = format!("`by` goes with `eventually`, and this expectation is `{}`", mode.key);
        judge.report(
            Diagnostic::new("conflict", &by.whole(), message, "no deadline here")
                .help("take `by` away, or write eventually = … instead"),
        );
    }
    if is_eventual && table.entry("by").is_none() {
        judge.report(
            Diagnostic::new(MISSING, &mode.key_at, "an `eventually` needs a deadline", "no `by`")
                .help("for example by = \"88d\" or by = \"restart + 1h\""),
        );
    }
    if let (Some(after), false) = (table.entry("after"), matches!(mode.key.as_str(), "always" | "never")) {
        let message = format!("`after` goes with `always` or `never`, and this expectation is `{}`", mode.key);
        judge.report(Diagnostic::new("conflict", &after.whole(), message, "not used here").help("take `after` away"));
    }
    for key in ["by", "after"] {
        let Some(entry) = table.entry(key) else { continue };
        let Value::Text(text) = &entry.node.value else { continue };
        let (Ok(deadline), Some((until, until_at))) = (<Deadline as super::values::Written>::parse(text), around.end)
        else {
            continue;
        };
        if deadline.after.is_none() && deadline.delay > until {
            let message = format!(
                "`{key}` is {}, and the run ends at {}",
                format_duration(deadline.delay),
                format_duration(until)
            );
            judge.report(
                Diagnostic::new("after-the-end", &entry.node.at, message, "after the end")
                    .and(until_at, "the run ends here")
                    .help("choose an earlier time, or let the run last longer"),
            );
        }
    }
    if let (Some(share), None) = (table.entry("share"), table.entry("violated")) {
        judge.report(
            Diagnostic::new("conflict", &share.whole(), "`share` goes with `violated`", "a share of what?")
                .help("add violated = { bug = \"on\" }, or take `share` away"),
        );
    }
    if let (Some(violated), "sometimes") = (table.entry("violated"), mode.key.as_str()) {
        judge.report(
            Diagnostic::new("conflict", &violated.whole(), "a `sometimes` can't be `violated`", "not here")
                .help("`violated` belongs to the law that must catch the defect: always, never, eventually or finally"),
        );
    }
}

fn refuse_duplicate_ids(items: &[Node], judge: &mut Judge) {
    let mut seen: Vec<(&str, &Location)> = Vec::new();
    for item in items {
        let Value::Table(table) = &item.value else { continue };
        let Some(Node { value: Value::Text(id), at }) = table.node("id") else { continue };
        match seen.iter().find(|(known, _)| known == id) {
            Some((_, first)) => judge.report(
                Diagnostic::new("duplicate-id", at, format!("two expectations have the id `{id}`"), "again here")
                    .and(first, "first here")
                    .help("give each expectation an id of its own: reports refer to it"),
            ),
            None => seen.push((id, at)),
        }
    }
}

fn has_key(item: &Node, key: &str) -> bool {
    matches!(&item.value, Value::Table(table) if table.entry(key).is_some())
}

fn demand_a_sometimes(items: &[Node], read: &[Expectation], around: &Around<'_>, judge: &mut Judge) {
    let is_written = items.iter().any(|item| has_key(item, "sometimes"));
    let is_left = read.iter().any(|expectation| expectation.mode == Mode::Sometimes);
    let at =
        items.iter().rev().find(|item| item.at.file == around.root_at.file).map_or(around.root_at, |item| &item.at);
    let why = "without one, a run in which the interesting thing never happened would pass and prove nothing";
    let example = "for example:\n[[expect]]\nid = \"it-happened\"\nsometimes = \"manager.certificate-renewed\"";
    if !is_written {
        judge.report(
            Diagnostic::new(
                VACUOUS,
                at,
                "no expectation of this scenario is `sometimes`",
                "a `sometimes` is missing among these",
            )
            .help(why)
            .help(example),
        );
    } else if !is_left && items.iter().all(|item| !has_key(item, "sometimes") || has_key(item, "unless")) {
        judge.report(
            Diagnostic::new(
                VACUOUS,
                at,
                "`unless` takes every `sometimes` away from a case",
                "a `sometimes` is missing in some case",
            )
            .help(why)
            .help("add a `sometimes` without `unless`"),
        );
    }
}

/// The code of the vacuity guard's own complaint.
pub(crate) const VACUOUS: &str = "vacuous";

/// `kind = "negative"` and `violated` come together or not at all.
fn demand_a_violation(items: &[Node], around: &Around<'_>, judge: &mut Judge) {
    let violated = items
        .iter()
        .find_map(|item| if let Value::Table(table) = &item.value { table.entry("violated") } else { None });
    match (&around.kind, violated) {
        (Some((Kind::Negative, at)), None) => judge.report(
            Diagnostic::new(
                "conflict",
                at,
                "a negative scenario must say which law catches the defect",
                "and no expectation is `violated`",
            )
            .help("add for example violated = { bug = \"on\" } to the law that must fail"),
        ),
        (Some((Kind::Positive, at)), Some(violated)) => judge.report(
            Diagnostic::new(
                "conflict",
                &violated.whole(),
                "`violated` belongs to negative scenarios, and this one is positive",
                "expects a failure",
            )
            .and(at, "the scenario's kind")
            .help("write kind = \"negative\" in [meta], or take `violated` away"),
        ),
        (Some((Kind::Negative, _)), Some(_)) | (Some((Kind::Positive, _)) | None, None) | (None, Some(_)) => {}
    }
}
