//! What the vocabulary tables are made of: words, keys, and the shapes of values, as plain data.
//!
//! Decoding, suggestions, the JSON Schema and the reference page all read these and nothing else.

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static [&'static str],
    pub(crate) need: Need,
    pub(crate) shape: fn() -> Shape,
}

/// What holds when a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must be there.
    Required,
    /// Nothing is said, and that has a meaning of its own.
    Optional,
    /// This is taken instead.
    Default(&'static str),
    /// A table whose own defaults are taken.
    Table,
}

/// One word with keys of its own: a verb, a law, a kind of host.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static [&'static str],
    pub(crate) keys: &'static [Key],
    /// For laws: the modes they may be used in.
    pub(crate) modes: &'static [&'static str],
    /// The version of the language that brought it.
    pub(crate) since: u32,
}

/// One word without keys: a severity, a known bug.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static [&'static str],
}

/// What a value looks like.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// Text of a certain form.
    Text { what: &'static str, examples: &'static [&'static str], pattern: Option<&'static str> },
    /// A whole number.
    Integer { what: &'static str, least: i64, most: i64 },
    /// `true` or `false`.
    Boolean,
    /// One of a few words.
    Choice { what: &'static str, choices: &'static [Choice] },
    /// The name of a host of this scenario.
    Host,
    /// Several of one shape; a single one may stand without brackets.
    List(Box<Shape>),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table from matrix axes to values.
    Condition,
}

impl Shape {
    /// What is expected, with its article: "a duration with its unit".
    pub(crate) fn what(&self) -> String {
        match self {
            Self::Text { what, .. } | Self::Integer { what, .. } | Self::Choice { what, .. } => (*what).to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Host => "the name of a host".to_owned(),
            Self::List(of) => format!("{}, or a list of them", of.what()),
            Self::Table(_) => "a table".to_owned(),
            Self::Condition => "a table of matrix axes, such as { bug = \"on\" }".to_owned(),
        }
    }

    /// Right values as they stand in a file, quotes included.
    pub(crate) fn examples(&self) -> Vec<String> {
        match self {
            Self::Text { examples, .. } => examples.iter().map(|example| literal(example)).collect(),
            Self::Integer { least, .. } => vec![(*least).max(1).to_string()],
            Self::Boolean => vec!["true".to_owned(), "false".to_owned()],
            Self::Choice { choices, .. } => choices.iter().take(4).map(|choice| literal(choice.name)).collect(),
            Self::Host => vec![literal("manager")],
            Self::List(of) => of.examples().iter().take(1).map(|example| format!("[{example}]")).collect(),
            Self::Table(keys) => keys.iter().take(1).map(example_of_table).collect(),
            Self::Condition => vec!["{ bug = \"on\" }".to_owned()],
        }
    }
}

fn example_of_table(key: &Key) -> String {
    let example = (key.shape)().examples().into_iter().next().unwrap_or_default();
    format!("{{ {} = {example} }}", key.name)
}

/// A text as TOML: literal quotes where that saves escaping.
pub(crate) fn literal(text: &str) -> String {
    if text.contains('"') && !text.contains(['\'', '\n']) { format!("'{text}'") } else { format!("{text:?}") }
}

/// A doc comment's lines as one paragraph.
pub(crate) fn paragraph(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
