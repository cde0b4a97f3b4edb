//! The timeline, read: each step with its trigger, its verb, and its place in the file.

use std::{num::NonZeroU32, time::Duration};

use super::{
    decode::{Judge, MISSING, Reader, Section, Words, unknown_word},
    diagnostic::Diagnostic,
    document::{Entry, Node, Table, Value},
    source::Location,
    values::{Moment, format_duration, parse_duration},
    vocabulary::{StepHead, Verb},
};

/// One step of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When it happens.
    pub trigger: Trigger,
    /// What it does.
    pub verb: Verb,
    /// Where `do` stands.
    pub location: Location,
    /// The step in one line, in the author's words.
    pub text: String,
}

/// When a step happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// At this virtual time.
    At(Duration),
    /// So long after the step before it has been carried out; for the first step, after the beginning.
    After(Duration),
    /// When something happens for the first time.
    When {
        /// What has to happen.
        moment: Moment,
        /// How long after.
        delay: Duration,
    },
    /// Again and again.
    Every {
        /// How far apart.
        period: Duration,
        /// The first time.
        starting: Duration,
        /// Not after this time.
        until: Option<Duration>,
        /// No more often than this.
        times: Option<NonZeroU32>,
    },
}

/// When the run ends, and where the file says so.
pub(crate) type End<'a> = Option<(Duration, &'a Location)>;

const TRIGGERS: [&str; 4] = ["at", "after", "when", "every"];
const COMPANIONS: [(&str, &str); 4] =
    [("delay", "when"), ("starting", "every"), ("until", "every"), ("times", "every")];

/// Reads `[[timeline]]`.
pub(crate) fn read(items: &[Node], end: End<'_>, judge: &mut Judge) -> Vec<Step> {
    let mut steps = Vec::new();
    // The time of the step before, as far as the file alone tells.
    let mut before = Some(Duration::ZERO);
    for item in items {
        let Value::Table(table) = &item.value else { continue };
        let step = read_step(table, judge);
        let trigger = step.as_ref().map(|step| &step.trigger);
        before = match trigger {
            Some(Trigger::At(at)) => Some(*at),
            Some(Trigger::After(delay)) => before.map(|before| before.saturating_add(*delay)),
            Some(Trigger::Every { starting, .. }) => Some(*starting),
            Some(Trigger::When { .. }) | None => None,
        };
        if let (Some(time), Some((until, until_at))) = (before, end) {
            refuse_after_the_end(table, time, until, until_at, judge);
        }
        steps.extend(step);
    }
    steps
}

fn read_step(table: &Table, judge: &mut Judge) -> Option<Step> {
    let found = judge.found.len();
    check_triggers(table, judge);
    let word = match table.node("do") {
        Some(Node { value: Value::Text(name), at }) => {
            let word = Verb::find(name);
            if word.is_none() {
                judge.report(unknown_word("a verb", name, at, &Verb::names()));
            }
            word
        }
        Some(_) | None => None,
    };
    let Some(word) = word else {
        // Without its verb, any key of any verb may be meant.
        let reader = Reader::new(table, "this step", &Verb::keys_with(StepHead::KEYS));
        reader.refuse_unknown_keys(judge);
        StepHead::read_section(&reader, judge);
        return None;
    };
    let reader = Reader::new(table, format!("`{}`", word.name), &[word.keys, StepHead::KEYS]);
    reader.refuse_unknown_keys(judge);
    let head = StepHead::read_section(&reader, judge);
    let verb = Verb::read_word(word, &reader, judge);
    let location = table.entry("do").map_or_else(|| table.at.clone(), Entry::whole);
    let (head, verb) = (head?, verb?);
    if judge.found.len() > found {
        return None;
    }
    let trigger = match (head.at, head.after, head.when, head.every) {
        (Some(at), ..) => Trigger::At(at),
        (_, Some(after), ..) => Trigger::After(after),
        (_, _, Some(moment), _) => Trigger::When { moment, delay: head.delay.unwrap_or_default() },
        (.., Some(period)) => {
            let starting = head.starting.unwrap_or(period);
            Trigger::Every { period, starting, until: head.until, times: head.times }
        }
        (None, None, None, None) => return None,
    };
    let arguments = table.entries.iter().filter(|entry| !StepHead::KEYS.iter().any(|key| key.name == entry.key));
    let text =
        arguments.fold(word.name.to_owned(), |text, entry| format!("{text} {}={}", entry.key, brief(&entry.node)));
    Some(Step { trigger, verb, location, text })
}

fn brief(node: &Node) -> String {
    if let Value::Array(items) = &node.value {
        return items.iter().map(brief).collect::<Vec<_>>().join(",");
    }
    node.scalar().unwrap_or_else(|| "{…}".to_owned())
}

fn check_triggers(table: &Table, judge: &mut Judge) {
    let triggers: Vec<_> = TRIGGERS.iter().filter_map(|trigger| table.entry(trigger)).collect();
    match triggers.as_slice() {
        [] => judge.report(
            Diagnostic::new(
                MISSING,
                &table.at,
                "this step does not say when it happens",
                "no `at`, `after`, `when` or `every`",
            )
            .help(
                "for example at = \"30d\", after = \"10s\" (after the step before), when = \"renewal\", every = \"6h\"",
            ),
        ),
        [_] => {}
        [first, second, ..] => {
            let message = format!("a step can't have both `{}` and `{}`", first.key, second.key);
            judge.report(
                Diagnostic::new("conflict", &second.whole(), message, "and again here")
                    .and(&first.whole(), "says when here")
                    .help("keep one of at, after, when, every; write two steps if both are meant"),
            );
        }
    }
    for (companion, trigger) in COMPANIONS {
        if let (Some(entry), None) = (table.entry(companion), table.entry(trigger)) {
            let message = format!("`{companion}` goes with `{trigger}`, and this step has none");
            judge.report(
                Diagnostic::new("conflict", &entry.whole(), message, format!("without `{trigger}`"))
                    .help(format!("add `{trigger}`, or take `{companion}` away")),
            );
        }
    }
    if let Some(Node { value: Value::Text(text), at }) = table.node("every")
        && parse_duration(text).is_ok_and(|period| period.is_zero())
    {
        judge.report(
            Diagnostic::new("bad-value", at, "`every` must be longer than nothing", "would never let time pass")
                .help("for example every = \"6h\""),
        );
    }
}

fn refuse_after_the_end(table: &Table, time: Duration, until: Duration, until_at: &Location, judge: &mut Judge) {
    if time <= until {
        return;
    }
    let entry = ["at", "after", "starting", "every"].iter().find_map(|key| table.entry(key));
    let at = entry.map_or_else(|| table.at.clone(), |entry| entry.node.at.clone());
    let message =
        format!("this step would happen at {}, and the run ends at {}", format_duration(time), format_duration(until));
    judge.report(
        Diagnostic::new("after-the-end", &at, message, "after the end: never carried out")
            .and(until_at, "the run ends here")
            .help("let the step happen earlier, or the run last longer"),
    );
}
