//! The reference page: the whole vocabulary as Markdown.

use super::{
    case::{Dns, Explore},
    decode::{Section, Words},
    shape::{Choice, Key, Need, Shape, Word, paragraph},
    vocabulary::{
        AriSettings, AuthorityKeyAlgorithm, Bug, CaBehaviour, CaSettings, CertificateKey, ClockSettings,
        CrashExploration, CrashOutcome, CrashPhase, CrashPoint, CrossSignSettings, DiskError, DiskErrorExploration,
        ExpectationHead, ExternalAccountSettings, Form, HostHead, HostKind, Kind, Law, Level, LimitSettings, Link,
        LinkChange, Meta, Misconduct, NamePolicySettings, Preset, ProfileSettings, PublicSuffixes, Run, SECTIONS,
        Severity, Side, StepHead, Verb,
    },
};

/// What can't be told by a table of keys.
const INTRODUCTION: &str = "# Scenario files, version 1

This page is made from the vocabulary that the program itself reads files with; don't edit it.

A scenario file is TOML. Begin it with `#:schema` and the path of `scenario-v1.json`, and an editor with Tombi
or Taplo completes keys and explains them. `gauntlet check` reads files without running them, `gauntlet explain
FILE` shows a file merged with its base and the cases that it makes.

Durations always carry units (`ns us ms s m h d w`, also `\"1d 12h\"`). An unknown key is an error. Placeholders
may stand in any text: `{axis}` for a value of `[matrix]`, `{1..n}` to count (both ends included; `n` may be an
axis), `{random 1..n}` for a number drawn from the seed, `{random}` if the file counts in one way only.
";

/// The page.
#[must_use]
pub fn reference_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    heading(&mut page, 2, "The top level");
    page.push_str("| section | what it is |\n|---|---|\n");
    for row in SECTIONS {
        let written = match row.form {
            Form::Value => row.name.to_owned(),
            Form::Table => format!("[{}]", row.name),
            Form::List => format!("[[{}]]", row.name),
        };
        page.push_str(&format!("| `{written}` | {} |\n", cell(row.doc)));
    }
    table::<Meta>(&mut page, "[meta]");
    choices(&mut page, "level", Level::CHOICES);
    choices(&mut page, "severity", Severity::CHOICES);
    choices(&mut page, "side", Side::CHOICES);
    choices(&mut page, "kind", Kind::CHOICES);
    heading(&mut page, 2, "[matrix]");
    page.push_str(
        "Each key is an axis with a list of values; `exclude` is a list of combinations that are left out:\n\n\
         ```toml\n[matrix]\nvalidity = [\"24h\", \"6d\"]\nbug = [\"on\", \"off\"]\n\
         exclude = [{ validity = \"24h\", bug = \"off\" }]\n```\n\n\
         A text that is a placeholder and nothing else takes the value with its type: `times = \"{times}\"` is a number.\n",
    );
    table::<Run>(&mut page, "[run]");
    table::<HostHead>(&mut page, "[hosts.NAME]");
    table::<ClockSettings>(&mut page, "clock = { … }");
    for word in HostKind::WORDS {
        entry(&mut page, "kind", word);
    }
    choices(&mut page, "misconduct", Misconduct::CHOICES);
    table::<Link>(&mut page, "[net]");
    table::<LinkChange>(&mut page, "[net.\"a->b\"]");
    table::<CaSettings>(&mut page, "[ca]");
    choices(&mut page, "preset", Preset::CHOICES);
    choices(&mut page, "certificate-keys", CertificateKey::CHOICES);
    choices(&mut page, "key-algorithm", AuthorityKeyAlgorithm::CHOICES);
    table::<AriSettings>(&mut page, "ari = { … }");
    table::<ProfileSettings>(&mut page, "[[ca.profiles]]");
    table::<NamePolicySettings>(&mut page, "name-policy = { … }");
    choices(&mut page, "public-suffixes", PublicSuffixes::CHOICES);
    table::<ExternalAccountSettings>(&mut page, "[[ca.external-account-keys]]");
    table::<CrossSignSettings>(&mut page, "cross-sign = { … }");
    table::<LimitSettings>(&mut page, "[ca.limits]");
    table::<Dns>(&mut page, "[dns]");
    heading(&mut page, 2, "[bugs]");
    page.push_str(
        "Each key is the name of a historical defect in quotes, its value `\"on\"` or `\"off\"`. An axis of\n[matrix] \
                   may stand in it: `\"ca.{bug}\" = \"on\"`.\n",
    );
    choices(&mut page, "bug", Bug::CHOICES);
    page.push_str("\nWhat CAs do that a client has to live with is switched on in the same way:\n");
    choices(&mut page, "behaviour", CaBehaviour::CHOICES);
    table::<Explore>(&mut page, "[explore]");
    table::<CrashExploration>(&mut page, "[explore.crash]");
    choices(&mut page, "point", CrashPoint::CHOICES);
    choices(&mut page, "during", CrashPhase::CHOICES);
    choices(&mut page, "survives", CrashOutcome::CHOICES);
    table::<DiskErrorExploration>(&mut page, "[explore.disk-error]");
    choices(&mut page, "errors", DiskError::CHOICES);
    table::<StepHead>(&mut page, "[[timeline]]");
    for word in Verb::WORDS {
        entry(&mut page, "do", word);
    }
    table::<ExpectationHead>(&mut page, "[[expect]]");
    page.push_str(
        "\n`never`, `eventually` and `sometimes` also take `probe:NAME`: the program marked the place that the probe \
         names. A final `*` stands for every continuation.\n",
    );
    for word in Law::WORDS {
        entry(&mut page, &word.modes.join(" / "), word);
    }
    page
}

fn heading(page: &mut String, level: usize, text: &str) {
    page.push_str(&format!("\n{} `{text}`\n\n", "#".repeat(level)).replace("`The top level`", "The top level"));
}

fn table<T: Section>(page: &mut String, name: &str) {
    heading(page, 2, name);
    page.push_str(&format!("{}\n\n", paragraph(T::DOC)));
    keys(page, T::KEYS);
}

fn keys(page: &mut String, keys: &[Key]) {
    page.push_str("| key | value | left out | meaning |\n|---|---|---|---|\n");
    for key in keys {
        let shape = (key.shape)();
        let need = match key.need {
            Need::Required => "**required**".to_owned(),
            Need::Optional => String::new(),
            Need::Default(default) => format!("`{default}`"),
            Need::Table => "its defaults".to_owned(),
        };
        let examples = match &shape {
            Shape::Boolean | Shape::Table(_) | Shape::Host | Shape::Integer { .. } | Shape::Condition => String::new(),
            Shape::Text { .. } | Shape::Choice { .. } | Shape::List(_) => {
                let examples: Vec<String> = shape.examples().iter().map(|example| format!("`{example}`")).collect();
                format!(": {}", examples.join(" "))
            }
        };
        let value = format!("{}{examples}", shape.what());
        page.push_str(&format!("| `{}` | {} | {need} | {} |\n", key.name, cell(&value), cell(&paragraph(key.doc))));
    }
}

fn entry(page: &mut String, used: &str, word: &Word) {
    heading(page, 3, word.name);
    let since = if word.since == 1 { String::new() } else { format!(" Since version {}.", word.since) };
    page.push_str(&format!("*{used}.* {}{since}\n", paragraph(word.doc)));
    if !word.keys.is_empty() {
        page.push('\n');
        keys(page, word.keys);
    }
}

fn choices(page: &mut String, key: &str, choices: &[Choice]) {
    page.push_str(&format!("\nValues of `{key}`:\n\n"));
    for choice in choices {
        page.push_str(&format!("- `{}`: {}\n", choice.name, paragraph(choice.doc)));
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
